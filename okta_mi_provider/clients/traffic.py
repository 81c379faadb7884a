"""Counts the requests of a client, so that a log can tell what was asked, how often, and how long it took."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

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


class Traffic:
    """What was asked so far. For several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: dict[tuple[str, str, str], Asked] = {}

    def note(self, system: str, method: str, path: str, status: int | None, seconds: float) -> None:
        """Counts one request.

        Args:
            system: "Okta" or "Metric Insights".
            method: HTTP method.
            path: Without query.
            status: Of the answer; None if there was none.
            seconds: How long it took.
        """
        key = system, method, _ID.sub(r"\1/{id}", path)
        with self._lock:
            asked = self._asked.setdefault(key, Asked(*key))
            asked.answers[status] += 1
            asked.seconds += seconds
            asked.longest_s = max(asked.longest_s, seconds)

    def kinds(self) -> list[Asked]:
        """The requests by system, path and method, in the order in which each came first."""
        with self._lock:
            return list(self._asked.values())


def together(traffic: Iterable[Traffic]) -> list[Asked]:
    """What several clients have asked, as if they were one."""
    found: dict[tuple[str, str, str], Asked] = {}
    for each in (kind for client in traffic for kind in client.kinds()):
        key = each.system, each.method, each.path
        asked = found.setdefault(key, Asked(*key))
        asked.answers.update(each.answers)
        asked.seconds += each.seconds
        asked.longest_s = max(asked.longest_s, each.longest_s)
    return list(found.values())
