"""Every table as a file for a spreadsheet: the same rows as on its page, all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from okta_mi_provider.page import spreadsheet
from okta_mi_provider.page.desk import NotThere, Seen
from okta_mi_provider.page.findings import conflicts, findings_of, speaking_of
from okta_mi_provider.page.overview import Line, matching, overview
from okta_mi_provider.page.plan import plan_of, row_of
from okta_mi_provider.page.routes import ENDED, Name, RunId, Text, find_run, lines_of, states_of, wanted_of
from okta_mi_provider.store.syncs import SyncKey
from okta_mi_provider.sync.plan import FindingClass

router = APIRouter(prefix="/csv", default_response_class=StreamingResponse)


@router.get("/syncs")
def syncs(desk: Seen, q: Text = "", state: Text = "") -> Response:
    """The latest run of every sync."""
    return _lines(overview(desk.syncs.latest(), desk.flows()), q, state)


@router.get("/dag")
def dag(desk: Seen, dag_id: Name, q: Text = "", state: Text = "") -> Response:
    """The latest run of every sync that a DAG of Airflow makes."""
    return _lines(lines_of(desk, dag_id), q, state)


@router.get("/group")
def group(desk: Seen, dag: Name, group: Name = "", state: Text = "") -> Response:
    """All runs of a sync."""
    key = SyncKey(dag, group)
    if not desk.syncs.runs(key, limit=1):
        raise NotThere
    runs = desk.syncs.runs(key, state=ENDED.get(state))
    return _file("okta-sync-runs", spreadsheet.RUNS, map(spreadsheet.run_cells, runs))


@router.get("/run")
def run(desk: Seen, run_id: RunId, q: Text = "", kind: Text = "", status: Text = "") -> Response:
    """The plan of a run."""
    plan = plan_of(desk.store, desk.lookup, find_run(desk, run_id), wanted_of(q, kind, status))
    return _file(f"okta-sync-run-{run_id}", spreadsheet.PLAN, map(spreadsheet.plan_cells, plan.rows))


@router.get("/findings")
def findings(desk: Seen, run_id: RunId, cls: FindingClass) -> Response:
    """The conflicts of a run, or its notices."""
    found = findings_of(desk.store, find_run(desk, run_id)).some(cls)
    if found is None:
        raise NotThere
    return _file(f"okta-sync-run-{run_id}-{cls}s", spreadsheet.FINDINGS, map(spreadsheet.finding_cells, found))


@router.get("/user")
def user(desk: Seen, who: Annotated[str, Query(alias="id", max_length=2000)]) -> Response:
    """All changes of a user."""
    found = desk.lookup.of_user(who)
    if not found:
        raise NotThere
    rows = (spreadsheet.history_cells(each, row_of(each)) for each in found)
    return _file("okta-sync-user", spreadsheet.HISTORY, rows)


@router.get("/conflicts")
def all_conflicts(desk: Seen, q: Text = "") -> Response:
    """What waits for a person."""
    found = speaking_of(conflicts(desk.store, desk.syncs.waiting()), q)
    return _file("okta-sync-conflicts", spreadsheet.CONFLICTS, map(spreadsheet.conflict_cells, found))


def _lines(lines: Sequence[Line], q: str, state: str) -> Response:
    found = matching(lines, q, states_of(state))
    return _file("okta-sync", spreadsheet.RUNS, map(spreadsheet.line_cells, found))


def _file(name: str, columns: Sequence[str], rows: Iterable[Sequence[spreadsheet.Cell]]) -> Response:
    return StreamingResponse(
        spreadsheet.pieces(columns, rows),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )
