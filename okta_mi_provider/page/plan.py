"""What a run was to write, as rows: from the history, or, where it has not come to that, from what its tasks stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from okta_mi_provider.page.figures import figures_of
from okta_mi_provider.page.words import only_looks
from okta_mi_provider.store import ArtifactMissing, ChangeRecord, RunKey, RunRecord, Store
from okta_mi_provider.store.lookup import Lookup, Wanted, danger_of
from okta_mi_provider.store.reports import StoredReport
from okta_mi_provider.store.runs import latest
from okta_mi_provider.sync.model import ADMINISTRATOR
from okta_mi_provider.sync.outcome import Status
from okta_mi_provider.sync.plan import Change, ChangeKind, Plan
from okta_mi_provider.sync.report import State

Pair = tuple[str | None, str | None]


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One change.

    Attributes:
        who: Names the user in an address: Okta id, else username, else MI id. Servers of MI count their users, so the
            same number is somebody else on another one.
        ids: Of the user, in Okta and in MI, as far as they are known.
        fields: Old and new value of each attribute that differs.
        at: When its status was noted; None if it was not.
        of_administrator: The user is an administrator of MI, or is to be one.
    """

    kind: ChangeKind
    status: Status
    user: str | None
    group: str
    who: str | None = None
    ids: frozenset[str | None] = frozenset()
    fields: Mapping[str, Pair] = field(default_factory=dict)
    error: str | None = None
    at: datetime | None = None
    of_administrator: bool = False

    @property
    def danger(self) -> int:
        """See `danger_of`."""
        old, _ = self.fields.get("type", (None, None))
        return danger_of(self.kind, old, of_administrator=self.of_administrator, new_address="email" in self.fields)


@dataclass(frozen=True, slots=True)
class PlanPage:
    """A part of a plan.

    Attributes:
        total: How many changes are as wanted.
        tally: How many there are of each kind and status, wanted or not.
        kept: Whether it is known which changes there are; if so, and there are none, the plan has none.
    """

    rows: Sequence[PlanRow]
    total: int
    tally: Mapping[tuple[ChangeKind, Status], int]
    kept: bool = True


def row_of(change: ChangeRecord) -> PlanRow:
    """A change of the history."""
    old, new = change.old or {}, change.new or {}
    return PlanRow(
        kind=change.kind,
        status=change.status,
        user=change.username,
        group=change.group.name,
        who=change.source_id or change.username or change.user_id,
        fields={each: (old.get(each), value) for each, value in new.items()},
        error=change.error,
        at=change.at,
        of_administrator=bool(change.administrator) or new.get("type") == ADMINISTRATOR,
    )


def plan_of(
    store: Store, lookup: Lookup, run: RunRecord, wanted: Wanted, *, offset: int = 0, limit: int | None = None
) -> PlanPage:
    """The plan of a run, the dangerous changes first.

    Args:
        store: Where to look.
        lookup: The history in it.
        run: Which.
        wanted: Which changes.
        offset: How many of them to pass over.
        limit: At most so many.

    Raises:
        StoreError: If the store cannot be read.
    """
    tally = lookup.tally(run.id)
    if tally:
        found = lookup.of_run(run.id, wanted, offset=offset, limit=limit)
        return PlanPage([row_of(each) for each in found], lookup.count_of_run(run.id, wanted), tally)
    # Dry runs, drift, and plans that wait for a person are not in the history.
    stored = _stored(store, run)
    rows = sorted(stored or (), key=lambda row: (row.danger, not row.of_administrator))
    matching = [row for row in rows if _is_wanted(row, wanted)]
    end = None if limit is None else offset + limit
    return PlanPage(
        matching[offset:end],
        len(matching),
        Counter((row.kind, row.status) for row in rows),
        stored is not None or _had_none(run),
    )


def stored_report(store: Store, run: RunRecord) -> StoredReport | None:
    """The report of a run; None if there is none, or not any more.

    Raises:
        StoreError: If the store cannot be read.
    """
    (found,) = store.reports([run.id])
    # The report of an earlier attempt stays until there is a new one.
    return found if found is not None and found.plan_digest == run.plan_digest and run.state else None


def stored_plan(store: Store, run: RunRecord) -> Plan | None:
    """The plan that the tasks of a run hand each other; None if there is none, or not any more.

    Raises:
        StoreError: If the store cannot be read.
    """
    if not _is_newest(store, run):
        return None
    try:
        plan = store.find_plan(_key(run))
    except ArtifactMissing:
        return None
    return plan if plan and run.plan_digest in {None, plan.digest} else None


def _is_newest(store: Store, run: RunRecord) -> bool:
    """Whether what is stored of the run is of this attempt."""
    with store.reading() as connection:
        newest = latest(connection, _key(run))
    return newest is not None and newest.id == run.id


def _key(run: RunRecord) -> RunKey:
    return RunKey(run.dag_id, run.run_id)


def _had_none(run: RunRecord) -> bool:
    """Whether the plan of a run had no changes for certain: all that was tried would be in the history."""
    tried_all = run.plan_digest is not None and run.state in {State.DONE, State.FAILED} and run.error is None
    done = figures_of(run)
    return tried_all and not only_looks(run) and not any(done._replace(members=None, conflicts=None))


def _stored(store: Store, run: RunRecord) -> list[PlanRow] | None:
    """Its changes; None if they are not there, or not any more."""
    plan = stored_plan(store, run)
    if plan and (rows := _all_rows(_row_of_plan, plan.changes)) is not None:
        return rows
    report = stored_report(store, run)
    # Without a digest it did not come to a plan.
    return None if report is None or run.plan_digest is None else _all_rows(_row_of_report, report.changes)


def _all_rows(make: Callable[[Any], PlanRow], changes: Iterable[Any]) -> list[PlanRow] | None:
    """None if some are damaged in the store."""
    try:
        return list(map(make, changes))
    except ArtifactMissing:
        return None


def _row_of_plan(change: Change) -> PlanRow:
    return PlanRow(
        kind=change.kind,
        status=Status.PLANNED,
        user=change.user,
        group=change.group,
        who=change.source_id or change.user,
        ids=frozenset({change.source_id, change.after.id if change.after else None}),
        fields={name: (old, new) for name, (old, new) in change.fields.items()},
        of_administrator=change.of_administrator,
    )


def _row_of_report(change: Mapping[str, Any]) -> PlanRow:
    return PlanRow(
        kind=ChangeKind(change["kind"]),
        status=Status(change["status"]),
        user=change["user"],
        group=change["group"],
        who=change["user"],
        fields={name: (old, new) for name, (old, new) in change["fields"].items()},
        # A report does not say who is one already.
        of_administrator=ADMINISTRATOR in change["fields"].get("type", ()),
        error=change["error"],
    )


def _is_wanted(row: PlanRow, wanted: Wanted) -> bool:
    """The same as `Lookup` does."""
    if wanted.kind not in {None, row.kind} or wanted.status not in {None, row.status}:
        return False
    text = wanted.text.strip()
    values = [row.user, row.group, *(value for pair in row.fields.values() for value in pair)]
    return not text or text in row.ids or any(text.casefold() in (value or "").casefold() for value in values)
