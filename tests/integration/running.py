"""Both simulators on threads of this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from okta_mi_provider.simulators.metric_insights import create_metric_insights_app
from okta_mi_provider.simulators.mi_seed import seed_metric_insights
from okta_mi_provider.simulators.okta import create_okta_app
from okta_mi_provider.simulators.okta_org import OktaOrg
from okta_mi_provider.simulators.server import serve
from tests.integration.world import MetricInsights, Okta, World


@contextmanager
def running() -> Iterator[World]:
    """An empty Okta org, and Metric Insights as seeded without one."""
    okta_app, mi_app = create_okta_app(OktaOrg()), create_metric_insights_app(seed_metric_insights())
    with serve(okta_app) as okta_url, serve(mi_app) as mi_url:
        yield World(Okta(okta_url, okta_app.state.system), MetricInsights(mi_url, mi_app.state.system))
