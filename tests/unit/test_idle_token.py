"""Schedules that would let an API token of Okta die of disuse."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from croniter import croniter
from hypothesis import given, settings
from hypothesis import strategies as st

from okta_mi_provider.idle_token import WARN_FROM_DAYS, warning


@pytest.mark.parametrize(
    "schedule",
    [None, "@once", "@hourly", "@daily", "@weekly", "30 6 * * 1", "0 6 1,15 * *", "*/5 * * * *", "0 0 */7 * *"],
)
def test_a_short_gap_is_no_reason_to_worry(schedule: str | None) -> None:
    assert warning(schedule) is None


@pytest.mark.parametrize(
    ("schedule", "days"),
    [
        ("@monthly", 31),
        ("@yearly", 366),
        ("30 6 1 * *", 31),
        ("*/5 * * 1 *", 334),
        ("0 0 1-5 * *", 27),
        ("0 6 * 1-11 1", 34),
        ("0 0 29 2 *", 1461),
    ],
)
def test_a_long_gap_is_warned_of(schedule: str, days: int) -> None:
    said = warning(schedule)
    assert said is not None
    assert schedule in said
    assert "private_key_jwt" in said
    (number,) = [int(word) for word in said.partition("leaves up to ")[2].split()[:1]]
    assert abs(number - days) <= 3


days_of_month = st.lists(st.integers(1, 28), min_size=1, max_size=4, unique=True)
months = st.one_of(st.just("*"), st.lists(st.integers(1, 12), min_size=1, max_size=12, unique=True))


@settings(max_examples=30, deadline=None)
@given(days_of_month, months)
def test_the_warning_agrees_with_a_walk_through_all_runs(days: list[int], some_months: str | list[int]) -> None:
    month = some_months if isinstance(some_months, str) else ",".join(map(str, sorted(some_months)))
    schedule = f"0 6 {','.join(map(str, sorted(days)))} {month} *"
    runs = croniter(schedule, datetime(2027, 1, 1, tzinfo=UTC))
    at, longest = runs.get_next(datetime), timedelta(0)
    while at < datetime(2029, 1, 1, tzinfo=UTC):
        following = runs.get_next(datetime)
        longest, at = max(longest, following - at), following
    assert (warning(schedule) is not None) == (longest.days > WARN_FROM_DAYS)
