"""An Airflow connection of type `metric_insights` as a client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from airflow.sdk import BaseHook

from okta_mi_provider.clients.errors import ConfigurationError
from okta_mi_provider.clients.metric_insights import MOST_CONCURRENT, MetricInsightsClient
from okta_mi_provider.clients.metric_insights_auth import Application, Login, PersonalToken
from okta_mi_provider.clients.metric_insights_dialect import MIDialect, switches
from okta_mi_provider.clients.urls import metric_insights_url
from okta_mi_provider.hooks.fields import Fields
from okta_mi_provider.sync.errors import SyncError
from okta_mi_provider.sync.pauses import Pauses
from okta_mi_provider.sync.traffic import Traffic

#: Keys of the connection's extra: how to get there, and one for each unknown of MI.
EXTRAS: Final = ("auth_mode", "application_id", *switches(), "max_concurrency", "timeout", "verify", "allow_http")
#: Those of them that the connection's form offers.
FORM: Final = tuple(key for key in EXTRAS if key not in switches() or switches()[key].title)


class MetricInsightsHook(BaseHook):
    """Reads and writes users, groups and memberships of a Metric Insights server.

    Args:
        metric_insights_conn_id: Id of a connection of type `metric_insights`: host is the server's URL, login
            an administrator of MI, password the key of an application that acts for this administrator, or, with
            `auth_mode` `bearer`, a personal token of this administrator.
    """

    conn_name_attr = "metric_insights_conn_id"
    default_conn_name = "metric_insights_default"
    conn_type = "metric_insights"
    hook_name = "Metric Insights"

    def __init__(self, metric_insights_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.metric_insights_conn_id = metric_insights_conn_id

    def client(
        self,
        *,
        read_only: bool = False,
        max_concurrency: int | None = None,
        share: Callable[[int], int] = lambda most: most,
        pauses: Pauses | None = None,
        traffic: Traffic | None = None,
    ) -> MetricInsightsClient:
        """A client as the connection says. Nothing is sent yet.

        Args:
            read_only: Refuse every request that could change something, as in a dry run.
            max_concurrency: Most requests in flight; None for what the connection says.
            share: How many of those this client may have in flight, where others share them.
            pauses: Where to wait, if that can be ended.
            traffic: Counts requests, if anybody wants to know.

        Raises:
            ConfigurationError: If the connection is missing, or cannot work as it is written.
        """
        fields = Fields.of(self.metric_insights_conn_id, EXTRAS)
        dialect = MIDialect(**{key: fields.switch(key, switch) for key, switch in switches().items()})
        return MetricInsightsClient(
            metric_insights_url(fields.host, allow_http=fields.flag("allow_http", default=False)),
            _login(fields, dialect),
            credentials=fields.whereabouts,
            transport=fields.transport(read_only=read_only, pauses=pauses, traffic=traffic),
            max_concurrency=share(max_concurrency or fields.whole("max_concurrency", 4, 1, MOST_CONCURRENT)),
            dialect=dialect,
            remarks=fields.remarks,
        )

    def get_conn(self) -> MetricInsightsClient:
        """The same as `client`, as Airflow's hooks call it."""
        return self.client()

    def test_connection(self) -> tuple[bool, str]:
        """For the Test button: whether a sync could manage users, and what to do if not."""
        try:
            client = self.client(read_only=True)
            return True, " ".join([client.check(), *client.remarks])
        except SyncError as error:
            return False, str(error)


def _login(fields: Fields, dialect: MIDialect) -> Login:
    """The way into MI.

    Session tokens that it leads to are in no log: the clients never show what they send.
    """
    if fields.choice("auth_mode", "application", ("application", "bearer")) == "bearer":
        return PersonalToken(fields.password, credentials=fields.whereabouts, user=fields.login)
    application_id = fields.text("application_id")
    if application_id is None:
        raise ConfigurationError(
            f"Extra 'application_id' of {fields.name} is missing. Take it from Admin > System > External Applications "
            "of MI; or, with a personal token as the password, set 'auth_mode' to 'bearer'."
        )
    if fields.login is None:
        raise ConfigurationError(
            f"The login of {fields.name} is missing: the username of the MI administrator whom the application acts "
            "for."
        )
    return Application(
        application_id,
        fields.password,
        fields.login,
        credentials=fields.whereabouts,
        renew_after_s=dialect.proactive_refresh_s,
    )
