"""The sync by operators: the five tasks of a generated DAG with a store, or the single one without.

What Airflow does around them is done here: tasks that failed for a passing reason, or died, are tried again; what
follows a failed one is skipped, but for the report; what a task returns is what later ones get.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from okta_mi_provider.operators.base import SyncOperator
from okta_mi_provider.operators.create_groups import CreateGroupsOperator
from okta_mi_provider.operators.diff import DiffOperator
from okta_mi_provider.operators.fetch import FetchOperator
from okta_mi_provider.operators.job import Job as OperatorJob
from okta_mi_provider.operators.provision import ProvisionOperator
from okta_mi_provider.operators.report import ReportOperator
from okta_mi_provider.operators.upsert_users import UpsertUsersOperator
from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.store import ArtifactKind, RunKey, Store
from tests.chaos.client import metric_insights, note_plan, okta, said_by, selectors, shown
from tests.chaos.job import Job

_TASKS: tuple[tuple[str, type[SyncOperator]], ...] = (
    ("fetch", FetchOperator),
    ("diff", DiffOperator),
    ("create_groups", CreateGroupsOperator),
    ("upsert_users", UpsertUsersOperator),
    ("report", ReportOperator),
)
#: How often a task is tried.
_TRIES = 2


@dataclass
class _Run:
    """Where the run of a DAG stands; on disk, for it outlives the process."""

    run_id: str
    returned: dict[str, Any] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path, *, resume: bool) -> _Run:
        """The run that was not finished; a new one if there is none, or it was given up."""
        last = cls(**json.loads(path.read_text("utf-8"))) if path.exists() else cls("run-0")
        if resume and "report" not in last.states:
            return last
        return cls(f"run-{int(last.run_id.split('-')[1]) + 1}")

    def save(self, path: Path) -> None:
        # In one step: a process that is killed leaves the old one or the new one.
        new = path.with_suffix(".new")
        new.write_text(json.dumps(vars(self)), "utf-8")
        new.replace(path)


class _Instance:
    """What an operator asks of its task instance."""

    def __init__(self, dag_id: str, run: _Run) -> None:
        self.dag_id, self.run_id, self._run = dag_id, run.run_id, run
        self.pushed: dict[str, Any] = {}

    def xcom_pull(self, *, task_ids: str) -> Any:
        return self._run.returned.get(task_ids)

    def xcom_push(self, *, key: str, value: Any) -> None:
        self.pushed[key] = value

    def get_task_states(self, *, dag_id: str, task_ids: list[str], run_ids: list[str]) -> Mapping[str, Any]:
        return {self.run_id: {task: state for task, state in self._run.states.items() if task in task_ids}}


def run(job: Job) -> dict[str, Any]:
    """Runs one DAG after the other, one for each group."""
    result: dict[str, Any] = {"reports": [], "texts": [], "errors": []}
    for place in range(len(job.groups)):
        _Dag(job, place, result).run()
    return result


def run_single(job: Job) -> dict[str, Any]:
    """Runs `ProvisionOperator`, which tells its counts only."""
    (selector,) = selectors(job)
    settings = {key: value for key, value in job.settings.items() if key != "target_group"}
    task = ProvisionOperator(
        task_id="provision",
        group=selector.name,
        group_id=selector.id,
        target_group=job.settings.get("target_group"),
        **settings,
    )
    task.okta = lambda: okta(job)
    task.metric_insights = lambda *, read_only: metric_insights(job, read_only=read_only)
    instance = _Instance("single", _Run("run-1"))
    result: dict[str, Any] = {"reports": [], "texts": [], "errors": [], "counts": None}
    with _noting_plans_of_single(job):
        try:
            result["counts"] = task.execute({"ti": instance})
        except AirflowException as error:
            result["errors"].append(str(error))
            result["texts"] += said_by(error)
            result["counts"] = instance.pushed.get("return_value")
    return result


@contextmanager
def _noting_plans_of_single(job: Job) -> Iterator[None]:
    """The operator has no watcher of its own."""
    from okta_mi_provider.operators import provision as module
    from okta_mi_provider.sync.run import provision
    from tests.chaos.client import Notebook

    module.provision = lambda *arguments, **more: provision(*arguments, watcher=Notebook(job), **more)
    try:
        yield
    finally:
        module.provision = provision


class _Dag:
    """One run of the DAG of one group, or the rest of one."""

    def __init__(self, job: Job, place: int, result: dict[str, Any]) -> None:
        self._job, self._result = job, result
        self._dag_id = f"okta_mi__{place}"
        self._path = job.kept / f"{self._dag_id}.json"
        self._store = f"sqlite:///{job.store}"
        selector = selectors(job)[place]
        settings = SyncSettings.from_mapping(job.settings)
        with DAG(self._dag_id, schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
            before = None
            for task_id, operator in _TASKS:
                task = operator(task_id=task_id, settings=settings, group=selector.name, group_id=selector.id)
                self._inject(task)
                if before:
                    before >> task
                before = task
        self._dag = dag

    def run(self) -> None:
        """Executes the tasks that have not been, as Airflow would."""
        run = _Run.load(self._path, resume=self._job.resume)
        run.save(self._path)
        for task_id, _ in _TASKS:
            if task_id in run.states:
                continue
            failed = any(state != "success" for state in run.states.values())
            if failed and task_id != "report":
                run.states[task_id] = "upstream_failed"
                continue
            run.states[task_id] = self._execute(task_id, run)
            if task_id == "diff":
                self._note_plan(run)
            run.save(self._path)
        self._tell(run)

    def _execute(self, task_id: str, run: _Run) -> str:
        for _ in range(_TRIES):
            instance = _Instance(self._dag_id, run)
            context = {"ti": instance, "params": {}, "dag_run": SimpleNamespace(run_type="manual", conf={})}
            try:
                run.returned[task_id] = self._dag.get_task(task_id).execute(context)
            except AirflowException as error:
                self._result["errors"].append(str(error))
                self._result["texts"] += said_by(error)
                if isinstance(error, AirflowFailException):
                    return "failed"
            else:
                return "success"
        return "failed"

    def _inject(self, task: SyncOperator) -> None:
        """Clients and store of this job, in place of those that Airflow's connections and configuration name."""
        job, store_url = self._job, self._store

        @contextmanager
        def open_job(context: Any) -> Iterator[OperatorJob]:
            store = Store(store_url)
            try:
                yield OperatorJob(context, store, RunKey(context["ti"].dag_id, context["ti"].run_id))
            finally:
                store.close()

        task.open_job = open_job
        task.okta = lambda **_: okta(job)
        task.metric_insights = lambda *, read_only: metric_insights(job, read_only=read_only)

    def _note_plan(self, run: _Run) -> None:
        """Notes the stored plan, before a task that writes begins."""
        store = Store(self._store)
        if plan := store.find_plan(RunKey(self._dag_id, run.run_id)):
            note_plan(self._job.plans, plan)
        store.close()

    def _tell(self, run: _Run) -> None:
        store = Store(self._store)
        found = store.find(RunKey(self._dag_id, run.run_id), ArtifactKind.REPORT)
        self._result["texts"] += [repr(store), str(store), json.dumps(run.returned), *shown(okta(self._job))]
        store.close()
        if found:
            self._result["reports"].append(found.data)
