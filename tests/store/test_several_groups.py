"""Several groups of one command: what is carried on in memory leads to what reading everything anew leads to."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import astuple, replace
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.store import Beginning, RunKey, Store, StoreJournal, snapshots
from okta_mi_provider.sync import run as whole_way
from okta_mi_provider.sync.diff import diff
from okta_mi_provider.sync.errors import SyncError
from okta_mi_provider.sync.fetch import Attributes, GroupSelector
from okta_mi_provider.sync.model import SourceGroup, SourceUser, TargetGroup, TargetUser
from okta_mi_provider.sync.plan import Plan
from okta_mi_provider.sync.run import Sides, provision
from okta_mi_provider.sync.snapshot import Snapshot
from okta_mi_provider.sync.trim import trim
from okta_mi_provider.sync.writer import Written
from tests.unit.worlds import DEFAULT_GROUP, any_settings, mi_user, mi_users

_ORG, _HOST = "https://acme.okta.com", "https://mi.example.org"
_GROUPS = ("Sales", "sales", "Default Group", "Legal")
# They fold to each other, or look as if they did: ß to ss, İ to two characters, ı to nothing else.
_NAMES = ("ana", "ANA", "bob", "straße", "STRASSE", "İpek", "ipek", "ıpek", "cy")
_EMAILS = ("a@x.org", "A@X.ORG", "b@x.org", "c@x.org", "d@x.org", "ı@x.org", "straße@x.org", "STRASSE@x.org")


class Trouble(SyncError):
    """A write that went wrong."""

    passing = True


class Okta:
    """An org as it is on one day."""

    org = _ORG

    def __init__(self, users: Sequence[SourceUser], members: Mapping[str, Sequence[int]]) -> None:
        self._users, self._members = users, members

    def find_group(self, selector: GroupSelector) -> SourceGroup:
        name = selector.name or ""
        return SourceGroup(f"00g-{name}", name)

    def members(self, group: SourceGroup, attributes: Attributes) -> tuple[SourceUser, ...]:
        return tuple(self._users[number] for number in self._members.get(group.name, ()) if number < len(self._users))


class MI:
    """A server in memory. Some writes fail, before or after they have taken effect; some are found done."""

    host = _HOST
    acts_for = None

    def __init__(self, users: Sequence[TargetUser], groups: dict[str, set[str]], *, casefold: bool) -> None:
        self.people = {user.id: user for user in users}
        self.rooms = {"1": DEFAULT_GROUP, **{f"g{name}": TargetGroup(f"g{name}", name) for name in groups}}
        self.inside: dict[str, set[str]] = {group_id: set() for group_id in self.rooms}
        for name, members in groups.items():
            self.inside["1" if name == DEFAULT_GROUP.name else f"g{name}"] = set(members)
        self.rooms.pop(f"g{DEFAULT_GROUP.name}", None)
        self.username_casefold = casefold
        self.faults: dict[int, str] = {}
        self.writes: list[tuple[str, ...]] = []
        self.readings = 0
        self._next = 1000

    def users(self) -> tuple[TargetUser, ...]:
        self.readings += 1
        return tuple(self.people.values())

    def groups(self) -> tuple[TargetGroup, ...]:
        return tuple(self.rooms.values())

    def members(self, group: TargetGroup) -> frozenset[str]:
        return frozenset(self.inside[group.id])

    def default_group(self, groups: tuple[TargetGroup, ...]) -> TargetGroup:
        return DEFAULT_GROUP

    find_default_group = default_group

    def create_group(self, name: str, source_id: str | None) -> Written:
        def do() -> str:
            self.rooms[f"g{name}"] = TargetGroup(f"g{name}", name)
            self.inside[f"g{name}"] = set()
            return f"g{name}"

        if found := next((each.id for each in self.rooms.values() if each.name == name), None):
            return Written(found, already=True)
        return Written(self._write(do, "create_group", name))

    def create_user(self, user: TargetUser, group: TargetGroup, default_group: TargetGroup | None) -> Written:
        fold = str.casefold if self.username_casefold else str
        assert fold(user.username) not in map(fold, (each.username for each in self.people.values()))

        def do() -> str:
            self._next += 1
            self.people[str(self._next)] = replace(user, id=str(self._next))
            for each in (group, default_group):
                if each:
                    self.inside[each.id].add(str(self._next))
            return str(self._next)

        return Written(self._write(do, "create_user", user.username, group.name), joined=True)

    def update_user(self, user: TargetUser, before: TargetUser) -> Written:
        assert self.people[user.id] == before
        self._write(lambda: self.people.__setitem__(user.id, user), "update_user", *map(str, astuple(user)))
        return Written(user.id)

    def set_enabled(self, user: TargetUser, before: TargetUser) -> Written:
        assert self.people[user.id] == before
        self._write(lambda: self.people.__setitem__(user.id, user), "set_enabled", user.id, str(user.enabled))
        return Written(user.id)

    def add_member(self, user: TargetUser, group: TargetGroup) -> Written:
        if group == DEFAULT_GROUP and user.id in self.inside[group.id]:
            # Whose creation has come to grief is put there without a look.
            return Written(user.id, already=True)
        assert user.id not in self.inside[group.id]
        self._write(lambda: self.inside[group.id].add(user.id), "add_member", user.id, group.name)
        return Written(user.id, joined=True)

    def remove_member(self, user: TargetUser, group: TargetGroup) -> Written:
        assert user.id in self.inside[group.id]
        self._write(lambda: self.inside[group.id].discard(user.id), "remove_member", user.id, group.name)
        return Written(user.id, left=True)

    def _write(self, do: Any, *what: str) -> Any:
        fault = self.faults.get(len(self.writes))
        self.writes.append(what)
        if fault == "lost":
            raise Trouble("lost")
        done = do()
        if fault == "unanswered":
            raise Trouble("unanswered")
        return done


def _diff_of_what_is_kept(snapshot: Snapshot, chosen: SyncSettings) -> Plan:
    """The plan; proves that of the snapshot that a DAG would store, it is the same."""
    plan, kept = diff(snapshot, chosen), trim(snapshot, chosen)
    assert diff(kept, chosen) == plan
    if snapshot.source.named is None:
        assert diff(snapshots.from_json(json.loads(json.dumps(snapshots.to_json(kept)))), chosen) == plan
    return plan


def _command(store: Store, okta: Okta, mi: MI, unions: Any, chosen: SyncSettings) -> list[Any]:
    def journal(name: str) -> StoreJournal:
        beginning = Beginning(chosen, "who", _ORG, _HOST, target_group=name, shared=True)
        return StoreJournal(store, RunKey.of_command(name), beginning)

    results = provision(Sides(okta, mi, mi, 1), unions, chosen, journal_of=journal)
    return [result.report.to_json() for result in results]


@st.composite
def _source_users(draw: st.DrawFn) -> list[SourceUser]:
    status = st.sampled_from(["ACTIVE"] * 4 + ["DEPROVISIONED", "SUSPENDED"])
    size = draw(st.integers(2, 6))
    names, emails = draw(st.permutations(_NAMES)), draw(st.permutations(_EMAILS))
    return [
        SourceUser(
            f"00u{n}", draw(status), names[n], emails[n],
            draw(st.sampled_from(["Ana", "李"])), "Doe",
            tuple(draw(st.sets(st.sampled_from(_GROUPS), max_size=3))),
        )
        for n in range(size)
    ]  # fmt: skip


@st.composite
def _next_day(draw: st.DrawFn, users: list[SourceUser]) -> list[SourceUser]:
    return [draw(_later(user)) for user in users]


def _later(user: SourceUser) -> st.SearchStrategy[SourceUser]:
    """Who mostly stays the same, else has another login, address or name, is deactivated, or is somebody new."""
    same = st.just(user)
    changed = (
        st.builds(lambda name: replace(user, username=name), st.sampled_from(_NAMES)),
        st.builds(lambda email: replace(user, email=email), st.sampled_from(_EMAILS)),
        st.just(replace(user, last_name="Roe")),
        st.just(replace(user, status="DEPROVISIONED")),
        st.just(replace(user, id=user.id + "x")),
    )
    return st.one_of(same, same, *changed)


_MEMBERS = st.dictionaries(st.sampled_from(_GROUPS), st.lists(st.integers(0, 5), unique=True, min_size=1), min_size=2)
_FAULTS = st.dictionaries(st.integers(0, 12), st.sampled_from(["lost", "unanswered"]), max_size=2)


@st.composite
def _settings(draw: st.DrawFn) -> SyncSettings:
    chosen = draw(any_settings())
    only = draw(st.none() | st.none() | st.none() | st.none() | st.sampled_from([*_NAMES, *_EMAILS, "00u1"]))
    chosen = replace(
        chosen,
        mode=draw(st.sampled_from(["sync"] * 5 + ["drift"])),
        auto_create=draw(st.sampled_from(["all"] * 6 + ["groups", "none"])),
        dry_run=draw(st.sampled_from([False] * 5 + [True])),
        target_group=draw(st.sampled_from([None] * 5 + ["Sales", "Default Group", "Other"])),
        only_user=only,
        max_removals="100%",
    )
    if draw(st.integers(0, 4)) == 0:
        chosen = replace(chosen, map_attr_to_group="g", target_group=None, prune="off", deprovision="keep")
    return chosen


# Each example is six commands with a store of their own.
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.data())
def test_what_is_carried_on_leads_to_what_reading_anew_leads_to(
    tmp_path: Path, ready_sqlite: Path, data: st.DataObject
) -> None:
    users = data.draw(mi_users())
    ids = [user.id for user in users]
    some = st.sets(st.sampled_from(ids)) if ids else st.just(set[str]())
    groups = data.draw(st.dictionaries(st.sampled_from(_GROUPS), some))
    casefold = data.draw(st.booleans())
    source = data.draw(_source_users())
    days = []
    for _ in range(3):
        days.append((source, data.draw(_MEMBERS), data.draw(_settings()), data.draw(_FAULTS)))
        source = data.draw(_next_day(source))
    ends = []
    for carried in (True, False):
        # A folder of its own: what SQLite leaves beside a database would be taken for the next one's.
        path = Path(mkdtemp(dir=tmp_path)) / "store.db"
        shutil.copy(ready_sqlite, path)
        store = Store(f"sqlite:///{path}")
        mi = MI(users, groups, casefold=casefold)
        told: list[Any] = []
        with pytest.MonkeyPatch.context() as patch:
            if not carried:
                patch.setattr(whole_way, "known_after", lambda target, plan, outcomes: None if outcomes else target)
                patch.setattr(whole_way, "Register", tuple)
                patch.setattr(whole_way, "diff", _diff_of_what_is_kept)
            for people, members, chosen, faults in days:
                mi.faults = {len(mi.writes) + place: fault for place, fault in faults.items()}
                names = [name for name in _GROUPS if name in members]
                if chosen.target_group and chosen.prune != "off":
                    unions = [[GroupSelector(name) for name in names]]
                else:
                    unions = [[GroupSelector(name)] for name in names]
                told += _command(store, Okta(people, members), mi, unions, chosen)
        store.close()
        ends.append((mi.people, mi.rooms, mi.inside, mi.writes, told))
    event(f"writes {min(len(ends[0][3]), 8)}")
    for kind in {each[0] for each in ends[0][3]}:
        event(f"write {kind}")
    for kind in {each["kind"] for each in ends[0][4] for each in each["findings"]}:
        event(f"finding {kind}")
    for mine, old in zip(*ends, strict=True):
        assert mine == old


class _Clock:
    """Hours pass while nobody waits."""

    def __init__(self) -> None:
        self.passed = timedelta()

    def now(self, zone: tzinfo) -> datetime:
        return datetime.now(zone) + self.passed


def _two_groups(mi: MI, chosen: SyncSettings, meanwhile: Any) -> list[Any]:
    """Syncs Sales, and then Legal after something has happened."""
    sales = SourceUser("00u1", "ACTIVE", "ana", "a@x.org", "Ana", "Roe")
    legal = SourceUser("00u2", "ACTIVE", "bob", "b@x.org", "Bob", "Roe")
    okta = Okta([sales, legal], {"Sales": [0], "Legal": [1]})
    unions = [[GroupSelector("Sales")], [GroupSelector("Legal")]]
    results = []
    for result in provision(Sides(okta, mi, mi, 1), unions, chosen):
        results.append(result)
        meanwhile()
    return results


@pytest.mark.parametrize(("minutes", "readings"), [(29, 1), (31, 2)])
def test_mi_is_read_again_for_the_next_group_after_half_an_hour(
    monkeypatch: pytest.MonkeyPatch, minutes: int, readings: int
) -> None:
    monkeypatch.setattr(whole_way, "datetime", clock := _Clock())
    mi = MI([mi_user("bob", "2", email="b@x.org")], {"Sales": set(), "Legal": {"2"}}, casefold=True)

    def meanwhile() -> None:
        clock.passed += timedelta(minutes=minutes)

    results = _two_groups(mi, SyncSettings(auto_create="all"), meanwhile)
    assert [result.cause for result in results] == [None, None]
    assert mi.readings == readings


def test_who_was_disabled_by_hand_while_other_groups_were_written_is_not_enabled_by_an_update(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(whole_way, "datetime", clock := _Clock())
    mi = MI([mi_user("bob", "2", email="b@x.org")], {"Sales": set(), "Legal": {"2"}}, casefold=True)

    def meanwhile() -> None:
        clock.passed += timedelta(hours=1)
        mi.people["2"] = replace(mi.people["2"], enabled=False)

    _two_groups(mi, SyncSettings(auto_create="all"), meanwhile)
    assert (mi.people["2"].last_name, mi.people["2"].enabled) == ("Roe", False)


def test_a_dry_run_goes_on_from_what_it_would_have_written_however_long_it_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(whole_way, "datetime", clock := _Clock())
    mi = MI([], {}, casefold=True)
    sales = SourceUser("00u1", "ACTIVE", "ana", "a@x.org", "Ana", "Roe")
    okta = Okta([sales], {"Sales": [0], "Legal": [0]})
    kinds = []
    for result in provision(
        Sides(okta, mi, mi, 1),
        [[GroupSelector("Sales")], [GroupSelector("Legal")]],
        SyncSettings(auto_create="all", dry_run=True),
    ):
        kinds.append([each["kind"] for each in result.report.to_json()["changes"]])
        clock.passed += timedelta(hours=1)
    assert kinds == [["create_group", "create_user"], ["create_group", "add_member"]]
