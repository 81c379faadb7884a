"""How many requests may be in flight, learnt from what becomes of them: overload halves it, success lets it grow back.

`Limit` is the arithmetic, a value without clocks or threads; `Gate` makes threads wait by it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from okta_mi_provider.clients.errors import ApiError, Deadlock, RateLimited
from okta_mi_provider.sync.errors import SyncError

log = logging.getLogger(__name__)

#: Statuses by which a server, or the proxy in front of it, says that it cannot keep up.
_OVERLOAD = frozenset({502, 503, 504})
#: How many times as many successes as usual it takes, at most, to try again what was too much several times.
_MOST_PATIENCE = 64


@dataclass(frozen=True, slots=True)
class Limit:
    """How many requests may be in flight, from 1 to `most`.

    Attributes:
        now: The limit.
        generation: How often it was halved. What becomes of a request that began under an earlier limit says nothing
            about this one.
        row: Successes since the last change or failure.
        too_much: The last limit that was too much, until more than that has gone well.
        patience: How many times as many successes it takes to try that again; doubles each time.
    """

    most: int
    now: int
    generation: int = 0
    row: int = 0
    too_much: int | None = None
    patience: int = 1

    @classmethod
    def of(cls, most: int) -> Limit:
        """Begins with as many as are ever allowed."""
        return cls(most, most)

    def succeeded(self, generation: int) -> Limit:
        """Grows by one after as many successes in a row as are allowed in flight; later where it was too much."""
        if generation != self.generation or self.now == self.most:
            return self
        row = self.row + 1
        if row < self.now * (self.patience if self.now + 1 == self.too_much else 1):
            return replace(self, row=row)
        if self.too_much is not None and self.now >= self.too_much:
            return Limit(self.most, self.now + 1, self.generation)
        return replace(self, now=self.now + 1, row=0)

    def overloaded(self, generation: int) -> Limit:
        """Halves, once for all requests that were in flight together."""
        if generation != self.generation:
            return self
        return replace(
            self,
            now=max(1, self.now // 2),
            generation=self.generation + 1,
            row=0,
            too_much=self.now,
            patience=min(2 * self.patience, _MOST_PATIENCE),
        )

    def failed(self, generation: int) -> Limit:
        """Another failure: no more than the end of a row."""
        return replace(self, row=0) if generation == self.generation else self


@dataclass(frozen=True, slots=True)
class Pass:
    """A request's leave to be in flight.

    Attributes:
        limit: How many there might be when it began.
    """

    generation: int
    limit: int


class Gate:
    """Lets as many requests pass at once as the server has shown to bear. For several threads.

    Args:
        most: Highest limit, and the first one.
        what: Whose requests they are, for the log.
    """

    def __init__(self, most: int, what: str) -> None:
        self._limit = Limit.of(most)
        self._what = what
        self._in_flight = 0
        self._changed = threading.Condition()

    @property
    def limit(self) -> int:
        """How many requests may be in flight now."""
        return self._limit.now

    @contextmanager
    def slot(self) -> Iterator[Pass]:
        """Waits for leave; a request is sent and its answer judged inside. The error that leaves it is learnt from."""
        with self._changed:
            self._changed.wait_for(lambda: self._in_flight < self._limit.now)
            self._in_flight += 1
            leave = Pass(self._limit.generation, self._limit.now)
        learn = Limit.failed
        try:
            yield leave
            learn = Limit.succeeded
        except SyncError as error:
            if is_overload(error):
                learn = Limit.overloaded
            elif not error.passing:
                # A refusal, too, is an answer that the server had the strength for.
                learn = Limit.succeeded
            raise
        finally:
            with self._changed:
                self._in_flight -= 1
                before, self._limit = self._limit, learn(self._limit, leave.generation)
                self._changed.notify_all()
            self._tell(before.now, self._limit.now)

    def _tell(self, before: int, now: int) -> None:
        if now < before:
            log.info("%s cannot keep up: at most %d requests in flight from now on, not %d.", self._what, now, before)
        elif now > before:
            log.info("%s keeps up: %d requests in flight may be tried again.", self._what, now)


def is_overload(error: SyncError) -> bool:
    """Whether a failure may be gone with fewer requests in flight: refused as too many, or not answered at all."""
    if isinstance(error, Deadlock | RateLimited):
        return True
    return isinstance(error, ApiError) and error.passing and error.call.status in {None, *_OVERLOAD}
