"""When so many writes have failed that the rest of a plan is not worth trying. Pure."""

from __future__ import annotations

from okta_mi_provider.sync.errors import SyncError, TooManyFailures

#: When more than this share of at least so many writes has failed, the rest is not tried: the server is in trouble,
#: or what is sent to it is.
BRAKE_SHARE, BRAKE_FROM = 0.4, 20


class Failures:
    """Counts failures, and says when they are too many."""

    def __init__(self) -> None:
        self._number = 0
        self._may_pass = False
        self._last: SyncError | None = None

    def add(self, error: SyncError) -> None:
        """Counts one."""
        self._number += 1
        self._may_pass = self._may_pass or error.passing
        self._last = error

    def are_too_many(self, tried: int) -> bool:
        """Whether after so many writes the rest is not worth trying."""
        return _are_too_many(self._number, tried)

    def as_error(self, tried: int) -> TooManyFailures:
        """All of them as the reason why the rest was not tried."""
        error = TooManyFailures(
            f"{self._number} of {tried} writes failed, more than {BRAKE_SHARE:.0%}, so the rest was not tried. The "
            f"last reason: {self._last}",
            passing=self._may_pass,
        )
        # It may know when the server is worth asking again.
        error.__cause__ = self._last
        return error


def raise_if_too_many_failed(tried: int, failed: int, passing: int) -> None:
    """For somebody who is about to begin where others, who write the same plan, have failed.

    Args:
        tried: How many writes they have tried.
        failed: How many of them failed.
        passing: How many of those for a reason that may pass.

    Raises:
        TooManyFailures: If the rest is not worth trying.
    """
    if _are_too_many(failed, tried):
        raise TooManyFailures(
            f"{failed} of {tried} writes of other parts of the plan failed, more than {BRAKE_SHARE:.0%}, so this part "
            "was not tried.",
            passing=passing > 0,
        )


def _are_too_many(failed: int, tried: int) -> bool:
    return tried >= BRAKE_FROM and failed > BRAKE_SHARE * tried
