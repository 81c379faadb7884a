"""The addresses of the pages. All of them are read with GET, and ask for `Seen`: who asks, and what may be seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, Response

from okta_mi_provider.page import sight, words
from okta_mi_provider.page.desk import Desk, NotThere, Seen
from okta_mi_provider.page.figures import figures_of
from okta_mi_provider.page.findings import (
    Conflict,
    conflicts,
    count_conflicts,
    findings_of,
    number_of_rows,
    speaking_of,
)
from okta_mi_provider.page.flows import mistakes
from okta_mi_provider.page.overview import CHARTED, Line, group_charts, matching, overview, with_chart
from okta_mi_provider.page.paging import Page
from okta_mi_provider.page.plan import plan_of, row_of
from okta_mi_provider.page.render import page
from okta_mi_provider.store import RunRecord
from okta_mi_provider.store.lookup import Wanted
from okta_mi_provider.store.syncs import Ended, SyncKey
from okta_mi_provider.sync.outcome import Status
from okta_mi_provider.sync.plan import ChangeKind, Finding, FindingClass
from okta_mi_provider.sync.report import State

router = APIRouter(default_response_class=HTMLResponse)

#: Rows of a page.
_SYNCS, _RUNS, _CHANGES, _CONFLICTS, _NOTICES = 25, 25, 100, 50, 50
#: Most users that a search shows.
_FOUND = 50
#: What a list of runs can be narrowed to, by its word in the address.
ENDED: Mapping[str, Ended] = {**{each.value: each for each in State}, "differs": "differs", "running": "running"}

Text = Annotated[str, Query(max_length=200)]
#: An id or a name, as long as one may be.
Name = Annotated[str, Query(max_length=2000)]
Number = Annotated[int, Query(alias="page", ge=1, le=1_000_000)]
#: Where there are several lists, each has a number of its own.
OfConflicts = Annotated[int, Query(alias="conflicts", ge=1, le=1_000_000)]
OfNotices = Annotated[int, Query(alias="notices", ge=1, le=1_000_000)]
RunId = Annotated[int, Query(alias="id", ge=1, le=2**31 - 1)]


@router.get("/")
def all_syncs(request: Request, desk: Seen, q: Text = "", state: Text = "", number: Number = 1) -> Response:
    """Every sync with its last result."""
    return _list(request, desk, overview(desk.syncs.latest(), desk.flows()), q=q, state=state, number=number)


@router.get("/group")
def group(request: Request, desk: Seen, dag: Name, group: Name = "", state: Text = "", number: Number = 1) -> Response:
    """One sync: its numbers over time, and its runs."""
    return _group(request, desk, SyncKey(dag, group), state=state, number=number)


@router.get("/dag")
def dag_tab(request: Request, desk: Seen, dag_id: Name, q: Text = "", state: Text = "", number: Number = 1) -> Response:
    """What stands in the tab of a DAG of Airflow, whatever DAG it is."""
    keys = desk.syncs_of(dag_id)
    if len(keys) == 1:
        return _group(request, desk, keys[0], state=state, number=number)
    if keys:
        return _list(request, desk, lines_of(desk, dag_id), q=q, state=state, number=number)
    return _nothing(request, desk, dag_id)


@router.get("/dag-run")
def dag_run_tab(request: Request, desk: Seen, dag_id: Name, run_id: Name) -> Response:
    """What stands in the tab of a run of Airflow, whatever DAG it is of."""
    keys = desk.syncs_of(dag_id)
    found = desk.syncs.runs_named(sorted({key.dag_id for key in keys}), run_id)
    if not found:
        return _nothing(request, desk, dag_id, ran=bool(keys))
    return run(request, desk, found[0].id) if len(found) == 1 else page(request, "runs.html", runs=found)


@router.get("/run")
def run(
    request: Request,
    desk: Seen,
    run_id: RunId,
    q: Text = "",
    kind: Text = "",
    status: Text = "",
    number: Number = 1,
    of_conflicts: OfConflicts = 1,
    of_notices: OfNotices = 1,
) -> Response:
    """One run: its numbers, what it found, and its plan."""
    record = find_run(desk, run_id)
    wanted = wanted_of(q, kind, status)
    asked = Page(number, _CHANGES, 0)
    plan = plan_of(desk.store, desk.lookup, record, wanted, offset=asked.size * (number - 1), limit=asked.size)
    shown = Page(number, _CHANGES, plan.total)
    if shown.number != number:
        plan = plan_of(desk.store, desk.lookup, record, wanted, offset=shown.offset, limit=shown.size)
    findings = findings_of(desk.store, record)
    to_settle = Page(of_conflicts, _CONFLICTS, findings.conflicts)
    to_know = Page(of_notices, _NOTICES, findings.notices)
    of_page = findings.some(FindingClass.CONFLICT, to_settle.offset, to_settle.last_row) or ()
    return page(
        request,
        "run.html",
        run=record,
        undo=desk.syncs.taken_back([record.id]).get(record.id),
        undone=desk.syncs.run(record.undoes) if record.undoes else None,
        figures=figures_of(record),
        sync=SyncKey.of(record.dag_id, record.target_group.name),
        dag=_dag_of(desk, record.dag_id),
        to_settle=to_settle,
        conflicts=of_page,
        known=_known(desk, of_page),
        to_know=to_know,
        notices=findings.some(FindingClass.NOTICE, to_know.offset, to_know.last_row) or (),
        plan=plan,
        changes=sum(plan.tally.values()),
        wanted=wanted,
        shown=shown,
        kinds_there={each for each, _ in plan.tally},
        statuses_there={each for _, each in plan.tally},
    )


@router.get("/users")
def users(request: Request, desk: Seen, q: Text = "") -> Response:
    """The users whom a text could mean."""
    text = q.strip()
    found = desk.lookup.search(text, limit=_FOUND + 1) if text else []
    if text and not found:
        # An id of Okta or MI.
        found = sorted({each.username for each in desk.lookup.identities(text) if each.username})
    return page(request, "users.html", text=text, users=found[:_FOUND], more=len(found) > _FOUND)


@router.get("/user")
def user(
    request: Request, desk: Seen, who: Annotated[str, Query(alias="id", max_length=2000)], number: Number = 1
) -> Response:
    """One user: every group, and every change."""
    identities = desk.lookup.identities(who)
    if not identities:
        raise NotThere
    shown = Page(number, _CHANGES, desk.lookup.count_of_user(who))
    changes = desk.lookup.of_user(who, offset=shown.offset, limit=shown.size)
    return page(
        request,
        "user.html",
        who=who,
        title=next((each.username for each in reversed(identities) if each.username), who),
        identities=identities,
        groups=desk.lookup.standing(identities),
        changes=[(each, row_of(each)) for each in changes],
        shown=shown,
    )


@router.get("/conflicts")
def all_conflicts(request: Request, desk: Seen, q: Text = "", number: Number = 1) -> Response:
    """What waits for a person, with what to do about it."""
    waiting = desk.syncs.waiting()
    if q.strip():
        found = speaking_of(conflicts(desk.store, waiting), q)
        shown = Page(number, _CONFLICTS, len(found))
        of_page = found[shown.offset : shown.last_row]
    else:
        shown = Page(number, _CONFLICTS, number_of_rows(waiting))
        of_page = list(conflicts(desk.store, waiting, offset=shown.offset, limit=shown.size))
    return page(request, "conflicts.html", q=q, shown=shown, conflicts=of_page, known=_known(desk, of_page))


def lines_of(desk: Desk, dag_id: str) -> list[Line]:
    """The syncs that a DAG of Airflow makes, as lines of a list.

    Raises:
        NotThere: If there is no such DAG for this person.
    """
    latest, flows = desk.syncs.latest(), desk.flows()
    keys = desk.syncs_of(dag_id)
    return overview({key: latest[key] for key in keys}, {dag_id: flows[dag_id]} if dag_id in flows else {})


def states_of(state: str) -> set[str]:
    """Which results a list is narrowed to; what it cannot be narrowed to is nothing."""
    return {state} if state in words.STATES else set()


def find_run(desk: Desk, run_id: int) -> RunRecord:
    """A run that may be seen.

    Raises:
        NotThere: If there is none of this id, or not for this person.
    """
    found = desk.syncs.run(run_id)
    if found is None:
        raise NotThere
    return found


def wanted_of(q: str, kind: str, status: str) -> Wanted:
    """What a form asks for; what it cannot ask for is nothing."""
    return Wanted(
        q.strip(),
        ChangeKind(kind) if kind in set(ChangeKind) else None,
        Status(status) if status in set(Status) else None,
    )


def _list(request: Request, desk: Desk, lines: Sequence[Line], *, q: str, state: str, number: int) -> Response:
    found = matching(lines, q, states_of(state))
    shown = Page(number, _SYNCS, len(found))
    now = datetime.now(UTC)
    of_page = found[shown.offset : shown.offset + shown.size]
    return page(
        request,
        "overview.html",
        q=q,
        state=state,
        lines=[with_chart(each, desk.syncs) for each in of_page],
        taken_back=desk.syncs.taken_back([each.run.id for each in of_page if each.run]),
        mistakes=_mistakes(of_page),
        shown=shown,
        total=len(lines),
        tally={key: sum(each.state == key for each in lines) for key in words.STATES},
        late=sum(each.is_late(now) for each in lines),
        conflicts=count_conflicts(desk.syncs, [each.run for each in lines if each.run]),
        newest=max((each.run.ended_at for each in lines if each.run and each.run.ended_at), default=None),
    )


def _group(request: Request, desk: Desk, key: SyncKey, *, state: str, number: int) -> Response:
    wanted = ENDED.get(state)
    newest = next(iter(desk.syncs.runs(key, limit=1)), None)
    if newest is None:
        flow = desk.flows().get(key.dag_id)
        if flow is None or not flow.generated or flow.stale:
            raise NotThere
        return _nothing(request, desk, key.dag_id)
    shown = Page(number, _RUNS, desk.syncs.count(key, state=wanted))
    points = desk.syncs.points(key, CHARTED)
    runs = desk.syncs.runs(key, state=wanted, offset=shown.offset, limit=shown.size)
    line = Line(key, newest, desk.flows().get(sight.owner(key.dag_id) or ""))
    return page(
        request,
        "group.html",
        line=line,
        mistakes=_mistakes([line]),
        dag=_dag_of(desk, key.dag_id),
        state=state,
        charts=group_charts(points),
        charted=len(points),
        runs=[(each, figures_of(each)) for each in runs],
        taken_back=desk.syncs.taken_back([each.id for each in runs]),
        shown=shown,
    )


def _nothing(request: Request, desk: Desk, dag_id: str, *, ran: bool = False) -> Response:
    """The tab of a DAG, or of a run, of which the store knows nothing."""
    line = Line(SyncKey(dag_id), None, desk.flows().get(dag_id))
    return page(request, "nothing.html", line=line, mistakes=_mistakes([line]), ran=ran)


def _known(desk: Desk, shown: Iterable[Conflict | Finding]) -> set[str]:
    """Whose users there is a page of, in small letters."""
    return desk.lookup.known({each.user for each in shown if each.user})


def _mistakes(lines: Sequence[Line]) -> dict[str, list[str]]:
    """What is wrong in the groups file with those that are broken, by the id of the DAG."""
    return mistakes({each.flow.dag_id for each in lines if each.flow and each.is_broken})


def _dag_of(desk: Desk, dag_id: str) -> str | None:
    """The DAG of Airflow that a sync belongs to, if there is one to go to."""
    dag = sight.owner(dag_id)
    return dag if dag in desk.readable else None
