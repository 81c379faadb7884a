"""Whether a plan is still what would be written now: what every task that writes asks before its first write.

Tasks are cleared, and marked as done, hours and weeks later. So each of them asks for itself, and none relies on the
one before it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from okta_mi_provider.operators.job import Job, StoredPlan
from okta_mi_provider.operators.task_ids import FETCH
from okta_mi_provider.sync.approval import APPROVED, MI_VALID_FOR, raise_if_stale, raise_if_too_old
from okta_mi_provider.sync.diff import diff
from okta_mi_provider.sync.fetch import fetch_directory, with_members
from okta_mi_provider.sync.meanwhile import overtaken, raise_if_renamed
from okta_mi_provider.sync.plan import Digested

if TYPE_CHECKING:
    from okta_mi_provider.sync.fetch import TargetReader
    from okta_mi_provider.sync.model import Target
    from okta_mi_provider.sync.plan import Plan
    from okta_mi_provider.sync.report import Approval


class Fresh(NamedTuple):
    """What may be written of a plan.

    Attributes:
        overtaken: Places of the changes that must not be written.
        read_at: When MI was read for that.
    """

    overtaken: frozenset[int]
    read_at: datetime | None


def raise_if_out_of_date(job: Job, stored: StoredPlan, target: Callable[[], TargetReader]) -> Fresh:
    """Lets a plan be written, or finished, that is not too old, and that MI still makes.

    MI is read again unless that can be spared, because it was read a moment ago. Where a person was asked, only a look
    since the answer counts. Once a user of this plan was written, MI is no longer as the plan found it, and going on is
    right; but not with users whom somebody else has changed since; see `meanwhile`.

    Args:
        job: Whose plan it is.
        stored: The plan.
        target: Makes whoever reads MI, if it has to be read.

    Raises:
        SyncError: If Okta was read too long ago, MI cannot be read, or a group of the plan is another one now.
        PlanStale: If MI now makes another plan.
    """
    plan, approval = stored.plan, _approved(job)
    begun_at, now = job.store.begun_at(job.run), datetime.now(UTC)
    assert begun_at is not None, "there is a plan"  # noqa: S101
    advice = "Trigger a new run." if approval else f"Trigger a new run, or clear task {FETCH!r} and all after it."
    raise_if_too_old(plan, read_at=begun_at, approval=approval, now=now, advice=advice)
    look = _Look(job, stored, approval)
    # Another machine may have noted the time: one whose clock is hours ahead has not looked in the future.
    if abs(now - (look.at or begun_at)) < MI_VALID_FOR and (look.at or not approval):
        return Fresh(look.overtaken, look.at or begun_at)
    client, is_begun = target(), job.store.any_user_written(job.run, plan)
    directory = fetch_directory(client, job.settings())
    if is_begun:
        return Fresh(_overtaken(job, plan, directory, look, advice), directory.read_at)
    found = _plan_of_now(job, plan, client, directory)
    if found.digest != plan.digest and job.store.any_user_written(job.run, plan):
        # Another try has looked as well, and written while this one was reading.
        return Fresh(_overtaken(job, plan, directory, look, advice), directory.read_at)
    raise_if_stale(plan, found, approved=approval is not None, advice=advice)
    look.note()
    return Fresh(frozenset(), directory.read_at)


class _Look:
    """The note that MI was read again, and made the same plan, or goes with what is left of it but for some changes.

    It goes with one plan, and one answer of a person.

    Attributes:
        at: When it was read; None if it was not.
        overtaken: Places of the changes that it does not go with.
    """

    def __init__(self, job: Job, stored: StoredPlan, approval: Approval | None) -> None:
        from okta_mi_provider.store import ArtifactKind

        self._job = job
        self._what = {"plan": stored.digest, "approved_at": approval.at if approval else None}
        found = job.store.find(job.run, ArtifactKind.CHECKED)
        is_ours = found is not None and {**found.data, **self._what} == found.data
        self.at = found.at if found and is_ours else None
        self.overtaken = frozenset[int](found.data.get("overtaken", ()) if found and is_ours else ())

    def note(self, overtaken: Collection[int] = ()) -> None:
        """Notes that it was read just now."""
        from okta_mi_provider.store import ArtifactKind

        what = {**self._what, **({"overtaken": sorted(overtaken)} if overtaken else {})}
        self._job.store.save(self._job.run, ArtifactKind.CHECKED, what)


def _approved(job: Job) -> Approval | None:
    approval = job.approval()
    return approval if approval and approval.answer == APPROVED else None


def _plan_of_now(job: Job, plan: Plan, client: TargetReader, directory: Target) -> Plan:
    """What Okta as it was read, and MI as it is now but for the group that this run has created, make."""
    settings, snapshot = job.settings(), job.snapshot()
    target = with_members(directory, client, snapshot.source, settings)
    made = job.store.groups_made(job.run, plan)
    return diff(replace(snapshot, target=_without(target, made)), settings)


def _without(target: Target, group_ids: set[str]) -> Target:
    """MI without these groups, as long as nobody is in them."""
    empty = {each for each in group_ids if not target.members.get(each)}
    return replace(
        target,
        groups=tuple(group for group in target.groups if group.id not in empty),
        members={group_id: users for group_id, users in target.members.items() if group_id not in empty},
    )


def _overtaken(job: Job, plan: Plan, now: Target, look: _Look, advice: str) -> frozenset[int]:
    """Places of the changes left about users whom somebody else has changed since. Once for all parts of the plan.

    Raises:
        SyncError: If a group of the plan has another name by now.
    """
    raise_if_renamed(plan, now, advice, made=next(iter(job.store.groups_made(job.run, plan)), None))
    settled = job.store.settled(job.run, plan)
    changes = plan.changes.once() if isinstance(plan.changes, Digested) else plan.changes
    places = frozenset(overtaken((each for each in enumerate(changes) if each[0] not in settled), now))
    look.note(places)
    return places
