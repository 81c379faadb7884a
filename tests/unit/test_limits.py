"""Which plans are not written without a person: every limit, from both sides."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.sync.diff import diff
from okta_mi_provider.sync.errors import PlanRefused, PlanUnusual
from okta_mi_provider.sync.limits import fingerprint, over
from okta_mi_provider.sync.memory import LastSync, Link, Memory
from okta_mi_provider.sync.plan import ChangeKind, Plan
from okta_mi_provider.sync.snapshot import Snapshot
from tests.unit.worlds import SALES, any_settings, mi_user, okta_user, settings, snapshot, worlds


def crowd(stay: int, leave: int, *, last: LastSync | None = None) -> Snapshot:
    """A group of MI with members of our making, of whom some have left Okta."""
    staying = [f"s{number:03}" for number in range(stay)]
    leaving = [f"l{number:03}" for number in range(leave)]
    members = [mi_user(name) for name in staying + leaving]
    made = tuple(Link(f"00u-{name}", f"id-{name}", name) for name in leaving)
    return snapshot(
        [okta_user(name) for name in staying],
        members,
        members={user.id for user in members},
        memory=Memory(made=made, last=last),
    )


def planned(world: Snapshot, **values: object) -> Plan:
    return diff(world, settings(prune="managed", **values))


def test_lesson_09_a_plan_over_the_limit_is_refused_as_a_whole_with_all_numbers() -> None:
    plan = planned(crowd(70, 30))
    with pytest.raises(PlanUnusual) as caught:
        plan.raise_if_unsafe()
    message = str(caught.value)
    for part in ("30 users would be removed or disabled", "'Sales' has 100 members", "20%, that is 20 of 100"):
        assert part in message
    assert "Nothing was written" in message
    assert plan.digest[:12] in message


@pytest.mark.parametrize(
    ("stay", "leave", "limit", "refused"),
    [
        (80, 20, "20%", False),
        (79, 21, "20%", True),
        (4, 5, "20%", False),  # fewer than 10 members
        (7, 3, "20%", True),
        (8, 2, "20%", False),
        (4, 5, 4, True),
        (5, 4, 4, False),
        (99, 1, 0, True),
        (99, 1, "0%", True),
        (1, 99, "100%", False),
    ],
)
def test_a_limit_is_a_number_or_a_share_of_at_least_ten(
    stay: int, leave: int, limit: int | str | None, refused: bool
) -> None:
    assert bool(planned(crowd(stay, leave), max_removals=limit).unusual) is refused


def test_disabled_users_count_as_removed() -> None:
    world = crowd(12, 0)
    gone = tuple(replace(user, status="DEPROVISIONED") for user in world.source.users[:3])
    world = replace(world, source=replace(world.source, users=gone + world.source.users[3:]))
    plan = diff(world, settings(deprovision="disable", max_removals=2))
    assert "3 users would be removed or disabled" in plan.unusual[0]


def test_many_disabled_users_are_too_many_also_where_the_group_has_no_members() -> None:
    people = [okta_user(f"u{number}", status="DEPROVISIONED") for number in range(12)]
    accounts = [mi_user(f"u{number}") for number in range(12)]
    plan = diff(snapshot([*people, okta_user("ana")], accounts), settings(deprovision="disable"))
    assert "12 users would be removed or disabled" in "".join(plan.unusual)


def test_created_and_changed_users_have_limits_of_their_own() -> None:
    users = [okta_user("new"), okta_user("newer"), okta_user("ana", last_name="Other")]
    world = snapshot(users, [mi_user("ana")], members={"id-ana"})
    for values, said in (
        ({"max_creates": 1}, "2 users would be created"),
        ({"max_updates": 0}, "1 user would be changed"),
        ({"max_creates": 2, "max_updates": 1}, ""),
        ({"max_creates": "10%"}, ""),  # of one member
    ):
        plan = diff(world, settings(auto_create="all", **values))
        assert bool(plan.unusual) is bool(said)
        assert said in "".join(plan.unusual)


@pytest.mark.parametrize("members", [0, 3, 9, 10])
def test_a_share_of_a_small_group_limits_neither_the_created_nor_the_changed(members: int) -> None:
    there = [mi_user(f"m{number}") for number in range(members)]
    changed = [okta_user(user.username, last_name="Other") for user in there]
    new = [okta_user(f"n{number}") for number in range(12)]
    world = snapshot([*new, *changed], there, members={user.id for user in there})
    for values in ({"max_creates": "20%"}, {"max_updates": "20%"}):
        assert bool(diff(world, settings(auto_create="all", **values)).unusual) is (members >= 10)


def test_all_is_no_limit_whatever_it_is_a_share_of() -> None:
    people = [okta_user(f"u{number}", status="DEPROVISIONED") for number in range(12)]
    world = snapshot(
        [*people, *(okta_user(f"n{number}") for number in range(12))], [mi_user(f"u{number}") for number in range(12)]
    )
    everything = {"max_removals": "100%", "max_creates": "100%", "max_updates": "100%"}
    plan = diff(world, settings(auto_create="all", deprovision="disable", **everything))
    assert len(plan.changes) == 24
    assert plan.unusual == ()


def test_lesson_01_an_empty_source_is_refused_when_prune_is_on_whoever_approves_it() -> None:
    world = crowd(0, 12)
    for prune in ("managed", "all"):
        plan = diff(world, settings(prune=prune, max_removals="100%"))
        with pytest.raises(PlanRefused, match="has no members"):
            plan.raise_if_unsafe(approved=plan.digest)
    off = diff(world, settings())
    off.raise_if_unsafe()
    assert off.changes == ()
    assert [finding.kind for finding in off.findings] == ["empty_source"]


def test_a_source_of_whom_nobody_is_to_be_synced_is_empty() -> None:
    world = snapshot([okta_user("ana", status="SUSPENDED")], [mi_user("hans")], members={"id-hans"})
    with pytest.raises(PlanRefused, match="no user to sync among its 1 member"):
        diff(world, settings(prune="all", max_removals="100%")).raise_if_unsafe()


def test_a_source_that_has_shrunk_is_unusual_when_prune_is_on() -> None:
    # Nobody of those who are gone was put into MI by us, and only one is removed.
    last = LastSync({}, 100)
    plan = planned(crowd(40, 1, last=last))
    assert "Okta has 40 users to sync, 60 fewer than the 100 of the last complete sync" in "".join(plan.unusual)
    assert planned(crowd(85, 1, last=last)).unusual == ()
    assert diff(crowd(40, 1, last=last), settings()).unusual == ()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"username_attr": "email"}, "username_attr: login -> email"),
        ({"match_by": ["username", "email"]}, "match_by: username -> username, email"),
        ({"statuses": ["ACTIVE"]}, "statuses: ACTIVE, LOCKED_OUT"),
        ({"target_group": "BI"}, "target_group: Sales -> BI"),
    ],
)
def test_lesson_18_the_first_run_after_a_change_of_filter_mapping_or_target_waits(
    values: dict[str, object], said: str
) -> None:
    last = LastSync(fingerprint(settings(), [SALES], "Sales"), 1)
    world = snapshot([okta_user("ana")], memory=Memory(last=last))
    assert diff(world, settings(auto_create="all")).unusual == ()
    plan = diff(world, settings(auto_create="all", **values))
    assert said in "".join(plan.unusual)
    with pytest.raises(PlanUnusual, match="have changed since the last complete sync"):
        plan.raise_if_unsafe()


def test_other_settings_may_change() -> None:
    last = LastSync(fingerprint(settings(), [SALES], "Sales"), 1)
    world = snapshot([okta_user("ana")], memory=Memory(last=last))
    for values in ({"user_type": "power_user"}, {"force": True}, {"summary": "full"}, {"deprovision": "disable"}):
        assert diff(world, settings(auto_create="all", **values)).unusual == ()


@pytest.mark.parametrize("before", ["off", "managed", "all"])
@pytest.mark.parametrize("now", ["off", "managed", "all"])
@pytest.mark.parametrize("somebody_leaves", [True, False])
def test_to_remove_also_whom_others_have_added_is_unusual(before: str, now: str, somebody_leaves: bool) -> None:
    last = LastSync(fingerprint(settings(prune=before), [SALES], "Sales"), 1)
    there = [mi_user("bob")] if somebody_leaves else []
    made = (Link("00u-bob", "id-bob", "bob"),)
    memory = Memory(last=last, made=made if somebody_leaves else ())
    world = snapshot([okta_user("ana")], there, members={user.id for user in there}, memory=memory)
    plan = diff(world, settings(auto_create="all", prune=now))
    assert plan.count(ChangeKind.REMOVE_MEMBER) == (somebody_leaves and now != "off")
    held = now == "all" and before != "all" and somebody_leaves
    assert [f"prune: {before} -> {now}" in each for each in plan.unusual] == [True] * held


def test_what_the_last_sync_has_not_noted_has_not_changed() -> None:
    noted = fingerprint(settings(), [SALES], "Sales")
    del noted["prune"]
    world = snapshot([okta_user("ana")], memory=Memory(last=LastSync(noted, 1)))
    assert diff(world, settings(auto_create="all", prune="all")).unusual == ()


def test_a_change_of_settings_that_changes_nothing_is_nothing() -> None:
    last = LastSync(fingerprint(settings(), [SALES], "Sales"), 1)
    world = snapshot([okta_user("ana")], [mi_user("ana")], members={"id-ana"}, memory=Memory(last=last))
    assert diff(world, settings(match_by=["username", "email"])).unusual == ()


def test_an_approval_is_for_one_plan() -> None:
    plan, other = planned(crowd(70, 30)), planned(crowd(70, 31))
    plan.raise_if_unsafe(approved=plan.digest)
    plan.raise_if_unsafe(approved=plan.digest[:12].upper())
    for wrong in (other.digest, plan.digest[:11], ""):
        with pytest.raises(PlanUnusual) as caught:
            plan.raise_if_unsafe(approved=wrong)
        assert (f"'{wrong}' was approved, which is another plan" in str(caught.value)) is bool(wrong)


@given(st.none() | st.integers(0, 50) | st.integers(0, 100).map("{}%".format), st.integers(0, 200), st.integers(0, 200))
def test_more_is_never_safer(limit: int | str | None, number: int, members: int) -> None:
    if over(limit, number, members):
        assert over(limit, number + 1, members)
    assert over(limit, 0, members) is None


@given(worlds(), any_settings())
def test_a_plan_without_changes_is_never_unusual(world: Snapshot, chosen: SyncSettings) -> None:
    plan = diff(world, chosen)
    assert plan.changes or not plan.unusual
