"""All syncs at a glance: what the first page shows of each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from okta_mi_provider.page import charts, sight, words
from okta_mi_provider.page.charts import Chart, Doing, Moment
from okta_mi_provider.page.figures import Figures, figures, figures_of
from okta_mi_provider.page.flows import Flow
from okta_mi_provider.store import RunRecord
from okta_mi_provider.store.syncs import Point, SyncKey, Syncs
from okta_mi_provider.sync.report import State

#: How many runs a chart shows.
CHARTED = 30
#: A run that has not begun so long after it was due will not: the scheduler stands, or the DAG waits for a slot.
_LATE = timedelta(minutes=15)
#: In which order states need attention.
_RANK = {state: rank for rank, state in enumerate(words.STATES)}


@dataclass(frozen=True, slots=True)
class Line:
    """One sync.

    Attributes:
        run: Its latest run; None if there is none yet.
        flow: The DAG as Airflow has it; None if it has none.
        chart: What its last runs have done; None until somebody is going to look at it.
    """

    key: SyncKey
    run: RunRecord | None
    flow: Flow | None
    chart: Chart | None = None

    @property
    def title(self) -> str:
        """What people call it: the MI group, once it is known."""
        if self.run and self.run.target_group.name:
            return self.run.target_group.name
        return self.flow.title if self.flow else self.key.dag_id

    @property
    def is_broken(self) -> bool:
        """Whether its entry in the groups file is wrong, so that nothing is synced, however the last run ended."""
        return self.flow is not None and self.flow.broken and not self.flow.stale

    @property
    def state(self) -> str:
        """A key of `words.STATES`."""
        return "broken" if self.is_broken else words.state_of(self.run)

    @property
    def figures(self) -> Figures:
        """The numbers of the latest run."""
        return figures_of(self.run) if self.run else Figures()

    def is_late(self, now: datetime) -> bool:
        """Whether its next run is overdue."""
        due = self.flow.next_run if self.flow and not self.flow.paused and not self.flow.stale else None
        return due is not None and self.state != "running" and now - due > _LATE


def overview(latest: Mapping[SyncKey, RunRecord], flows: Mapping[str, Flow]) -> list[Line]:
    """All syncs, and the DAGs of the groups file that have not run yet: those that need attention first."""
    lines = [Line(key, run, flows.get(sight.owner(key.dag_id) or "")) for key, run in latest.items()]
    known = {key.dag_id for key in latest}
    lines += [
        Line(SyncKey(dag_id), None, flow)
        for dag_id, flow in flows.items()
        if flow.generated and not flow.stale and dag_id not in known
    ]
    return sorted(lines, key=lambda line: (_RANK[line.state], line.title.casefold(), line.key))


def matching(lines: Sequence[Line], text: str, states: Collection[str]) -> list[Line]:
    """Those that have a text in a name of theirs, whatever its capitals, and one of the states."""
    wanted = text.strip().casefold()
    return [
        line
        for line in lines
        if (not states or line.state in states) and any(wanted in each.casefold() for each in _names(line))
    ]


def with_chart(line: Line, syncs: Syncs) -> Line:
    """The same with its chart."""
    doings = [_doing(point) for point in syncs.points(line.key, CHARTED)]
    return replace(line, chart=charts.doings(doings, runs=CHARTED))


def group_charts(points: Sequence[Point]) -> list[Chart]:
    """One chart for each number of the last runs of a sync."""
    done = [(_label(point), figures(point.counts, point.users_in_scope)) for point in points]

    def moments(field: str) -> list[Moment]:
        return [Moment(label, getattr(each, field)) for label, each in done]

    failures = [Moment(*moment[:2], _lost(point)) for moment, point in zip(moments("failures"), points, strict=True)]
    bars = (
        ("Added", "added", "added"),
        ("Changed", "changed", "changed"),
        ("Removed", "removed", "removed"),
        ("Conflicts", "conflicts", "trouble"),
    )
    return [
        charts.line("Members", moments("members"), runs=CHARTED),
        *(charts.bars(title, moments(field), kind, runs=CHARTED) for title, field, kind in bars),
        charts.bars("Failures", failures, "trouble", runs=CHARTED),
    ]


def _doing(point: Point) -> Doing:
    done = figures(point.counts, point.users_in_scope)
    return Doing(
        _label(point),
        done.added or 0,
        done.changed or 0,
        (done.removed or 0) + (done.disabled or 0),
        (done.conflicts or 0) + (done.failures or 0),
        _lost(point),
    )


def _lost(point: Point) -> str:
    """How a run ended that did not get through."""
    if not point.stopped:
        return ""
    return "refused" if point.state is State.REFUSED else "failed"


def _label(point: Point) -> str:
    return words.when(point.started_at)


def _names(line: Line) -> list[str]:
    named = [line.title, line.key.dag_id, line.flow.title if line.flow else ""]
    return [*named, words.source_of(line.run)] if line.run else named
