"""Shortens whatever waits, in the processes that sync: everything that chaos changes in the product is in here."""

from __future__ import annotations

from okta_mi_provider.sync.pauses import Pauses

#: No pause of a retry loop is longer, in seconds.
LONGEST_PAUSE_S = 0.004


def make_quick() -> None:
    """Makes every pause short. All retry loops pause in one place, whatever their constants are called."""
    sleep = Pauses.sleep
    Pauses.sleep = lambda pauses, seconds: sleep(pauses, min(seconds, LONGEST_PAUSE_S))  # type: ignore[method-assign]
