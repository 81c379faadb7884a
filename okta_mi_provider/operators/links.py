"""The links that Airflow shows at each task: to the group in Okta, to the group in MI, and to the plan of the run.

Airflow's worker asks a link for its address at the end of a task, whatever became of it, and keeps what it says as an
XCom; whoever looks at the task gets that. So an address is worked out while the task runs, from what it knows anyway:
to ask for it later would cost requests, and could fail. What `fetch` has found, the tasks after it find in the store.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, ClassVar

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

    from okta_mi_provider.operators.job import Job

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Links:
    """Addresses, each "" where what it needs is not known. Airflow shows no link then.

    Attributes:
        okta: The page of the group in Okta's admin console.
        metric_insights: The page of the group in MI.
        plan: Our page of the run.
    """

    okta: str = ""
    metric_insights: str = ""
    plan: str = ""


class _Noted(BaseOperatorLink):
    """A link whose address the task has noted in its attribute `links`.

    Attributes:
        which: The attribute of `Links`.
    """

    which: ClassVar[str]

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002
        """The address; "" for none."""
        links = getattr(operator, "links", None)
        return str(getattr(links, self.which)) if isinstance(links, Links) else ""


class OktaGroupLink(_Noted):
    """To the group in Okta's admin console."""

    name = "Okta group"
    which = "okta"


class MetricInsightsGroupLink(_Noted):
    """To the group in MI."""

    name = "Metric Insights group"
    which = "metric_insights"


class PlanLink(_Noted):
    """To the plan of the run, on our own page."""

    name = "Plan"
    which = "plan"


#: Those of every task. Airflow shows them in the order of their names.
LINKS = (OktaGroupLink(), MetricInsightsGroupLink(), PlanLink())


def noted(job: Job) -> Links:
    """What is known of the links of a run: nothing, before `fetch` has begun it."""
    from okta_mi_provider.store import ArtifactKind, StoreError

    try:
        found = job.store.find(job.run, ArtifactKind.LINKS)
        return Links(**found.data) if found else Links()
    except (StoreError, TypeError) as error:
        # A task is worth more than its links.
        log.warning("The links of this task are not known: %s", error)
        return Links()


def note(job: Job, links: Links) -> None:
    """Leaves the links to the tasks after this one."""
    from okta_mi_provider.store import ArtifactKind, StoreError

    try:
        job.store.save(job.run, ArtifactKind.LINKS, asdict(links))
    except StoreError as error:
        log.warning("The links of this run were not noted: %s", error)
