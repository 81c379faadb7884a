"""Single chunks of a plan, as Airflow starts them: before others, after others, and once more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from okta_mi_provider.store import ArtifactKind, RunKey, Store
from tests.airflow.conftest import BY_TWO, MANAGED, Dags, Failing, Sync
from tests.airflow.runs import DAG_ID, Instance, execute_task
from tests.integration.world import World

pytestmark = pytest.mark.airflow


@pytest.fixture
def chunk(world: World, dags: Dags) -> Callable[..., Any]:
    """Runs one chunk of a run, as Airflow does."""

    def run(groups: str, key: str, number: int, parts: Mapping[int, Mapping[str, int]], **more: Any) -> Any:
        task: Any = dags(groups).dags[DAG_ID].get_task("upsert_users")
        instance = Instance(key, map_index=number, states=more.pop("states", {}))
        for name, value in more.items():
            setattr(instance, name, value)
        context = {"ti": instance, "dag_run": SimpleNamespace(run_type="manual")}
        return task.unmap({"chunk": parts[number]}).execute(context)

    return run


@pytest.fixture
def planned(world: World, dags: Dags) -> Callable[[str, str], dict[int, Mapping[str, int]]]:
    """A run up to its chunks."""

    def run(groups: str, key: str) -> dict[int, Mapping[str, int]]:
        dag = dags(groups).dags[DAG_ID]
        for task_id in ("fetch", "diff", "create_groups"):
            returned = execute_task(dag, task_id, Instance(key))
        return dict(enumerate(returned))

    return run


def test_airflow_s_own_retry_leaves_what_failed_for_good_and_a_person_s_does_not(
    world: World, planned: Callable[..., Any], chunk: Callable[..., Any]
) -> None:
    world.okta.group("Sales", "ana")
    parts = planned(BY_TWO, "run1")
    world.mi.fault("400", method="POST", route="users", count=1)
    assert chunk(BY_TWO, "run1", 0, parts)["failed"] == 1
    world.mi.forget_requests()

    retried = BY_TWO.replace("retries: 0", "retries: 2")
    chunk(retried, "run1", 0, parts, try_number=2, max_tries=2)
    assert world.mi.writes() == []

    # Cleared after its second try: Airflow adds to the tries that there may be.
    chunk(retried, "run1", 0, parts, try_number=3, max_tries=4)
    assert world.mi.writes() == ["POST /api/user"]
    assert len(world.mi.members("Sales")) == 1


@pytest.fixture
def leaver(world: World, sync: Sync, planned: Callable[..., Any]) -> dict[int, Mapping[str, int]]:
    """The chunks of a plan that gives access to three and takes it from one."""
    world.okta.group("Sales", "ana", "bo")
    sync(MANAGED)
    world.okta.leave("Sales", "ana")
    for name in ("cy", "dan", "eve"):
        world.okta.user(name, "Sales")
    parts: dict[int, Mapping[str, int]] = planned(MANAGED, "run2")
    assert [(part["start"], part["end"]) for part in parts.values()] == [(0, 2), (2, 3), (3, 4)]
    world.mi.forget_requests()
    return parts


def test_nobody_loses_access_before_everybody_was_given_theirs(
    world: World, leaver: dict[int, Mapping[str, int]], chunk: Callable[..., Any], store: Store
) -> None:
    from airflow.sdk.exceptions import AirflowRescheduleException

    waiting = {"upsert_users_0": "running", "upsert_users_1": "up_for_retry", "upsert_users_2": "running"}
    with pytest.raises(AirflowRescheduleException):
        chunk(MANAGED, "run2", 2, leaver, states=waiting)
    assert world.mi.writes() == []
    assert store.find_all(RunKey(DAG_ID, "run2"), ArtifactKind.FAILURE) == []

    chunk(MANAGED, "run2", 0, leaver)
    with pytest.raises(AirflowRescheduleException):
        chunk(MANAGED, "run2", 2, leaver, states={**waiting, "upsert_users_0": "success"})
    chunk(MANAGED, "run2", 1, leaver)

    # The store knows before Airflow does.
    assert chunk(MANAGED, "run2", 2, leaver, states=waiting)["done"] == 1
    assert len(world.mi.members("Sales")) == 4


def test_nobody_loses_access_when_others_will_not_get_theirs(
    world: World, leaver: dict[int, Mapping[str, int]], chunk: Callable[..., Any], failing: Failing
) -> None:
    chunk(MANAGED, "run2", 0, leaver)
    world.mi.forget_requests()

    ended = {"upsert_users_0": "success", "upsert_users_1": "failed", "upsert_users_2": "running"}
    with failing("1 change before these were not tried, so nobody loses access"):
        chunk(MANAGED, "run2", 2, leaver, states=ended)

    assert world.mi.writes() == []


def test_a_chunk_of_another_plan_is_not_written(
    world: World, planned: Callable[..., Any], chunk: Callable[..., Any], failing: Failing
) -> None:
    world.okta.group("Sales", "ana", "bo")
    planned(BY_TWO, "run1")
    world.mi.forget_requests()

    with failing("The parts of the plan do not fit it.*Clear task 'fetch'"):
        chunk(BY_TWO, "run1", 0, {0: {"start": 0, "end": 2, "total": 7}})

    assert world.mi.writes() == []


def test_airflow_s_limit_makes_chunks_larger(
    world: World, planned: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__MAX_MAP_LENGTH", "4")
    world.okta.group("Sales")
    world.okta.crowd("Sales", 20)

    parts = planned(BY_TWO, "run1")

    assert [part["end"] - part["start"] for part in parts.values()] == [7, 7, 6]
