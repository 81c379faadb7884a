"""Tables as CSV, which a spreadsheet takes for text and never for a formula. Pure."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from okta_mi_provider.page import words
from okta_mi_provider.page.figures import Figures, figures_of
from okta_mi_provider.page.findings import Conflict
from okta_mi_provider.page.overview import Line
from okta_mi_provider.page.plan import PlanRow
from okta_mi_provider.store import ChangeRecord, RunRecord
from okta_mi_provider.sync.plan import Finding
from okta_mi_provider.sync.render import spreadsheet_cell

Cell = str | int | datetime | None

#: Lines that are sent at a time.
_PIECE = 1_000

_RUN = ("run", "dag_id", "run_id", "group", "source", "mode", "state", "started_at", "ended_at", *Figures._fields)
RUNS = (*_RUN, "triggered_by", "approved_by", "approved_at", "plan_digest", "error")
PLAN = ("kind", "user", "group", "changes", "status", "error", "at")
FINDINGS = ("kind", "user", "message")
CONFLICTS = ("group", "dag_id", "run", "kind", "user", "message")
HISTORY = (
    "at", "run", "dag_id", "kind", "user", "group", "changes", "status", "joined", "left", "triggered_by",
    "approved_by", "error", "host",
)  # fmt: skip


def pieces(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    """A heading, and a line for each row, many lines at a time: each piece that is sent changes threads twice."""
    left = itertools.chain([columns], rows)
    while some := list(itertools.islice(left, _PIECE)):
        out = io.StringIO()
        csv.writer(out).writerows([spreadsheet_cell(_text(cell)) for cell in row] for row in some)
        yield out.getvalue()


def line_cells(line: Line) -> Sequence[Cell]:
    """The latest run of a sync, for the columns `RUNS`; of one that has not run yet what is known.

    Its state is that of the sync, as on the page.
    """
    if line.run:
        return run_cells(line.run, line.state)
    known = {"dag_id": line.key.dag_id, "source": line.title, "state": line.state}
    return [known.get(column) for column in RUNS]


def run_cells(run: RunRecord, state: str | None = None) -> Sequence[Cell]:
    """A run, for the columns `RUNS`, with its own state or another one."""
    return (
        run.id, run.dag_id, run.run_id, run.target_group.name, words.source_of(run), words.mode_of(run) or "Sync",
        state or words.state_of(run), run.started_at, run.ended_at, *figures_of(run), run.triggered_by, run.approved_by,
        run.approved_at, run.plan_digest, run.error,
    )  # fmt: skip


def plan_cells(row: PlanRow) -> Sequence[Cell]:
    """A change of a plan, for the columns `PLAN`."""
    return row.kind, row.user, row.group, _changes(row.fields), row.status, row.error, row.at


def finding_cells(finding: Finding) -> Sequence[Cell]:
    """A conflict or a notice of a run, for the columns `FINDINGS`."""
    return finding.kind, finding.user, finding.message


def conflict_cells(conflict: Conflict) -> Sequence[Cell]:
    """A conflict, for the columns `CONFLICTS`."""
    run = conflict.run
    return run.target_group.name, run.dag_id, run.id, conflict.kind, conflict.user, conflict.message


def history_cells(change: ChangeRecord, row: PlanRow) -> Sequence[Cell]:
    """A change of a user, for the columns `HISTORY`."""
    return (
        change.at, change.run, change.dag_id, row.kind, row.user, row.group, _changes(row.fields), row.status,
        str(change.joined).lower(), str(change.left).lower(), change.triggered_by, change.approved_by, row.error,
        change.host,
    )  # fmt: skip


def _changes(fields: Mapping[str, tuple[str | None, str | None]]) -> str:
    return ", ".join(
        f"{name}: {new or ''}" if old is None else f"{name}: {old} -> {new or ''}"
        for name, (old, new) in fields.items()
    )


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    return cell.isoformat() if isinstance(cell, datetime) else str(cell)
