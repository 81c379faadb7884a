"""What a diff decides, by example; the numbers are those of the specification's decisions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from okta_mi_provider.sync.diff import diff
from okta_mi_provider.sync.errors import PlanRefused
from okta_mi_provider.sync.plan import FindingClass, Plan
from tests.unit.worlds import MI_SALES, mi_user, okta_user, settings, snapshot


def _changes(plan: Plan) -> list[tuple[str, str | None, str]]:
    return [(change.kind.value, change.user, change.group) for change in plan.changes]


def _findings(plan: Plan) -> list[tuple[str, str | None]]:
    return [(finding.kind, finding.user) for finding in plan.findings]


class TestAutoCreate:
    def test_without_it_a_missing_group_is_a_notice_and_nothing_is_written(self) -> None:
        plan = diff(snapshot([okta_user("ana")], group=None), settings())
        assert _changes(plan) == []
        assert _findings(plan) == [("group_missing", None)]
        assert plan.skipped == 1

    def test_without_it_users_are_created_in_an_existing_group(self) -> None:
        plan = diff(snapshot([okta_user("ana")]), settings())
        assert _changes(plan) == [("create_user", "ana", "Sales")]

    def test_groups_creates_the_group_but_adds_only_users_that_exist(self) -> None:
        world = snapshot([okta_user("ana"), okta_user("bob")], [mi_user("bob")], group=None)
        plan = diff(world, settings(auto_create="groups"))
        assert _changes(plan) == [("create_group", None, "Sales"), ("add_member", "bob", "Sales")]
        assert _findings(plan) == [("not_created", "ana")]

    def test_all_creates_both(self) -> None:
        plan = diff(snapshot([okta_user("ana")], group=None), settings(auto_create="all"))
        assert _changes(plan) == [("create_group", None, "Sales"), ("create_user", "ana", "Sales")]

    def test_a_name_that_differs_in_case_is_another_group_and_is_pointed_out(self) -> None:
        world = snapshot([okta_user("ana")], group=MI_SALES.__class__("5", "SALES"))
        assert "'SALES'" in diff(world, settings()).findings[0].message


class TestScope:
    @pytest.mark.parametrize(
        "status", ["LOCKED_OUT", "PASSWORD_EXPIRED", "RECOVERY", "PROVISIONED", "STAGED", "ACTIVE"]
    )
    def test_lesson_08_who_has_trouble_signing_in_stays_a_member(self, status: str) -> None:
        assert _changes(diff(snapshot([okta_user("ana", status=status)]), settings())) == [
            ("create_user", "ana", "Sales")
        ]

    @pytest.mark.parametrize("status", ["SUSPENDED", "DEPROVISIONED"])
    def test_inactive_users_are_skipped_with_the_reason(self, status: str) -> None:
        plan = diff(snapshot([okta_user("ana", status=status), okta_user("bob")]), settings())
        assert _changes(plan) == [("create_user", "bob", "Sales")]
        assert _findings(plan) == [("status", "ana")]
        assert status in plan.findings[0].message

    def test_an_unknown_status_is_skipped_and_reported(self) -> None:
        plan = diff(snapshot([okta_user("ana", status="FROZEN"), okta_user("bob")]), settings())
        assert _findings(plan) == [("unknown_status", "ana")]

    def test_statuses_changes_the_set(self) -> None:
        world = snapshot([okta_user("ana", status="STAGED"), okta_user("bob", status="SUSPENDED")])
        plan = diff(world, settings(statuses=["ACTIVE", "SUSPENDED"]))
        assert _changes(plan) == [("create_user", "bob", "Sales")]

    @pytest.mark.parametrize("missing", ["username", "email"])
    def test_without_username_or_email_a_user_is_invalid(self, missing: str) -> None:
        plan = diff(snapshot([okta_user("ana", **{missing: ""}), okta_user("bob")]), settings())
        assert _changes(plan) == [("create_user", "bob", "Sales")]
        assert [finding.kind for finding in plan.findings] == ["invalid"]

    def test_a_group_without_anybody_to_sync_is_reported(self) -> None:
        plan = diff(snapshot([], group=None), settings(auto_create="all"))
        assert _changes(plan) == [("create_group", None, "Sales")]
        assert _findings(plan) == [("empty_source", None)]


class TestMatching:
    def test_where_case_tells_users_apart_each_gets_their_own(self) -> None:
        world = snapshot([okta_user("ana"), okta_user("Ana", email="other@example.com")], [mi_user("ana")])
        exact = replace(world, target=replace(world.target, username_casefold=False))
        assert _changes(diff(exact, settings())) == [("create_user", "Ana", "Sales"), ("add_member", "ana", "Sales")]
        assert [finding.kind for finding in diff(world, settings()).findings] == ["duplicate_source_username"] * 2

    def test_lesson_05_names_differing_only_in_case_are_one_user(self) -> None:
        world = snapshot(
            [okta_user("ana", username="Ana@X.org", email="ANA@x.ORG")],
            [mi_user("ana", username="ana@x.org", email="ana@x.org")],
            members={"id-ana"},
        )
        plan = diff(world, settings())
        assert _changes(plan) == []
        assert plan.unchanged == 1

    def test_lesson_06_two_source_users_with_one_email_are_both_conflicts(self) -> None:
        twins = [okta_user("ana"), okta_user("anna", email="ANA@example.com"), okta_user("bob")]
        plan = diff(snapshot(twins), settings())
        assert _changes(plan) == [("create_user", "bob", "Sales")]
        assert _findings(plan) == [("duplicate_source_email", "ana"), ("duplicate_source_email", "anna")]
        assert plan.conflicts == 2

    def test_lesson_06_two_source_users_with_one_username_are_both_conflicts(self) -> None:
        twins = [okta_user("ana"), okta_user("ANA", email="other@example.com")]
        plan = diff(snapshot(twins), settings())
        assert _changes(plan) == []
        assert [kind for kind, _ in _findings(plan)] == ["duplicate_source_username"] * 2

    def test_a_twin_that_is_not_synced_is_no_conflict(self) -> None:
        twins = [okta_user("ana"), okta_user("old", email="ana@example.com", status="DEPROVISIONED")]
        assert _changes(diff(snapshot(twins), settings())) == [("create_user", "ana", "Sales")]

    def test_lesson_07_two_mi_users_that_match_are_a_conflict_naming_both(self) -> None:
        world = snapshot([okta_user("ana")], [mi_user("ana", "7"), mi_user("ANA", "8", email="z@example.com")])
        plan = diff(world, settings())
        assert _changes(plan) == []
        (finding,) = plan.findings
        assert (finding.kind, finding.cls) == ("ambiguous_target", FindingClass.CONFLICT)
        assert "'ana' (7)" in finding.message
        assert "'ANA' (8)" in finding.message

    def test_an_email_of_another_mi_user_is_a_conflict_naming_both(self) -> None:
        world = snapshot([okta_user("ana")], [mi_user("svc", email="Ana@Example.com")])
        plan = diff(world, settings())
        assert _changes(plan) == []
        assert _findings(plan) == [("email_taken", "ana")]
        assert "'svc' (id-svc)" in plan.findings[0].message
        assert "'ana' (00u-ana)" in plan.findings[0].message

    def test_match_by_email_takes_the_only_user_with_the_address_and_never_renames(self) -> None:
        world = snapshot([okta_user("ana")], [mi_user("asilva", email="ana@example.com", first_name="Ana")])
        plan = diff(world, settings(match_by=["username", "email"]))
        assert _changes(plan) == [("add_member", "asilva", "Sales")]

    def test_match_by_email_with_two_users_of_one_address_is_a_conflict(self) -> None:
        world = snapshot(
            [okta_user("ana")], [mi_user("x", email="ana@example.com"), mi_user("y", email="ana@example.com")]
        )
        assert _findings(diff(world, settings(match_by=["username", "email"]))) == [("ambiguous_target", "ana")]

    def test_one_mi_user_is_never_two_people(self) -> None:
        world = snapshot(
            [okta_user("ana", email="new@x.org"), okta_user("bob", email="ana@example.com")], [mi_user("ana")]
        )
        plan = diff(world, settings(match_by=["username", "email"]))
        assert _findings(plan) == [("email_taken", "bob")]
        assert {change.user for change in plan.changes} == {"ana"}


class TestUpdates:
    def test_names_and_email_are_brought_in_line_with_old_and_new(self) -> None:
        world = snapshot([okta_user("ana", last_name="Costa")], [mi_user("ana")], members={"id-ana"})
        (change,) = diff(world, settings()).changes
        assert change.fields == {"last_name": ["Doe", "Costa"]}

    def test_the_type_changes_only_with_force(self) -> None:
        world = snapshot([okta_user("ana")], [mi_user("ana")], members={"id-ana"}, default_members={"id-ana"})
        assert diff(world, settings(user_type="power_user")).changes == ()
        (change,) = diff(world, settings(user_type="power_user", force=True)).changes
        assert change.fields == {"type": ["regular", "power_user"]}

    def test_force_adds_existing_users_to_the_default_group_unless_it_is_skipped(self) -> None:
        world = snapshot([okta_user("ana")], [mi_user("ana")], members={"id-ana"})
        assert _changes(diff(world, settings(force=True))) == [("add_member", "ana", "Default Group")]
        assert diff(world, settings(force=True, skip_default_group=True)).changes == ()
        assert diff(world, settings()).changes == ()

    def test_administrators_are_not_demoted_unless_that_is_wanted(self) -> None:
        world = snapshot(
            [okta_user("ana")], [mi_user("ana", type="administrator")], members={"id-ana"}, default_members={"id-ana"}
        )
        plan = diff(world, settings(force=True))
        assert plan.changes == ()
        assert _findings(plan) == [("protected", "ana")]
        (change,) = diff(world, settings(force=True, protect_administrators=False)).changes
        assert change.fields == {"type": ["administrator", "regular"]}

    def test_a_user_disabled_in_mi_stays_disabled_and_is_reported(self) -> None:
        world = snapshot([okta_user("ana")], [mi_user("ana", enabled=False)], members={"id-ana"})
        plan = diff(world, settings())
        assert plan.changes == ()
        assert _findings(plan) == [("disabled_in_mi", "ana")]


class TestPlan:
    def test_lesson_14_more_users_than_the_limit_are_refused_with_both_numbers(self) -> None:
        users = [okta_user("ana"), okta_user("bob"), okta_user("cy", status="SUSPENDED")]
        diff(snapshot(users), settings(sync_user_limit=2)).raise_if_unsafe()
        refused = diff(snapshot(users), settings(sync_user_limit=1))
        for approved in (None, refused.digest):
            with pytest.raises(PlanRefused, match=r"2 users to sync.*sync_user_limit allows \(1\)"):
                refused.raise_if_unsafe(approved=approved)

    def test_target_group_syncs_into_another_group(self) -> None:
        plan = diff(snapshot([okta_user("ana")]), settings(target_group="BI", auto_create="all"))
        assert _changes(plan) == [("create_group", None, "BI"), ("create_user", "ana", "BI")]

    def test_the_digest_tells_two_plans_apart(self) -> None:
        one, two = (diff(snapshot([okta_user(name)]), settings()) for name in ("ana", "bob"))
        assert one.digest != two.digest
        assert one.digest == diff(snapshot([okta_user("ana")]), settings()).digest


def test_a_crowd_with_one_address_is_told_briefly_to_each() -> None:
    crowd = [okta_user(f"u{number:04}", email="office@example.com") for number in range(3000)]
    plan = diff(snapshot(crowd), settings())
    assert plan.conflicts == 3000
    assert {len(finding.message) < 500 for finding in plan.findings} == {True}
    assert "and 2995 more" in plan.findings[0].message


@pytest.mark.parametrize(("said", "told"), [(None, False), (3, False), (8, False), (9, True), (500, True)])
def test_lesson_02_a_member_count_far_from_what_okta_counts_is_a_notice(said: int | None, told: bool) -> None:
    world = snapshot([okta_user(name) for name in ("ana", "bob", "cy")])
    (group,) = world.source.groups
    group = replace(group, user_count=said, listed=3)
    plan = diff(replace(world, source=replace(world.source, groups=(group,))), settings())
    assert ("member_count" in {finding.kind for finding in plan.findings}) is told
    assert len(plan.changes) == 3
