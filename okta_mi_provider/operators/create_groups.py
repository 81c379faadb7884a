"""Task `create_groups`: makes sure that an approved plan is still the right one, and that the MI group exists."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

from okta_mi_provider.operators.base import Job, SyncOperator, ensuring
from okta_mi_provider.operators.logs import log_dry_run
from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.sync.apply import Status, create_groups
from okta_mi_provider.sync.approval import raise_if_stale
from okta_mi_provider.sync.diff import diff
from okta_mi_provider.sync.fetch import fetch_directory, with_members
from okta_mi_provider.sync.plan import ChangeKind, Plan
from okta_mi_provider.sync.render import describe

log = logging.getLogger(__name__)


class CreateGroupsOperator(SyncOperator):
    """Creates the MI group if the plan says so. Doing it twice does no harm.

    It is the first task that writes. Where a person was asked, hours may have passed: MI is read again, and unless it
    makes the very plan that was approved, nothing is written.
    """

    def work(self, job: Job) -> dict[str, Any]:
        """Returns the plan's digest and how many groups were created."""
        settings = job.settings()
        plan, digest, superseded = job.plan_to_write()
        created = 0
        if settings.only_looks:
            log_dry_run(each for each in plan.changes if each.kind is ChangeKind.CREATE_GROUP)
        elif not superseded:
            if job.approval() and not job.store.outcomes(job.run, plan, digest):
                raise_if_stale(plan, self._plan_of_now(job, settings))
            writer = ensuring(self.metric_insights(read_only=False))
            with job.journal(settings).resumed() as journal:
                journal.planned(plan)
                for outcome in create_groups(plan, writer, journal=journal, stopped=lambda: self.pauses.stopped):
                    journal.note(outcome)
                    created += outcome.status is Status.DONE
                    log.info("%s", describe(outcome.change, outcome.status))
            self.pauses.check("The next try creates what is missing.")
        return {"plan": digest, "created": created}

    def _plan_of_now(self, job: Job, settings: SyncSettings) -> Plan:
        """What Okta as it was read, and MI as it is now, make."""
        snapshot = job.snapshot()
        client = self.metric_insights(read_only=True)
        target = with_members(fetch_directory(client, settings), client, snapshot.source, settings)
        return diff(replace(snapshot, target=target), settings)
