"""A plan in parts: nothing is lost, nothing is in two of them, and the order is kept."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okta_mi_provider.sync.brake import BRAKE_FROM, raise_if_too_many_failed
from okta_mi_provider.sync.chunks import CHUNK_SIZE, Chunk, chunks, first_removal
from okta_mi_provider.sync.diff import diff
from okta_mi_provider.sync.errors import TooManyFailures
from okta_mi_provider.sync.plan import REMOVALS, ChangeKind, Plan
from tests.unit.worlds import mi_user, okta_user, settings, snapshot

MOST = 1024


def plan(creates: int, removals: int = 0, *, with_group: bool = False) -> Plan:
    """A plan with so many changes of users."""
    joiners = [okta_user(f"new{number:04}") for number in range(creates)]
    leavers = [mi_user(f"old{number:04}") for number in range(removals)]
    members = {user.id for user in leavers}
    wanted = settings(auto_create="all", prune="all", max_removals="100%")
    # Somebody has to be left, or nobody would be removed.
    stays = [okta_user("zoe")] if removals and not creates else []
    there = [*leavers, *(mi_user(user.username) for user in stays)]
    members |= {f"id-{user.username}" for user in stays}
    made = diff(snapshot([*joiners, *stays], there, members=members, **({"group": None} if with_group else {})), wanted)
    assert len(made.changes) == creates + removals + with_group
    return made


plans = st.builds(plan, st.integers(0, 40), st.integers(0, 40))


@given(plans | st.builds(lambda creates: plan(creates, with_group=True), st.integers(1, 40)), st.integers(1, 50))
def test_every_change_of_a_user_is_in_exactly_one_part_and_in_its_order(wanted: Plan, size: int) -> None:
    users = [change for change in wanted.changes if change.kind is not ChangeKind.CREATE_GROUP]

    parts = chunks(wanted, size, MOST)

    assert [change for part in parts for change in part.of(wanted)] == users
    assert all(1 <= part.end - part.start <= size for part in parts)
    assert all(part.total == len(users) for part in parts)


@given(plans, st.integers(1, 50))
def test_of_several_parts_each_gives_access_or_takes_it(wanted: Plan, size: int) -> None:
    parts = chunks(wanted, size, MOST)

    if len(parts) > 1:
        assert all(len({change.kind in REMOVALS for change in part.of(wanted)}) == 1 for part in parts)
    assert len(parts) <= -(-len(wanted.changes) // size) + 1


@given(plans, st.integers(1, 10), st.integers(1, 20))
def test_there_are_never_more_parts_than_allowed(wanted: Plan, size: int, most: int) -> None:
    parts = chunks(wanted, size, most)

    assert len(parts) <= most
    assert [change for part in parts for change in part.of(wanted)] == list(wanted.changes)


def test_without_changes_there_is_no_part() -> None:
    assert chunks(plan(0), CHUNK_SIZE, MOST) == []


def test_a_group_alone_is_no_part_either() -> None:
    wanted = diff(snapshot([okta_user("ana")], group=None), settings(auto_create="groups"))
    assert [change.kind for change in wanted.changes] == [ChangeKind.CREATE_GROUP]
    assert chunks(wanted, CHUNK_SIZE, MOST) == []


def test_a_plan_that_fits_is_one_part_with_all_that_is_in_it() -> None:
    wanted = plan(3, 2)
    assert chunks(wanted, 5, MOST) == [Chunk(0, 5, 5)] == [Chunk.whole(wanted)]


def test_parts_are_as_large_as_they_may_be() -> None:
    assert chunks(plan(5), 2, MOST) == [Chunk(0, 2, 5), Chunk(2, 4, 5), Chunk(4, 5, 5)]
    assert chunks(plan(3, 2), 2, MOST) == [Chunk(0, 2, 5), Chunk(2, 3, 5), Chunk(3, 5, 5)]


def test_the_group_is_not_counted() -> None:
    wanted = plan(3, with_group=True)
    first, second = chunks(wanted, 2, MOST)
    assert (first, second) == (Chunk(0, 2, 3), Chunk(2, 3, 3))
    assert (first.positions(wanted), second.positions(wanted)) == (range(1, 3), range(3, 4))
    assert [change.user for change in second.of(wanted)] == ["new0002"]


def test_a_part_is_told_as_people_count() -> None:
    assert Chunk(0, 1000, 12345).title == "1 to 1,000 of 12,345"
    assert Chunk(12000, 12345, 12345).title == "12,001 to 12,345 of 12,345"


def test_what_tasks_hand_each_other_is_three_numbers() -> None:
    part = Chunk(1000, 2000, 2500)
    assert part.to_json() == {"start": 1000, "end": 2000, "total": 2500}
    assert Chunk.from_json(json.loads(json.dumps(part.to_json()))) == part


def test_a_part_of_another_plan_is_not_taken_for_one_of_this() -> None:
    with pytest.raises(ValueError, match="changes 1 to 2 of 3 are not those of a plan with 4 changes"):
        Chunk(0, 2, 3).of(plan(4))


def test_removals_begin_after_all_else() -> None:
    wanted = plan(3, 2)
    assert first_removal(wanted) == 3
    assert first_removal(plan(3)) == 3
    assert not any(change.kind in REMOVALS for change in wanted.changes[:3])


@pytest.mark.parametrize(
    ("tried", "failed", "brakes"), [(19, 19, False), (20, 8, False), (20, 9, True), (100, 40, False)]
)
def test_where_others_have_failed_too_often_nothing_is_begun(tried: int, failed: int, brakes: bool) -> None:
    assert BRAKE_FROM == 20
    if not brakes:
        raise_if_too_many_failed(tried, failed, failed)
        return
    with pytest.raises(TooManyFailures, match=f"{failed} of {tried} writes of other parts") as caught:
        raise_if_too_many_failed(tried, failed, 1)
    assert caught.value.passing
    with pytest.raises(TooManyFailures) as caught:
        raise_if_too_many_failed(tried, failed, 0)
    assert not caught.value.passing
