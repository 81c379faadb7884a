"""What the tasks leave in the store for people: who did what, and who wanted it."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select

from okta_mi_provider.operators.job import triggered_by
from okta_mi_provider.store import ArtifactKind, History, RunKey, Store
from okta_mi_provider.store.schema import MEMBERSHIPS
from okta_mi_provider.sync.outcome import Status
from okta_mi_provider.sync.plan import ChangeKind
from okta_mi_provider.sync.report import State
from tests.airflow.conftest import SALES, Failing, Sync
from tests.airflow.runs import DAG_ID, Instance
from tests.integration.world import World, login, logins

pytestmark = pytest.mark.airflow

MANAGED = f"{SALES}    prune: managed\n        max_removals: 100%\n"


def ours(store: Store) -> set[str]:
    with store.reading() as connection:
        return {row.username for row in connection.execute(select(MEMBERSHIPS))}


def test_a_run_of_a_dag_is_in_the_history(world: World, sync: Sync, store: Store) -> None:
    world.okta.group("Sales", "ana", "bo")
    ended = sync()

    (run,) = History(store).runs()
    assert (run.dag_id, run.run_id) == ended.key
    assert (run.state, run.complete, run.mode, run.dry_run) == (State.DONE, True, "sync", False)
    assert run.triggered_by == "dag_test", "as Airflow calls whoever tests a DAG"
    assert run.counts == {key: ended.report[key] for key in ("users", "groups", "memberships")}
    assert run.host == world.mi.url
    changes = History(store).changes_of_run(run.id)
    assert [(each.kind, each.username, each.status) for each in changes] == [
        (ChangeKind.CREATE_GROUP, None, Status.DONE),
        (ChangeKind.CREATE_USER, login("ana"), Status.DONE),
        (ChangeKind.CREATE_USER, login("bo"), Status.DONE),
    ]
    assert {each.group.id for each in changes} == {run.target_group.id}
    assert ours(store) == set(logins("ana", "bo"))


def test_a_dry_run_and_a_run_that_is_refused_are_in_it_too(world: World, sync: Sync, store: Store) -> None:
    world.okta.group("Sales", "ana", "bo")
    sync(dry_run=True)
    sync(sync_user_limit=1)

    refused, dry = History(store).runs()
    assert (dry.state, dry.dry_run, dry.complete) == (State.DONE, True, False)
    assert (refused.state, refused.complete) == (State.REFUSED, False)
    assert refused.error is not None
    assert "sync_user_limit" in refused.error
    # What was refused is kept, as what it is; a dry run leaves nothing.
    kept = History(store).changes_of_group("Sales", planned=True)
    assert {(change.run, change.status) for change in kept} == {(refused.id, Status.PLANNED)}
    assert History(store).changes_of_group("Sales") == []
    assert ours(store) == set()


def test_leavers_of_a_dag_are_removed_and_hand_made_members_stay(world: World, sync: Sync, store: Store) -> None:
    world.okta.group("Sales", "ana", "bo")
    world.mi.add_group("Sales")
    world.mi.add_user("hand", "Sales")
    sync(MANAGED)
    world.okta.leave("Sales", "bo")

    ended = sync(MANAGED)

    assert ended.state == "success"
    assert world.mi.members("Sales") == logins("ana", "hand")
    assert ours(store) == set(logins("ana"))
    (removed,) = History(store).changes_of_run(History(store).runs()[0].id)
    assert (removed.kind, removed.username, removed.left) == (ChangeKind.REMOVE_MEMBER, login("bo"), True)


@pytest.mark.parametrize(
    ("dag_run", "expected"),
    [
        (SimpleNamespace(run_type="manual", triggering_user_name="eve"), "eve"),
        (SimpleNamespace(run_type="scheduled", triggering_user_name=None), "scheduled"),
        (SimpleNamespace(run_type=SimpleNamespace(value="backfill")), "backfill"),
        (None, "unknown"),
    ],
)
def test_who_wants_a_run(dag_run: Any, expected: str) -> None:
    context: Any = {"dag_run": dag_run}
    assert triggered_by(context) == expected


def test_a_single_operator_is_a_sync_of_its_own(world: World, store: Store) -> None:
    from okta_mi_provider.operators.provision import ProvisionOperator

    world.okta.group("Sales", "ana")
    operator = ProvisionOperator(task_id="provision", group="Sales", auto_create="all")
    context: Any = {"ti": Instance("run1", dag_id="mine"), "dag_run": SimpleNamespace(run_type="scheduled")}

    for _ in range(2):
        operator.execute(context)

    (first, second) = reversed(History(store).runs())
    assert (first.dag_id, first.run_id, first.triggered_by) == ("mine:provision", "run1", "scheduled")
    assert first.complete
    assert second.complete
    assert len(History(store).changes_of_run(first.id)) == 2, "what a try has written is kept when there is another"
    assert ours(store) == set(logins("ana"))


def test_what_another_version_has_stored_is_told_to_be_read_again(
    world: World, dags: Callable[[str], Any], failing: Failing, store: Store
) -> None:
    world.okta.group("Sales", "ana")
    dag = dags(SALES).dags[DAG_ID]
    context = {"ti": Instance("run1"), "params": dag.params.dump(), "dag_run": SimpleNamespace(run_type="manual")}
    dag.get_task("fetch").execute(context)
    for task_id, kind, which in (
        ("diff", ArtifactKind.SNAPSHOT, "task 'fetch'"),
        ("create_groups", ArtifactKind.PLAN, "its first task"),
    ):
        store.save(RunKey(DAG_ID, "run1"), kind, {"of": "an older version"})

        with failing(f"written by another version of okta-mi-provider. Clear {which} and all after it"):
            dag.get_task(task_id).execute(context)
