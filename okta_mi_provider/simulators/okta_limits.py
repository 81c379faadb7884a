"""Okta's rate limits: budgets per bucket, in windows of 60 seconds unless a knob says otherwise."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from okta_mi_provider.simulators.knobs import Bucket, OktaKnobs

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
        window, used = self._window(bucket, knobs)
        if knobs.rate_limit and used + self._used_by_others(bucket, knobs) >= knobs.rate_limits[bucket]:
            return False
        self._windows[bucket] = (window, used + 1)
        return True

    def headers(self, path: str, knobs: OktaKnobs) -> dict[str, str]:
        """Return the three ``X-Rate-Limit`` headers as they stand after the counted requests."""
        bucket = bucket_of(path)
        window, used = self._window(bucket, knobs)
        limit = knobs.rate_limits[bucket]
        remaining = max(limit - used - self._used_by_others(bucket, knobs), 0) if knobs.rate_limit else limit - 1
        return {
            "x-rate-limit-limit": str(limit),
            "x-rate-limit-remaining": str(remaining),
            "x-rate-limit-reset": str((window + 1) * knobs.rate_window_s),
        }

    def _used_by_others(self, bucket: Bucket, knobs: OktaKnobs) -> int:
        whole = knobs.others_use.get(bucket, 0)
        if knobs.others_pace == "at_once":
            return whole
        return int(whole * (self._clock() % knobs.rate_window_s) / knobs.rate_window_s)

    def _window(self, bucket: Bucket, knobs: OktaKnobs) -> tuple[int, int]:
        now = int(self._clock()) // knobs.rate_window_s
        window, used = self._windows.get(bucket, (now, 0))
        return (window, used) if window == now else (now, 0)
