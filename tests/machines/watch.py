"""Parts of Airflow that end by themselves are started again, as a container engine or an init system does."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def kept_running(ensure_running: Callable[[], None]) -> Iterator[None]:
    """Looks every second. Airflow's scheduler ends when its database goes away."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(1):
            ensure_running()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
