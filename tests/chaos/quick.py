"""Shortens whatever waits, in the processes that sync: everything that chaos changes in the product is in here."""

from __future__ import annotations

import time

#: No pause of a retry loop is longer, in seconds.
LONGEST_PAUSE_S = 0.004


def make_quick() -> None:
    """Makes every pause short. All retry loops pause by `time.sleep`, whatever their constants are called."""
    sleep = time.sleep
    time.sleep = lambda seconds: sleep(min(seconds, LONGEST_PAUSE_S))
