"""Members that were read once are used again only as long as nothing can be missed by it for more than a day."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okta_mi_provider.sync.fetch import GroupSelector
from okta_mi_provider.sync.incremental import FULL_EVERY, OVERLAP, Changed, outdated, worth_asking
from okta_mi_provider.sync.model import Source, SourceGroup, Stamp
from tests.unit.worlds import okta_user

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
STAMP = Stamp(NOON - 9 * HOUR, NOON - 90 * HOUR, NOON)
GROUP = SourceGroup("00g1", "Sales", stamp=STAMP)
READ = Source("https://acme.okta.com", (GROUP,), (), NOON)


def changed(after: timedelta = HOUR, since: timedelta = -25 * HOUR, **stamps: Stamp | None) -> Changed:
    return Changed(NOON + since, NOON + after, stamps)


def test_members_are_used_again_while_nothing_has_changed() -> None:
    assert worth_asking(READ, [GroupSelector("Sales")]) == NOON - FULL_EVERY - OVERLAP
    unchanged = {"00g1": STAMP._replace(seen_at=NOON + HOUR)}
    assert outdated(READ, changed(**unchanged)) == ""
    long_ago = replace(READ, groups=(replace(GROUP, stamp=STAMP._replace(members=NOON - 80 * HOUR)),))
    assert outdated(long_ago, changed()) == ""


@pytest.mark.parametrize(
    ("source", "said", "why"),
    [
        (READ, changed(**{"00g1": STAMP._replace(members=NOON + MINUTE)}), "the group has changed"),
        # Somebody has restored the org, or Okta has dated the change back.
        (READ, changed(**{"00g1": STAMP._replace(members=NOON - 10 * HOUR)}), "the group has changed"),
        (READ, changed(**{"00g1": STAMP._replace(group=NOON + MINUTE)}), "the group has changed"),
        (READ, changed(**{"00g1": None}), "the group has changed"),
        (READ, changed(), "Okta does not list the group any more"),
        (READ, changed(since=-5 * MINUTE), "what is known of changes does not go back far enough"),
        (READ, changed(12 * HOUR), "the last full reading would be more than a day old before the next run"),
        (
            replace(READ, checked_at=NOON + 22 * HOUR),
            changed(23 * HOUR),
            "the last full reading would be more than a day old before the next run",
        ),
        (
            replace(READ, groups=(replace(GROUP, stamp=STAMP._replace(members=NOON - 5 * MINUTE)),)),
            changed(**{"00g1": STAMP._replace(members=NOON - 5 * MINUTE)}),
            "the group had just changed when it was read",
        ),
    ],
)
def test_they_are_read_again(source: Source, said: Changed, why: str) -> None:
    assert outdated(source, said) == why


@pytest.mark.parametrize(
    "source",
    [
        None,
        replace(READ, checked_at=None),
        replace(READ, groups=(replace(GROUP, stamp=None),)),
        replace(READ, groups=()),
        replace(READ, groups=(GROUP, replace(GROUP, id="00g2", name="Other"))),
    ],
)
def test_some_need_not_even_be_asked_for(source: Source | None) -> None:
    assert worth_asking(source, [GroupSelector("Sales")]) is None


@pytest.mark.parametrize(
    ("selectors", "meant"),
    [
        ([GroupSelector("Sales")], True),
        ([GroupSelector(id="00g1")], True),
        ([GroupSelector("00g1")], True),
        ([GroupSelector("Called otherwise", "00g1")], True),
        ([GroupSelector("sales")], False),
        ([GroupSelector("Sales", "00g2")], False),
        ([GroupSelector("Sales"), GroupSelector("Support")], False),
    ],
)
def test_only_the_same_groups_count(selectors: list[GroupSelector], meant: bool) -> None:
    assert (worth_asking(READ, selectors) is not None) is meant


class Event(NamedTuple):
    """Somebody joins the group.

    Attributes:
        late: How late the list of members shows it.
        told_late: How late Okta says that the group has changed.
        dated_back: How much earlier it says that it was.
    """

    at: timedelta
    late: timedelta
    told_late: timedelta
    dated_back: timedelta


class Okta:
    """An org with one group, as it is seen at a time."""

    def __init__(self, events: list[Event]) -> None:
        self._events = sorted(events)

    def members(self, now: timedelta) -> set[int]:
        return {place for place, event in enumerate(self._events) if event.at + event.late <= now}

    def stamp(self, now: timedelta) -> Stamp:
        told = [event.at - event.dated_back for event in self._events if event.at + event.told_late <= now]
        # It is told in whole seconds.
        members = timedelta(seconds=int(max(told, default=-1000 * HOUR).total_seconds()))
        return Stamp(NOON + members, NOON - 2000 * HOUR, NOON + now)

    def read(self, now: timedelta) -> Source:
        users = tuple(okta_user(str(place)) for place in self.members(now))
        return Source(
            "https://acme.okta.com", (SourceGroup("00g1", "Sales", stamp=self.stamp(now)),), users, NOON + now
        )

    def changed(self, now: timedelta, since: datetime) -> Changed:
        stamp = self.stamp(now)
        return Changed(since, NOON + now, {"00g1": stamp} if stamp.members > since else {})

    def runs(self, times: list[timedelta]) -> list[tuple[timedelta, set[int], bool]]:
        """For each run when it was, whom it has taken for members, and whether it has read them."""
        found, source = [], None
        for now in times:
            since = worth_asking(source, [GroupSelector("Sales")])
            said = self.changed(now, since) if since else None
            again = source is None or said is None or bool(outdated(source, said))
            source = self.read(now) if again or source is None else replace(source, checked_at=NOON + now)
            found.append((now, {int(user.username) for user in source.users}, again))
        return found


def durations(most: timedelta) -> st.SearchStrategy[timedelta]:
    return st.integers(0, int(most.total_seconds())).map(lambda seconds: timedelta(seconds=seconds))


def events(late: timedelta, told_late: timedelta, dated_back: timedelta) -> st.SearchStrategy[list[Event]]:
    one = st.builds(Event, durations(96 * HOUR), durations(late), durations(told_late), durations(dated_back))
    return st.lists(one, max_size=8)


GAPS = st.lists(durations(30 * HOUR).map(lambda gap: gap + MINUTE), min_size=1, max_size=30)
SCHEDULES = st.one_of(GAPS, durations(30 * HOUR).map(lambda gap: [gap + MINUTE] * 30)).map(
    lambda gaps: list(accumulate(gaps))
)


@given(events(40 * HOUR, 40 * HOUR, 40 * HOUR), SCHEDULES)
def test_no_change_is_missed_for_longer_than_a_day(history: list[Event], times: list[timedelta]) -> None:
    """However late Okta tells of a change, and if it never does: the run after the daily reading knows it."""
    okta = Okta(history)
    for now, known, _ in okta.runs(times):
        assert known >= okta.members(now - FULL_EVERY)


@given(events(4 * MINUTE, 40 * HOUR, 5 * MINUTE), SCHEDULES)
def test_what_okta_has_told_of_is_never_missed(history: list[Event], times: list[timedelta]) -> None:
    """As long as it is neither dated back far nor seen in the list much later."""
    okta = Okta(history)
    told = sorted(history)
    for now, known, _ in okta.runs(times):
        latest = max((event.at - event.dated_back for event in told if event.at + event.told_late <= now), default=None)
        assert known >= {
            place
            for place in okta.members(now)
            if told[place].at + told[place].told_late <= now and told[place].at - told[place].dated_back == latest
        }


@given(st.integers(1, 12 * 60).map(lambda minutes: timedelta(minutes=minutes)))
def test_a_group_that_nobody_joins_is_read_once_a_day(gap: timedelta) -> None:
    times = list(accumulate([gap] * (timedelta(days=10) // gap)))
    readings = [now for now, _, again in Okta([]).runs(times) if again]
    assert all(later - earlier <= FULL_EVERY for earlier, later in pairwise(readings))
    assert all(later - earlier >= FULL_EVERY - 2 * gap for earlier, later in pairwise(readings))
