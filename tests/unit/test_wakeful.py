"""A signal that does not wake the main thread is heeded all the same.

One that comes just before the thread goes to sleep is like one that another thread gets: nothing interrupts the sleep.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from queue import SimpleQueue

import pytest

from okta_mi_provider.sync.wakeful import beside, taken_from

#: Far longer than it may take; only a test that fails waits for so long.
_PATIENCE_S = 60


@pytest.fixture
def heeded() -> Iterator[threading.Event]:
    """Is set by the handler of SIGUSR1."""
    event = threading.Event()
    before = signal.signal(signal.SIGUSR1, lambda *_: event.set())
    yield event
    signal.signal(signal.SIGUSR1, before)


def _signalled(heeded: threading.Event) -> bool:
    """Sends a signal to the thread that this runs in; whether the main thread has heeded it."""
    signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
    return heeded.wait(_PATIENCE_S)


def test_while_it_waits_for_a_queue(heeded: threading.Event) -> None:
    queue: SimpleQueue[bool] = SimpleQueue()
    thread = threading.Thread(target=lambda: queue.put(_signalled(heeded)))
    thread.start()
    assert taken_from(queue)
    thread.join()


def test_while_it_waits_for_what_is_done_beside(heeded: threading.Event) -> None:
    with beside(lambda: _signalled(heeded), "reads") as result:
        assert result()


def test_while_it_waits_for_the_end_of_what_is_done_beside(heeded: threading.Event) -> None:
    found: list[bool] = []
    with pytest.raises(ZeroDivisionError), beside(lambda: found.append(_signalled(heeded)), "reads"):
        raise ZeroDivisionError
    assert found == [True]


def test_what_is_done_beside_may_fail() -> None:
    def fails() -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), beside(fails, "reads") as result:
        result()
