"""Says now and then how far long work is; of short work, nothing."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from okta_mi_provider.sync.text import plural

log = logging.getLogger(__name__)

#: Seconds between two lines. What takes less is never spoken of.
EVERY_S = 20.0


class Progress:
    """Counts what was done, and writes a line into the log when the last one is long ago. For one thread at a time.

    Nothing is written while nothing happens: whoever waits for a server says so, see `Pauses`.

    Args:
        what: What is done, as the beginning of a sentence. Names in it have been made safe.
        one: What is counted, in the singular.
        total: How many there are; None if nobody knows.
        clock: Seconds of any beginning.
    """

    def __init__(
        self, what: str, one: str, *, total: int | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.done = 0
        self._what, self._one, self._total, self._clock = what, one, total, clock
        self._began_at = self._said_at = clock()

    def add(self, number: int = 1) -> None:
        """Counts so many more."""
        self.done += number
        now = self._clock()
        if now - self._said_at < EVERY_S or self.done == self._total:
            return
        self._said_at = now
        log.info("%s: %s.", self._what, self._so_far(self.done / (now - self._began_at)))

    def again(self) -> None:
        """Begins to count anew: what was counted is not worth anything."""
        self.done = 0
        self._began_at = self._said_at = self._clock()

    def _so_far(self, rate: float) -> str:
        speed = f"{rate:,.0f} a second" if rate >= 10 else f"{60 * rate:,.0f} a minute"
        if not self._total:
            return f"{plural(self.done, self._one)} so far, {speed}"
        share = f"{self.done:,} of {plural(self._total, self._one)} ({self.done / self._total:.0%}), {speed}"
        left = self._total - self.done
        return f"{share}, about {_duration(left / rate)} left" if rate and left > 0 else share


def _duration(seconds: float) -> str:
    """A time as people say it, not more exact than an estimate can be."""
    if seconds < 60:
        # Up to the next ten.
        return f"{max(10, -(-int(seconds) // 10) * 10)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
