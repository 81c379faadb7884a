"""Okta's rate limits, as many DAGs on one org meet them: waits that Airflow does, one pool for all, idle tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from okta_mi_provider.okta_pool import OktaPool, OktaPoolError
from okta_mi_provider.operators import retry
from okta_mi_provider.plugins.pools import make_pools, on_starting
from okta_mi_provider.simulators import credentials
from okta_mi_provider.store import Store
from okta_mi_provider.version_compat import HAS_RETRY_POLICY
from tests.airflow.conftest import SALES, Dags
from tests.airflow.runs import DAG_ID, Instance, runnable
from tests.integration.world import World, logins

pytestmark = pytest.mark.airflow

#: Okta's windows are a minute long, so this is one that goes on beyond `max_wait`.
RESET_S = 600


@pytest.fixture
def limited(world: World, connection: Callable[..., None]) -> World:
    """An org whose limit is used up for longer than a task may wait."""
    connection("okta_default", extra={"max_wait": 60})
    world.okta.group("Sales", "ana")
    world.okta.fault("429", route="list_members", seconds=RESET_S)
    return world


def execute(task: Any, **context: Any) -> Any:
    params = task.dag.params.dump() if task.has_dag() else {}
    return task.execute(
        {"ti": Instance("run"), "params": params, "dag_run": SimpleNamespace(run_type="manual"), **context}
    )


@pytest.mark.skipif(not HAS_RETRY_POLICY, reason="this Airflow has no retry policies")
def test_a_wait_beyond_max_wait_is_handed_to_airflow_s_retry(limited: World, dags: Dags) -> None:
    from airflow.sdk.exceptions import AirflowException, AirflowFailException

    task = dags(SALES).dags[DAG_ID].get_task("fetch")

    with pytest.raises(AirflowException, match=r"may be asked again in 60[0-9] s") as caught:
        execute(task)

    assert not isinstance(caught.value, AirflowFailException)
    decision = task.retry_policy.evaluate(caught.value, 1, 2)
    assert decision.retry_delay.total_seconds() == pytest.approx(RESET_S, abs=5)
    assert task.retry_policy.evaluate(ValueError("something else"), 1, 2).retry_delay is None
    assert limited.okta.stats()["requests"] == 2
    assert execute(task)["source_users"] == 1


@pytest.mark.skipif(not HAS_RETRY_POLICY, reason="this Airflow has no retry policies")
def test_airflow_tries_again_at_the_reset_and_not_after_its_own_delay(
    world: World, sync: Callable[..., Any], connection: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Longer than a test may take: if the reset did not count, this one would end as a failure.
    monkeypatch.setattr(retry, "_RETRY_DELAY", timedelta(hours=1))
    connection("okta_default", extra={"max_wait": 1})
    world.okta.group("Sales", "ana")
    world.okta.fault("429", route="list_members", seconds=2)

    run = sync(SALES.replace("retries: 0", "retries: 1"))

    assert run.state == "success"
    assert run.tries["fetch"] == 2
    assert world.mi.members("Sales") == logins("ana")


def test_the_operator_for_people_s_own_dags_hands_it_over_as_well(
    limited: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk.exceptions import AirflowRescheduleException

    from okta_mi_provider.operators.provision import ProvisionOperator

    if HAS_RETRY_POLICY:
        assert isinstance(ProvisionOperator(task_id="sync", group="Sales").retry_policy, retry.SyncRetryPolicy)
        mapped = ProvisionOperator.partial(task_id="mapped").expand(group=["Sales"]).unmap({"group": "Sales"})
        assert isinstance(mapped.retry_policy, retry.SyncRetryPolicy)
    monkeypatch.setattr(retry, "HAS_RETRY_POLICY", False)
    with pytest.raises(AirflowRescheduleException):
        execute(ProvisionOperator(task_id="sync", group="Sales"))


def test_where_there_are_no_retry_policies_the_task_is_rescheduled(
    limited: World, dags: Dags, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk.exceptions import AirflowRescheduleException

    task = dags(SALES).dags[DAG_ID].get_task("fetch")
    monkeypatch.setattr(retry, "HAS_RETRY_POLICY", False)

    with pytest.raises(AirflowRescheduleException) as caught:
        execute(task)

    wanted = datetime.now(UTC) + timedelta(seconds=RESET_S)
    assert abs(caught.value.reschedule_date - wanted) < timedelta(seconds=10)


def test_rescheduling_has_an_end(limited: World, dags: Dags, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk.exceptions import AirflowException, AirflowRescheduleException

    task = dags(SALES).dags[DAG_ID].get_task("fetch")
    monkeypatch.setattr(retry, "HAS_RETRY_POLICY", False)

    with pytest.raises(AirflowException) as caught:
        execute(task, task_reschedule_count=24)

    assert not isinstance(caught.value, AirflowRescheduleException)


@pytest.mark.skipif(not HAS_RETRY_POLICY, reason="this Airflow has no retry policies")
def test_writes_that_metric_insights_puts_off_are_tried_again_when_it_says(
    world: World, sync: Callable[..., Any], dags: Dags, store: Store
) -> None:
    from airflow.sdk.exceptions import AirflowException

    world.okta.group("Sales")
    world.okta.crowd("Sales", 60)
    world.mi.fault("429", route="users", method="POST", seconds=900, count=None)
    run = sync()
    task = runnable(dags(SALES).dags[DAG_ID], "upsert_users")

    with pytest.raises(AirflowException, match="writes failed, more than 40%") as caught:
        task.execute({"ti": Instance(run.run_id, run.returned), "dag_run": SimpleNamespace(run_type="manual")})

    decision = task.retry_policy.evaluate(caught.value, 1, 2)
    assert decision.retry_delay.total_seconds() == pytest.approx(900, abs=10)
    world.mi.heal()
    task.execute({"ti": Instance(run.run_id, run.returned), "dag_run": SimpleNamespace(run_type="manual")})
    assert len(world.mi.members("Sales")) == 60


# ---------------------------------------------------------------------- one pool for all readers


@pytest.fixture
def pool(migrated: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A pool is configured; afterwards there is none."""
    from airflow.models.pool import Pool
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    monkeypatch.setenv("AIRFLOW__OKTA_MI__OKTA_POOL", "okta_api")
    monkeypatch.setenv("AIRFLOW__OKTA_MI__OKTA_POOL_SLOTS", "3")
    yield "okta_api"
    with create_session() as session:
        session.execute(delete(Pool).where(Pool.pool == "okta_api"))


def slots(name: str) -> int | None:
    from airflow.models.pool import Pool

    found = Pool.get_pool(name)
    return found.slots if found else None


def test_all_that_reads_okta_runs_in_the_configured_pool(pool: str, dags: Dags) -> None:
    dag = dags("groups: [{name: Sales, pool: mine}]").dags[DAG_ID]

    assert {task.task_id: task.pool for task in dag.tasks} == {
        "fetch": pool,
        "diff": "mine",
        "create_groups": "mine",
        "upsert_users": "mine",
        "report": "mine",
    }


def test_without_a_pool_nothing_changes(dags: Dags) -> None:
    dag = dags("groups: [Sales]").dags[DAG_ID]

    assert {task.pool for task in dag.tasks} == {"default_pool"}
    make_pools()


def test_airflow_makes_the_pool_when_it_starts(pool: str) -> None:
    from airflow.jobs.job import Job

    assert slots(pool) is None
    Job()
    assert slots(pool) == 3


def test_a_task_does_not_make_the_pool(pool: str) -> None:
    on_starting(object())
    assert slots(pool) is None


def test_a_pool_keeps_the_slots_that_people_gave_it(pool: str, caplog: pytest.LogCaptureFixture) -> None:
    from airflow.models.pool import Pool

    Pool.create_or_update_pool(pool, 7, "ours", False)
    make_pools()

    assert slots(pool) == 7
    assert "7 slots" in caplog.text


def test_those_in_the_pool_divide_okta_s_rate_limit(
    world: World, pool: str, dags: Dags, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.okta.group("Sales", "ana")
    task = dags(SALES).dags[DAG_ID].get_task("fetch")
    clients = []
    monkeypatch.setattr(task, "okta", lambda **more: clients.append(type(task).okta(task, **more)) or clients[-1])

    execute(task)
    monkeypatch.delenv("AIRFLOW__OKTA_MI__OKTA_POOL")
    execute(task)

    assert [client.http.share.sharers for client in clients] == [3, 1]


def test_a_provision_operator_in_the_pool_divides_it_too(world: World, pool: str) -> None:
    from okta_mi_provider.operators.provision import ProvisionOperator

    tasks = [ProvisionOperator(task_id=name, group="Sales", pool=name) for name in (pool, "default_pool")]
    shares = [task.okta().http.share for task in tasks]  # type: ignore[attr-defined]
    assert [(share.kept_percent, share.sharers) for share in shares] == [(50, 3), (50, 1)]


@pytest.mark.parametrize(
    ("name", "number", "said"),
    [
        ("default_pool", "3", "must not be 'default_pool'"),
        ("okta_api", "none", "okta_pool_slots is 'none'; allowed: a whole number from 1 to 128"),
        ("okta_api", "0", "okta_pool_slots is '0'"),
    ],
)
def test_a_pool_that_cannot_be_is_an_error(
    dags: Dags, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str, number: str, said: str
) -> None:
    monkeypatch.setenv("AIRFLOW__OKTA_MI__OKTA_POOL", name)
    monkeypatch.setenv("AIRFLOW__OKTA_MI__OKTA_POOL_SLOTS", number)

    with pytest.raises(OktaPoolError, match=said):
        OktaPool.configured()
    (error,) = dags("groups: [Sales]").import_errors.values()
    assert said in error
    make_pools()
    assert said in caplog.text


# ---------------------------------------------------------------------- idle tokens


def test_a_schedule_with_long_gaps_warns_of_the_token_s_death(
    world: World, dags: Dags, connection: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    world.okta.group("Sales", "ana")
    dag = dags("groups: [{name: Sales, schedule: '@monthly', auto_create: all}]").dags[DAG_ID]

    assert "**Caution:** The schedule @monthly leaves up to 31 days without a run" in dag.doc_md
    execute(dag.get_task("fetch"))
    assert "dies after 30 days without use" in caplog.text


def test_a_service_app_does_not_die_of_disuse(
    world: World, dags: Dags, connection: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    world.okta.group("Sales", "ana")
    key = {"private_key": credentials.OKTA_PRIVATE_KEY, "private_key_id": credentials.OKTA_PRIVATE_KEY_ID}
    app = {"auth_mode": "private_key_jwt", "client_id": credentials.OKTA_CLIENT_ID, **key}
    connection("okta_default", password=None, extra=app)
    dag = dags("groups: [{name: Sales, schedule: '@monthly', auto_create: all}]").dags[DAG_ID]

    assert execute(dag.get_task("fetch"))["source_users"] == 1
    assert "30 days" not in caplog.text


def test_a_daily_schedule_does_not(world: World, dags: Dags, caplog: pytest.LogCaptureFixture) -> None:
    world.okta.group("Sales", "ana")
    dag = dags("groups: [{name: Sales, schedule: '@daily', auto_create: all}]").dags[DAG_ID]

    assert "Caution" not in dag.doc_md
    execute(dag.get_task("fetch"))
    assert "30 days" not in caplog.text
