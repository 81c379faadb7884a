"""Task `create_groups`: makes sure that the MI group exists."""

from __future__ import annotations

import logging
from typing import Any

from okta_mi_provider.operators.base import Job, SyncOperator, ensuring
from okta_mi_provider.operators.logs import log_dry_run
from okta_mi_provider.sync.apply import Status, create_groups
from okta_mi_provider.sync.plan import ChangeKind
from okta_mi_provider.sync.render import describe

log = logging.getLogger(__name__)


class CreateGroupsOperator(SyncOperator):
    """Creates the MI group if the plan says so. Doing it twice does no harm."""

    def work(self, job: Job) -> dict[str, Any]:
        """Returns the plan's digest and how many groups were created."""
        from okta_mi_provider.store import OutcomeLog  # noqa: PLC0415

        settings = job.settings()
        plan, digest = job.plan_to_write()
        created = 0
        if settings.dry_run:
            log_dry_run(each for each in plan.changes if each.kind is ChangeKind.CREATE_GROUP)
        else:
            writer = ensuring(self.metric_insights(read_only=False))
            with OutcomeLog(job.store, job.run, digest) as noted:
                for outcome in create_groups(plan, writer, stopped=lambda: self.pauses.stopped):
                    noted.add(outcome)
                    created += outcome.status is Status.DONE
                    log.info("%s", describe(outcome.change, outcome.status))
            self.pauses.check("The next try creates what is missing.")
        return {"plan": digest, "created": created}
