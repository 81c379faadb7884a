"""Task `diff`: makes the plan, stores and shows it, and refuses it if it breaks a limit and nobody will be asked."""

from __future__ import annotations

from typing import Any

from okta_mi_provider.operators.base import SyncOperator
from okta_mi_provider.operators.job import Job
from okta_mi_provider.operators.logs import log_plan, plan_rows, plan_title
from okta_mi_provider.sync.approval import raise_if_nobody_is_asked
from okta_mi_provider.sync.diff import diff
from okta_mi_provider.sync.plan import ChangeKind


class DiffOperator(SyncOperator):
    """Compares both sides as `fetch` has read them. Reads and writes neither."""

    def work(self, job: Job) -> dict[str, Any]:
        """Returns the plan's digest and how many changes of each kind it has."""
        settings = job.settings()
        plan = diff(job.snapshot(), settings)
        digest = job.store.save_plan(job.run, plan)
        # Before the limits are looked at: people shall see what is refused.
        log_plan(plan, settings)
        self.conclude(plan_title(plan, digest), plan_rows(plan))
        raise_if_nobody_is_asked(plan, settings)
        counts = {kind.value: plan.count(kind) for kind in ChangeKind}
        return {"plan": digest, **counts, "conflicts": plan.conflicts, "dry_run": settings.dry_run}
