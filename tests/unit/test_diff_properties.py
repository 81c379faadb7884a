"""What holds for every diff, whatever both sides look like."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.sync.diff import diff
from okta_mi_provider.sync.fetch import target_name
from okta_mi_provider.sync.memory import Link, recollect
from okta_mi_provider.sync.model import Target
from okta_mi_provider.sync.outcome import Outcome, Status
from okta_mi_provider.sync.people import Register
from okta_mi_provider.sync.plan import REMOVALS, ChangeKind, FindingClass, Plan
from okta_mi_provider.sync.project import known_after, project
from okta_mi_provider.sync.scope import in_scope
from okta_mi_provider.sync.snapshot import Snapshot
from tests.unit.worlds import any_settings, mi_user, worlds


def _conflicting(plan: Plan) -> set[str | None]:
    return {finding.user for finding in plan.findings if finding.cls is FindingClass.CONFLICT}


@given(worlds(), any_settings())
def test_what_is_applied_is_not_planned_again(world: Snapshot, settings: SyncSettings) -> None:
    first = diff(world, settings)
    after = replace(world, target=project(world.target, first))
    second = diff(after, settings)
    # Only somebody who was in conflict may be planned now: another one's address may have become free.
    again = {change.source_id for change in second.changes}
    assert again <= {user.id for user in world.source.users if user.username in _conflicting(first)}


@given(worlds(), any_settings())
def test_applying_again_and_again_comes_to_rest(world: Snapshot, settings: SyncSettings) -> None:
    for _ in range(len(world.source.users) + 2):
        plan = diff(world, settings)
        if not plan.changes:
            break
        world = replace(world, target=project(world.target, plan))
    assert diff(world, settings).changes == ()


@given(worlds(), any_settings())
def test_after_apply_everybody_in_scope_is_a_member_or_has_a_finding(world: Snapshot, settings: SyncSettings) -> None:
    plan = diff(world, settings)
    after = project(world.target, plan)
    group = after.group_named(target_name(world.source, settings))
    told = {finding.user for finding in plan.findings}
    if group is None:
        assert [finding.kind for finding in plan.findings] == ["group_missing"]
        return
    members = after.members[group.id]
    key = str.casefold if world.target.username_casefold else str
    by_name = {key(user.username): user for user in after.users if user.id in members}
    by_email = {user.email.casefold(): user for user in after.users if user.id in members}
    for user in world.source.users:
        if in_scope(user, settings) and user.username not in told and user.id not in told:
            assert key(user.username) in by_name or user.email.casefold() in by_email


@given(worlds(), any_settings(), st.randoms(use_true_random=False))
def test_the_order_of_what_was_read_does_not_matter(
    world: Snapshot, settings: SyncSettings, chance: random.Random
) -> None:
    def shuffled(items: tuple) -> tuple:  # type: ignore[type-arg]
        return tuple(chance.sample(items, len(items)))

    other = replace(
        world,
        source=replace(world.source, users=shuffled(world.source.users)),
        target=replace(world.target, users=shuffled(world.target.users), groups=shuffled(world.target.groups)),
    )
    assert diff(world, settings) == diff(other, settings)
    assert diff(world, settings).digest == diff(other, settings).digest


@given(worlds(), any_settings())
def test_nobody_who_is_not_in_scope_is_written(world: Snapshot, settings: SyncSettings) -> None:
    allowed = {user.id for user in world.source.users if in_scope(user, settings) and user.username and user.email}
    plan = diff(world, settings)
    given = [change for change in plan.changes if change.kind not in REMOVALS]
    assert {change.source_id for change in given if change.source_id} <= allowed
    conflicts = _conflicting(plan)
    names = {user.id: user.username for user in world.source.users}
    assert not {names[change.source_id] for change in given if change.source_id} & conflicts


@given(worlds(), any_settings())
def test_without_prune_and_deprovision_nobody_is_removed_renamed_enabled_or_disabled(
    world: Snapshot, settings: SyncSettings
) -> None:
    after = project(world.target, diff(world, replace(settings, prune="off", deprovision="keep")))
    for before in world.target.users:
        now = next(user for user in after.users if user.id == before.id)
        assert (now.username, now.enabled) == (before.username, before.enabled)
    for group_id, members in world.target.members.items():
        assert members <= after.members[group_id]


@given(worlds(), any_settings())
def test_a_protected_administrator_stays_one(world: Snapshot, settings: SyncSettings) -> None:
    after = project(world.target, diff(world, replace(settings, protect_administrators=True)))
    types = {user.id: user.type for user in after.users}
    assert all(types[user.id] == "administrator" for user in world.target.users if user.type == "administrator")


@given(worlds(), any_settings())
def test_the_account_that_the_sync_acts_for_is_neither_disabled_nor_given_another_type(
    world: Snapshot, settings: SyncSettings
) -> None:
    after = project(world.target, diff(world, replace(settings, protect_administrators=False)))
    now = {user.id: (user.type, user.enabled) for user in after.users}
    own = (world.target.acts_for or "").casefold()
    assert all(
        now[each.id] == (each.type, each.enabled) for each in world.target.users if each.username.casefold() == own
    )


@given(worlds(), any_settings())
def test_types_of_existing_users_change_only_with_force(world: Snapshot, settings: SyncSettings) -> None:
    plan = diff(world, replace(settings, force=False))
    assert not [each for each in plan.changes if each.before and "type" in each.fields]
    assert not [
        each for each in plan.changes if each.kind is ChangeKind.ADD_MEMBER and each.group != plan.target_group.name
    ]


@given(worlds(), any_settings())
def test_the_counts_add_up_to_the_members_of_the_okta_group(world: Snapshot, settings: SyncSettings) -> None:
    plan = diff(world, settings)
    created, updated = plan.count(ChangeKind.CREATE_USER), plan.count(ChangeKind.UPDATE_USER)
    assert plan.source_users == len(world.source.users)
    assert plan.source_users == created + updated + plan.unchanged + plan.skipped + plan.conflicts
    assert plan.skipped >= 0


@given(worlds(), any_settings())
def test_no_two_users_share_a_username_after_apply(world: Snapshot, settings: SyncSettings) -> None:
    def doubles(target: Target) -> int:
        key = str.casefold if target.username_casefold else str
        return len(target.users) - len({key(user.username) for user in target.users})

    assert doubles(project(world.target, diff(world, settings))) == doubles(world.target)


@given(worlds(), any_settings())
def test_nobody_gets_an_address_that_belongs_to_somebody_else(world: Snapshot, settings: SyncSettings) -> None:
    taken = {}
    for user in world.target.users:
        taken.setdefault(user.email.casefold(), set()).add(user.id)
    for change in diff(world, settings).changes:
        if change.kind is ChangeKind.CREATE_USER or "email" in change.fields:
            assert change.after is not None
            assert taken.get(change.after.email.casefold(), set()) <= {change.after.id}


@given(worlds(), any_settings())
def test_nobody_is_given_the_account_of_a_former_user_with_another_address(
    world: Snapshot, settings: SyncSettings
) -> None:
    accounts = {user.id: user for user in world.target.users}
    people = {user.id: user for user in world.source.users}
    plan = diff(world, settings)
    taken = {(each.after.id, each.source_id) for each in plan.changes if each.after and each.kind not in REMOVALS}
    taken |= {(each.user_id, each.source_id) for each in plan.matched}
    for user_id, source_id in taken:
        if user_id in world.memory.former:
            assert source_id is not None
            assert accounts[user_id].email.casefold() == people[source_id].email.casefold()


@given(worlds(), any_settings())
def test_a_plan_survives_the_store(world: Snapshot, settings: SyncSettings) -> None:
    plan = diff(world, settings)
    assert Plan.from_json(plan.to_json()) == plan
    assert len({change.key for change in plan.changes}) == len(plan.changes)


def _registered(world: Snapshot, chance: random.Random) -> Snapshot:
    """The same world, its users in a register that has learnt of some of them later."""
    users = list(world.target.users)
    early = [user for user in users if chance.random() < 0.8]
    stale = [
        replace(user, email="old@x.org", enabled=not user.enabled) if chance.random() < 0.3 else user for user in early
    ]
    register = Register(stale)
    late = [user for user in users if user not in stale]
    while late:
        register, late = register.after(late[:2]), late[2:]
    return replace(world, target=replace(world.target, users=register))


@given(worlds(), any_settings(), st.randoms(use_true_random=False))
def test_an_index_that_syncs_share_gives_the_same_plan(
    world: Snapshot, settings: SyncSettings, chance: random.Random
) -> None:
    shared = _registered(world, chance)
    assert diff(shared, settings) == diff(world, settings)
    plan = diff(world, settings)
    now, plain = project(shared.target, plan), project(world.target, plan)
    assert set(now.users) == set(plain.users)
    assert replace(now, users=()) == replace(plain, users=())


@given(worlds(), st.randoms(use_true_random=False), st.data())
def test_an_index_that_syncs_share_remembers_the_same(
    world: Snapshot, chance: random.Random, data: st.DataObject
) -> None:
    person = st.sampled_from([*world.target.users, mi_user("gone")])
    known = st.sampled_from([*[user.id for user in world.source.users], "00u-gone"])
    links = data.draw(
        st.lists(st.builds(lambda who, user: Link(who, user.id, user.username), known, person), max_size=5)
    )
    written = {link.user_id: {"email": "a@x.org"} for link in links}
    group = world.target.group_named("Sales")
    plain, shared = (
        recollect(world.source, target, group, links=links, made=links, disabled=links, written=written)
        for target in (world.target, _registered(world, chance).target)
    )
    assert shared == plain


def _done(plan: Plan) -> list[Outcome]:
    """What a server says that does everything: who is created gets an id that nobody has."""
    return [
        Outcome(change, Status.DONE, target_id=(change.after and change.after.id) or str(100_000 + place))
        for place, change in enumerate(plan.changes)
    ]


@given(worlds(), any_settings(), any_settings(), st.randoms(use_true_random=False))
def test_what_is_known_after_a_plan_gives_the_next_sync_the_plan_that_a_reading_gives(
    world: Snapshot, first: SyncSettings, second: SyncSettings, chance: random.Random
) -> None:
    shared = _registered(world, chance)
    plan = diff(world, first)
    outcomes = _done(plan)
    known = known_after(shared.target, plan, outcomes)
    assert known is not None
    read = project(world.target, plan, {each.change.key: each.target_id or "" for each in outcomes})
    # The members of the group are read anew by whoever syncs into it; of any other group they are known.
    if plan.changes:
        assert plan.target_group.name not in {group.name for group in known.groups if group.id in known.members}
    else:
        assert known is shared.target
    assert all(known.members[group_id] == read.members[group_id] for group_id in known.members)
    asked = replace(known, members={**read.members, **known.members})
    assert diff(replace(world, target=asked), second) == diff(replace(world, target=read), second)


@given(worlds(), any_settings(), st.data())
def test_after_anything_but_success_mi_has_to_be_read_again(
    world: Snapshot, settings: SyncSettings, data: st.DataObject
) -> None:
    plan = diff(world, settings)
    outcomes = _done(plan)
    if not outcomes:
        return
    place = data.draw(st.integers(0, len(outcomes) - 1))
    status = data.draw(st.sampled_from([Status.FAILED, Status.ALREADY, Status.BEGUN, None]))
    if status is None:
        del outcomes[place]
    else:
        outcomes[place] = replace(outcomes[place], status=status)
    assert known_after(world.target, plan, outcomes) is None
    for doubt in ({"target_id": None}, {"unlike": True}):
        assert known_after(world.target, plan, [replace(each, **doubt) for each in _done(plan)]) is None
