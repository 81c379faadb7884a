"""Task `create_groups`: makes sure that the plan is still the right one, and that the MI group exists."""

from __future__ import annotations

import logging
from typing import Any

from airflow.sdk import conf

from okta_mi_provider import metrics
from okta_mi_provider.operators.base import SyncOperator
from okta_mi_provider.operators.freshness import raise_if_out_of_date
from okta_mi_provider.operators.job import Job
from okta_mi_provider.operators.logs import log_dry_run, plan_title
from okta_mi_provider.operators.servers import ensuring
from okta_mi_provider.sync.apply import create_groups
from okta_mi_provider.sync.chunks import CHUNK_SIZE, chunks
from okta_mi_provider.sync.model import TargetGroup
from okta_mi_provider.sync.outcome import Status
from okta_mi_provider.sync.plan import ChangeKind
from okta_mi_provider.sync.render import describe

log = logging.getLogger(__name__)

#: What Airflow allows unless `[core] max_map_length` says otherwise.
_MOST_CHUNKS = 1024


class CreateGroupsOperator(SyncOperator):
    """Creates the MI group if the plan says so. Doing it twice does no harm.

    It is the first task that writes. Where a person was asked, or hours have passed, MI is read again, and unless it
    makes the very same plan, nothing is written.

    Args:
        chunk_size: How many changes each of the tasks after this one shall write.
        kwargs: As for every task of the DAG.
    """

    def __init__(self, *, chunk_size: int = CHUNK_SIZE, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.chunk_size = chunk_size

    def work(self, job: Job) -> list[dict[str, int]]:
        """Returns the parts of the plan over which `upsert_users` is mapped: places of changes, and nobody's name.

        The plan's digest and how many groups were created are in the XCom `result`.
        """
        settings = job.settings()
        stored = job.plan_to_write()
        plan = stored.plan
        created = 0
        if settings.only_looks:
            log_dry_run(each for each in plan.changes if each.kind is ChangeKind.CREATE_GROUP)
        elif not stored.superseded:
            raise_if_out_of_date(job, stored, lambda: self.metric_insights(read_only=True))
            client = self.metric_insights(read_only=False)
            writer = ensuring(client)
            with job.journal(settings).resumed() as journal, metrics.counting(job.run.dag_id) as count:
                journal.planned(plan)
                for outcome in create_groups(plan, writer, journal=journal, stopped=lambda: self.pauses.stopped):
                    journal.note(outcome)
                    count.add(outcome)
                    created += outcome.status is Status.DONE
                    made = TargetGroup(outcome.target_id or "", outcome.change.group)
                    self.link(job, metric_insights=client.page_of(made))
                    log.info("%s", describe(outcome.change, outcome.status))
            self.pauses.check("The next try creates what is missing.")
        job.context["ti"].xcom_push(key="result", value={"plan": stored.digest, "created": created})
        # Airflow refuses a longer list.
        most = conf.getint("core", "max_map_length", fallback=_MOST_CHUNKS)
        parts = [chunk.to_json() for chunk in chunks(plan, self.chunk_size, most)]
        if not parts and not settings.only_looks and not stored.superseded:
            # The tasks that write users are skipped then.
            self.announce(job, plan, failed=0)
        self.conclude(
            plan_title(plan, stored.digest),
            [("groups created", created), ("changes of users to write", _of_users(parts)), ("parts", len(parts))],
        )
        return parts


def _of_users(parts: list[dict[str, int]]) -> int:
    return sum(part["end"] - part["start"] for part in parts)
