"""What the demo prints of the runs: one line for each group, and why a run has failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from demo.airflow_api import AirflowApi

USER_COUNTS = ("source", "created", "updated", "unchanged", "skipped", "conflicts", "failed")
HEADER = ("group", "run", "sync", *USER_COUNTS, "group created", "members added")
LOG_LINES = 30


@dataclass(frozen=True, slots=True)
class GroupRun:
    """One finished run of the DAG of one group."""

    group: str
    dag_id: str
    run_id: str
    state: str
    report: Mapping[str, Any] | None

    @property
    def succeeded(self) -> bool:
        """Whether Airflow and the sync itself call it a success."""
        return self.state == "success" and self.report is not None and self.report["state"] == "done"

    def cells(self) -> list[str]:
        """Its line of the table."""
        if self.report is None:
            return [self.group, self.state, "no report", *["-"] * (len(HEADER) - 3)]
        users = self.report["users"]
        return [
            self.group,
            self.state,
            self.report["state"],
            *(str(users[name]) for name in USER_COUNTS),
            str(self.report["groups"]["created"]),
            str(self.report["memberships"]["added"]),
        ]


def table(runs: Sequence[GroupRun]) -> str:
    """All runs as an aligned table."""
    rows = [list(HEADER), *(run.cells() for run in runs)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    rows.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column < 3 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def explain_failure(api: AirflowApi, run: GroupRun) -> Iterator[str]:
    """Which tasks of a run have failed, each with the end of its log."""
    tasks = api.task_instances(run.dag_id, run.run_id)
    yield f"{run.group}: run {run.run_id} of {run.dag_id} is {run.state}: " + ", ".join(
        f"{task['task_id']} {task['state'] or 'not started'}" for task in tasks
    )
    for task in tasks:
        if task["state"] == "failed":
            log = api.task_log(run.dag_id, run.run_id, task["task_id"], task["try_number"])
            yield f"  The end of the log of {task['task_id']}:"
            yield from (f"    {line}" for line in log[-LOG_LINES:])
