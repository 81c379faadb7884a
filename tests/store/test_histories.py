"""Random histories of both sides, with crashes: `managed` never removes who was put there by hand, and keeps no leaver.

Everything real but the two servers: the sync, the diff, and the journal in a store.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings as how
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.store import Beginning, RunKey, Store, StoreJournal
from okta_mi_provider.sync.fetch import Attributes, GroupSelector
from okta_mi_provider.sync.model import SourceGroup, SourceUser, TargetGroup, TargetUser
from okta_mi_provider.sync.plan import Change
from okta_mi_provider.sync.report import State
from okta_mi_provider.sync.run import Sides, provision
from okta_mi_provider.sync.writer import Written

SALES = SourceGroup("00gSALES", "Sales")
DEFAULT_GROUP, MI_SALES = TargetGroup("1", "Default Group"), TargetGroup("5", "Sales")
MANAGED = SyncSettings.from_mapping({"prune": "managed", "auto_create": "all", "max_removals": "100%"})
#: Numbers of people. Few, so that they come back.
PEOPLE = st.integers(0, 3)


class Died(BaseException):
    """The process is gone: nothing after it happens."""


class Okta:
    """People with an id for life, a login that may change, and one group."""

    org = "https://acme.okta.com"

    def __init__(self) -> None:
        self.logins = {number: f"p{number}" for number in range(6)}
        self.statuses = dict.fromkeys(range(6), "ACTIVE")
        self.group: set[int] = set()

    def find_group(self, selector: GroupSelector) -> SourceGroup:
        return SALES

    def members(self, group: SourceGroup, attributes: Attributes) -> tuple[SourceUser, ...]:
        return tuple(
            SourceUser(f"00u{each}", self.statuses[each], self.logins[each], f"{each}@example.com", "P", str(each))
            for each in sorted(self.group)
        )


class MI:
    """Users and one group. Knows of each membership whether a sync has made it, and dies when it is told to."""

    host = "https://mi.example.org"
    username_casefold = True
    acts_for = None

    def __init__(self) -> None:
        self.people: dict[str, TargetUser] = {}
        self.ours: dict[str, str] = {}
        self.by_hand: set[str] = set()
        self.at_home: set[str] = set()
        self.unclear: set[str] = set()
        self.writes = 0
        self.writes_left: int | None = None
        self.dies_before = False
        self._next_id = 100

    # ---------------------------------------------------------------- reading

    def users(self) -> tuple[TargetUser, ...]:
        return tuple(self.people.values())

    def groups(self) -> tuple[TargetGroup, ...]:
        return DEFAULT_GROUP, MI_SALES

    def members(self, group: TargetGroup) -> frozenset[str]:
        return frozenset(self.ours.keys() | self.by_hand if group == MI_SALES else self.at_home)

    def default_group(self, groups: tuple[TargetGroup, ...]) -> TargetGroup:
        return DEFAULT_GROUP

    def find_default_group(self, groups: tuple[TargetGroup, ...]) -> TargetGroup | None:
        return DEFAULT_GROUP

    # ---------------------------------------------------------------- writing

    def new_user(self, user: TargetUser) -> str:
        assert user.username not in {each.username for each in self.people.values()}, "nobody twice"
        self._next_id += 1
        user_id = str(self._next_id)
        self.people[user_id] = replace(user, id=user_id)
        return user_id

    def create_group(self, name: str, source_id: str | None) -> Written:
        raise AssertionError("the group is there")

    def create_user(self, user: TargetUser, group: TargetGroup, default_group: TargetGroup | None) -> Written:
        self._live()
        user_id = self.new_user(user)
        self.ours[user_id] = user.username
        self._live_on()
        return Written(user_id, joined=True)

    def update_user(self, user: TargetUser, before: TargetUser) -> Written:
        self._live()
        assert user.username == before.username, "nobody is renamed"
        self.people[user.id] = user
        self._live_on()
        return Written(user.id)

    def add_member(self, user: TargetUser, group: TargetGroup) -> Written:
        self._live()
        if user.id in self.members(group):
            return Written(user.id, already=True)
        if group == MI_SALES:
            self.ours[user.id] = user.username
        else:
            self.at_home.add(user.id)
        self._live_on()
        return Written(user.id, joined=True)

    def remove_member(self, user: TargetUser, group: TargetGroup) -> Written:
        self._live()
        assert user.id not in self.by_hand, "whoever was put there by hand stays"
        left = self.ours.pop(user.id, None) is not None
        self._live_on()
        return Written(user.id, already=not left, left=left)

    def set_enabled(self, user: TargetUser, before: TargetUser) -> Written:
        raise AssertionError("nobody is disabled here")

    def _live(self) -> None:
        self.writes += 1
        if self.writes_left is not None and self.writes_left <= 0:
            raise Died
        if self.writes_left == 1 and self.dies_before:
            self.writes_left = 0
            raise Died
        if self.writes_left is not None:
            self.writes_left -= 1

    def _live_on(self) -> None:
        """Dies after the effect, before anybody is told of it."""
        if self.writes_left == 0:
            raise Died


class Mortal(StoreJournal):
    """Is told nothing any more once the process is dead."""

    mi: MI

    def withdraw(self, changes: Sequence[Change]) -> None:
        if self.mi.writes_left is None:
            super().withdraw(changes)


@cache
def _empty_store() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        Store(f"sqlite:///{path}").close()
        return path.read_bytes()


class Histories(RuleBasedStateMachine):
    """What people and syncs do, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.okta, self.mi = Okta(), MI()
        self._folder = TemporaryDirectory()
        path = Path(self._folder.name) / "store.db"
        path.write_bytes(_empty_store())
        self.store = Store(f"sqlite:///{path}")
        self.runs = 0
        self.in_doubt = False
        self.met: set[int] = set()

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self._folder.name)

    @initialize(people=st.sets(PEOPLE), hand=st.sets(PEOPLE))
    def begin(self, people: set[int], hand: set[int]) -> None:
        self.okta.group = set(people)
        for number in hand:
            self.put_there_by_hand(number)

    @rule(number=PEOPLE)
    def join(self, number: int) -> None:
        self.okta.group.add(number)

    @rule(number=PEOPLE)
    def leave(self, number: int) -> None:
        self.okta.group.discard(number)

    @rule(number=PEOPLE)
    def change_the_login(self, number: int) -> None:
        self.okta.logins[number] += "x"

    @rule(number=PEOPLE, status=st.sampled_from(["ACTIVE", "SUSPENDED", "DEPROVISIONED", "LOCKED_OUT"]))
    def change_the_status(self, number: int, status: str) -> None:
        self.okta.statuses[number] = status

    @rule(number=PEOPLE)
    def put_there_by_hand(self, number: int) -> None:
        user_id = self._in_mi(number)
        if user_id is None:
            login = self.okta.logins[number]
            user_id = self.mi.new_user(TargetUser("", login, f"{number}@example.com", "P", str(number), "regular"))
            if self.in_doubt:
                # A sync that died may have been about to create this very user.
                self.mi.unclear.add(user_id)
        # Whether somebody was put there by a sync that died or by hand right after it, nobody can tell.
        if user_id not in self.mi.ours and user_id not in self.mi.unclear:
            self.mi.by_hand.add(user_id)

    @rule(number=PEOPLE)
    def take_out_by_hand(self, number: int) -> None:
        user_id = self._in_mi(number)
        if user_id and self.mi.ours.pop(user_id, None):
            # Nor whether who was taken out is put back by hand before the next sync has looked.
            self.mi.unclear.add(user_id)
        self.mi.by_hand.discard(user_id or "")

    @rule(everybody=st.booleans())
    def sync_again(self, everybody: bool) -> None:
        if everybody:
            self.okta.group |= {0}
            self.okta.statuses[0] = "ACTIVE"
        self.sync()

    @rule()
    def sync(self) -> None:
        self._sync()
        if self.okta_scope():
            self._check()

    @rule(after=st.integers(1, 3), before_the_effect=st.booleans())
    def sync_and_die(self, after: int, before_the_effect: bool) -> None:
        self.mi.writes_left, self.mi.dies_before = after, before_the_effect
        before = set(self.mi.people)
        try:
            self._sync()
        except Died:
            self.in_doubt = True
            self.mi.unclear |= before - self.mi.members(MI_SALES)
        finally:
            self.mi.writes_left = None

    @rule(after=st.integers(0, 3))
    def sync_and_be_stopped(self, after: int) -> None:
        enough = self.mi.writes + after
        self._sync(stopped=lambda: self.mi.writes >= enough)

    @invariant()
    def nobody_is_there_twice(self) -> None:
        names = [user.email for user in self.mi.people.values()]
        assert len(names) == len(set(names))

    # ---------------------------------------------------------------- helpers

    def okta_scope(self) -> set[int]:
        return {each for each in self.okta.group if self.okta.statuses[each] in MANAGED.statuses}

    def _in_mi(self, number: int) -> str | None:
        """The MI user of a person: their address tells, which nobody changes here."""
        return next((each.id for each in self.mi.people.values() if each.email == f"{number}@example.com"), None)

    def _sync(self, stopped: Callable[[], bool] = lambda: False) -> None:
        self.runs += 1
        key = RunKey("okta_mi__Sales", f"run {self.runs}")
        # Not closed when the process dies: what is not written by then is lost.
        journal = Mortal(self.store, key, Beginning(MANAGED, "somebody"))
        journal.mi = self.mi
        sides = Sides(self.okta, self.mi, self.mi, 1)
        (result,) = provision(
            sides, [[GroupSelector(name="Sales")]], MANAGED, journal_of=lambda _: journal, stopped=stopped
        )
        self.mi.unclear.clear()
        self.in_doubt = False
        expected = State.REFUSED if not self.okta_scope() else None
        assert result.report.state is expected or not expected
        self.last = result.report

    def _check(self) -> None:
        assert self.last.state in {State.DONE, State.FAILED}
        conflicts = {finding.user for finding in self.last.conflicts}
        members = self.mi.members(MI_SALES)
        for number in self.okta_scope():
            if self.okta.logins[number] in conflicts:
                assert number not in self.met, "a new login does not hide who somebody is"
            else:
                self.met.add(number)
                assert self._in_mi(number) in members
        listed = {self._in_mi(number) for number in self.okta.group}
        assert self.mi.ours.keys() <= listed, "who has left is gone"


TestHistories = Histories.TestCase
TestHistories.settings = how(max_examples=60, stateful_step_count=30, deadline=None)


@pytest.fixture
def history() -> Iterator[Histories]:
    machine = Histories()
    yield machine
    machine.teardown()


def test_who_was_added_by_a_sync_that_died_right_after_is_ours(history: Histories) -> None:
    history.begin(people={0, 1}, hand=set())
    history.sync_and_die(after=1, before_the_effect=False)
    history.leave(0)
    history.sync()
    assert list(history.mi.ours.values()) == ["p1"]


def test_who_was_about_to_be_added_when_the_sync_died_is_added_by_the_next_one_and_removed_in_the_end(
    history: Histories,
) -> None:
    history.begin(people={0, 1}, hand=set())
    history.sync_and_die(after=1, before_the_effect=True)
    assert history.mi.ours == {}
    history.sync()
    history.leave(1)
    history.sync()
    assert list(history.mi.ours.values()) == ["p0"]


def test_who_is_put_there_by_hand_where_a_sync_was_stopped_before_is_hand_made(history: Histories) -> None:
    history.begin(people={0, 1}, hand=set())
    history.sync_and_be_stopped(after=1)
    assert list(history.mi.ours.values()) == ["p0"]
    history.put_there_by_hand(1)
    history.leave(1)
    history.sync()
    assert len(history.mi.by_hand) == 1


def test_who_is_put_back_by_hand_after_we_had_put_him_there_and_somebody_had_taken_him_out_stays(
    history: Histories,
) -> None:
    history.begin(people={0, 1}, hand=set())
    history.sync()
    history.take_out_by_hand(0)
    history.leave(0)
    history.sync()
    history.put_there_by_hand(0)
    history.sync()
    assert len(history.mi.by_hand) == 1


def test_a_login_that_changes_leaves_the_membership_ours(history: Histories) -> None:
    history.begin(people={0, 1}, hand=set())
    history.sync()
    history.change_the_login(0)
    history.sync()
    assert sorted(history.mi.ours.values()) == ["p0", "p1"]
    history.leave(0)
    history.sync()
    assert list(history.mi.ours.values()) == ["p1"]
