"""Assets of MI groups: when there is an event of one, what it says, and who hears of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from okta_mi_provider.store import RunKey, Store
from tests.airflow.conftest import BY_TWO, REPOSITORY, SALES, Dags, Sync
from tests.airflow.runs import DAG_ID, Instance, run_dag
from tests.integration.world import World, login

pytestmark = pytest.mark.airflow

#: Numbers of an event that are not 0, as (what, how many).
Numbers = dict[str, Any]


@pytest.fixture
def events(migrated: None) -> Callable[..., list[tuple[str, str, Numbers]]]:
    """The events since the test began: URI, task, and what is not 0 in it."""
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session
    from sqlalchemy import func, select

    def last() -> int:
        with create_session() as session:
            return session.scalar(select(func.max(AssetEvent.id))) or 0

    begun_after = last()

    def found() -> list[tuple[str, str, Numbers]]:
        with create_session() as session:
            rows = session.scalars(select(AssetEvent).where(AssetEvent.id > begun_after).order_by(AssetEvent.id))
            return [
                (row.asset.uri, str(row.source_task_id), {key: value for key, value in row.extra.items() if value})
                for row in rows
            ]

    return found


# ---------------------------------------------------------------------- events


def test_an_event_says_what_has_changed_and_names_nobody(world: World, sync: Sync, events: Callable[..., Any]) -> None:
    world.okta.group("Sales", "ana", "bo")

    assert sync().state == "success"

    [(uri, task, extra)] = events()
    assert (uri, task) == ("x-okta-mi://metric_insights_default/Sales", "upsert_users")
    assert extra == {
        "changes": 3, "users_created": 2, "groups_created": 1, "memberships_added": 2, "state": "done",
    }  # fmt: skip


def test_nothing_to_do_no_event_and_neither_with_a_look(world: World, sync: Sync, events: Callable[..., Any]) -> None:
    world.okta.group("Sales", "ana")
    sync(dry_run=True)
    sync(mode="drift")
    assert events() == []

    sync()
    sync()

    assert len(events()) == 1


def test_a_run_that_a_conflict_makes_fail_has_an_event_all_the_same(
    world: World, sync: Sync, events: Callable[..., Any]
) -> None:
    group = world.okta.group("Sales", "ana", "bo")
    world.mi.add_user("other", email=login("bo"))

    run = sync()

    assert (run.state, run.tasks["report"]) == ("failed", "failed")
    [(_, _, extra)] = events()
    assert extra["users_created"] == extra["conflicts"] == 1
    assert extra["state"] == "failed"
    # The conflict stays. That is nothing new for those who wait for changes.
    assert sync().state == "failed"
    assert len(events()) == 1
    world.okta.user("cy", group)
    assert sync().state == "failed"
    assert [extra.get("users_created") for _, _, extra in events()] == [1, 1]


@pytest.mark.usefixtures("quick_retries")
def test_what_a_task_has_written_that_then_failed_is_told_by_the_next_run(
    world: World, sync: Sync, events: Callable[..., Any]
) -> None:
    world.okta.group("Sales", "ana", "bo", "cy", "di")
    world.mi.fault("503", method="POST", route="users", after=2, count=99)

    run = sync()

    assert run.tasks["upsert_users"] == "failed"
    assert events() == []
    written = len(world.mi.users()) - 10
    assert 0 < written < 4
    world.mi.heal()
    assert sync().state == "success"
    [(_, _, extra)] = events()
    assert extra["users_created"] == 4


@pytest.mark.usefixtures("quick_retries")
def test_it_is_told_by_a_run_that_has_nothing_to_write_itself(
    world: World, sync: Sync, events: Callable[..., Any]
) -> None:
    world.okta.group("Sales", "ana", "bo", "cy", "di")
    world.mi.fault("503", method="POST", route="users", after=2, count=99)
    sync()
    world.mi.heal()
    for name in ("ana", "bo", "cy", "di"):
        if login(name) not in world.mi.users():
            world.okta.leave("Sales", name)

    run = sync()

    assert run.tasks["upsert_users"] == "skipped"
    [(_, task, extra)] = events()
    assert (task, extra["users_created"]) == ("create_groups", len(world.mi.members("Sales")))


def test_a_group_without_members_has_an_event(world: World, sync: Sync, events: Callable[..., Any]) -> None:
    world.okta.group("Sales")

    sync()

    assert [(task, extra["groups_created"]) for _, task, extra in events()] == [("create_groups", 1)]


def test_many_chunks_have_one_event(world: World, sync: Sync, events: Callable[..., Any]) -> None:
    world.okta.group("Sales", "ana", "bo", "cy", "di", "ed")

    run = sync(BY_TWO)

    assert run.tasks["upsert_users_2"] == "success"
    assert [extra["memberships_added"] for _, _, extra in events()] == [5]


@pytest.mark.usefixtures("quick_retries")
def test_a_chunk_that_is_tried_again_after_the_last_one_is_in_the_event(
    world: World, sync: Sync, events: Callable[..., Any]
) -> None:
    world.okta.group("Sales", "ana", "bo", "cy", "di", "ed")
    world.mi.fault("503", method="POST", route="users", count=12)

    run = sync(BY_TWO.replace("retries: 0", "retries: 1"))

    assert (run.state, max(run.tries.values())) == ("success", 2)
    assert [(extra["users_created"], extra["state"]) for _, _, extra in events()] == [(5, "done")]


def test_of_two_chunks_that_end_at_once_one_tells_and_tells_again_when_it_is_tried_again(
    world: World, sync: Sync, store: Store
) -> None:
    world.okta.group("Sales", "ana", "bo", "cy", "di", "ed")
    run = sync(BY_TWO)

    # The chunk that was last was heard, whichever that was. Others that find all written, too, have nothing to add.
    again = [told for part in (0, 1, 2) if (told := store.announce(run.key, part=part))]

    assert [told.users_created for told in again] == [5]


def test_a_run_that_was_overtaken_tells_only_of_itself(world: World, sync: Sync, store: Store) -> None:
    world.okta.group("Sales", "ana")
    old = sync()
    world.okta.user("bo", "Sales")
    new = sync()

    found = store.announce(old.key, part=0)

    assert found is not None
    assert found.users_created == 1
    assert store.announce(RunKey(DAG_ID, "never"), part=0) is None
    again = store.announce(new.key, part=0)
    assert again is not None
    assert again.users_created == 1


def test_a_store_that_does_not_answer_does_not_fail_the_sync(
    world: World, sync: Sync, events: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, logged: Callable[[], str]
) -> None:
    from okta_mi_provider.store import StoreError

    def broken(*_: Any, **__: Any) -> None:
        raise StoreError("no answer")

    world.okta.group("Sales", "ana")
    with monkeypatch.context() as patch:
        patch.setattr(Store, "announce", broken)
        assert sync().state == "success"
    assert events() == []
    assert "Other DAGs were not told that access has changed" in logged()

    # It is not lost; but what was well before anybody was told is nobody's news.
    world.okta.user("bo", "Sales")
    sync()
    assert [extra["users_created"] for _, _, extra in events()] == [1]


def test_an_attribute_that_names_groups_makes_an_event_for_each(
    world: World, sync: Sync, events: Callable[..., Any]
) -> None:
    group = world.okta.group("Staff")
    world.okta.user("ana", group, department="Finance")
    world.okta.user("bo", group, department=["Finance", "R&D"])
    staff = "groups: [{name: Staff, map_attr_to_group: department, auto_create: all, retries: 0}]"

    sync(staff)

    assert sorted((uri, task, extra["memberships_added"]) for uri, task, extra in events()) == [
        ("x-okta-mi://metric_insights_default/Finance", "sync", 2),
        ("x-okta-mi://metric_insights_default/R%26D", "sync", 1),
    ]
    sync(staff)
    assert len(events()) == 2


def test_a_group_that_is_well_is_told_of_when_the_others_are_well_too(
    world: World, sync: Sync, events: Callable[..., Any]
) -> None:
    group = world.okta.group("Staff")
    world.okta.user("ana", group, department="Finance")
    world.okta.user("bo", group, department="Legal")
    world.mi.add_user("other", email=login("bo"))
    staff = "groups: [{name: Staff, map_attr_to_group: department, auto_create: all, retries: 0}]"
    assert sync(staff).state == "failed"
    assert events() == []
    world.mi.delete_user("other")

    assert sync(staff).state == "success"

    assert sorted((uri.rpartition("/")[2], extra["users_created"]) for uri, _, extra in events()) == [
        ("Finance", 1), ("Legal", 1),
    ]  # fmt: skip


def test_a_single_operator_has_them_too(world: World, migrated: None) -> None:
    from airflow.sdk import Asset
    from airflow.sdk.execution_time.context import OutletEventAccessors

    from okta_mi_provider.operators.provision import ProvisionOperator

    world.okta.group("Sales", "ana")
    task = ProvisionOperator(task_id="provision", group="Sales", auto_create="all", outlets=[Asset("theirs")])
    ours = task.outlets[1]

    def told() -> list[Any]:
        accessors = OutletEventAccessors()
        task.execute({"ti": Instance("run1"), "params": {}, "outlet_events": accessors})  # type: ignore[typeddict-item]
        return [(each.dest_asset_key.uri, each.extra["changes"]) for each in accessors[ours].asset_alias_events]

    assert task.outlets[0] == Asset("theirs")
    assert told() == [("x-okta-mi://metric_insights_default/Sales", 2)]
    assert told() == []


# ---------------------------------------------------------------------- those who wait


def test_the_example_runs_after_a_change(world: World, dags: Dags, tmp_path: Path) -> None:
    """Airflow itself says that the example is due; nothing of what it goes by is ours."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    from airflow.models.asset import AssetDagRunQueue
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session
    from sqlalchemy import select, update

    def due() -> list[str]:
        with create_session() as session:
            return list(session.scalars(select(AssetDagRunQueue.target_dag_id)))

    (dag,) = dags(SALES.replace("name: Sales", "name: Sales\n        target_group: BI Readers")).dags.values()
    shutil.copy(REPOSITORY / "docs" / "examples" / "after_access_changed.py", tmp_path)
    examples = DagBag(str(tmp_path))
    assert examples.import_errors == {}
    DagBundlesManager().sync_bundles_to_db()
    sync_bag_to_db(examples, "dags-folder", None)
    with create_session() as session:
        session.execute(update(DagModel).where(DagModel.dag_id == "after_access_changed").values(is_paused=False))
    world.okta.group("Sales", "ana")

    assert due() == []
    run_dag(dag)

    assert due() == ["after_access_changed"]
    assert world.mi.members("BI Readers") == [login("ana")]
