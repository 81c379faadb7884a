"""Long work says how far it is, short work says nothing. The clock is the test's."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import pytest

from okta_mi_provider.sync.progress import EVERY_S, Progress

Said = Callable[[], list[str]]


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Iterator[Said]:
    with caplog.at_level(logging.INFO, "okta_mi_provider"):
        yield lambda: caplog.messages


def test_short_work_says_nothing(clock: Clock, said: Said) -> None:
    progress = Progress("Writing", "change", total=5000, clock=clock)
    for _ in range(5000):
        progress.add()
        clock.now += EVERY_S / 5001

    assert progress.done == 5000
    assert said() == []


def test_long_work_with_a_known_end_says_how_much_is_left(clock: Clock, said: Said) -> None:
    progress = Progress("Writing to MI group 'Sales'", "change", total=10_000, clock=clock)
    for _ in range(10_000):
        clock.now += 1 / 128
        progress.add()

    assert said() == [
        "Writing to MI group 'Sales': 2,560 of 10,000 changes (26%), 128 a second, about 60 s left.",
        "Writing to MI group 'Sales': 5,120 of 10,000 changes (51%), 128 a second, about 40 s left.",
        "Writing to MI group 'Sales': 7,680 of 10,000 changes (77%), 128 a second, about 20 s left.",
    ]


def test_long_work_without_a_known_end_says_what_was_done(clock: Clock, said: Said) -> None:
    progress = Progress("Reading", "member", clock=clock)
    for _ in range(3):
        clock.now += 15
        progress.add(200)

    assert said() == ["Reading: 400 members so far, 13 a second."]


def test_slow_work_is_counted_by_the_minute(clock: Clock, said: Said) -> None:
    progress = Progress("Writing", "change", total=1000, clock=clock)
    clock.now += 30
    progress.add()

    assert said() == ["Writing: 1 of 1,000 changes (0%), 2 a minute, about 8 h 20 min left."]


def test_what_begins_again_is_counted_again(clock: Clock, said: Said) -> None:
    progress = Progress("Reading", "member", clock=clock)
    progress.add(5000)
    progress.again()
    clock.now += 25
    progress.add(1)

    assert said() == ["Reading: 1 member so far, 2 a minute."]


def test_nothing_done_for_long_is_no_division_by_zero(clock: Clock, said: Said) -> None:
    progress = Progress("Writing", "change", total=10, clock=clock)
    clock.now += 60
    progress.add(0)

    assert said() == ["Writing: 0 of 10 changes (0%), 0 a minute."]
