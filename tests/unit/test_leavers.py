"""Who loses access, and who never does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.sync.diff import diff
from okta_mi_provider.sync.fetch import target_name
from okta_mi_provider.sync.memory import Link, Memory
from okta_mi_provider.sync.plan import REMOVALS, ChangeKind, Plan
from okta_mi_provider.sync.snapshot import Snapshot
from tests.unit.worlds import DEFAULT_GROUP, any_settings, mi_user, okta_user, settings, snapshot, worlds

#: Ana is in Okta and in MI; Leo was put into MI by a sync and has left Okta; Hans was put there by hand.
ANA, LEO, HANS = mi_user("ana"), mi_user("leo"), mi_user("hans")
LEO_IS_OURS = Memory(made=(Link("00u-leo", LEO.id, "leo"),))


def three(memory: Memory = LEO_IS_OURS, **leo: object) -> Snapshot:
    leo_now = replace(LEO, **leo)  # type: ignore[arg-type]
    return snapshot([okta_user("ana")], [ANA, leo_now, HANS], members={ANA.id, LEO.id, HANS.id}, memory=memory)


def removed(plan: Plan) -> set[str | None]:
    return {change.user for change in plan.changes if change.kind is ChangeKind.REMOVE_MEMBER}


def told(plan: Plan) -> list[tuple[str, str | None]]:
    return [(finding.kind, finding.user) for finding in plan.findings]


class TestPrune:
    def test_off_removes_nobody(self) -> None:
        assert removed(diff(three(), settings())) == set()

    def test_lesson_13_managed_removes_whom_a_sync_has_put_there_and_nobody_else(self) -> None:
        (change,) = diff(three(), settings(prune="managed")).changes
        assert (change.kind, change.user, change.source_id) == (ChangeKind.REMOVE_MEMBER, "leo", "00u-leo")
        assert change.fields == {}

    def test_all_makes_the_group_mirror_okta(self) -> None:
        assert removed(diff(three(), settings(prune="all"))) == {"leo", "hans"}

    def test_a_lost_memory_means_that_nothing_is_ours(self) -> None:
        assert removed(diff(three(Memory()), settings(prune="managed"))) == set()

    def test_a_protected_administrator_stays_and_is_told_of(self) -> None:
        for prune in ("managed", "all"):
            plan = diff(three(type="administrator"), settings(prune=prune))
            assert "leo" not in removed(plan)
            assert ("protected", "leo") in told(plan)
            free = settings(prune=prune, protect_administrators=False)
            assert "leo" in removed(diff(three(type="administrator"), free))

    def test_nobody_is_removed_from_the_default_group(self) -> None:
        world = snapshot([okta_user("ana")], [ANA, HANS], default_members={ANA.id, HANS.id})
        for skip in (False, True):
            chosen = settings(prune="all", target_group=DEFAULT_GROUP.name, skip_default_group=skip)
            plan = diff(world, chosen)
            assert plan.changes == ()
            assert ("default_group", None) in told(plan)

    def test_who_is_listed_in_okta_has_not_left_whatever_the_status(self) -> None:
        for status in ("SUSPENDED", "DEPROVISIONED", "SOMETHING_NEW"):
            world = three()
            leo = okta_user("leo", status=status)
            world = replace(world, source=replace(world.source, users=(*world.source.users, leo)))
            assert "leo" not in removed(diff(world, settings(prune="all")))

    def test_who_is_in_conflict_is_not_removed(self) -> None:
        # Okta's new ana might be MI's hans, whose address she has.
        world = snapshot(
            [okta_user("ana", email=HANS.email), okta_user("bob")], [HANS, mi_user("bob")], members={HANS.id}
        )
        plan = diff(world, settings(prune="all"))
        assert removed(plan) == set()
        assert ("email_taken", "ana") in told(plan)

    def test_a_leaver_whose_address_somebody_else_has_now_is_removed(self) -> None:
        users = [okta_user("ana"), okta_user("new", email=LEO.email)]
        world = snapshot(users, [ANA, LEO], members={ANA.id, LEO.id}, memory=LEO_IS_OURS)
        assert removed(diff(world, settings(prune="managed"))) == {"leo"}


class TestDeprovision:
    def test_keep_leaves_the_account(self) -> None:
        world = snapshot([okta_user("ana", status="DEPROVISIONED"), okta_user("bob")], [ANA], members={ANA.id})
        assert not [each for each in diff(world, settings()).changes if each.user == "ana"]

    def test_disable_disables_the_account_and_keeps_the_membership(self) -> None:
        world = snapshot([okta_user("ANA", status="DEPROVISIONED"), okta_user("bob")], [ANA], members={ANA.id})
        (change,) = [each for each in diff(world, settings(deprovision="disable")).changes if each.user == "ana"]
        assert (change.kind, change.source_id) == (ChangeKind.DISABLE_USER, "00u-ANA")
        assert change.fields == {"enabled": ["Y", "N"]}
        assert change.after == replace(ANA, enabled=False)

    def test_suspended_users_keep_their_account(self) -> None:
        world = snapshot([okta_user("ana", status="SUSPENDED"), okta_user("bob")], [ANA], members={ANA.id})
        assert not [each for each in diff(world, settings(deprovision="disable")).changes if each.user == "ana"]

    def test_a_protected_administrator_stays_enabled(self) -> None:
        admin = replace(ANA, type="administrator")
        world = snapshot([okta_user("ana", status="DEPROVISIONED"), okta_user("bob")], [admin])
        plan = diff(world, settings(deprovision="disable"))
        assert ("protected", "ana") in told(plan)
        assert not [each for each in plan.changes if each.user == "ana"]

    @pytest.mark.parametrize("protect", [True, False])
    def test_the_account_that_the_sync_acts_for_stays_enabled(self, protect: bool) -> None:
        admin = replace(ANA, type="administrator")
        world = snapshot([okta_user("ana", status="DEPROVISIONED"), okta_user("bob")], [admin])
        world = replace(world, target=replace(world.target, acts_for="Ana"))
        plan = diff(world, settings(deprovision="disable", protect_administrators=protect))
        assert ("own_account", "ana") in told(plan)
        assert ("protected", "ana") not in told(plan)
        assert not [each for each in plan.changes if each.user == "ana"]

    def test_an_account_that_somebody_active_has_now_stays_enabled(self) -> None:
        world = snapshot(
            [okta_user("ana", status="DEPROVISIONED"), okta_user("ana", id="00u-new", email="new@example.com")],
            [ANA],
            members={ANA.id},
        )
        assert not [each for each in diff(world, settings(deprovision="disable")).changes if each.kind in REMOVALS]

    def test_one_of_two_who_could_be_meant_is_not_disabled(self) -> None:
        world = snapshot([okta_user("ana", status="DEPROVISIONED"), okta_user("bob")], [ANA, mi_user("ANA", "7")])
        assert not [each for each in diff(world, settings(deprovision="disable")).changes if each.kind in REMOVALS]

    @pytest.mark.parametrize("order", [("00u1", "00u2"), ("00u2", "00u1")])
    def test_an_account_that_two_of_the_deactivated_could_have_is_disabled_once(self, order: tuple[str, str]) -> None:
        gone = [
            okta_user("ana", id=each, username=name, email=f"{each}@x.org", status="DEPROVISIONED")
            for each, name in zip(order, ("ana", "ANA"), strict=True)
        ]
        plan = diff(snapshot(gone, [ANA], members={ANA.id}), settings(deprovision="disable"))
        (change,) = plan.changes
        assert (change.kind, change.user, change.source_id) == (ChangeKind.DISABLE_USER, "ana", "00u1")
        spared = diff(
            snapshot(gone, [replace(ANA, type="administrator")], members={ANA.id}), settings(deprovision="disable")
        )
        assert told(spared).count(("protected", "ana")) == 1

    def test_a_new_login_does_not_hide_the_account(self) -> None:
        memory = Memory(links={"00u-x": ANA.id})
        world = snapshot([okta_user("x", status="DEPROVISIONED"), okta_user("bob")], [ANA], memory=memory)
        (change,) = [each for each in diff(world, settings(deprovision="disable")).changes if each.kind in REMOVALS]
        assert change.user == "ana"

    def test_the_account_of_somebody_whose_login_it_was_stays_enabled(self) -> None:
        people = [okta_user("ana", status="DEPROVISIONED"), okta_user("bob")]
        for memory in (Memory(former={ANA.id: "00u-other"}), Memory(links={"00u-other": ANA.id})):
            world = snapshot(people, [ANA], members={ANA.id}, memory=memory)
            plan = diff(world, settings(deprovision="disable"))
            assert not [each for each in plan.changes if each.kind in REMOVALS]


class TestDrift:
    def test_what_was_done_by_hand_is_named(self) -> None:
        memory = Memory(made=(Link("00u-bob", "id-bob", "bob"),))
        world = snapshot(
            [okta_user("ana"), okta_user("bob")], [ANA, HANS, mi_user("bob")], members={ANA.id, HANS.id}, memory=memory
        )
        plan = diff(world, settings(mode="drift"))
        assert told(plan) == [("added_by_hand", "hans"), ("removed_by_hand", "bob")]
        assert [(change.kind, change.user) for change in plan.changes] == [(ChangeKind.ADD_MEMBER, "bob")]
        assert plan.differs

    def test_a_member_whom_a_sync_would_remove_is_not_told_twice(self) -> None:
        plan = diff(three(), settings(mode="drift", prune="managed"))
        assert removed(plan) == {"leo"}
        assert told(plan) == [("added_by_hand", "hans")]

    def test_a_member_of_our_making_who_has_left_and_whom_nobody_removes_is_a_difference(self) -> None:
        plan = diff(three(), settings(mode="drift", prune="off"))
        assert plan.changes == ()
        assert told(plan) == [("added_by_hand", "hans"), ("left", "leo")]
        assert plan.differs
        assert plan.digest == diff(three(), settings(prune="off")).digest

    def test_a_group_that_mi_does_not_have_is_a_difference_also_where_none_is_created(self) -> None:
        plan = diff(snapshot([okta_user("ana")], [ANA], group=None), settings(mode="drift"))
        assert plan.changes == ()
        assert plan.differs

    def test_without_a_difference_there_is_nothing_to_tell(self) -> None:
        world = snapshot([okta_user("ana")], [ANA], members={ANA.id})
        assert not diff(world, settings(mode="drift")).differs


@given(worlds(), any_settings())
def test_managed_removes_only_what_is_ours_and_not_in_okta(world: Snapshot, chosen: SyncSettings) -> None:
    plan = diff(world, replace(chosen, prune="managed"))
    ours = {each.user_id: each.source_id for each in world.memory.made}
    listed = {user.id for user in world.source.users}
    for change in plan.changes:
        if change.kind is ChangeKind.REMOVE_MEMBER:
            assert change.after is not None
            assert ours[change.after.id] not in listed


@given(worlds(), any_settings())
def test_nobody_is_removed_whose_username_okta_lists(world: Snapshot, chosen: SyncSettings) -> None:
    key = str.casefold if world.target.username_casefold else str
    listed = {key(user.username) for user in world.source.users}
    assert not {key(user or "") for user in removed(diff(world, chosen))} & listed


@given(worlds(), any_settings())
def test_no_protected_administrator_loses_anything(world: Snapshot, chosen: SyncSettings) -> None:
    plan = diff(world, replace(chosen, protect_administrators=True))
    losers = [change.before for change in plan.changes if change.kind in REMOVALS]
    assert not [user for user in losers if user is None or user.type == "administrator"]


@given(worlds(), any_settings())
def test_the_default_group_loses_nobody(world: Snapshot, chosen: SyncSettings) -> None:
    plan = diff(world, replace(chosen, target_group=DEFAULT_GROUP.name))
    assert removed(plan) == set()


@given(worlds(), any_settings())
def test_who_is_disabled_is_deactivated_in_okta(world: Snapshot, chosen: SyncSettings) -> None:
    gone = {user.id for user in world.source.users if user.status == "DEPROVISIONED"}
    plan = diff(world, chosen)
    assert {each.source_id for each in plan.changes if each.kind is ChangeKind.DISABLE_USER} <= gone


@given(worlds(), any_settings())
def test_nobody_is_given_and_denied_access_by_one_plan(world: Snapshot, chosen: SyncSettings) -> None:
    plan = diff(world, chosen)
    # By id: MI can have two users of one name.
    losers = {change.after.id for change in plan.changes if change.after and change.kind in REMOVALS}
    winners = {change.after.id for change in plan.changes if change.after and change.kind not in REMOVALS}
    assert not losers & winners


@given(worlds(), any_settings(), st.sampled_from(["ana", "ANA", "bob", "a@x.org", "nobody"]))
def test_the_sync_of_one_user_is_a_part_of_the_whole_one(world: Snapshot, chosen: SyncSettings, who: str) -> None:
    whole = diff(world, chosen)
    one = diff(world, replace(chosen, only_user=who))
    assert set(one.changes) <= set(whole.changes)
    known = {user.id: user for user in world.source.users}
    accounts = {user.id: user for user in world.target.users}
    for change in one.changes:
        if change.after is None:
            continue
        people = [known.get(change.source_id or ""), accounts.get(change.after.id)]
        names = {name.casefold() for each in people if each for name in (each.username, each.email)}
        linked = {
            world.memory.links.get(user.id) for user in known.values() if who.casefold() in user.username.casefold()
        }
        assert who.casefold() in names or linked


@given(worlds(), any_settings())
def test_all_leaves_only_people_of_okta_and_those_who_are_spared(world: Snapshot, chosen: SyncSettings) -> None:
    chosen = replace(chosen, prune="all", auto_create="all", protect_administrators=False)
    name = target_name(world.source, chosen)
    plan = diff(world, chosen)
    group = world.target.group_named(name)
    if group is None or group == DEFAULT_GROUP:
        return
    key = str.casefold if world.target.username_casefold else str
    listed = {key(user.username) for user in world.source.users}
    addresses = {user.email.casefold() for user in world.source.users}
    stay = world.target.members[group.id] - {
        change.after.id for change in plan.changes if change.after and change.kind is ChangeKind.REMOVE_MEMBER
    }
    linked = set(world.memory.links.values())
    for user in world.target.users:
        if user.id in stay:
            assert key(user.username) in listed or user.email.casefold() in addresses or user.id in linked


def test_what_was_changed_by_hand_is_told_from_what_has_changed_in_okta() -> None:
    written = {ANA.id: {"last_name": "Doe", "email": "ana@example.com"}}
    memory = Memory(written=written)
    by_hand = snapshot([okta_user("ana")], [replace(ANA, last_name="Hand")], members={ANA.id}, memory=memory)
    plan = diff(by_hand, settings(mode="drift"))
    assert told(plan) == [("changed_by_hand", "ana")]
    assert "has the last_name 'Hand' in MI, where a sync has written 'Doe'" in plan.findings[0].message
    in_okta = snapshot([okta_user("ana", last_name="New")], [ANA], members={ANA.id}, memory=memory)
    assert told(diff(in_okta, settings(mode="drift"))) == []
