"""What every operator of ours is: a task that talks to Okta and to Metric Insights."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from airflow.sdk import BaseOperator

from okta_mi_provider import metrics, write_pools
from okta_mi_provider.okta_pool import sharers
from okta_mi_provider.operators.links import LINKS, Links
from okta_mi_provider.operators.logs import log_requests
from okta_mi_provider.sync.pauses import Pauses
from okta_mi_provider.sync.traffic import Traffic

if TYPE_CHECKING:
    from okta_mi_provider.clients.metric_insights import MetricInsightsClient
    from okta_mi_provider.clients.okta import OktaClient
    from okta_mi_provider.sync.writer import TargetWriter


class ServersOperator(BaseOperator):
    """A task with clients of both servers, which stop when it is killed, and with links to what it is about.

    What only a task that runs needs is made when it is asked for: of all that are parsed, hardly one runs.

    Attributes:
        okta_conn_id: Airflow connection of type `okta`.
        metric_insights_conn_id: Airflow connection of type `metric_insights`.
    """

    operator_extra_links = LINKS
    ui_color = "#e8f0fb"

    okta_conn_id: str
    metric_insights_conn_id: str

    @cached_property
    def pauses(self) -> Pauses:
        """Where the clients of this task wait."""
        return Pauses()

    @cached_property
    def links(self) -> Links:
        """Where the links of this task lead to."""
        return Links()

    @cached_property
    def traffic(self) -> Traffic:
        """What the clients of this task have asked."""
        return Traffic()

    def on_kill(self) -> None:
        """Lets the requests in flight end, begins no more writes, and ends every wait."""
        self.pauses.stop()

    def okta(self) -> OktaClient:
        """A client that only reads. In a pool of tasks that read Okta it leaves the others their part.

        Raises:
            ConfigurationError: If the connection cannot work.
            OktaPoolError: If the configured pool cannot be used.
        """
        from okta_mi_provider.hooks.okta import OktaHook

        return OktaHook(self.okta_conn_id).client(
            read_only=True, sharers=sharers(self.pool), pauses=self.pauses, traffic=self.traffic
        )

    def metric_insights(self, *, read_only: bool) -> MetricInsightsClient:
        """A client. In a pool for writes it has only its part of the requests in flight.

        Raises:
            ConfigurationError: If the connection cannot work.
            WritePoolError: If it does not go with the pool.
        """
        from okta_mi_provider.hooks.metric_insights import MetricInsightsHook

        return MetricInsightsHook(self.metric_insights_conn_id).client(
            read_only=read_only,
            pauses=self.pauses,
            traffic=self.traffic,
            share=_write_share(self.pool, self.pool_slots),
        )

    def tell_traffic(self, dag_id: str) -> None:
        """Into the log and to who watches metrics, what was asked since this was told last."""
        counted = self.traffic.taken()
        log_requests(counted.asked)
        metrics.send_traffic(counted, dag_id)


def _write_share(pool: str, slots: int) -> Callable[[int], int]:
    """How many requests a task may have in flight, of those that its MI connection allows.

    All of them, unless its pool is one for writes.

    Args:
        pool: The task's pool.
        slots: How many slots of it the task takes.
    """

    def share(most: int) -> int:
        found = write_pools.of(pool)
        return found.in_flight(most, slots) if found else most

    return share


def ensuring(client: MetricInsightsClient) -> TargetWriter:
    """A writer whose every write is an ensure."""
    from okta_mi_provider.clients.ensure import EnsuringWriter

    return EnsuringWriter(client)
