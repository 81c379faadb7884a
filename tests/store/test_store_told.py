"""What others were told of a sync last: other DAGs of what was written, notifiers of its state."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import update

from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.store import Beginning, RunKey, Store, StoreJournal
from okta_mi_provider.store.schema import CHANGES
from okta_mi_provider.sync.model import TargetUser
from okta_mi_provider.sync.outcome import Status
from okta_mi_provider.sync.plan import ChangeKind
from okta_mi_provider.sync.writer import Written
from tests.store.fakes import HOST, ORG, Died, Sync

DAG = "okta_mi__Sales"


@pytest.fixture
def sync(store: Store) -> Sync:
    made = Sync(store)
    made.okta.join("Sales", "ana", "bo")
    return made


def key(number: int) -> RunKey:
    return RunKey(DAG, f"manual__{number}")


def test_what_was_told_is_not_told_again(sync: Sync, store: Store) -> None:
    sync.run(key=key(1), prune="managed", max_removals="100%")
    first = store.announce(key(1))
    sync.run(key=key(2), prune="managed", max_removals="100%")
    second = store.announce(key(2))
    sync.okta.leave("Sales", "bo")
    sync.okta.join("Sales", "cy")
    sync.run(key=key(3), prune="managed", max_removals="100%")
    third = store.announce(key(3))

    assert first is not None
    assert third is not None
    assert first._asdict() == {
        "changes": 3, "users_created": 2, "users_updated": 0, "users_disabled": 0, "groups_created": 1,
        "memberships_added": 2, "memberships_removed": 0,
    }  # fmt: skip
    assert second is None
    assert (third.changes, third.memberships_added, third.memberships_removed) == (2, 1, 1)


def test_what_runs_could_not_tell_is_told_with_the_next(sync: Sync, store: Store) -> None:
    sync.run(key=key(1))
    store.announce(key(1))
    for number, name in enumerate(["cy", "di"], start=2):
        sync.okta.join("Sales", name)
        sync.run(key=key(number))
    sync.run(key=key(4))

    told = store.announce(key(4))

    assert told is not None
    assert told.users_created == 2
    # The task is tried again, for Airflow has not heard of it; and then another run has nothing to add.
    assert store.announce(key(4)) == told
    sync.run(key=key(5))
    assert store.announce(key(5)) is None


def test_what_a_run_was_killed_with_is_told_once_it_is_settled(sync: Sync, store: Store) -> None:
    sync.run(key=key(1))
    store.announce(key(1))
    sync.okta.join("Sales", "cy", "di")
    sync.mi.dies_at, sync.mi.dies_after = 1, True
    with pytest.raises(Died):
        sync.run(key=key(2))
    sync.mi.dies_at = None

    sync.run(key=key(3))
    told = store.announce(key(3))

    assert told is not None
    assert told.users_created == told.memberships_added == 2


def test_what_was_well_before_anybody_was_told_is_no_news(sync: Sync, store: Store) -> None:
    sync.run(key=key(1))
    sync.okta.join("Sales", "cy")
    sync.run(key=key(2))

    told = store.announce(key(2))

    assert told is not None
    assert told.users_created == 1


def test_dry_runs_and_other_groups_of_one_dag_do_not_count(sync: Sync, store: Store) -> None:
    sync.okta.join("Support", "ana", "bo", "cy")
    sync.run("Support", key=RunKey.of_group(DAG, "r", "Support"), shared=True)
    sync.run(key=RunKey.of_group(DAG, "r", "Sales"), shared=True)
    sync.okta.join("Sales", "di")
    sync.run(key=RunKey.of_group(DAG, "dry", "Sales"), shared=True, dry_run=True)

    sales = store.announce(RunKey.of_group(DAG, "r", "Sales"), shared=True)
    support = store.announce(RunKey.of_group(DAG, "r", "Support"), shared=True)

    assert (sales and sales.memberships_added, support and support.memberships_added) == (2, 3)
    assert store.announce(RunKey.of_group(DAG, "dry", "Sales"), shared=True) is None
    assert store.announce(RunKey(DAG, "never begun")) is None


def test_of_parts_that_ask_at_once_one_is_answered(
    sync: Sync, store: Store, store_of_its_own: Callable[[], Store]
) -> None:
    sync.run(key=key(1))
    barrier = Barrier(4)

    def ask(part: int) -> bool:
        own = store_of_its_own()
        barrier.wait(30)
        return own.announce(key(1), part=part) is not None

    with ThreadPoolExecutor(4) as pool:
        answered = list(pool.map(ask, range(4)))

    assert sum(answered) == 1
    [part] = [number for number, yes in enumerate(answered) if yes]
    assert store.announce(key(1), part=part) is not None


def test_what_a_part_writes_that_was_cleared_is_told_by_itself(sync: Sync, store: Store) -> None:
    sync.mi.failing = {"bo"}
    sync.run(key=key(1))
    first = store.announce(key(1), part=1)
    assert first is not None
    assert first.users_created == 1
    assert store.announce(key(1), part=0) is None

    # A person has cleared the part that has failed.
    with store.writing() as connection:
        created = (CHANGES.c.kind == ChangeKind.CREATE_USER, CHANGES.c.status == Status.FAILED)
        values = {"status": Status.DONE.value, "joined": True, "at": datetime.now(UTC)}
        connection.execute(update(CHANGES).where(*created).values(**values))
    again = store.announce(key(1), part=0)

    assert again is not None
    assert (again.changes, again.users_created, again.memberships_added) == (1, 1, 1)
    assert store.announce(key(1), part=1) is None


def test_a_run_that_is_well_and_cannot_tell_owes_it(sync: Sync, store: Store) -> None:
    sync.run(key=RunKey.of_group(DAG, "r1", "Sales"), shared=True)
    store.owe(RunKey.of_group(DAG, "r1", "Sales"), shared=True)
    sync.okta.join("Sales", "cy")
    sync.run(key=RunKey.of_group(DAG, "r2", "Sales"), shared=True)
    store.owe(RunKey.of_group(DAG, "r2", "Sales"), shared=True)

    told = store.announce(RunKey.of_group(DAG, "r2", "Sales"), shared=True)

    assert told is not None
    assert told.users_created == 3
    store.owe(RunKey.of_group(DAG, "r2", "Sales"), shared=True)
    sync.run(key=RunKey.of_group(DAG, "r3", "Sales"), shared=True)
    assert store.announce(RunKey.of_group(DAG, "r3", "Sales"), shared=True) is None
    store.owe(RunKey(DAG, "never begun"))


def test_whom_somebody_else_has_created_is_not_told_as_created(
    sync: Sync, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = sync.mi.create_user

    def too_late(user: TargetUser, *groups: Any) -> Written:
        sync.mi.add_user(user.username)
        return create(user, *groups)

    sync.run(key=key(1))
    store.announce(key(1))
    sync.okta.join("Sales", "cy")
    monkeypatch.setattr(sync.mi, "create_user", too_late)
    sync.run(key=key(2))

    told = store.announce(key(2))

    assert told is not None
    assert (told.changes, told.users_created, told.memberships_added) == (1, 0, 1)


def test_each_listener_is_told_states_by_itself(store: Store) -> None:
    StoreJournal(store, key(1), Beginning(SyncSettings(), "cron", ORG, HOST, target_group="Sales")).start()

    store.tell(DAG, "Slack 1", "failed")
    store.tell(DAG, "Slack 1", "done", "Support")
    store.tell(DAG, "Slack 2", "failed")
    store.tell(DAG, "Slack 2", "done")

    assert store.told(DAG, "Slack 1") == "failed"
    assert store.told(DAG, "Slack 1", "Support") == "done"
    assert store.told(DAG, "Slack 2") == "done"
    assert store.told("other", "Slack 1") is None
    assert store.announce(key(1)) is None
