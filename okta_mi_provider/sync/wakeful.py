"""Waits for other threads, by a thread that signal handlers run in: none of its sleeps is long.

A signal that comes just before such a thread goes to sleep does not wake it, and its handler runs only when something
else does. What would wake it may be a request that waits for minutes, and is waiting for that very handler to end it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import TypeVar

#: How long a signal may go unheeded, in seconds.
_STEP_S = 0.5

T = TypeVar("T")


def taken_from(queue: SimpleQueue[T]) -> T:
    """The next of a queue, as soon as there is one."""
    while True:
        try:
            return queue.get(timeout=_STEP_S)
        except Empty:
            continue


@contextmanager
def beside(work: Callable[[], T], name: str) -> Iterator[Callable[[], T]]:
    """Does something in a thread of its own; gives what waits for its result. The block ends when the work has.

    Args:
        work: What to do.
        name: What the thread is called.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix=name) as pool:
        future = pool.submit(work)
        try:
            yield lambda: _ended(future).result()
        finally:
            _ended(future)


def _ended(future: Future[T]) -> Future[T]:
    while not future.done():
        wait([future], timeout=_STEP_S)
    return future
