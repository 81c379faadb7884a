"""A run of the DAG of `Sales` whose tasks are executed one by one, as long after each other as a test wants."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from sqlalchemy import update

from okta_mi_provider.store import ArtifactKind, RunKey, Store
from okta_mi_provider.store.schema import ARTIFACTS, RUNS
from okta_mi_provider.sync.report import Approval
from tests.airflow.runs import DAG_ID, Instance, execute_task
from tests.integration.world import World

KEY = RunKey(DAG_ID, "run1")


@dataclass
class Run:
    """One run, whose tasks are executed one by one."""

    dag: Any
    store: Store
    returned: dict[str, Any] = field(default_factory=dict)

    def __call__(self, *task_ids: str) -> None:
        for task_id in task_ids:
            self.returned[task_id] = execute_task(self.dag, task_id, Instance(KEY.run_id, self.returned))

    def chunk(self, number: int, *, of: int, changes: int = 1) -> Any:
        """Writes a single change of its plan, at a place, as a chunk of its own; or several from there on."""
        chunk = {"start": number, "end": number + changes, "total": of}
        task: Any = self.dag.get_task("upsert_users").unmap({"chunk": chunk})
        instance = Instance(KEY.run_id, self.returned, map_index=number)
        return task.execute({"ti": instance, "dag_run": SimpleNamespace(run_type="manual")})

    def approved(self, by: str = "boss") -> None:
        """A person says yes, just now."""
        at = datetime.now(UTC).isoformat()
        approval = Approval("approved", by, at, self.returned["diff"]["plan"])
        self.store.save(KEY, ArtifactKind.APPROVAL, approval.to_json())

    def wait(self, hours: float) -> None:
        """Lets everything that has happened be so much longer ago."""
        ago = timedelta(hours=hours)
        with self.store.writing() as connection:
            for table, column in ((RUNS, RUNS.c.started_at), (ARTIFACTS, ARTIFACTS.c.created_at)):
                for (value,) in connection.execute(table.select().with_only_columns(column).distinct()).all():
                    connection.execute(update(table).where(column == value).values({column.name: value - ago}))
        if found := self.store.find(KEY, ArtifactKind.APPROVAL):
            at = datetime.fromisoformat(found.data["at"]) - ago
            changed = {**found.data, "at": at.isoformat()}
            self.store.save(KEY, ArtifactKind.APPROVAL, changed)


def planned(bag: Any, world: World, store: Store) -> Run:
    """A run up to its plan."""
    run = Run(bag.dags[DAG_ID], store)
    run("fetch", "diff")
    world.mi.forget_requests()
    return run


def lists_of_users(world: World) -> int:
    """How often all users of MI were read."""
    return len(world.mi.requests("GET", "/api/user"))
