"""Ctrl-C, SIGTERM and a closed terminal end every wait, and a sync between two writes: its report tells the truth."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from okta_mi_provider.sync.pauses import Pauses


@contextmanager
def stop_on_signal(pauses: Pauses) -> Iterator[None]:
    """Tells the pauses when somebody wants the process to stop. A second signal ends it at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        pauses.stop()
        for each, handler in before.items():
            signal.signal(each, handler)
        sys.stderr.write("Stopping after the requests that are under way. Once more to stop at once.\n")

    before = {each: signal.signal(each, stop) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
