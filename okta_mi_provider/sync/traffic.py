"""How many requests were made, what came of them, and how long rate limits had them wait."""

from __future__ import annotations

import threading
from collections import Counter
from typing import NamedTuple


class Counted(NamedTuple):
    """What was counted.

    Attributes:
        requests: By system and outcome.
        waited_s: Seconds that rate limits have asked for, by system.
    """

    requests: Counter[tuple[str, str]]
    waited_s: dict[str, float]


#: What can come of a request.
ANSWERED, REFUSED, LIMITED, FAILED = OUTCOMES = ("answered", "refused", "rate_limited", "failed")


class Traffic:
    """Counts for those who watch many syncs. Clients that belong together share it; for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, str]] = Counter()
        self._waited_s: dict[str, float] = {}

    def __reduce__(self) -> tuple[type[Traffic], tuple[()]]:
        """A copy, such as that of a task with its clients' counts, begins anew: no lock can be copied."""
        return Traffic, ()

    def request(self, system: str, status: int | None) -> None:
        """Counts a request.

        Args:
            system: Who was asked.
            status: HTTP status of the answer; None if there was none.
        """
        with self._lock:
            self._requests[system, _outcome(status)] += 1

    def wait(self, system: str, seconds: float) -> None:
        """Counts a pause that a rate limit asks for."""
        with self._lock:
            self._waited_s[system] = self._waited_s.get(system, 0.0) + seconds

    def taken(self) -> Counted:
        """What was counted since this was asked last."""
        with self._lock:
            counted = Counted(self._requests, self._waited_s)
            self._requests, self._waited_s = Counter(), {}
        return counted


def _outcome(status: int | None) -> str:
    if status is None or status >= 500:
        return FAILED
    if status == 429:
        return LIMITED
    return REFUSED if status >= 400 else ANSWERED
