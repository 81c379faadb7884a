"""Task `create_groups`: makes sure that the plan is still the right one, and that the MI group exists."""

from __future__ import annotations

import logging
from typing import Any

from okta_mi_provider.operators.base import Job, SyncOperator, ensuring
from okta_mi_provider.operators.freshness import raise_if_out_of_date
from okta_mi_provider.operators.logs import log_dry_run
from okta_mi_provider.sync.apply import Status, create_groups
from okta_mi_provider.sync.plan import ChangeKind
from okta_mi_provider.sync.render import describe

log = logging.getLogger(__name__)


class CreateGroupsOperator(SyncOperator):
    """Creates the MI group if the plan says so. Doing it twice does no harm.

    It is the first task that writes. Where a person was asked, or hours have passed, MI is read again, and unless it
    makes the very same plan, nothing is written.
    """

    def work(self, job: Job) -> dict[str, Any]:
        """Returns the plan's digest and how many groups were created."""
        settings = job.settings()
        stored = job.plan_to_write()
        plan = stored.plan
        created = 0
        if settings.only_looks:
            log_dry_run(each for each in plan.changes if each.kind is ChangeKind.CREATE_GROUP)
        elif not stored.superseded:
            raise_if_out_of_date(job, stored, lambda: self.metric_insights(read_only=True))
            writer = ensuring(self.metric_insights(read_only=False))
            with job.journal(settings).resumed() as journal:
                journal.planned(plan)
                for outcome in create_groups(plan, writer, journal=journal, stopped=lambda: self.pauses.stopped):
                    journal.note(outcome)
                    created += outcome.status is Status.DONE
                    log.info("%s", describe(outcome.change, outcome.status))
            self.pauses.check("The next try creates what is missing.")
        return {"plan": stored.digest, "created": created}
