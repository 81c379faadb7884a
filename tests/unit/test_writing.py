"""A plan that takes longer to write than a reading of MI is good for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from okta_mi_provider.sync.diff import diff
from okta_mi_provider.sync.errors import SyncError
from okta_mi_provider.sync.fetch import fetch_directory
from okta_mi_provider.sync.journal import NoJournal
from okta_mi_provider.sync.model import Source, SourceGroup, SourceUser, Target
from okta_mi_provider.sync.outcome import Outcome, Status
from okta_mi_provider.sync.plan import Plan
from okta_mi_provider.sync.snapshot import Snapshot
from okta_mi_provider.sync.writer import Written
from okta_mi_provider.sync.writing import write
from tests.store.fakes import ORG, FakeMI
from tests.unit.worlds import okta_user, settings

SETTINGS = settings(auto_create="all")
NAMES = [f"u{number:03}" for number in range(170)]


@dataclass
class SlowMI(FakeMI):
    """Needs a minute for each write, so that from the second fifty on each fifty is of an old reading.

    Attributes:
        by_hand: What somebody does there before the write of a number.
        readings: How often all users were read.
    """

    now: datetime = datetime(2026, 1, 15, 8, tzinfo=UTC)
    by_hand: dict[int, Callable[[], None]] = field(default_factory=dict)
    readings: int = 0

    def _write(self, name: str, write: Callable[[], Written]) -> Written:
        self.by_hand.get(self.writes, lambda: None)()
        self.now += timedelta(minutes=1)
        return super()._write(name, write)

    def read(self) -> Target:
        self.readings += 1
        return replace(fetch_directory(self, SETTINGS), read_at=self.now)


def source(*users: SourceUser) -> Source:
    return Source(ORG, (SourceGroup("00g1", "Sales"),), users)


def renaming(mi: SlowMI) -> Plan:
    """Okta calls many members by other names than MI."""
    mi.add_group("Sales")
    for name in NAMES:
        mi.add_user(name, "Sales", last_name="Old")
    target = replace(fetch_directory(mi, SETTINGS), members={mi.group_id("Sales"): mi.members(mi.groups()[-1])})
    plan = diff(Snapshot(source(*(okta_user(name, last_name="New") for name in NAMES)), target), SETTINGS)
    assert len(plan.changes) == len(NAMES)
    return plan


def written(mi: SlowMI, plan: Plan, *, stopped: Callable[[], bool] = lambda: False) -> list[Outcome]:
    return list(write(plan, mi, mi.read, 1, journal=NoJournal(), stopped=stopped, read_at=mi.now, now=lambda: mi.now))


def test_mi_is_read_again_as_often_as_its_reading_is_too_old() -> None:
    mi = SlowMI()

    outcomes = written(mi, renaming(mi))

    assert [each.change.user for each in outcomes] == NAMES
    assert {each.status for each in outcomes} == {Status.DONE}
    assert mi.readings == 3


def test_who_was_disabled_by_hand_since_the_reading_stays_disabled() -> None:
    mi = SlowMI()
    plan = renaming(mi)
    disabled = mi.id_of("u120")

    def disable() -> None:
        mi.accounts[disabled] = replace(mi.accounts[disabled], enabled=False)

    mi.by_hand[1] = disable

    outcomes = {each.change.user: each for each in written(mi, plan)}

    assert not mi.accounts[disabled].enabled
    assert outcomes["u120"].status is Status.FAILED
    assert "changed this user" in str(outcomes["u120"].error)
    assert outcomes.keys() == set(NAMES)
    assert {each.status for name, each in outcomes.items() if name != "u120"} == {Status.DONE}


def test_a_group_that_was_created_meanwhile_is_the_one_that_is_gone_on_with() -> None:
    mi = SlowMI()
    plan = diff(Snapshot(source(*map(okta_user, NAMES)), fetch_directory(mi, SETTINGS)), SETTINGS)

    outcomes = written(mi, plan)

    assert {each.status for each in outcomes} == {Status.DONE}
    assert mi.names_in("Sales") == set(NAMES)


def test_nothing_more_is_written_into_what_is_another_group_by_now() -> None:
    mi = SlowMI()
    plan = renaming(mi)
    mi.by_hand[1] = lambda: mi.names.update({mi.group_id("Sales"): "Board"})

    with pytest.raises(SyncError, match="'Board' by now"):
        written(mi, plan)

    assert sum(user.last_name == "New" for user in mi.accounts.values()) < len(NAMES)


def test_whoever_is_told_to_stop_reads_nothing_again() -> None:
    mi = SlowMI()
    plan = renaming(mi)

    outcomes = written(mi, plan, stopped=lambda: mi.writes >= 4)

    assert len(outcomes) == 4
    assert mi.readings == 0


def test_a_reading_that_takes_longer_than_it_is_good_for_does_not_keep_anything_from_being_written() -> None:
    mi = SlowMI()
    plan = renaming(mi)
    read = mi.read

    def read_slowly() -> Target:
        target = read()
        mi.now += timedelta(minutes=40)
        return target

    mi.read = read_slowly  # type: ignore[method-assign]

    assert {each.status for each in written(mi, plan)} == {Status.DONE}
