"""The writes that MI was sent, by a look into the simulator: nobody has to wait for it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate

from okta_mi_provider.simulators.traffic import LOG_ROWS, Exchange
from tests.integration.world import MetricInsights


def writes(mi: MetricInsights) -> list[Exchange]:
    """All of them, oldest first, answered or not."""
    requests = list(mi.system.traffic._log)
    assert len(requests) < LOG_ROWS, "the simulator has forgotten nothing"
    return [each for each in requests if each.write]


def creates(mi: MetricInsights) -> list[Exchange]:
    """Those that shall create a user."""
    return [each for each in writes(mi) if each.method == "POST" and each.path.rstrip("/") == "/api/user"]


def most_at_once(requests: Iterable[Exchange]) -> int:
    """How many requests were in flight together."""
    steps = []
    for each in requests:
        steps.append((each.started, 1))
        if each.duration_ms is not None:
            steps.append((each.started + each.duration_ms / 1000, -1))
    return max(accumulate(step for _, step in sorted(steps)), default=0)
