"""Pools that bound the writes in flight on one MI server, over all workers and DAGs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okta_mi_provider import write_pools
from okta_mi_provider.plugins.pools import make_pools
from okta_mi_provider.write_pools import WritePool, WritePoolError
from tests.airflow.conftest import SALES, Connection, Dags, Sync
from tests.airflow.runs import DAG_ID, Instance, runnable
from tests.integration.world import World, logins

pytestmark = pytest.mark.airflow

SETTING = "AIRFLOW__OKTA_MI__WRITE_POOLS"


@pytest.fixture
def pools(migrated: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Configures pools; afterwards there are none."""
    from airflow.models.pool import Pool
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    def configure(**by_connection: Any) -> None:
        monkeypatch.setenv(SETTING, json.dumps(by_connection))

    yield configure
    with create_session() as session:
        session.execute(delete(Pool).where(Pool.pool.like("mi_%")))


@pytest.fixture
def mi_prod(pools: Callable[..., None], connection: Connection) -> Callable[..., None]:
    """Configures a pool of 8 slots, and how many writes its connection allows at once."""

    def configure(most: int, **more: int) -> None:
        pools(metric_insights_default={"pool": "mi_prod", "slots": 8, **more})
        connection("metric_insights_default", extra={"max_concurrency": most})

    return configure


@given(st.integers(1, 64), st.integers(1, 64), st.data())
def test_all_tasks_in_a_pool_have_no_more_in_flight_than_the_connection_allows(
    slots: int, most: int, data: st.DataObject
) -> None:
    pool = WritePool("mi_writes", slots, slots)
    free, in_flight = slots, 0
    while free:
        taken = data.draw(st.integers(1, free))
        free -= taken
        try:
            in_flight += pool.in_flight(most, taken)
        except WritePoolError:
            assert most * taken < slots
    assert in_flight <= min(slots, most)


def test_a_task_has_a_write_in_flight_for_each_of_its_slots() -> None:
    pool = WritePool("mi_writes", 8, 4)
    assert [pool.in_flight(8, slots) for slots in (8, 4, 1)] == [8, 4, 1]
    assert pool.in_flight(16, 4) == 4, "the pool is for so many"
    assert pool.in_flight(4, 4) == 2, "the connection is for so many, and two tasks share them"


def test_more_tasks_than_writes_is_an_error() -> None:
    with pytest.raises(WritePoolError, match=r"lets 8 tasks write at the same time, but max_concurrency .* allows 4"):
        WritePool("mi_writes", 8, 1).in_flight(4, 1)


def test_all_that_writes_runs_in_the_pool_of_its_connection(pools: Callable[..., None], dags: Dags) -> None:
    pools(
        metric_insights_default={"pool": "mi_prod", "slots": 8, "task_slots": 4},
        mi_test={"pool": "mi_test", "slots": 2},
    )
    bag = dags(
        "groups: [{name: Sales, pool: mine}, {name: Test, metric_insights_conn_id: mi_test}, "
        "{name: Else, metric_insights_conn_id: mi_else}]"
    )

    def of(dag_id: str) -> dict[str, tuple[str, int]]:
        return {task.task_id: (task.pool, task.pool_slots) for task in bag.dags[dag_id].tasks}

    assert of(DAG_ID) == {
        "fetch": ("mine", 1),
        "diff": ("mine", 1),
        "create_groups": ("mi_prod", 4),
        "upsert_users": ("mi_prod", 4),
        "report": ("mine", 1),
    }
    assert of("okta_mi__Test")["upsert_users"] == ("mi_test", 2)
    assert of("okta_mi__Else")["upsert_users"] == ("default_pool", 1)


def test_in_a_pool_chunks_run_at_the_same_time_and_without_one_after_the_other(
    pools: Callable[..., None], dags: Dags
) -> None:
    def most(dag_id: str) -> Any:
        task: Any = bag.dags[dag_id].get_task("upsert_users")
        return task.partial_kwargs.get("max_active_tis_per_dagrun")

    pools(metric_insights_default={"pool": "mi_prod", "slots": 8})
    bag = dags("groups: [Sales, {name: Else, metric_insights_conn_id: mi_else}]")
    assert (most(DAG_ID), most("okta_mi__Else")) == (None, 1)


def test_a_task_in_the_pool_takes_its_part_of_max_concurrency(
    world: World, mi_prod: Callable[..., None], dags: Dags, connection: Connection
) -> None:
    mi_prod(8, task_slots=4)
    dag = dags(SALES).dags[DAG_ID]

    def in_flight(task_id: str) -> int:
        most: int = runnable(dag, task_id).metric_insights(read_only=False).max_concurrency
        return most

    assert {task_id: in_flight(task_id) for task_id in ("fetch", "create_groups", "upsert_users")} == {
        "fetch": 8,
        "create_groups": 4,
        "upsert_users": 4,
    }
    connection("metric_insights_default", extra={"max_concurrency": 2})
    assert (in_flight("create_groups"), in_flight("upsert_users")) == (1, 1)


def test_a_pool_that_does_not_go_with_the_connection_is_an_error_before_anything_is_written(
    world: World, mi_prod: Callable[..., None], sync: Sync
) -> None:
    mi_prod(4, task_slots=1)
    make_pools()
    world.okta.group("Sales", "ana")

    run = sync()

    assert run.tasks["create_groups"] == "failed"
    assert world.mi.writes() == []


def test_a_connection_that_allows_fewer_than_the_pool_has_slots_writes_all_the_same(
    world: World, mi_prod: Callable[..., None], sync: Sync
) -> None:
    mi_prod(4, task_slots=4)
    make_pools()
    world.okta.group("Sales", "ana")

    assert sync().state == "success"
    assert world.mi.members("Sales") == logins("ana")


def test_a_provision_operator_in_the_pool_takes_its_part_too(world: World, mi_prod: Callable[..., None]) -> None:
    from okta_mi_provider.operators.provision import ProvisionOperator

    mi_prod(8)
    tasks = [
        ProvisionOperator(task_id="one", group="Sales", pool="mi_prod", pool_slots=2),
        ProvisionOperator(task_id="two", group="Sales"),
    ]
    assert [task.metric_insights(read_only=True).max_concurrency for task in tasks] == [2, 8]


def test_airflow_makes_the_pools_when_it_starts(pools: Callable[..., None]) -> None:
    from airflow.jobs.job import Job
    from airflow.models.pool import Pool

    same = {"pool": "mi_prod", "slots": 8, "task_slots": 4}
    pools(metric_insights_default=same, mi_again=same, mi_test={"pool": "mi_test", "slots": 2})
    Job()

    found = {pool.pool: pool.slots for pool in Pool.get_pools() if pool.pool.startswith("mi_")}
    assert found == {"mi_prod": 8, "mi_test": 2}


def test_a_pool_keeps_the_slots_that_people_gave_it(
    pools: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    from airflow.models.pool import Pool

    pools(metric_insights_default={"pool": "mi_prod", "slots": 8})
    Pool.create_or_update_pool("mi_prod", 3, "ours", False)
    make_pools()

    found = Pool.get_pool("mi_prod")
    assert found is not None
    assert found.slots == 3
    assert "Pool mi_prod has 3 slots, but [okta_mi] write_pools says 8" in caplog.text


def test_one_group_of_pools_that_cannot_be_used_does_not_keep_the_other_from_being_made(
    pools: Callable[..., None], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from airflow.models.pool import Pool

    monkeypatch.setenv("AIRFLOW__OKTA_MI__OKTA_POOL", "default_pool")
    pools(metric_insights_default={"pool": "mi_prod", "slots": 8})
    make_pools()

    assert Pool.get_pool("mi_prod") is not None
    assert "okta_pool must not be 'default_pool'" in caplog.text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mi_writes", "is no JSON"),
        ("[1]", "must be an object such as"),
        ('{"a": 8}', "of 'a' must be an object with the keys pool and slots"),
        ('{"a": {"slots": 8}}', "of 'a' lacks the key pool"),
        ('{"a": {"pool": "mi"}}', "of 'a' lacks the key slots"),
        ('{"a": {"pool": "mi", "slots": 8, "task_slot": 2}}', "unknown key 'task_slot'; known keys: pool, slots, task"),
        ('{"a": {"pool": "mi", "slots": 0}}', "of 'a': 0 is not allowed; allowed: a whole number from 1 to 64"),
        ('{"a": {"pool": "mi", "slots": "8"}}', "'8' is not allowed"),
        ('{"a": {"pool": "mi", "slots": 4, "task_slots": 8}}', "task_slots is 8, but the pool has 4 slots"),
        ('{"a": {"pool": "default_pool", "slots": 4}}', "must not be 'default_pool'"),
        ('{"a": {"pool": "okta_api", "slots": 4}}', "must not be 'okta_api'"),
        ('{"a": {"pool": "mi", "slots": 4}, "b": {"pool": "mi", "slots": 5}}', "two things of pool 'mi'.*for 'b'"),
    ],
)
def test_pools_that_cannot_be_are_an_error(dags: Dags, monkeypatch: pytest.MonkeyPatch, text: str, said: str) -> None:
    monkeypatch.setenv(SETTING, text)
    monkeypatch.setenv("AIRFLOW__OKTA_MI__OKTA_POOL", "okta_api")

    with pytest.raises(WritePoolError, match=said):
        write_pools.configured()
    (error,) = dags("groups: [Sales]").import_errors.values()
    assert "[okta_mi] write_pools" in error


def test_a_context_without_a_pool_is_as_before(world: World, dags: Dags) -> None:
    task = runnable(dags(SALES).dags[DAG_ID], "fetch")
    world.okta.group("Sales", "ana")
    task.execute({"ti": Instance("run"), "params": {}, "dag_run": SimpleNamespace(run_type="manual")})
    assert task.metric_insights(read_only=True).max_concurrency == 4
