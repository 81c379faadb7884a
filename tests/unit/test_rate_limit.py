"""The arithmetic of Okta's rate limits: never negative, never endless, whatever the headers say."""

from __future__ import annotations

import heapq
import time
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okta_mi_provider.clients.rate_limit import WINDOW_S, RateLimit, Share, server_time, wait_after_429

NOW = 1_790_000_000

garbage = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["", "-1", "0", "1e9", "NaN", "inf", "9" * 40, "٣", "12.5", " 7 ", "0x10", "Thu, 99 Foo 2026"]),
    st.integers(-(10**20), 10**20).map(str),
    st.integers(0, 10_000).map(str),
    st.integers(-3600, 3600).map(lambda offset: str(NOW + offset)),
    st.integers(-3600, 3600).map(lambda offset: formatdate(NOW + offset, usegmt=True)),
)
any_headers = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("X-Rate-Limit-Limit", "X-Rate-Limit-Remaining", "X-Rate-Limit-Reset", "Date"), garbage),
)
any_percent, any_sharers = st.integers(0, 90), st.integers(1, 128)


@given(any_headers, any_percent, any_sharers)
def test_a_pause_is_never_negative_and_never_endless(headers: dict[str, str], percent: int, sharers: int) -> None:
    rate_limit = RateLimit.of(headers)
    if rate_limit:
        assert 0 <= rate_limit.pause_s(Share(percent, sharers)) <= WINDOW_S + 1


@given(any_headers)
def test_a_wait_after_429_is_unknown_or_neither_negative_nor_endless(headers: dict[str, str]) -> None:
    wait_s = wait_after_429(headers)
    assert wait_s is None or 1 <= wait_s <= 3602


@given(st.integers(1, 2000), any_percent, st.integers(1, 60))
def test_one_client_alone_leaves_others_their_share(limit: int, percent: int, window_s: int) -> None:
    """Plays a window through: however much there is to read, what is kept is not touched before the reset."""
    remaining, at = limit, 0.0
    kept = min(-(-limit * percent // 100), limit - 1)
    while True:
        remaining -= 1
        at += RateLimit(limit, remaining, window_s - at).pause_s(Share(percent))
        if at >= window_s:
            break
        assert remaining >= 1
    assert remaining >= kept


@given(st.integers(2, 2000), any_percent, st.integers(2, 8))
def test_clients_that_share_a_pool_pause_longer_each(limit: int, percent: int, sharers: int) -> None:
    for remaining in range(1, limit, max(limit // 20, 1)):
        rate_limit = RateLimit(limit, remaining, 30.0)
        alone = rate_limit.pause_s(Share(percent))
        assert rate_limit.pause_s(Share(percent, sharers)) >= alone


def left_at(moment_s: float, limit: int, share: Share, window_s: float) -> int:
    """Plays a window until some moment, with clients that know of each other only how many they are."""
    remaining = limit
    kept = limit - RateLimit(limit, limit, None).ours(share)
    turns = [(0.0, client) for client in range(share.sharers)]
    while turns[0][0] < moment_s:
        at, client = heapq.heappop(turns)
        remaining -= 1
        heapq.heappush(turns, (at + RateLimit(limit, remaining, window_s - at).pause_s(share), client))
    return remaining - kept


@given(st.integers(1, 1000), any_percent, st.integers(2, 16), st.integers(1, 60))
def test_clients_that_share_a_pool_leave_others_their_share_together(
    limit: int, percent: int, sharers: int, window_s: int
) -> None:
    # The others may have been on their way when one of them took the last.
    assert left_at(window_s, limit, Share(percent, sharers), window_s) >= 1 - sharers


@given(st.integers(500, 2000), st.integers(0, 60), st.integers(2, 8), st.integers(10, 60))
def test_clients_that_share_a_pool_spread_what_is_left_over_the_whole_window(
    limit: int, percent: int, sharers: int, window_s: int
) -> None:
    share = Share(percent, sharers)
    at_first = RateLimit(limit, limit, None).ours(share) / 2
    assert left_at(window_s / 2, limit, share, window_s) == pytest.approx(at_first / 2, abs=sharers + 0.1 * at_first)


def test_a_short_sync_is_not_slowed_down() -> None:
    assert RateLimit(500, 400, 60.0).pause_s(Share(50)) == 0


def test_requests_are_spread_before_the_limit_is_hit() -> None:
    assert RateLimit(500, 350, 50.0).pause_s(Share(50)) == pytest.approx(0.5)


def test_a_share_that_is_used_up_is_waited_for() -> None:
    assert RateLimit(500, 250, 12.0).pause_s(Share(50)) == 13


def test_nothing_kept_uses_the_whole_limit() -> None:
    assert RateLimit(100, 1, 10.0).pause_s(Share(0)) == 10


def test_a_concurrency_limit_says_nothing_about_a_budget() -> None:
    assert RateLimit(0, 0, 120.0).pause_s(Share(50)) == 0


def test_the_reset_is_compared_with_the_clock_of_the_server() -> None:
    headers = {"X-Rate-Limit-Limit": "500", "X-Rate-Limit-Reset": str(NOW + 40), "Date": formatdate(NOW, usegmt=True)}
    wait_s = wait_after_429(headers)
    assert wait_s is not None
    assert 41 <= wait_s <= 42


@pytest.mark.parametrize("zone", [" GMT", "", " -0000", " +0000"])
def test_a_date_without_a_zone_is_not_taken_for_local_time(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        date = formatdate(NOW, usegmt=True).removesuffix(" GMT") + zone
        assert server_time({"Date": date}) == NOW
    finally:
        monkeypatch.undo()
        time.tzset()


def test_too_many_at_once_passes_within_seconds() -> None:
    headers = {"X-Rate-Limit-Limit": "0", "X-Rate-Limit-Reset": str(NOW + 120), "Date": formatdate(NOW, usegmt=True)}
    wait_s = wait_after_429(headers)
    assert wait_s is not None
    assert 1 <= wait_s <= 2
