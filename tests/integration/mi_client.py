"""A client of Metric Insights, and syncs with one, for tests of what the server is like."""

from __future__ import annotations

from typing import Any

from okta_mi_provider.cli.provision import journal_of
from okta_mi_provider.clients.ensure import EnsuringWriter
from okta_mi_provider.clients.metric_insights import MetricInsightsClient
from okta_mi_provider.clients.metric_insights_auth import PersonalToken
from okta_mi_provider.clients.metric_insights_dialect import MIDialect
from okta_mi_provider.clients.okta import OktaClient
from okta_mi_provider.clients.okta_auth import ApiToken
from okta_mi_provider.clients.urls import metric_insights_url, okta_url
from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.simulators import credentials
from okta_mi_provider.store import Store
from okta_mi_provider.sync.fetch import GroupSelector
from okta_mi_provider.sync.journal import NoJournal
from okta_mi_provider.sync.model import TargetUser
from okta_mi_provider.sync.run import Result, Sides, provision
from tests.integration.world import World

#: A user as Metric Insights answers it, and as we understand it.
ROW = {
    "id": 7, "username": "ana", "first_name": "Ana", "last_name": "Silva", "type": "power", "email": "ana@x.example",
    "enabled": "Y",
}  # fmt: skip
ANA = TargetUser("7", "ana", "ana@x.example", "Ana", "Silva", "power_user")


def client(url: str, **dialect: Any) -> MetricInsightsClient:
    """With a personal token; what the dialect does not say is as by default."""
    token = PersonalToken(credentials.MI_API_TOKEN, credentials="test")
    return MetricInsightsClient(metric_insights_url(url), token, credentials="test", dialect=MIDialect(**dialect))


def sync(world: World, *, settings: dict[str, Any] | None = None, store: Store | None = None, **dialect: Any) -> Result:
    """Syncs Finance between the simulators, creating what is missing."""
    (result,) = sync_all(world, "Finance", settings=settings, store=store, **dialect)
    return result


def sync_all(
    world: World, *groups: str, settings: dict[str, Any] | None = None, store: Store | None = None, **dialect: Any
) -> list[Result]:
    """Syncs groups in one run."""
    token = ApiToken(credentials.OKTA_API_TOKEN, credentials="test")
    mi = client(world.mi.url, **dialect)
    sides = Sides(OktaClient(okta_url(world.okta.url), token), mi, EnsuringWriter(mi), 4)
    chosen = SyncSettings.from_mapping({"auto_create": "all", **(settings or {})})
    journal = journal_of(store, sides, chosen) if store else lambda _: NoJournal()
    return list(provision(sides, [[GroupSelector(name=name)] for name in groups], chosen, journal_of=journal))
