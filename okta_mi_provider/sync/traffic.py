"""Which requests were made, what came of them, how long they took, and how long rate limits had them wait."""

from __future__ import annotations

import re
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

#: What can come of a request.
ANSWERED, REFUSED, LIMITED, FAILED = OUTCOMES = ("answered", "refused", "rate_limited", "failed")

#: Behind these parts of a path stands an id, or a name: what is counted together has neither.
_ID = re.compile(r"(?<=/)(groups|users|id)/[^/]+")


@dataclass(slots=True)
class Asked:
    """Requests of one kind to one system.

    Attributes:
        path: With `{id}` in the place of each id.
        answers: How often each status came; None stands for no answer.
        seconds: How long all of them took together, of which several at a time may have been in flight.
        longest_s: How long the slowest of them took.
    """

    system: str
    method: str
    path: str
    answers: Counter[int | None] = field(default_factory=Counter)
    seconds: float = 0.0
    longest_s: float = 0.0

    @property
    def times(self) -> int:
        """How many requests."""
        return self.answers.total()


class Counted(NamedTuple):
    """What was counted.

    Attributes:
        asked: The requests by system, path and method, in the order in which each came first.
        waited_s: Seconds that rate limits have asked for, by system.
    """

    asked: list[Asked]
    waited_s: dict[str, float]

    @property
    def requests(self) -> Counter[tuple[str, str]]:
        """How many requests, by system and outcome."""
        found: Counter[tuple[str, str]] = Counter()
        for each in self.asked:
            for status, number in each.answers.items():
                found[each.system, _outcome(status)] += number
        return found


class Traffic:
    """Counts for the log of a task, and for who watches many of them. For threads and clients that share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: dict[tuple[str, str, str], Asked] = {}
        self._waited_s: dict[str, float] = {}

    def __reduce__(self) -> tuple[type[Traffic], tuple[()]]:
        """A copy, such as that of a task with its clients' counts, begins anew: no lock can be copied."""
        return Traffic, ()

    def request(self, system: str, method: str, path: str, status: int | None, seconds: float) -> None:
        """Counts a request.

        Args:
            system: "Okta" or "Metric Insights".
            method: HTTP method.
            path: Without query.
            status: HTTP status of the answer; None if there was none.
            seconds: How long it took.
        """
        key = system, method, _ID.sub(r"\1/{id}", path)
        with self._lock:
            asked = self._asked.setdefault(key, Asked(*key))
            asked.answers[status] += 1
            asked.seconds += seconds
            asked.longest_s = max(asked.longest_s, seconds)

    def wait(self, system: str, seconds: float) -> None:
        """Counts a pause that a rate limit asks for."""
        with self._lock:
            self._waited_s[system] = self._waited_s.get(system, 0.0) + seconds

    def taken(self) -> Counted:
        """What was counted since this was asked last."""
        with self._lock:
            counted = Counted(list(self._asked.values()), self._waited_s)
            self._asked, self._waited_s = {}, {}
        return counted


def _outcome(status: int | None) -> str:
    if status is None or status >= 500:
        return FAILED
    if status == 429:
        return LIMITED
    return REFUSED if status >= 400 else ANSWERED
