"""What needs a person, and what is worth knowing: from the report of a run, in its own words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from okta_mi_provider.page.plan import stored_plan, stored_report
from okta_mi_provider.store import RunRecord, Store
from okta_mi_provider.store.syncs import SyncKey, Syncs
from okta_mi_provider.sync.plan import Finding, FindingClass
from okta_mi_provider.sync.text import plural

#: How many of the last runs of a sync may be under way, or may not have come to a plan.
_LOOK_BACK = 5


@dataclass(frozen=True, slots=True)
class Conflict:
    """A user, or a message, that waits for a person.

    Attributes:
        run: The run that has found it.
        message: What is wrong, with both sides, and what to do.
        kept: Whether the report is still there; if not, the message says how many conflicts there were.
    """

    run: RunRecord
    kind: str
    user: str | None
    message: str
    kept: bool = True


def findings_of(store: Store, run: RunRecord) -> list[Finding]:
    """All findings of a run, conflicts first; none if its report is not kept any more.

    Raises:
        StoreError: If the store cannot be read.
    """
    report = stored_report(store, run)
    if report is None:
        plan = stored_plan(store, run)
        return sorted(plan.findings, key=_weight) if plan else []
    found = [
        Finding(each["kind"], each["message"], each["user"], FindingClass(each["class"]))
        for each in report.get("findings", ())
    ]
    return sorted(found, key=_weight)


def conflicts(store: Store, syncs: Syncs, latest: Mapping[SyncKey, RunRecord]) -> Iterator[Conflict]:
    """What the last run of each sync that came to a plan has left to people.

    Args:
        store: Where the reports are.
        syncs: Where the runs are.
        latest: The latest run of each sync.

    Raises:
        StoreError: If the store cannot be read.
    """
    for run, number in _waiting(syncs, latest):
        found = [each for each in findings_of(store, run) if each.cls is FindingClass.CONFLICT]
        if not found:
            said = f"{plural(number, 'conflict')}. The report is not in the store any more; the next one names them."
            yield Conflict(run, "", None, said, kept=False)
        for each in found:
            yield Conflict(run, each.kind, each.user, each.message)


def speaking_of(found: Iterable[Conflict], text: str) -> list[Conflict]:
    """Those that have a text in the group's name, the user's, or in what they say, whatever its capitals."""
    wanted = text.strip().casefold()
    return [
        each
        for each in found
        if wanted in f"{each.run.target_group.name}\n{each.user or ''}\n{each.message}".casefold()
    ]


def count_conflicts(syncs: Syncs, latest: Mapping[SyncKey, RunRecord]) -> int:
    """How many users wait for a person, without a look at the reports; arguments as for `conflicts`."""
    return sum(number for _, number in _waiting(syncs, latest))


def _waiting(syncs: Syncs, latest: Mapping[SyncKey, RunRecord]) -> Iterator[tuple[RunRecord, int]]:
    """The runs that have left conflicts, and how many."""
    for key, newest in latest.items():
        run = _with_plan([newest]) or _with_plan(syncs.runs(key, limit=_LOOK_BACK))
        if run is not None and (number := _conflicts(run)):
            yield run, number


def _with_plan(runs: Iterable[RunRecord]) -> RunRecord | None:
    """The first one that has ended with a plan: what did not get so far has not looked for conflicts."""
    return next((run for run in runs if run.state and run.plan_digest), None)


def _conflicts(run: RunRecord) -> int:
    users = (run.counts or {}).get("users") or {}
    return int(users.get("conflicts") or 0)


def _weight(finding: Finding) -> bool:
    return finding.cls is not FindingClass.CONFLICT
