"""Keeps requests apart, for a server that wants to be asked slowly."""

from __future__ import annotations

import threading
import time


class Spacing:
    """Keeps the starts of requests apart. For several threads.

    Args:
        interval_s: Least time between two of them.
    """

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._next_at = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Waits for this request's turn."""
        if self._interval_s <= 0:
            return
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next_at)
            self._next_at = turn + self._interval_s
        if turn > now:
            time.sleep(turn - now)
