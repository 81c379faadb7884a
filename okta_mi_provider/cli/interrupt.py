"""Ctrl-C, SIGTERM and a closed terminal end a sync between two writes, so that its report tells the truth."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stop_on_signal() -> Iterator[Callable[[], bool]]:
    """Gives a function that says whether somebody wants the process to stop.

    A second signal ends it at once.
    """
    wanted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield wanted.is_set
        return

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        wanted.set()
        for each, handler in before.items():
            signal.signal(each, handler)
        sys.stderr.write("Stopping after the writes that are under way. Once more to stop at once.\n")

    before = {each: signal.signal(each, stop) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield wanted.is_set
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
