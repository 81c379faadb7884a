"""Pauses of a sync: a wish to stop ends each of them, and none that lasts is silent."""

from __future__ import annotations

import logging
import time

from okta_mi_provider.sync.errors import Stopped

log = logging.getLogger(__name__)

#: From so many seconds on, whoever looks on is told why nothing seems to happen.
LONG_S = 5.0
#: How often a pause looks whether it shall end, in seconds.
_STEP_S = 0.5


class Pauses:
    """Where whoever waits for a server waits, and learns that it shall not. For several threads.

    It is a flag that is looked at, and not an event that wakes: signal handlers set it, and one of them may run while
    its own thread holds the lock of the event.
    """

    def __init__(self) -> None:
        self._stopped = False
        self._told_until = 0.0

    def stop(self) -> None:
        """Ends every pause, those to come too. May be called by a signal handler."""
        self._stopped = True

    @property
    def stopped(self) -> bool:
        """Whether somebody wants the sync to end."""
        return self._stopped

    def check(self, why: str) -> None:
        """Goes on only if nobody wants the sync to end.

        Args:
            why: As for `wait`.

        Raises:
            Stopped: If somebody does.
        """
        if self._stopped:
            raise Stopped(f"Told to stop. {why}")

    def wait(self, seconds: float, why: str) -> None:
        """Waits; warns of it if that takes long and nothing was said that covers it.

        Args:
            seconds: How long.
            why: A sentence.

        Raises:
            Stopped: As soon as somebody wants the sync to end.
        """
        self.check(why)
        if seconds <= 0:
            return
        now = time.monotonic()
        lasts = now + seconds - max(now, self._told_until) > LONG_S
        if lasts:
            self._told_until = now + seconds
        log.log(logging.WARNING if lasts else logging.INFO, "%s Waiting %.0f s.", why, seconds)
        self.sleep(seconds)
        self.check(why)

    def sleep(self, seconds: float) -> None:
        """Lets time pass, until somebody wants the sync to end."""
        left = seconds
        while left > 0 and not self._stopped:
            time.sleep(min(left, _STEP_S))
            left -= _STEP_S
