"""Writing a plan: who is tried, who is not, and what is said of each."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.sync.apply import apply, upsert_users
from okta_mi_provider.sync.diff import diff
from okta_mi_provider.sync.errors import SyncError, TooManyFailures
from okta_mi_provider.sync.journal import NoJournal
from okta_mi_provider.sync.model import TargetGroup, TargetUser
from okta_mi_provider.sync.outcome import Outcome, Status
from okta_mi_provider.sync.plan import Change, Plan
from okta_mi_provider.sync.snapshot import Snapshot
from okta_mi_provider.sync.writer import Written
from tests.unit.worlds import MI_SALES, any_settings, mi_user, okta_user, settings, snapshot, worlds


class Refused(SyncError):
    pass


class Away(SyncError):
    passing = True


class TokenDied(SyncError):
    fatal = True


class FakeMI:
    """Takes every write, except from those users who shall fail."""

    def __init__(self, *, failing: dict[str, SyncError] | None = None, group_error: SyncError | None = None) -> None:
        self.failing = failing or {}
        self.group_error = group_error
        self.calls: list[tuple[str, str, str]] = []
        self.peak = 0
        self._now = 0
        self._lock = threading.Lock()

    def create_group(self, name: str, source_id: str | None) -> Written:
        self.calls.append(("create_group", "", name))
        if self.group_error:
            raise self.group_error
        return Written("55")

    def create_user(self, user: TargetUser, group: TargetGroup, default_group: TargetGroup | None) -> Written:
        return self._write("create_user", user, f"{group.id}+{default_group.id if default_group else ''}")

    def update_user(self, user: TargetUser, before: TargetUser) -> Written:
        return self._write("update_user", user, "")

    def add_member(self, user: TargetUser, group: TargetGroup) -> Written:
        return self._write("add_member", user, group.id)

    def remove_member(self, user: TargetUser, group: TargetGroup) -> Written:
        return self._write("remove_member", user, group.id)

    def set_enabled(self, user: TargetUser, before: TargetUser) -> Written:
        assert before.enabled is not user.enabled
        return self._write("set_enabled", user, "Y" if user.enabled else "N")

    def _write(self, what: str, user: TargetUser, where: str) -> Written:
        with self._lock:
            self._now += 1
            self.peak = max(self.peak, self._now)
            self.calls.append((what, user.username, where))
        try:
            if user.username in self.failing:
                raise self.failing[user.username]
            return Written(user.id or "new")
        finally:
            with self._lock:
                self._now -= 1


def _plan(*names: str, group: TargetGroup | None = MI_SALES) -> Plan:
    return diff(snapshot([okta_user(name) for name in names], group=group), settings(auto_create="all"))


def _all(outcomes: Iterator[Outcome]) -> tuple[list[Outcome], SyncError | None]:
    got: list[Outcome] = []
    try:
        got.extend(outcomes)
    except SyncError as error:
        return got, error
    return got, None


def test_the_group_comes_first_and_its_new_id_is_used() -> None:
    mi = FakeMI()
    outcomes, error = _all(apply(_plan("ana", group=None), mi, 4))
    assert error is None
    assert mi.calls == [("create_group", "", "Sales"), ("create_user", "ana", "55+1")]
    assert [outcome.status for outcome in outcomes] == [Status.DONE, Status.DONE]


def test_without_the_group_nobody_is_tried() -> None:
    mi = FakeMI(group_error=Refused("no"))
    outcomes, error = _all(apply(_plan("ana", "bob", group=None), mi, 4))
    assert isinstance(error, Refused)
    assert [outcome.status for outcome in outcomes] == [Status.FAILED]
    assert mi.calls == [("create_group", "", "Sales")]


def test_lesson_10_a_failing_user_stops_nobody_and_has_a_reason() -> None:
    mi = FakeMI(failing={"bob": Refused("bad e-mail")})
    outcomes, error = _all(apply(_plan("ana", "bob", "cy"), mi, 2))
    assert error is None
    assert {(each.change.user, each.status.value, each.error) for each in outcomes} == {
        ("ana", "done", None),
        ("bob", "failed", "bad e-mail"),
        ("cy", "done", None),
    }


def test_a_dead_token_ends_it_after_the_writes_under_way() -> None:
    names = [f"u{number:03}" for number in range(200)]
    mi = FakeMI(failing={"u010": TokenDied("401")})
    outcomes, error = _all(apply(_plan(*names), mi, 4))
    assert isinstance(error, TokenDied)
    assert len(mi.calls) == len(outcomes) < 40


@pytest.mark.parametrize(("reason", "passing"), [(Away("database is away"), True), (Refused("read-only"), False)])
def test_the_brake_stops_what_fails_for_everybody(reason: SyncError, passing: bool) -> None:
    names = [f"u{number:03}" for number in range(500)]
    mi = FakeMI(failing=dict.fromkeys(names, reason))
    outcomes, error = _all(apply(_plan(*names), mi, 4))
    assert isinstance(error, TooManyFailures)
    assert str(reason) in str(error)
    assert error.passing is passing
    assert error.__cause__ is reason
    assert 20 <= len(outcomes) == len(mi.calls) < 40
    assert str(error).startswith(f"{len(outcomes)} of {len(outcomes)} writes failed"), "those in flight are counted too"


def test_one_reason_that_may_pass_is_enough_to_try_again() -> None:
    names = [f"u{number:03}" for number in range(100)]
    mi = FakeMI(failing={**dict.fromkeys(names, Refused("too long")), "u003": Away("restarting")})
    _, error = _all(apply(_plan(*names), mi, 1))
    assert isinstance(error, TooManyFailures)
    assert error.passing


@pytest.mark.parametrize("reason", [Away("no"), Refused("no")])
def test_the_brake_lets_a_third_of_failures_pass(reason: SyncError) -> None:
    names = [f"u{number:03}" for number in range(300)]
    mi = FakeMI(failing=dict.fromkeys(names[::3], reason))
    outcomes, error = _all(apply(_plan(*names), mi, 1))
    assert error is None
    assert Counter(outcome.status.value for outcome in outcomes) == {"done": 200, "failed": 100}


@pytest.mark.parametrize(("failing", "tried"), [(8, 60), (9, 20)])
def test_the_brake_comes_on_with_more_than_forty_percent_of_at_least_twenty(failing: int, tried: int) -> None:
    names = [f"u{number:03}" for number in range(60)]
    mi = FakeMI(failing=dict.fromkeys(names[:failing], Refused("no")))
    outcomes, error = _all(apply(_plan(*names), mi, 1))
    assert (error is None) is (failing == 8)
    # Others may have been in flight by then.
    assert tried <= len(outcomes) <= tried + 2


@pytest.mark.parametrize("number", [19, 20])
def test_where_nothing_is_left_untried_there_is_nothing_to_stop(number: int) -> None:
    names = [f"u{number:03}" for number in range(number)]
    mi = FakeMI(failing=dict.fromkeys(names, Refused("no")))
    outcomes, error = _all(apply(_plan(*names), mi, 1))
    assert error is None
    assert len(outcomes) == number


@pytest.mark.parametrize("limit", [1, 3])
def test_no_more_writes_are_in_flight_than_allowed(limit: int) -> None:
    mi = FakeMI()
    list(apply(_plan(*(f"u{number}" for number in range(60))), mi, limit))
    assert 1 <= mi.peak <= limit


class AnotherTry(NoJournal):
    """Hears from another try that some changes are settled."""

    def __init__(self, settled: set[str]) -> None:
        self.settled = settled

    def begin(self, changes: Sequence[Change]) -> set[str]:
        return {change.key for change in changes} & self.settled


def test_what_another_try_has_settled_meanwhile_is_not_sent() -> None:
    names = [f"u{number:03}" for number in range(120)]
    plan, mi = _plan(*names), FakeMI()
    settled = {change.key for change in plan.changes if change.user and change.user.endswith("0")}
    outcomes = list(upsert_users(plan, MI_SALES, mi, 2, journal=AnotherTry(settled)))
    assert sorted(user for _, user, _ in mi.calls) == [name for name in names if not name.endswith("0")]
    assert len(outcomes) == 108


def test_where_all_but_what_is_settled_was_tried_there_is_nothing_to_stop() -> None:
    names = [f"u{number:03}" for number in range(60)]
    plan, mi = _plan(*names), FakeMI(failing=dict.fromkeys(names, Refused("no")))
    settled = {change.key for change in plan.changes if change.user not in names[:20]}
    outcomes, error = _all(upsert_users(plan, MI_SALES, mi, 1, journal=AnotherTry(settled)))
    assert (len(outcomes), error) == (20, None)


def test_a_stop_begins_no_new_write() -> None:
    mi = FakeMI()
    outcomes = list(apply(_plan(*(f"u{number}" for number in range(100))), mi, 2, stopped=lambda: len(mi.calls) >= 5))
    assert len(outcomes) == len(mi.calls) < 12


def test_a_stop_before_the_group_creates_nothing_at_all() -> None:
    plan = diff(snapshot([okta_user("ana")], [], group=None), settings(auto_create="all"))
    mi = FakeMI()
    assert list(apply(plan, mi, 2, stopped=lambda: True)) == []
    assert mi.calls == []


def test_what_waits_for_a_thread_when_it_is_stopped_is_not_begun() -> None:
    wanted = threading.Event()

    class Stopping(FakeMI):
        """Somebody wants to stop while the first user is being written, and others wait for their turn."""

        def create_user(self, *words: Any) -> Written:
            wanted.set()
            return super().create_user(*words)

    mi = Stopping()
    outcomes = list(apply(_plan(*(f"u{number}" for number in range(100))), mi, 1, stopped=wanted.is_set))
    assert len(outcomes) == len(mi.calls) == 1


def test_leaving_in_the_middle_leaves_no_write_running() -> None:
    mi = FakeMI()
    stream = apply(_plan(*(f"u{number}" for number in range(100))), mi, 2)
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    before = len(mi.calls)
    assert before < 20
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("mi-write")]


def test_the_default_group_is_joined_with_force_by_its_own_id() -> None:
    plan = diff(snapshot([okta_user("ana")], [mi_user("ana")]), settings(force=True))
    mi = FakeMI()
    list(apply(plan, mi, 1))
    assert mi.calls == [("add_member", "ana", "1"), ("add_member", "ana", "5")]


def test_leavers_are_taken_out_and_the_deactivated_disabled_after_everybody_else_was_synced() -> None:
    source = [okta_user("ana"), okta_user("bob", status="DEPROVISIONED")]
    here = [mi_user("bob"), mi_user("zoe")]
    chosen = settings(auto_create="all", prune="all", deprovision="disable")
    mi = FakeMI()
    outcomes = list(apply(diff(snapshot(source, here, members={"id-bob", "id-zoe"}), chosen), mi, 1))
    assert mi.calls == [("create_user", "ana", "5+1"), ("remove_member", "zoe", "5"), ("set_enabled", "bob", "N")]
    assert {outcome.status for outcome in outcomes} == {Status.DONE}


def test_a_leaver_who_cannot_be_taken_out_stops_nobody() -> None:
    here = [mi_user(name) for name in ("ana", "bob", "cy")]
    world = snapshot([okta_user("ana")], here, members={user.id for user in here})
    mi = FakeMI(failing={"bob": Refused("a System Admin")})
    outcomes, error = _all(apply(diff(world, settings(prune="all")), mi, 1))
    assert error is None
    assert [(each.change.user, each.status) for each in outcomes] == [("bob", Status.FAILED), ("cy", Status.DONE)]


class Notes(NoJournal):
    """Keeps what it is told of."""

    def __init__(self, mi: FakeMI) -> None:
        self.mi = mi
        self.batches: list[list[Change]] = []
        self.withdrawn: list[str] = []

    @property
    def announced(self) -> list[str]:
        return [change.key for batch in self.batches for change in batch]

    def begin(self, changes: Sequence[Change]) -> tuple[str, ...]:
        sent = {user for _, user, _ in self.mi.calls}
        assert not sent & {change.user for change in changes}
        self.batches.append(list(changes))
        return ()

    def withdraw(self, changes: Sequence[Change]) -> None:
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("mi-write")]
        self.withdrawn += [change.key for change in changes]


def test_every_change_is_announced_before_it_is_sent_some_at_a_time() -> None:
    mi = FakeMI()
    notes = Notes(mi)
    names = [f"u{number:03}" for number in range(120)]
    outcomes = list(apply(_plan(*names), mi, 3, journal=notes))
    assert [len(batch) for batch in notes.batches] == [50, 50, 20]
    assert [change.user for batch in notes.batches for change in batch] == names
    assert len(outcomes) == 120
    assert notes.withdrawn == []


def test_what_is_not_announced_is_not_sent() -> None:
    mi = FakeMI()

    class Full(Notes):
        def begin(self, changes: Sequence[Change]) -> tuple[str, ...]:
            raise Away("the store is full")

    notes = Full(mi)
    outcomes, error = _all(apply(_plan("ana"), mi, 2, journal=notes))
    assert isinstance(error, Away)
    assert (outcomes, mi.calls, notes.withdrawn) == ([], [], [])


@given(
    names=st.integers(1, 130),
    concurrency=st.integers(1, 4),
    refused=st.sets(st.integers(0, 129), max_size=40),
    dead=st.none() | st.integers(0, 129),
    stop_after=st.none() | st.integers(0, 130),
    leave_after=st.none() | st.integers(1, 130),
)
def test_after_any_end_what_was_announced_has_an_outcome_or_was_withdrawn(
    names: int,
    concurrency: int,
    refused: set[int],
    dead: int | None,
    stop_after: int | None,
    leave_after: int | None,
) -> None:
    failing: dict[str, SyncError] = {f"u{number:03}": Refused("no") for number in refused}
    if dead is not None:
        failing[f"u{dead:03}"] = TokenDied("401")
    mi = FakeMI(failing=failing)
    notes = Notes(mi)
    plan = _plan(*(f"u{number:03}" for number in range(names)))
    stream = apply(
        plan, mi, concurrency, journal=notes, stopped=lambda: stop_after is not None and len(mi.calls) >= stop_after
    )
    outcomes, _ = _all(islice(stream, leave_after))
    stream.close()  # type: ignore[attr-defined]
    keys = {change.user: change.key for change in plan.changes}
    sent = {keys[user] for _, user, _ in mi.calls}
    # Whoever leaves in the middle does not hear of those that were in flight: they are in doubt.
    assert {each.change.key for each in outcomes} <= sent
    if leave_after is None or len(outcomes) < leave_after:
        assert {each.change.key for each in outcomes} == sent
    assert sorted([*sent, *notes.withdrawn]) == sorted(notes.announced)


@given(worlds(), any_settings())
def test_every_change_is_tried_exactly_once(world: Snapshot, chosen: SyncSettings) -> None:
    plan, mi = diff(world, chosen), FakeMI()
    outcomes = list(apply(plan, mi, 3))
    assert sorted(outcome.change.key for outcome in outcomes) == sorted(change.key for change in plan.changes)
    assert len(mi.calls) == len(plan.changes)
