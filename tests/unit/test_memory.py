"""What is remembered of earlier syncs, and when it no longer holds."""

from __future__ import annotations

import pytest

from okta_mi_provider.sync.diff import diff
from okta_mi_provider.sync.explain import explain
from okta_mi_provider.sync.memory import Link, Memory, recollect
from okta_mi_provider.sync.model import TargetUser
from okta_mi_provider.sync.plan import ChangeKind, FindingClass
from okta_mi_provider.sync.snapshot import Snapshot
from tests.unit.worlds import MI_SALES, mi_user, okta_user, settings, snapshot

ANA = mi_user("ana")


def remembered(world: Snapshot, **kept: object) -> Memory:
    return recollect(world.source, world.target, MI_SALES, **kept)  # type: ignore[arg-type]


def with_memory(world: Snapshot, **kept: object) -> Snapshot:
    return Snapshot(world.source, world.target, remembered(world, **kept))


def test_a_login_that_changes_in_okta_stays_the_same_user_of_mi() -> None:
    world = snapshot([okta_user("anna", id="00u1")], [ANA], members={ANA.id})
    plan = diff(with_memory(world, links=[Link("00u1", ANA.id, "ana")]), settings(auto_create="all"))
    (change,) = plan.changes
    # Never renamed, never created twice; the rest of the record follows.
    assert (change.kind, change.user) == (ChangeKind.UPDATE_USER, "ana")
    assert change.after is not None
    assert (change.after.username, change.after.email) == ("ana", "anna@example.com")
    assert "renamed" in [finding.kind for finding in plan.findings]


@pytest.mark.parametrize(("match_by", "kinds"), [("username,email", []), ("username", ["renamed"])])
def test_who_is_matched_by_email_is_not_told_in_every_run_to_have_a_new_login(match_by: str, kinds: list[str]) -> None:
    other_name = mi_user("asilva", email="ANA@example.com")
    world = snapshot([okta_user("ana", id="00u1")], [other_name], members={other_name.id})
    world = with_memory(world, links=[Link("00u1", other_name.id, "asilva")])
    plan = diff(world, settings(match_by=tuple(match_by.split(","))))
    assert [finding.kind for finding in plan.findings] == kinds


def test_logins_that_two_people_swap_do_not_swap_the_people() -> None:
    bob = mi_user("bob")
    world = snapshot(
        [
            okta_user("bob", id="00u-ana", email="ana@example.com", first_name="Ana"),
            okta_user("ana", id="00u-bob", email="bob@example.com", first_name="Bob"),
        ],
        [ANA, bob],
        members={ANA.id, bob.id},
    )
    links = [Link("00u-ana", ANA.id, "ana"), Link("00u-bob", bob.id, "bob")]
    assert diff(with_memory(world, links=links), settings()).changes == ()


def test_an_account_that_belongs_to_a_renamed_user_is_not_given_to_who_gets_the_old_login() -> None:
    world = snapshot(
        [okta_user("anna", id="00u1", email="ana@example.com"), okta_user("ana", id="00u2", email="n@x.org")], [ANA]
    )
    plan = diff(with_memory(world, links=[Link("00u1", ANA.id, "ana")]), settings(auto_create="all"))
    assert [(finding.kind, finding.user) for finding in plan.findings if finding.cls == "conflict"] == [
        ("account_taken", "ana")
    ]
    assert {change.source_id for change in plan.changes} <= {"00u1"}


def test_a_link_whose_target_is_gone_or_somebody_else_is_dropped() -> None:
    world = snapshot([okta_user("anna", id="00u1")], [mi_user("other", "7")])
    for link in (Link("00u1", "8", "ana"), Link("00u1", "7", "ana")):
        memory = remembered(world, links=[link])
        assert memory.links == {}
        assert memory.unlinked == {"00u1"}


def test_a_link_that_the_username_tells_anyway_is_not_kept_in_mind() -> None:
    world = snapshot([okta_user("ANA", id="00u1"), okta_user("new", id="00u2")], [ANA])
    memory = remembered(world, links=[Link("00u1", ANA.id, "ana")])
    assert (memory.links, memory.unlinked) == ({}, {"00u2"})


def test_who_gets_the_login_of_a_former_user_does_not_inherit_the_account() -> None:
    admin = mi_user("ana", type="administrator")
    world = snapshot([okta_user("ana", id="00u2", email="other@example.com")], [admin], members={admin.id})
    world = with_memory(world, links=[Link("00u1", admin.id, "ana")])
    for chosen in (settings(auto_create="all"), settings(force=True), settings(match_by=["username", "email"])):
        plan = diff(world, chosen)
        assert (plan.changes, plan.matched, plan.conflicts) == ((), (), 1)
        (finding,) = plan.findings
        assert (finding.kind, finding.user, finding.cls) == ("account_inherited", "ana", FindingClass.CONFLICT)
        for part in ("(00u2)", "account of 00u1", "'ana@example.com', not 'other@example.com'", "rename the MI user"):
            assert part in finding.message
    (told,) = (step.lines for step in explain(world, settings(), "ana").steps if step.name == "match")
    assert "account of 00u1" in "".join(told)


@pytest.mark.parametrize(
    ("account", "kinds", "findings"),
    [
        # As the message says: it is one person.
        (mi_user("ana", email="OTHER@example.com"), [], ["relinked"]),
        # Or it is not, and the former account gets another name.
        (mi_user("ana-former", "id-ana"), [ChangeKind.CREATE_USER], []),
    ],
)
def test_what_the_conflict_says_to_do_ends_it(
    account: TargetUser, kinds: list[ChangeKind], findings: list[str]
) -> None:
    world = snapshot([okta_user("ana", id="00u2", email="other@example.com")], [account], members={"id-ana"})
    plan = diff(with_memory(world, links=[Link("00u1", "id-ana", "ana")]), settings(auto_create="all"))
    assert [each.kind for each in plan.changes] == kinds
    assert [each.kind for each in plan.findings] == findings


def test_who_is_created_anew_in_okta_with_login_and_address_keeps_the_account() -> None:
    world = snapshot([okta_user("ana", id="00u2")], [ANA], members={ANA.id})
    plan = diff(with_memory(world, links=[Link("00u1", ANA.id, "ana")]), settings())
    assert [finding.kind for finding in plan.findings] == ["relinked"]
    assert plan.matched == (Link("00u2", ANA.id, "ana"),)


def test_users_found_for_the_first_time_are_to_be_linked() -> None:
    world = snapshot([okta_user("ana"), okta_user("new")], [ANA], members={ANA.id})
    plan = diff(with_memory(world), settings(auto_create="all"))
    # Whoever is created is linked when that is done.
    assert plan.matched == (Link("00u-ana", ANA.id, "ana"),)


def test_a_membership_counts_as_ours_only_while_the_user_is_the_same() -> None:
    world = snapshot([okta_user("bob")], [ANA], members={ANA.id})
    assert remembered(world, made=[Link("00u-ana", ANA.id, "ana")]).made
    # A server that was installed anew has given the id to somebody else.
    assert not remembered(world, made=[Link("00u-ana", ANA.id, "zoe")]).made
    assert not remembered(world, made=[Link("00u-ana", "77", "ana")]).made


def test_memberships_that_are_as_okta_says_need_not_be_kept_in_mind() -> None:
    world = snapshot([okta_user("ana")], [ANA], members={ANA.id})
    assert remembered(world, made=[Link("00u-ana", ANA.id, "ana")]).made == ()


def test_who_was_disabled_by_a_sync_and_is_active_again_is_told_so() -> None:
    off = mi_user("ana", enabled=False)
    world = snapshot([okta_user("ana")], [off], members={off.id})
    plan = diff(with_memory(world, disabled=[Link("00u-ana", off.id, "ana")]), settings())
    (finding,) = plan.findings
    assert (finding.kind, plan.changes) == ("disabled_in_mi", ())
    assert "since a sync found the user deactivated in Okta" in finding.message
