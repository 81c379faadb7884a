"""Okta's rate limits: budgets per bucket, in windows of 60 seconds."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from okta_mi_provider.simulators.knobs import Bucket, OktaKnobs

WINDOW_S = 60

_BUCKETS: tuple[tuple[Bucket, re.Pattern[str]], ...] = (
    ("groups", re.compile(r"^/api/v1/groups(?:/[^/]+/users)?$")),
    ("group", re.compile(r"^/api/v1/groups/[^/]+$")),
    ("users", re.compile(r"^/api/v1/users$")),
    ("user", re.compile(r"^/api/v1/users/[^/]+$")),
)


def bucket_of(path: str) -> Bucket:
    """Return the name of the budget that a request to `path` draws on."""
    return next((name for name, pattern in _BUCKETS if pattern.match(path)), "other")


class RateLimiter:
    """Counts the requests of each bucket in the window of now.

    Args:
        clock: UTC epoch seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._windows: dict[Bucket, tuple[int, int]] = {}

    def clear(self) -> None:
        """Give back all budgets."""
        self._windows.clear()

    def allow(self, path: str, knobs: OktaKnobs) -> bool:
        """Count a request; False if its bucket is empty."""
        bucket = bucket_of(path)
        window, used = self._window(bucket)
        if knobs.rate_limit and used >= knobs.rate_limits[bucket]:
            return False
        self._windows[bucket] = (window, used + 1)
        return True

    def headers(self, path: str, knobs: OktaKnobs) -> dict[str, str]:
        """Return the three ``X-Rate-Limit`` headers as they stand after the counted requests."""
        bucket = bucket_of(path)
        window, used = self._window(bucket)
        limit = knobs.rate_limits[bucket]
        remaining = max(limit - used, 0) if knobs.rate_limit else limit - 1
        return {
            "x-rate-limit-limit": str(limit),
            "x-rate-limit-remaining": str(remaining),
            "x-rate-limit-reset": str((window + 1) * WINDOW_S),
        }

    def _window(self, bucket: Bucket) -> tuple[int, int]:
        now = int(self._clock()) // WINDOW_S
        window, used = self._windows.get(bucket, (now, 0))
        return (window, used) if window == now else (now, 0)
