"""Taking back what a run has done."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.sync.diff import diff
from okta_mi_provider.sync.fetch import target_name
from okta_mi_provider.sync.model import Target, TargetGroup
from okta_mi_provider.sync.outcome import Status
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


def conflicts(plan: Plan, message: str, kind: str = "changed_later") -> None:
    """There is nothing but one conflict."""
    (conflict,) = plan.findings
    assert (plan.changes, plan.conflicts, conflict.cls, conflict.kind) == ((), 1, FindingClass.CONFLICT, kind)
    assert message in conflict.message
    assert conflict.message.startswith("'ana' ")


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
    conflicts(undone(mi(), ADDED, later=[replace(REMOVED, run=12)]), "is a member of 'Sales', but run 12, a later one")
    conflicts(undone(mi(members=False), REMOVED, later=[ADDED]), "is no member of 'Sales'")


def test_who_may_sign_in_by_a_later_run_is_a_conflict() -> None:
    """Run 1 disables, somebody enables by hand, run 2 disables: the one in force is not that of run 1."""
    conflicts(undone(mi(enabled=False), DISABLED, later=[replace(DISABLED, run=2)]), "is disabled, but run 2")
    conflicts(undone(mi(), replace(DISABLED, kind=ChangeKind.ENABLE_USER), later=[DISABLED]), "is enabled, but run")
    conflicts(undone(mi(members=False), CREATED, later=[DISABLED], disable_created=True), "is enabled, but run")


def test_an_attribute_that_a_later_run_has_written_is_a_conflict_and_the_others_go_back() -> None:
    both = replace(
        UPDATED, old={"last_name": "Old", "first_name": "Anna"}, new={"last_name": "New", "first_name": "Ana"}
    )
    plan = undone(mi(first_name="Ana"), both, later=[replace(UPDATED, run=3)])
    (change,) = plan.changes
    assert change.fields == {"first_name": ["Ana", "Anna"]}
    assert [finding.kind for finding in plan.findings] == ["changed_later"]
    assert "has the last_name 'New', but run 3" in plan.findings[0].message


def test_what_later_runs_have_done_to_something_else_is_no_conflict() -> None:
    elsewhere = replace(ADDED, group=TargetGroup("9", "Elsewhere"))
    somebody_else = [replace(each, user_id="id-zoe") for each in (ADDED, DISABLED, UPDATED)]
    assert kinds(undone(mi(), ADDED, later=[DISABLED, UPDATED, elsewhere, *somebody_else])) == [
        ChangeKind.REMOVE_MEMBER
    ]
    assert kinds(undone(mi(enabled=False), DISABLED, later=[ADDED, UPDATED])) == [ChangeKind.ENABLE_USER]
    assert kinds(undone(mi(), UPDATED, later=[ADDED, DISABLED])) == [ChangeKind.UPDATE_USER]


def test_what_a_later_run_was_about_to_do_counts_only_if_it_looks_done() -> None:
    """An undo that was killed can be begun again."""
    killed = [replace(each, status=Status.BEGUN, moved=False, run=2) for each in (REMOVED, UPDATED)]
    killed[1] = replace(killed[1], old=UPDATED.new, new=UPDATED.old)
    assert kinds(undone(mi(), ADDED, UPDATED, later=killed)) == [ChangeKind.UPDATE_USER, ChangeKind.REMOVE_MEMBER]
    again = [replace(each, status=Status.BEGUN, run=2) for each in (ADDED, DISABLED)]
    conflicts(undone(mi(), ADDED, later=again), "is a member of 'Sales', but run 2")
    conflicts(undone(mi(enabled=False), DISABLED, later=again), "is disabled, but run 2")


def test_what_is_as_before_is_no_conflict_whoever_has_seen_to_it() -> None:
    plan = undone(mi(), DISABLED, replace(REMOVED), later=[replace(DISABLED, kind=ChangeKind.ENABLE_USER), ADDED])
    assert (plan.changes, plan.findings) == ((), ())


@pytest.mark.parametrize(
    ("target", "done", "message"),
    [
        (mi(enabled=False), DISABLED, "'ana' is disabled, but it is not known whether the run did it"),
        (mi(), replace(DISABLED, kind=ChangeKind.ENABLE_USER), "is enabled"),
        (mi(), UPDATED, "has the last_name that the run was to write"),
        (mi(), ADDED, "is a member of 'Sales'"),
        (mi(members=False), REMOVED, "is no member of 'Sales'"),
        (mi(), replace(CREATED, user_id="", new={"email": ANA.email.upper()}), "is in MI"),
    ],
)
def test_what_the_run_may_have_done_or_not_is_a_conflict(target: Target, done: Done, message: str) -> None:
    begun = replace(done, status=Status.BEGUN, moved=False)
    conflicts(undone(target, begun, disable_created=True), message, kind="not_known")
    conflicts(undone(target, begun), message, kind="not_known")


@pytest.mark.parametrize(
    ("target", "done"),
    [
        (mi(), DISABLED),
        (mi(last_name="Old"), UPDATED),
        (mi(last_name="Other"), UPDATED),
        (mi(members=False), ADDED),
        (mi(), REMOVED),
        (mi(username="zoe"), replace(CREATED, user_id="")),
        (mi(), replace(CREATED, user_id="", new={"email": "somebody@else.org"})),
    ],
)
def test_what_was_announced_and_is_not_so_was_not_done(target: Target, done: Done) -> None:
    plan = undone(target, replace(done, status=Status.BEGUN, moved=False), disable_created=True)
    assert (plan.changes, plan.findings) == ((), ())


def test_a_user_whom_somebody_else_has_created_leaves_the_group_and_is_not_disabled() -> None:
    plan = undone(mi(), replace(CREATED, status=Status.ALREADY), disable_created=True)
    assert (kinds(plan), plan.findings) == ([ChangeKind.REMOVE_MEMBER], ())


@pytest.mark.parametrize(
    ("groups", "where"),
    [
        ([], "has no group 'Sales' with the id '5' any more. "),
        ([TargetGroup("5", "Strangers")], "; that id has 'Strangers' now"),
        ([TargetGroup("7", "Sales")], "; that name has the id '7' now"),
    ],
)
def test_a_group_that_is_not_there_under_its_id_and_name_is_left_alone(groups: list[TargetGroup], where: str) -> None:
    """An MI that was installed anew, or restored, gives the id to strangers."""
    for done, target in ((ADDED, mi()), (REMOVED, mi(members=False)), (CREATED, mi())):
        plan = undone(replace(target, groups=(DEFAULT_GROUP, *groups)), done)
        assert plan.changes == ()
        (conflict,) = [each for each in plan.findings if each.cls is FindingClass.CONFLICT]
        assert conflict.kind == "group_gone"
        assert where in conflict.message
    gone = replace(mi(), groups=(DEFAULT_GROUP, *groups))
    assert {each.kind for each in undone(gone, replace(ADDED, status=Status.BEGUN)).findings} == {"group_gone"}
    # What is not about the group goes back all the same.
    assert kinds(undone(gone, UPDATED)) == [ChangeKind.UPDATE_USER]


def test_a_group_that_is_not_the_default_group_any_more_is_left_alone() -> None:
    former = TargetGroup("8", "Former")
    target = replace(mi(), groups=(DEFAULT_GROUP, MI_SALES, former), members={"8": frozenset([ANA.id])})
    conflicts(undone(target, replace(ADDED, group=former)), "'Former' was the Default Group then", kind="other_group")
    renamed = TargetGroup(DEFAULT_GROUP.id, "Everybody")
    target = replace(target, groups=(renamed, MI_SALES), default_group=renamed, members={renamed.id: {ANA.id}})
    conflicts(undone(target, replace(ADDED, group=DEFAULT_GROUP)), "that id has 'Everybody' now", kind="group_gone")


def test_a_group_of_the_name_of_another_is_not_taken_for_it() -> None:
    twin = TargetGroup("8", MI_SALES.name)
    target = replace(mi(), groups=(twin, MI_SALES), default_group=twin, members={"8": frozenset([ANA.id])})
    conflicts(undone(target, replace(ADDED, group=twin)), "", kind="other_group")


def test_disabled_users_are_enabled() -> None:
    assert kinds(undone(mi(enabled=False), DISABLED)) == [ChangeKind.ENABLE_USER]


def test_created_users_leave_the_group_and_are_disabled_only_on_request() -> None:
    plan = undone(mi(), CREATED)
    assert kinds(plan) == [ChangeKind.REMOVE_MEMBER]
    assert [finding.kind for finding in plan.findings] == ["user_stays"]
    assert kinds(undone(mi(), CREATED, disable_created=True)) == [ChangeKind.REMOVE_MEMBER, ChangeKind.DISABLE_USER]


def test_the_account_that_everything_is_written_as_stays_enabled() -> None:
    target = replace(mi(members=False), acts_for="ANA")
    conflicts(undone(target, CREATED, disable_created=True), "stays enabled", kind="own_account")
    assert kinds(undone(replace(mi(enabled=False), acts_for="ana"), DISABLED)) == [ChangeKind.ENABLE_USER]


def test_somebody_else_who_has_the_id_now_is_left_alone() -> None:
    plan = undone(mi(username="zoe"), UPDATED, ADDED)
    assert plan.changes == ()
    assert {finding.kind for finding in plan.findings} == {"user_gone"}


def test_a_created_group_stays() -> None:
    created = Done(ChangeKind.CREATE_GROUP, MI_SALES, None, "", "")
    plan = undone(mi(), created)
    assert (plan.changes, [finding.cls for finding in plan.findings]) == ((), [FindingClass.NOTICE])
    for status in (Status.BEGUN, Status.ALREADY):
        assert undone(mi(), replace(created, status=status)).findings == ()


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


@given(worlds(), any_settings(), st.data())
def test_nothing_is_written_that_a_later_run_has_touched_or_nobody_knows_who_did(
    world: Snapshot, chosen: SyncSettings, data: st.DataObject
) -> None:
    plan = diff(world, chosen)
    after = project(world.target, plan)
    group = after.group_named(target_name(world.source, chosen)) or TargetGroup("", "none")
    done = [_done(change, after, group) for change in plan.changes]
    fates = [data.draw(st.sampled_from(["done", "touched", "begun"])) for _ in done]
    later = [each for each, fate in zip(done, fates, strict=True) if fate == "touched"]
    back = take_back(
        after,
        [
            replace(each, status=Status.BEGUN, moved=False) if fate == "begun" else each
            for each, fate in zip(done, fates, strict=True)
        ],
        org="o",
        source_groups=world.source.groups,
        group=group,
        later=later,
        disable_created=True,
    )
    groups = {each.name: each for each in (DEFAULT_GROUP, group)}
    written = {thing for change in back.changes for thing in _done(change, after, groups[change.group]).things}
    free = {thing for each, fate in zip(done, fates, strict=True) if fate == "done" for thing in each.things}
    assert written <= free - {thing for each in later for thing in each.things}


@given(worlds(), any_settings(), st.data())
def test_nobody_is_moved_in_a_group_that_is_not_there_under_its_id_and_name(
    world: Snapshot, chosen: SyncSettings, data: st.DataObject
) -> None:
    plan = diff(world, chosen)
    after = project(world.target, plan)
    group = after.group_named(target_name(world.source, chosen)) or TargetGroup("", "none")
    done = [_done(change, after, group) for change in plan.changes]
    names = st.sampled_from([each.name for each in after.groups] + ["Other"])
    now = tuple(TargetGroup(each.id, data.draw(names)) for each in after.groups if data.draw(st.booleans()))
    default_group = data.draw(st.sampled_from([None, *now]))
    target = replace(after, groups=now, default_group=default_group)
    back = take_back(target, done, org="o", source_groups=world.source.groups, group=group)
    # As `upsert_users` finds them.
    groups = {each.name: each for each in (back.default_group, group) if each}
    made = {(each.user_id, each.group) for each in done if each.moved}
    for change in back.changes:
        if change.kind in {ChangeKind.ADD_MEMBER, ChangeKind.REMOVE_MEMBER}:
            assert change.after
            assert groups[change.group] in now
            assert (change.after.id, groups[change.group]) in made
