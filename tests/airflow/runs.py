"""DAGs that run in this process, to their end or task by task, and what is left of a run."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from okta_mi_provider.store import ArtifactKind, RunKey, Store
from tests.integration.world import assert_exact_keys

if TYPE_CHECKING:
    from airflow.sdk import DAG

#: The DAG of the group `Sales`.
DAG_ID = "okta_mi__Sales"


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that has ended: its state, those of its tasks, and what they have returned.

    A mapped task with a single instance goes by its own id, with several by id and number, as `upsert_users_1`.

    Attributes:
        labels: What the UI calls the instances of a mapped task.
    """

    dag_id: str
    run_id: str
    state: str
    tasks: Mapping[str, str]
    tries: Mapping[str, int]
    returned: Mapping[str, Any]
    labels: Mapping[str, str]

    @property
    def report(self) -> Any:
        return self.returned["report"]

    @property
    def key(self) -> RunKey:
        return RunKey(self.dag_id, self.run_id)


def stored_report(store: Store, run: Ended) -> dict[str, Any]:
    """The report of a run in the store, which has exactly what the contract says."""
    found = store.find(run.key, ArtifactKind.REPORT)
    assert found is not None
    assert_exact_keys(found.data)
    return dict(found.data)


@cache
def _execution_api() -> Any:
    """One for all tasks, as Airflow 3.3 has it. Airflow 3.2 makes one for each, and that takes seconds every time."""
    from airflow.api_fastapi.execution_api.app import InProcessExecutionAPI

    return InProcessExecutionAPI()


def run_dag(dag: DAG, meanwhile: Callable[[], None] = lambda: None, /, **conf: Any) -> Ended:
    """Runs a DAG to its end in this process.

    Args:
        dag: Which.
        meanwhile: Called whenever nothing can go on: a task waits for a person.
        conf: Values of its form.
    """
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with pytest.MonkeyPatch.context() as patch:
        # Between two looks for tasks to run, `dag.test()` sleeps for a second.
        sleep = time.sleep

        def look_again(seconds: float) -> None:
            sleep(min(seconds, 0.01))
            if seconds == 1:
                meanwhile()

        patch.setattr(time, "sleep", look_again)
        patch.setattr("airflow.sdk.execution_time.supervisor.in_process_api_server", _execution_api)
        run = dag.test(run_conf=conf)
    for name in [name for name in os.environ if name.startswith("_AIRFLOW_PARSING_CONTEXT")]:
        # Airflow 3.2 leaves them behind, and every later parse would see this DAG only.
        del os.environ[name]
    with create_session() as session:
        rows = session.execute(
            select(XComModel.task_id, XComModel.map_index, XComModel.value).where(
                XComModel.dag_id == run.dag_id, XComModel.run_id == run.run_id, XComModel.key == "return_value"
            )
        ).all()
    instances = run.get_task_instances()
    several = Counter(each.task_id for each in instances)

    def name(task_id: str, map_index: int) -> str:
        return f"{task_id}_{map_index}" if several[task_id] > 1 else task_id

    return Ended(
        run.dag_id,
        run.run_id,
        str(run.state),
        {name(each.task_id, each.map_index): str(each.state) for each in instances},
        {name(each.task_id, each.map_index): each.try_number for each in instances},
        {name(*which): json.loads(value) if isinstance(value, str) else value for *which, value in rows},
        {name(each.task_id, each.map_index): each.rendered_map_index for each in instances if each.rendered_map_index},
    )


def runnable(dag: DAG, task_id: str) -> Any:
    """A task of a DAG; of the mapped one an instance that writes the whole plan."""
    task: Any = dag.get_task(task_id)
    return task.unmap({"chunk": None}) if task.is_mapped else task


@dataclass
class Instance:
    """What an operator asks of its task instance."""

    run_id: str
    returned: Mapping[str, Any] = field(default_factory=dict)
    states: Mapping[str, str] = field(default_factory=dict)
    dag_id: str = DAG_ID
    map_index: int = -1
    pushed: dict[str, Any] = field(default_factory=dict)

    def xcom_pull(self, *, task_ids: str) -> Any:
        return self.returned.get(task_ids)

    def xcom_push(self, *, key: str, value: Any) -> None:
        self.pushed[key] = value

    def get_task_states(self, *, dag_id: str, task_ids: list[str], run_ids: list[str]) -> dict[str, dict[str, str]]:
        assert (dag_id, run_ids) == (self.dag_id, [self.run_id])
        return {
            self.run_id: {
                task: state
                for task, state in self.states.items()
                # As Airflow calls the instances of a mapped task.
                if task in task_ids or task.rpartition("_")[0] in task_ids
            }
        }


def execute_task(dag: DAG, task_id: str, instance: Instance, *, run_type: str = "manual") -> Any:
    """Executes one task of a DAG, with the values that its form has by default. Returns what the task does."""
    context = {"ti": instance, "params": dag.params.dump(), "dag_run": SimpleNamespace(run_type=run_type)}
    return runnable(dag, task_id).execute(context)
