"""The record of the requests a simulator served: a log and totals, without secrets."""

from __future__ import annotations

import json
import re
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

LOG_ROWS = 100_000
"""Requests the log remembers; totals count all of them."""

_SECRET_KEY = re.compile(r"(?i)token|key|password|secret|assertion")
_SECRET_IN_QUERY = re.compile(r"(?i)\b([^&=]*(?:token|key|password|secret)[^&=]*)=[^&]*")


@dataclass(slots=True)
class Exchange:
    """One request and what became of it."""

    method: str
    path: str
    query: str
    write: bool
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    started: float = field(default_factory=time.perf_counter)
    in_flight: int = 0
    status: int | None = None
    fault: str | None = None
    duration_ms: float | None = None
    body: Any = None

    def note_body(self, content: bytes) -> None:
        """Remember the JSON body of the request, without secrets; any other body stays None."""
        try:
            self.body = _without_secrets(json.loads(content))
        except (ValueError, RecursionError):
            self.body = None

    def export(self) -> dict[str, Any]:
        """Return the row of the request log. `status` is null if no answer was begun."""
        return {
            "time": self.started_at.isoformat(timespec="milliseconds"),
            "method": self.method,
            "path": self.path,
            "query": _SECRET_IN_QUERY.sub(r"\1=***", self.query),
            "status": self.status,
            "fault": self.fault,
            "write": self.write,
            "body": self.body,
            "in_flight": self.in_flight,
            "duration_ms": None if self.duration_ms is None else round(self.duration_ms, 3),
        }


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: "***" if _SECRET_KEY.search(name) and each else _without_secrets(each) for name, each in value.items()
        }
    return [_without_secrets(each) for each in value] if isinstance(value, list) else value


class Traffic:
    """Log and totals of one server; control calls are not counted."""

    def __init__(self) -> None:
        self._in_flight = 0
        self.clear()

    def clear(self) -> None:
        """Forget all requests but those in flight."""
        self._log: deque[Exchange] = deque(maxlen=LOG_ROWS)
        self._methods: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self._writes = 0
        self._peak = self._in_flight

    def begin(self, method: str, path: str, query: str, *, write: bool) -> Exchange:
        """Note a request that has come in."""
        self._in_flight += 1
        self._peak = max(self._peak, self._in_flight)
        self._methods[method] += 1
        self._writes += write
        exchange = Exchange(method, path, query, write, in_flight=self._in_flight)
        self._log.append(exchange)
        return exchange

    def end(self, exchange: Exchange) -> None:
        """Note that a request has been dealt with."""
        self._in_flight -= 1
        self._statuses[str(exchange.status)] += 1
        exchange.duration_ms = (time.perf_counter() - exchange.started) * 1000

    def log(self) -> list[dict[str, Any]]:
        """Return the requests, oldest first."""
        return [exchange.export() for exchange in self._log]

    def totals(self) -> dict[str, Any]:
        """Return the counts: requests by method and status, writes, in flight now and at most."""
        return {
            "requests": self._methods.total(),
            "by_method": dict(self._methods),
            "by_status": dict(self._statuses),
            "writes": self._writes,
            "in_flight": self._in_flight,
            "peak_in_flight": self._peak,
        }
