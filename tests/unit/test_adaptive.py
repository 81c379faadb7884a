"""The number of requests in flight as arithmetic, and the gate that threads wait at."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okta_mi_provider.clients.adaptive import Gate, Limit
from okta_mi_provider.clients.errors import Call, Deadlock, RateLimited, Rejected, Unavailable
from okta_mi_provider.sync.errors import SyncError

MOST = st.integers(1, 64)
#: What becomes of requests, and how many generations ago they began.
FATES = st.lists(st.tuples(st.sampled_from(["succeeded", "overloaded", "failed"]), st.integers(0, 3)), max_size=300)


def after(limit: Limit, fates: list[tuple[str, int]]) -> Limit:
    for fate, ago in fates:
        limit = getattr(limit, fate)(limit.generation - ago)
    return limit


def successes_to(goal: int, limit: Limit) -> int:
    number = 0
    while limit.now < goal:
        limit = limit.succeeded(limit.generation)
        number += 1
        assert number < 100_000
    return number


@given(MOST, FATES)
def test_the_limit_is_always_between_one_and_the_most(most: int, fates: list[tuple[str, int]]) -> None:
    limit = Limit.of(most)
    for fate in fates:
        limit = after(limit, [fate])
        assert 1 <= limit.now <= limit.most == most


@given(MOST, FATES)
def test_after_enough_successes_it_is_back_at_the_most(most: int, fates: list[tuple[str, int]]) -> None:
    # At each of at most 64 limits as many as that, once 64 times as many.
    assert successes_to(most, after(Limit.of(most), fates)) <= 65 * most * 64


@given(MOST, FATES, st.sampled_from(["succeeded", "overloaded", "failed"]), st.integers(1, 3))
def test_what_began_under_an_earlier_limit_changes_nothing(
    most: int, fates: list[tuple[str, int]], fate: str, ago: int
) -> None:
    limit = after(Limit.of(most), fates)
    assert after(limit, [(fate, ago)]) == limit


@given(MOST, FATES)
def test_overload_halves_and_success_adds_one(most: int, fates: list[tuple[str, int]]) -> None:
    limit = after(Limit.of(most), fates)
    assert limit.overloaded(limit.generation).now == max(1, limit.now // 2)
    assert limit.succeeded(limit.generation).now - limit.now in {0, 1}
    assert limit.failed(limit.generation).now == limit.now


def test_it_grows_after_as_many_successes_in_a_row_as_are_in_flight() -> None:
    limit = after(Limit.of(16), [("overloaded", 0), ("overloaded", 0)])
    assert limit.now == 4
    assert [successes_to(goal, limit) for goal in (5, 6, 7)] == [4, 4 + 5, 4 + 5 + 6]
    interrupted = after(limit, [("succeeded", 0)] * 3 + [("failed", 0)])
    assert successes_to(5, interrupted) == 4


def test_what_was_too_much_is_tried_again_later_each_time() -> None:
    limit = Limit.of(4)
    needed = []
    for _ in range(8):
        limit = limit.overloaded(limit.generation)
        needed.append(successes_to(4, limit))
        while limit.now < 4:
            limit = limit.succeeded(limit.generation)
    assert all(later >= sooner for sooner, later in pairwise(needed))
    assert needed[0] < 10
    assert 150 < needed[-1] == needed[-2]


def test_what_goes_well_in_the_end_is_forgiven() -> None:
    limit = after(Limit.of(8), [("overloaded", 0)] * 5)
    while limit.now < 8:
        limit = limit.succeeded(limit.generation)
    assert (limit.too_much, limit.patience) == (None, 1)


CALL = Call("Metric Insights", "POST", "/api/user/", 500)


def unavailable(status: int | None) -> Unavailable:
    return Unavailable(Call("Metric Insights", "GET", "/api/user", status))


@pytest.mark.parametrize(
    ("error", "limit"),
    [
        (Deadlock(CALL), 2),
        (RateLimited(CALL, 1.0), 2),
        (unavailable(503), 2),
        (unavailable(504), 2),
        (unavailable(None), 2),
        (unavailable(500), 4),
        (Rejected(CALL), 4),
    ],
    ids=repr,
)
def test_signs_of_overload_halve_the_gate(error: SyncError, limit: int) -> None:
    gate = Gate(4, "MI")
    with pytest.raises(type(error)), gate.slot():
        raise error
    assert gate.limit == limit


def test_failures_that_were_in_flight_together_halve_once_and_it_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gate = Gate(8, "MI")
    inside = threading.Barrier(8)

    def fail() -> None:
        with suppress(Deadlock), gate.slot():
            inside.wait(10)
            raise Deadlock(CALL)

    threads = [threading.Thread(target=fail) for _ in range(8)]
    with caplog.at_level(logging.INFO):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert gate.limit == 4
    assert caplog.messages == ["MI cannot keep up: at most 4 requests in flight from now on, not 8."]


def test_no_more_are_in_flight_than_the_limit_of_the_moment() -> None:
    gate = Gate(4, "MI")
    with pytest.raises(Deadlock), gate.slot():
        raise Deadlock(CALL)
    lock, inside, seen = threading.Lock(), [0], []

    def work() -> None:
        with gate.slot() as leave:
            with lock:
                inside[0] += 1
                seen.append((inside[0], leave.limit))
            time.sleep(0.001)
            with lock:
                inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen[0] == (1, 2)
    assert all(number <= 4 for number, _ in seen)
    assert max(limit for _, limit in seen) == 4
