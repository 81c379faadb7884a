"""Taking back what a run has done."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given

from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.sync.diff import diff
from okta_mi_provider.sync.fetch import target_name
from okta_mi_provider.sync.model import Target, TargetGroup
from okta_mi_provider.sync.plan import Change, ChangeKind, FindingClass, Plan
from okta_mi_provider.sync.project import project
from okta_mi_provider.sync.snapshot import Snapshot
from okta_mi_provider.sync.undo import Done, take_back
from tests.unit.worlds import DEFAULT_GROUP, MI_SALES, SALES, any_settings, mi_user, snapshot, worlds

ANA = mi_user("ana", last_name="New")
UPDATED = Done(ChangeKind.UPDATE_USER, MI_SALES, "00u-ana", ANA.id, "ana", {"last_name": "Old"}, {"last_name": "New"})
ADDED = Done(ChangeKind.ADD_MEMBER, MI_SALES, "00u-ana", ANA.id, "ana", moved=True)
REMOVED = replace(ADDED, kind=ChangeKind.REMOVE_MEMBER)
DISABLED = Done(ChangeKind.DISABLE_USER, MI_SALES, "00u-ana", ANA.id, "ana")
CREATED = replace(ADDED, kind=ChangeKind.CREATE_USER)


def mi(*, members: bool = True, **changes: object) -> Target:
    user = replace(ANA, **changes)  # type: ignore[arg-type]
    return snapshot([], [user], members={user.id} if members else set()).target


def undone(target: Target, *done: Done, **how: object) -> Plan:
    return take_back(target, done, org="o", source_groups=[SALES], group=MI_SALES, **how)  # type: ignore[arg-type]


def kinds(plan: Plan) -> list[ChangeKind]:
    return [change.kind for change in plan.changes]


def test_attributes_get_their_old_values() -> None:
    (change,) = undone(mi(), UPDATED).changes
    assert change.fields == {"last_name": ["New", "Old"]}


def test_what_is_back_already_is_left_alone() -> None:
    assert undone(mi(last_name="Old"), UPDATED).changes == ()
    assert undone(mi(members=False), ADDED).changes == ()
    assert undone(mi(), REMOVED, DISABLED).changes == ()


def test_a_value_that_somebody_has_changed_since_is_a_conflict_and_kept() -> None:
    plan = undone(mi(last_name="Newest"), UPDATED)
    (conflict,) = plan.findings
    assert (plan.changes, plan.conflicts, conflict.kind) == ((), 1, "changed_later")
    for value in ("Newest", "New", "Old"):
        assert f"'{value}'" in conflict.message


def test_of_two_attributes_the_one_that_is_as_it_was_left_goes_back() -> None:
    both = replace(
        UPDATED, old={"last_name": "Old", "email": "old@x.org"}, new={"last_name": "New", "email": "n@x.org"}
    )
    plan = undone(mi(), both)
    (change,) = plan.changes
    assert change.fields == {"last_name": ["New", "Old"]}
    assert plan.conflicts == 1


def test_memberships_go_back_both_ways() -> None:
    assert kinds(undone(mi(), ADDED)) == [ChangeKind.REMOVE_MEMBER]
    assert kinds(undone(mi(members=False), REMOVED)) == [ChangeKind.ADD_MEMBER]


def test_a_membership_that_was_there_before_the_run_stays() -> None:
    assert undone(mi(), replace(ADDED, moved=False)).changes == ()


def test_a_membership_that_a_later_run_has_changed_is_a_conflict() -> None:
    plan = undone(mi(), ADDED, touched_later={ANA.id})
    assert (plan.changes, [finding.kind for finding in plan.findings]) == ((), ["changed_later"])


def test_disabled_users_are_enabled() -> None:
    assert kinds(undone(mi(enabled=False), DISABLED)) == [ChangeKind.ENABLE_USER]


def test_created_users_leave_the_group_and_are_disabled_only_on_request() -> None:
    plan = undone(mi(), CREATED)
    assert kinds(plan) == [ChangeKind.REMOVE_MEMBER]
    assert [finding.kind for finding in plan.findings] == ["user_stays"]
    assert kinds(undone(mi(), CREATED, disable_created=True)) == [ChangeKind.REMOVE_MEMBER, ChangeKind.DISABLE_USER]


def test_somebody_else_who_has_the_id_now_is_left_alone() -> None:
    plan = undone(mi(username="zoe"), UPDATED, ADDED)
    assert plan.changes == ()
    assert {finding.kind for finding in plan.findings} == {"user_gone"}


def test_a_created_group_stays() -> None:
    plan = undone(mi(), Done(ChangeKind.CREATE_GROUP, MI_SALES, None, "", ""))
    assert (plan.changes, [finding.cls for finding in plan.findings]) == ((), [FindingClass.NOTICE])


def _done(change: Change, target: Target, group: TargetGroup) -> Done:
    """What the store knows of a change after it was made."""
    assert change.kind is ChangeKind.CREATE_GROUP or change.after
    groups = {each.name: each for each in (DEFAULT_GROUP, group)}
    names = {user.username: user.id for user in target.users}
    old = {name: pair[0] or "" for name, pair in change.fields.items()}
    new = {name: pair[1] or "" for name, pair in change.fields.items()}
    user_id = change.after.id or names[change.after.username] if change.after else ""
    return Done(change.kind, groups[change.group], change.source_id, user_id, change.user or "", old, new, moved=True)


@given(worlds(), any_settings())
def test_a_run_that_is_taken_back_leaves_no_trace_but_created_groups_and_users(
    world: Snapshot, chosen: SyncSettings
) -> None:
    plan = diff(world, chosen)
    after = project(world.target, plan)
    group = after.group_named(target_name(world.source, chosen)) or TargetGroup("", "none")
    done = [_done(change, after, group) for change in plan.changes]
    back = take_back(after, done, org="o", source_groups=world.source.groups, group=group)
    assert back.conflicts == 0
    now = project(after, back)
    assert set(world.target.users) <= set(now.users)
    old_ids = {user.id for user in world.target.users}
    for group_id, members in now.members.items():
        if group_id == DEFAULT_GROUP.id and not chosen.force:
            continue  # Created users stay in it.
        assert members & old_ids == world.target.members.get(group_id, frozenset()) & old_ids
        if group_id == group.id != DEFAULT_GROUP.id:
            assert not members - old_ids
    # And there is nothing left to take back.
    again = take_back(now, done, org="o", source_groups=world.source.groups, group=group)
    assert again.changes == ()
