"""What is left out of a stored snapshot: nothing that a diff would look at."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.store import snapshots
from okta_mi_provider.sync.diff import diff
from okta_mi_provider.sync.memory import Memory
from okta_mi_provider.sync.plan import ChangeKind
from okta_mi_provider.sync.snapshot import Snapshot
from okta_mi_provider.sync.trim import trim
from tests.unit.worlds import any_settings, mi_user, okta_user, settings, snapshot, worlds


@st.composite
def _only(draw: st.DrawFn, world: Snapshot) -> str | None:
    """Nobody, somebody of either side by any name, or a stranger."""
    people = [*world.source.users, *world.target.users]
    names = [name for user in people for name in (user.id, user.username, user.email) if name.strip()]
    return draw(st.none() | st.sampled_from([*names, "stranger@x.org"]))


@given(worlds(), any_settings(), st.data())
def test_a_diff_of_what_is_kept_is_the_diff_of_everything(
    world: Snapshot, chosen: SyncSettings, data: st.DataObject
) -> None:
    chosen = replace(chosen, only_user=data.draw(_only(world)))
    whole, kept = diff(world, chosen), diff(trim(world, chosen), chosen)
    assert kept == whole
    assert kept.digest == whole.digest


@given(worlds(), any_settings(), any_settings(), st.data())
def test_that_holds_for_all_settings_about_the_same_group_and_person(
    world: Snapshot, first: SyncSettings, second: SyncSettings, data: st.DataObject
) -> None:
    same = {"target_group": first.target_group, "only_user": data.draw(_only(world))}
    first, second = replace(first, **same), replace(second, **same)
    kept = snapshots.from_json(snapshots.to_json(trim(world, first)))
    assert diff(kept, second) == diff(world, second)


@given(worlds(), any_settings())
def test_what_is_kept_is_kept_when_it_is_trimmed_again(world: Snapshot, chosen: SyncSettings) -> None:
    kept = trim(world, chosen)
    assert trim(kept, chosen) == kept
    assert set(kept.target.users) <= set(world.target.users)


def test_users_that_have_nothing_to_do_with_the_group_are_left_out() -> None:
    crowd = [mi_user(f"other{number}") for number in range(100)]
    ids = {user.id for user in crowd}
    world = snapshot(
        [okta_user("ana"), okta_user("bob", email="taken@example.com")],
        [mi_user("ana"), mi_user("thief", email="Taken@Example.com"), mi_user("leaver"), *crowd],
        members={"id-ana", "id-leaver"},
        default_members={"id-ana", *ids},
    )
    chosen = settings(auto_create="all", prune="all", force=True)
    kept = trim(world, chosen)
    assert {user.username for user in kept.target.users} == {"ana", "thief", "leaver"}
    assert kept.target.members == {"1": {"id-ana"}, "5": {"id-ana", "id-leaver"}}
    # The address of somebody else is found all the same, and who has left.
    plan = diff(kept, chosen)
    assert [finding.kind for finding in plan.findings if finding.cls == "conflict"] == ["email_taken"]
    assert [change.user for change in plan.changes if change.kind is ChangeKind.REMOVE_MEMBER] == ["leaver"]


def test_whoever_lacks_an_address_in_okta_keeps_nobody_without_one() -> None:
    world = snapshot([okta_user("ana", email="")], [mi_user("ana"), mi_user("robot", email="")])
    assert [user.username for user in trim(world, settings()).target.users] == ["ana"]


def test_limits_count_all_members_of_the_group_also_those_whom_mi_does_not_list() -> None:
    staying, leaving = [f"user{number}" for number in range(10)], ["x", "y", "z"]
    ids = {f"id-{name}" for name in (*staying, *leaving)}
    world = snapshot(
        [okta_user(name) for name in staying],
        [mi_user(name) for name in (*staying, *leaving)],
        members={*ids, "id-deleted", "id-hidden"},
    )
    chosen = settings(auto_create="all", prune="all", max_removals="20%")
    # Three of fifteen are a fifth; of thirteen they would be more.
    assert diff(trim(world, chosen), chosen).unusual == diff(world, chosen).unusual == ()


@pytest.mark.parametrize(
    ("in_okta", "in_mi"),
    [("ANA", "ana"), ("ana", "ANA"), ("STRASSE", "straße"), ("straße", "STRASSE"), ("İpek", "i̇pek"), ("ς", "Σ")],
)
def test_whom_only_case_folding_finds_stays(in_okta: str, in_mi: str) -> None:
    chosen = settings(auto_create="all")
    of_that_name = snapshot([okta_user("x", username=in_okta)], [mi_user("x", username=in_mi, email="old@x.org")])
    (change, *_) = diff(trim(of_that_name, chosen), chosen).changes
    assert (change.kind, change.user) == (ChangeKind.UPDATE_USER, in_mi)
    of_that_address = snapshot([okta_user("x", email=f"{in_okta}@x.org")], [mi_user("y", email=f"{in_mi}@x.org")])
    plan = diff(trim(of_that_address, chosen), chosen)
    assert (plan.conflicts, plan.changes) == (1, ())


def test_the_account_of_somebody_deactivated_who_is_no_member_stays() -> None:
    world = snapshot([okta_user("ana", status="DEPROVISIONED")], [mi_user("ana", email="old@x.org")])
    chosen = settings(auto_create="all", deprovision="disable")
    (change,) = diff(trim(world, chosen), chosen).changes
    assert (change.kind, change.user) == (ChangeKind.DISABLE_USER, "ana")


def test_an_account_that_only_a_link_leads_to_stays() -> None:
    world = snapshot([okta_user("anna", id="00u1")], [mi_user("ana", email="old@x.org")])
    world = replace(world, memory=Memory(links={"00u1": "id-ana"}))
    chosen = settings(auto_create="all")
    assert [change.user for change in diff(trim(world, chosen), chosen).changes] == ["ana", "ana"]
    assert diff(trim(world, chosen), chosen) == diff(world, chosen)


def test_the_one_person_that_a_sync_is_about_stays_though_nobody_in_okta_is_alike() -> None:
    world = snapshot([okta_user("ana")], [mi_user("ana"), mi_user("bob"), mi_user("cy")])
    for name, known in (("BOB", True), ("cy@example.com", True), ("nobody", False)):
        chosen = settings(auto_create="all", only_user=name)
        plan = diff(trim(world, chosen), chosen)
        assert plan == diff(world, chosen)
        assert ("unknown_user" in [finding.kind for finding in plan.findings]) is not known
