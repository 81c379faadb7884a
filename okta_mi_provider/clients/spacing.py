"""Keeps requests apart, for a server that wants to be asked slowly."""

from __future__ import annotations

import threading
import time

from okta_mi_provider.sync.pauses import Pauses


class Spacing:
    """Keeps the starts of requests apart. For several threads.

    Args:
        interval_s: Least time between two of them.
        pauses: Where to wait.
    """

    def __init__(self, interval_s: float, pauses: Pauses) -> None:
        self._interval_s, self._pauses = interval_s, pauses
        self._next_at = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Waits for this request's turn.

        Raises:
            Stopped: If somebody wants the sync to end instead.
        """
        if self._interval_s <= 0:
            return
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next_at)
            self._next_at = turn + self._interval_s
        if turn > now:
            self._pauses.wait(turn - now, f"Requests are kept {self._interval_s:g} s apart (min_interval_s).")
