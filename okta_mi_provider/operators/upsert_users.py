"""Task `upsert_users`: creates and updates the users of the plan and puts them into the group."""

from __future__ import annotations

import logging
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowException

from okta_mi_provider.operators.base import CREATE_GROUPS, Job, SyncOperator, ensuring
from okta_mi_provider.operators.freshness import raise_if_out_of_date
from okta_mi_provider.operators.logs import log_dry_run, log_failure
from okta_mi_provider.sync.apply import Outcome, Status, upsert_users
from okta_mi_provider.sync.errors import SyncError
from okta_mi_provider.sync.model import TargetGroup
from okta_mi_provider.sync.plan import ChangeKind, Plan
from okta_mi_provider.sync.text import plural, quoted

if TYPE_CHECKING:
    from okta_mi_provider.clients.metric_insights import MetricInsightsClient
    from okta_mi_provider.settings import SyncSettings

log = logging.getLogger(__name__)

#: Seconds between two lines that say how far it is.
_PROGRESS_S = 10.0


class UpsertUsersOperator(SyncOperator):
    """Writes users and memberships, as many at a time as the connection allows. Doing it twice does no harm.

    A user who fails for good stops nobody else and does not fail this task: `report` names the user and ends
    the run as failed. What failed for a reason that may pass is tried again when Airflow tries this task again,
    and only that.
    """

    def work(self, job: Job) -> dict[str, Any]:
        """Returns the plan's digest and how many changes were done, found done, and failed."""
        settings = job.settings()
        stored = job.plan_to_write()
        counts: Counter[Status] = Counter()
        if settings.only_looks:
            log_dry_run(each for each in stored.plan.changes if each.kind is not ChangeKind.CREATE_GROUP)
        elif not stored.superseded:
            raise_if_out_of_date(job, stored, lambda: self.metric_insights(read_only=True))
            counts = self._write(job, stored.plan, settings)
        return {"plan": stored.digest, **{status.value: counts[status] for status in Status if counts[status]}}

    def _write(self, job: Job, plan: Plan, settings: SyncSettings) -> Counter[Status]:
        journal = job.journal(settings).resumed()
        journal.planned(plan)
        earlier = journal.outcomes(plan)
        wanted = {change.key for change in plan.changes if change.kind is not ChangeKind.CREATE_GROUP}
        settled = {key for key in wanted & earlier.keys() if earlier[key].status in {Status.DONE, Status.ALREADY}}
        if settled:
            log.info("%s done by an earlier try.", plural(len(settled), "change"))
        todo = len(wanted) - len(settled)
        client = self.metric_insights(read_only=False)
        group = _group(plan, earlier, client)
        journal.found_group(group)
        progress = _Progress(todo)
        passing = 0
        with journal:
            for outcome in upsert_users(
                plan,
                group,
                ensuring(client),
                client.max_concurrency,
                settled=settled,
                journal=journal,
                stopped=lambda: self.pauses.stopped,
            ):
                journal.note(outcome)
                progress.add(outcome)
                passing += outcome.passing
        if self.pauses.stopped:
            raise AirflowException("The task was told to stop; what was not written is left to the next try.")
        if passing:
            raise AirflowException(
                f"{plural(passing, 'change')} of {todo:,} failed for a reason that may pass. The next try goes on from "
                "here."
            )
        log.info(
            "%s", ", ".join(f"{number:,} {status}" for status, number in progress.counts.items()) or "Nothing to do."
        )
        return progress.counts


def _group(plan: Plan, earlier: dict[str, Outcome], client: MetricInsightsClient) -> TargetGroup:
    """The MI group with its id: as it was read, as `create_groups` has made it, or as MI has it now."""
    group = plan.target_group
    if group.id or not plan.changes:
        return group
    made = next(
        (each.target_id for each in earlier.values() if each.change.kind is ChangeKind.CREATE_GROUP and each.target_id),
        None,
    )
    if made:
        return TargetGroup(made, group.name)
    found = next((each for each in client.groups() if each.name == group.name), None)
    if found is None:
        raise SyncError(f"MI has no group {quoted(group.name)}. Clear task {CREATE_GROUPS!r} and all after it.")
    return found


class _Progress:
    """Counts outcomes and says now and then how far it is."""

    def __init__(self, total: int) -> None:
        self.counts: Counter[Status] = Counter()
        self._total = total
        self._said_at = time.monotonic()

    def add(self, outcome: Outcome) -> None:
        """Counts one; says so if it failed."""
        self.counts[outcome.status] += 1
        if outcome.status is Status.FAILED:
            log_failure(outcome)
        if time.monotonic() - self._said_at >= _PROGRESS_S:
            log.info("%s of %s changes tried.", f"{self.counts.total():,}", f"{self._total:,}")
            self._said_at = time.monotonic()
