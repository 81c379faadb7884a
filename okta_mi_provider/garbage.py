"""When Python's garbage collector has nothing to find."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def nothing_collected() -> Iterator[None]:
    """Keeps the collector from looking for what is not there: next to all that is made meanwhile is kept.

    It would go through everything that the process has, again and again: a tenth of the time of parsing many groups, a
    sixth of that of reading and comparing many users. What goes out of use is freed all the same, unless it refers to
    itself. Works as a decorator too. Of several threads at the same time, others may collect again once one has ended.
    """
    if not gc.isenabled():
        # Not disabled once more: another thread may have enabled it just now, and nobody would do so again.
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
