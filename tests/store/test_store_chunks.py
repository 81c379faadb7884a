"""Several tasks that keep the journal of one run at the same time: the chunks of a plan, and two tries of one chunk."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import select

from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.store import ArtifactKind, Beginning, History, RunKey, Store, StoreJournal
from okta_mi_provider.store.changes import Tally
from okta_mi_provider.store.schema import LINKS, MEMBERSHIPS
from okta_mi_provider.sync.apply import upsert_users
from okta_mi_provider.sync.chunks import chunks
from okta_mi_provider.sync.diff import diff
from okta_mi_provider.sync.model import TargetGroup
from okta_mi_provider.sync.outcome import Outcome, Status
from okta_mi_provider.sync.plan import Change, Plan
from tests.store.fakes import FakeMI
from tests.unit.worlds import okta_user, settings, snapshot

RUN = RunKey("okta_mi__Sales", "manual__1")
NAMES = [f"user{number:03}" for number in range(120)]
#: How many rounds two tries are let loose on each other. Without locks PostgreSQL finds a deadlock in the first few.
_ROUNDS = 4


def joins(names: Sequence[str] = NAMES) -> Plan:
    return diff(snapshot([okta_user(name) for name in names]), settings(auto_create="all"))


def done(change: Change) -> Outcome:
    return Outcome(change, Status.DONE, target_id=f"id-{change.user}", joined=True)


def failed(change: Change, *, passing: bool = False) -> Outcome:
    return Outcome(change, Status.FAILED, "It is refused.", passing)


@pytest.fixture
def plan() -> Plan:
    return joins()


@pytest.fixture
def another(store: Store, store_of_its_own: Callable[[], Store]) -> Callable[[], StoreJournal]:
    """The journal of the run, as another process keeps it: on connections of its own."""
    StoreJournal(store, RUN, Beginning(SyncSettings(auto_create="all"), "cron")).start()

    def resumed() -> StoreJournal:
        return StoreJournal(store_of_its_own(), RUN, Beginning(SyncSettings(auto_create="all"), "cron")).resumed()

    return resumed


def of_run(store: Store) -> dict[str | None, Status]:
    (run,) = History(store).runs()
    return {change.username: change.status for change in History(store).changes_of_run(run.id)}


def test_two_tries_of_a_chunk_that_take_turns_lose_nothing(
    store: Store, plan: Plan, another: Callable[[], StoreJournal]
) -> None:
    orphan, next_try = another(), another()
    for journal in (orphan, next_try):
        journal.planned(plan)
    orphan.begin(plan.changes[:50])
    next_try.begin(plan.changes[:50])
    # The orphan has sent the first ones, and is killed at last before it could note them.
    for change in plan.changes[:5]:
        next_try.note(Outcome(change, Status.ALREADY, target_id=f"id-{change.user}"))
    for change in plan.changes[5:30]:
        orphan.note(done(change))
    orphan.flush()
    for change in plan.changes[5:30]:
        next_try.note(Outcome(change, Status.ALREADY, target_id=f"id-{change.user}"))
    for change in plan.changes[30:50]:
        orphan.note(failed(change, passing=True))
        next_try.note(done(change))
    next_try.flush()
    orphan.flush()

    assert {of_run(store)[name] for name in NAMES[:50]} == {Status.DONE}
    with store.reading() as connection:
        ours = {row.username for row in connection.execute(select(MEMBERSHIPS))}
    assert ours == set(NAMES[:50])


def test_a_try_leaves_out_what_another_one_has_settled_since_it_began(
    store: Store, plan: Plan, another: Callable[[], StoreJournal]
) -> None:
    orphan, next_try = another(), another()
    for journal in (orphan, next_try):
        journal.planned(plan)
    assert list(orphan.begin(plan.changes[:4])) == []
    orphan.note(done(plan.changes[0]))
    orphan.note(Outcome(plan.changes[1], Status.ALREADY, target_id="7"))
    orphan.note(failed(plan.changes[2]))
    orphan.flush()

    assert set(next_try.begin(plan.changes[:6])) == {change.key for change in plan.changes[:2]}


def test_two_tries_that_note_the_same_in_different_orders_do_not_lock_each_other_out(
    store: Store, plan: Plan, another: Callable[[], StoreJournal]
) -> None:
    mi_ids = {each.key: f"id-{each.user}" for each in plan.changes}
    start = threading.Barrier(2)

    def one_try(seed: int) -> None:
        journal, chance = another(), random.Random(seed)
        start.wait()
        journal.planned(plan)
        for _ in range(_ROUNDS):
            order = list(plan.changes)
            chance.shuffle(order)
            with journal:
                for first in range(0, len(order), 40):
                    batch = order[first : first + 40]
                    journal.begin(batch)
                    for change in chance.sample(batch, len(batch)):
                        status = chance.choice([Status.DONE, Status.ALREADY, Status.FAILED])
                        if status is Status.FAILED:
                            journal.note(failed(change))
                        else:
                            already = status is Status.ALREADY
                            journal.note(Outcome(change, status, target_id=mi_ids[change.key], joined=not already))
            journal.found_group(TargetGroup("9", "Sales"))

    with ThreadPoolExecutor(2) as pool:
        for each in [pool.submit(one_try, seed) for seed in (1, 2)]:
            each.result()

    # Each was done in some round; what is done stays so, and nothing is in doubt.
    assert set(of_run(store).values()) <= {Status.DONE, Status.ALREADY, Status.FAILED}
    with store.reading() as connection:
        linked = {row.username for row in connection.execute(select(LINKS))}
    assert linked >= {name for name, status in of_run(store).items() if status is Status.DONE}


def test_two_tries_and_two_chunks_write_at_the_same_time(
    store: Store, plan: Plan, another: Callable[[], StoreJournal]
) -> None:
    """As after the main process of a worker was killed: each chunk twice, all four at once, against one MI."""
    mi = FakeMI()
    group = mi.add_group("Sales")
    wanted = replace(plan, target_group=group)
    parts = chunks(wanted, 60, 1024)
    assert len(parts) == 2
    start, lock = threading.Barrier(4), threading.Lock()

    class OneAtATime(FakeMI):
        def _write(self, name: str, write: Callable[[], object]) -> object:  # type: ignore[override]
            with lock:
                return super()._write(name, write)  # type: ignore[arg-type]

    shared = OneAtATime(**{name: getattr(mi, name) for name in ("accounts", "names", "memberships")}, _ids=mi._ids)

    def one_try(number: int) -> None:
        part = parts[number % 2]
        journal = another()
        start.wait()
        journal.planned(wanted)
        positions = part.positions(wanted)
        settled = {
            key for key, each in journal.outcomes(wanted, positions).items() if each.status in {"done", "already"}
        }
        with journal:
            left = replace(wanted, changes=tuple(each for each in part.of(wanted) if each.key not in settled))
            for outcome in upsert_users(left, group, shared, 4, journal=journal):
                journal.note(outcome)

    with ThreadPoolExecutor(4) as pool:
        for each in [pool.submit(one_try, number) for number in range(4)]:
            each.result()

    assert len(shared.accounts) == len(NAMES)
    statuses = of_run(store)
    assert set(statuses) == set(NAMES)
    assert set(statuses.values()) <= {Status.DONE, Status.ALREADY}
    outcomes = another().outcomes(wanted)
    assert len(outcomes) == len(NAMES)
    with store.reading() as connection:
        assert len(connection.execute(select(MEMBERSHIPS)).all()) == sum(each.joined for each in outcomes.values())


def test_a_plan_that_two_note_at_the_same_time_is_noted_once(
    store: Store, plan: Plan, another: Callable[[], StoreJournal]
) -> None:
    start = threading.Barrier(4)
    journals = [another() for _ in range(4)]

    def note(journal: StoreJournal) -> None:
        start.wait()
        journal.planned(plan)

    with ThreadPoolExecutor(4) as pool:
        for each in [pool.submit(note, journal) for journal in journals]:
            each.result()

    assert of_run(store) == dict.fromkeys(NAMES, Status.PLANNED)


def test_each_chunk_is_told_of_its_own_outcomes_only(
    store: Store, plan: Plan, another: Callable[[], StoreJournal]
) -> None:
    journal = another()
    journal.planned(plan)
    with journal:
        journal.begin(plan.changes)
        for change in plan.changes:
            journal.note(done(change))

    found = another()
    found.planned(plan)
    assert {each.change.user for each in found.outcomes(plan, range(20, 30)).values()} == set(NAMES[20:30])
    assert len(found.outcomes(plan)) == len(NAMES)


def test_the_numbers_of_a_run_are_those_of_all_its_chunks(
    store: Store, plan: Plan, another: Callable[[], StoreJournal]
) -> None:
    first, second = another(), another()
    for journal in (first, second):
        journal.planned(plan)
    assert first.tally() == Tally(0, 0, 0)
    assert first.untried(before=100) == 100
    with first:
        first.begin(plan.changes[:60])
        for change in plan.changes[:20]:
            first.note(done(change))
        for change in plan.changes[20:30]:
            first.note(failed(change, passing=change.user == NAMES[20]))

    assert second.tally() == Tally(30, 10, 1)
    assert second.untried(before=100) == 70
    assert second.untried(before=30) == 0


def test_each_chunk_says_for_itself_why_it_failed(store: Store) -> None:
    for part in (11, 2, None, 0):
        store.save(RUN, ArtifactKind.FAILURE, {"part": part}, part=part)
    store.save(RUN, ArtifactKind.REPORT, {"part": "no failure"})
    store.save(RunKey(RUN.dag_id, "another"), ArtifactKind.FAILURE, {"part": "of another run"}, part=1)

    assert [each["part"] for each in store.find_all(RUN, ArtifactKind.FAILURE)] == [None, 0, 2, 11]
    store.forget(RUN, ArtifactKind.FAILURE, part=2)
    assert [each["part"] for each in store.find_all(RUN, ArtifactKind.FAILURE)] == [None, 0, 11]
    store.forget(RUN, ArtifactKind.FAILURE)
    assert store.find_all(RUN, ArtifactKind.FAILURE) == []
    assert store.find(RUN, ArtifactKind.REPORT) is not None
