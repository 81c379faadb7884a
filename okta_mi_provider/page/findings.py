"""What needs a person, and what is worth knowing: from the reports of runs, in their own words.

Runs know how many conflicts they have. So a part of the list is found by numbers, and only its reports are read.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from okta_mi_provider.page.figures import figures_of
from okta_mi_provider.page.plan import stored_plan, stored_report
from okta_mi_provider.store import ArtifactMissing, RunRecord, Store
from okta_mi_provider.store.syncs import Syncs, Waiting
from okta_mi_provider.sync.plan import Finding, FindingClass
from okta_mi_provider.sync.text import plural


@dataclass(frozen=True, slots=True)
class Findings:
    """What a run has found. It is read as far as somebody looks at it.

    Attributes:
        conflicts: How many of the rows are conflicts; they are the first ones.
        kept: Whether they are known.
    """

    conflicts: int = 0
    kept: bool = True
    rows: Sequence[Finding] = field(default=(), repr=False)

    @property
    def notices(self) -> int:
        """How many there are."""
        return len(self.rows) - self.conflicts

    def some(self, cls: FindingClass, start: int = 0, end: int | None = None) -> Sequence[Finding] | None:
        """Conflicts, or notices, from one place to before another; None if they are not kept, or damaged."""
        first, last = (0, self.conflicts) if cls is FindingClass.CONFLICT else (self.conflicts, len(self.rows))
        try:
            return self.rows[first + start : last if end is None else min(last, first + end)] if self.kept else None
        except ArtifactMissing:
            return None


@dataclass(frozen=True, slots=True)
class Conflict:
    """A user, or a message, that waits for a person.

    Attributes:
        run: The run that has found it.
        message: What is wrong, with both sides, and what to do.
        kept: Whether the report is still there; if not, the message says how many conflicts there were.
    """

    run: Waiting
    kind: str
    user: str | None
    message: str
    kept: bool = True


def findings_of(store: Store, run: RunRecord) -> Findings:
    """All findings of a run; none if its report is not kept any more.

    Raises:
        StoreError: If the store cannot be read.
    """
    if report := stored_report(store, run):
        return _findings(report.findings, figures_of(run).conflicts or 0)
    plan = stored_plan(store, run)
    return _findings(plan.findings, plan.conflicts) if plan else Findings(kept=False)


def number_of_rows(waiting: Iterable[Waiting]) -> int:
    """How many `conflicts` there are."""
    return sum(map(_rows, waiting))


def conflicts(
    store: Store, waiting: Iterable[Waiting], *, offset: int = 0, limit: int | None = None
) -> Iterator[Conflict]:
    """What runs have left to people.

    Args:
        store: Where the reports are.
        waiting: The runs.
        offset: How many to pass over.
        limit: About so many: if a run has more than it has counted, they all come with its last one.

    Raises:
        StoreError: If the store cannot be read.
    """
    parts = list(_parts(waiting, offset, limit))
    for (run, start, end), report in zip(parts, store.reports([run.id for run, _, _ in parts]), strict=True):
        found = None
        if report and report.plan_digest == run.plan_digest:
            last = end if end < run.conflicts else None
            found = _findings(report.findings, run.conflicts).some(FindingClass.CONFLICT, start, last)
        if found is None:
            number = plural(run.conflicts, "conflict")
            said = f"{number}. The report is not in the store any more; the next one names them."
            yield Conflict(run, "", None, said, kept=False)
        for each in found or ():
            yield Conflict(run, each.kind, each.user, each.message)


def speaking_of(found: Iterable[Conflict], text: str) -> list[Conflict]:
    """Those that have a text in the group's name, the user's, or in what they say, whatever its capitals."""
    wanted = text.strip().casefold()
    return [
        each
        for each in found
        if wanted in f"{each.run.target_group.name}\n{each.user or ''}\n{each.message}".casefold()
    ]


def count_conflicts(syncs: Syncs, newest: Iterable[RunRecord]) -> int:
    """How many users wait for a person, without a look at the reports.

    Args:
        syncs: Where the runs are.
        newest: The latest run of each sync.
    """
    number, others = 0, []
    for run in newest:
        if run.state and run.plan_digest:
            number += figures_of(run).conflicts or 0
        else:
            others.append(run.id)
    return number + sum(each.conflicts for each in syncs.waiting(others))


def _parts(waiting: Iterable[Waiting], offset: int, limit: int | None) -> Iterator[tuple[Waiting, int, int]]:
    """The runs that a part of the list is about, each with the first of its rows and the one after its last."""
    before = 0
    for run in waiting:
        start = max(offset - before, 0)
        end = _rows(run) if limit is None else min(_rows(run), offset + limit - before)
        if start < end:
            yield run, start, end
        before += _rows(run)
        if limit is not None and before >= offset + limit:
            return


def _rows(run: Waiting) -> int:
    return run.conflicts if run.kept else 1


def _findings(rows: Sequence[Finding], counted: int) -> Findings:
    """Findings, of which a run has counted so many users in conflict: mostly each of them is in one."""
    try:
        fits = (counted == 0 or (counted <= len(rows) and not _weight(rows[counted - 1]))) and (
            counted >= len(rows) or _weight(rows[counted])
        )
        return Findings(counted if fits else bisect_left(rows, True, key=_weight), rows=rows)
    except ArtifactMissing:
        return Findings(kept=False)


def _weight(finding: Finding) -> bool:
    return finding.cls is not FindingClass.CONFLICT
