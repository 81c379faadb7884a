"""Leavers and the deactivated, from Okta to Metric Insights: decisions 5, 8, 9 and 10 of the specification over HTTP.

What needs a memory of earlier syncs, `prune: managed` before all, is tested where there is a store.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from okta_mi_provider.simulators.credentials import MI_API_TOKEN, MI_USER
from tests.integration.conftest import Provision
from tests.integration.world import (
    DEFAULT_GROUP,
    ENVIRONMENT,
    MetricInsights,
    Okta,
    Run,
    World,
    login,
    logins,
    without,
)

PRUNE, DISABLE = ("--prune", "all"), ("--deprovision", "disable")


@pytest.fixture
def finance(okta: Okta, mi: MetricInsights) -> str:
    """Finance has ana and bruno in Okta; in MI carla and dora besides, and boss, who is an administrator."""
    group = okta.group("Finance", "ana", "bruno")
    for name in ("ana", "bruno", "carla", "dora"):
        mi.add_user(name, DEFAULT_GROUP)
    mi.add_user("boss", type="administrator")
    mi.add_group("Finance", "ana", "bruno", "carla", "dora", "boss")
    return group


# ---------------------------------------------------------------------- prune


def test_by_default_nobody_is_removed_or_disabled(
    provision: Provision, okta: Okta, mi: MetricInsights, finance: str
) -> None:
    okta.change("bruno", status="DEPROVISIONED")
    assert provision("Finance").changes == []
    assert mi.members("Finance") == logins("ana", "boss", "bruno", "carla", "dora")
    assert mi.user("bruno")["enabled"] == "Y"
    assert mi.writes() == []


def test_decision_09_prune_all_makes_the_group_mirror_okta(
    provision: Provision, mi: MetricInsights, finance: str
) -> None:
    run = provision(*PRUNE, "Finance")
    assert run.code == 0
    assert run.changes == [("remove_member", login("carla"), "done"), ("remove_member", login("dora"), "done")]
    assert run.report["counts"]["memberships"] == {"added": 0, "removed": 2}
    assert mi.members("Finance") == logins("ana", "boss", "bruno")
    # They lose this group and nothing else.
    assert mi.groups_of("carla") == {DEFAULT_GROUP}
    assert mi.user("carla")["enabled"] == "Y"
    mi.forget_requests()
    assert provision(*PRUNE, "Finance").changes == []
    assert mi.writes() == []


def test_decision_05_administrators_are_spared_and_named(
    provision: Provision, mi: MetricInsights, finance: str
) -> None:
    run = provision("--full-summary", *PRUNE, "Finance")
    (finding,) = run.findings("protected")
    assert (finding["class"], finding["user"]) == ("notice", login("boss"))
    assert "boss" in run.out
    assert provision(*PRUNE, "--no-protect-administrators", "Finance").changes == [
        ("remove_member", login("boss"), "done")
    ]
    assert mi.members("Finance") == logins("ana", "bruno")
    assert mi.user("boss")["type"] == "administrator"


@pytest.mark.parametrize("renewed", [False, True])
def test_decision_05_nobody_is_removed_from_the_default_group(
    provision: Provision, okta: Okta, mi: MetricInsights, finance: str, renewed: bool
) -> None:
    if renewed:
        mi.control("DELETE", f"groups/{DEFAULT_GROUP}")
        mi.add_group(DEFAULT_GROUP, "carla")
        (group,) = [each for each in mi.state()["groups"] if each["name"] == DEFAULT_GROUP]
        mi.knobs(default_group_id=group["id"])
    before = mi.members(DEFAULT_GROUP)
    for more in ((), ("--skip-default-group",), ("--no-protect-administrators",)):
        run = provision(*PRUNE, *more, "--target-group", DEFAULT_GROUP, "Finance")
        assert run.code == 0
        assert [finding["kind"] for finding in run.findings("default_group")] == ["default_group"]
        assert set(mi.members(DEFAULT_GROUP)) >= set(before)
    assert mi.requests("DELETE") == []


def test_a_dry_run_shows_who_would_be_removed_and_removes_nobody(
    provision: Provision, okta: Okta, mi: MetricInsights, finance: str
) -> None:
    okta.user("gone", finance, status="DEPROVISIONED")
    mi.add_user("gone")
    run = provision("-n", *PRUNE, *DISABLE, "Finance")
    assert run.code == 0
    assert run.changes == [
        ("remove_member", login("carla"), "planned"),
        ("remove_member", login("dora"), "planned"),
        ("disable_user", login("gone"), "planned"),
    ]
    assert run.report["counts"]["memberships"]["removed"] == 2
    assert run.users["disabled"] == 1
    assert mi.writes() == []


def test_everybody_is_synced_before_anybody_is_removed(
    provision: Provision, okta: Okta, mi: MetricInsights, finance: str
) -> None:
    okta.user("emil", finance)
    okta.change("ana", lastName="New")
    assert provision("--max-concurrency", "1", "-a", "all", *PRUNE, "Finance").code == 0
    assert [write.split()[0] for write in mi.writes()] == ["PUT", "POST", "DELETE", "DELETE"]


@pytest.mark.parametrize("status", ["SUSPENDED", "DEPROVISIONED", "STAGED"])
def test_whom_okta_lists_in_the_group_has_not_left_it(
    provision: Provision, okta: Okta, mi: MetricInsights, finance: str, status: str
) -> None:
    okta.user("carla", finance, status=status)
    assert provision(*PRUNE, "Finance").changes == [("remove_member", login("dora"), "done")]
    assert login("carla") in mi.members("Finance")


def test_somebody_who_comes_back_is_a_member_again(
    provision: Provision, okta: Okta, mi: MetricInsights, finance: str
) -> None:
    okta.leave("Finance", "bruno")
    provision(*PRUNE, "Finance")
    assert login("bruno") not in mi.members("Finance")
    okta.join("Finance", login("bruno"))
    assert provision(*PRUNE, "Finance").changes == [("add_member", login("bruno"), "done")]
    assert login("bruno") in mi.members("Finance")


# ---------------------------------------------------------------------- deprovision


def test_decision_09_whom_okta_has_deactivated_is_disabled_and_keeps_the_rest(
    provision: Provision, okta: Okta, mi: MetricInsights, finance: str
) -> None:
    okta.change("bruno", status="DEPROVISIONED")
    before = mi.user("bruno")
    run = provision(*DISABLE, "Finance")
    assert run.code == 0
    assert run.changes == [("disable_user", login("bruno"), "done")]
    (change,) = run.report["changes"]
    assert change["fields"] == {"enabled": ["Y", "N"]}
    assert run.report["counts"]["users"]["disabled"] == 1
    assert mi.user("bruno") == {**before, "enabled": "N"}
    assert login("bruno") in mi.members("Finance")
    mi.forget_requests()
    assert provision(*DISABLE, "Finance").changes == []
    assert mi.writes() == []


def test_nobody_is_disabled_for_being_suspended_or_absent(
    provision: Provision, okta: Okta, mi: MetricInsights, finance: str
) -> None:
    okta.change("bruno", status="SUSPENDED")
    okta.leave("Finance", "ana")
    assert provision(*DISABLE, "Finance").changes == []
    assert (mi.user("ana")["enabled"], mi.user("bruno")["enabled"]) == ("Y", "Y")


def test_decision_05_an_administrator_is_not_disabled(
    provision: Provision, okta: Okta, mi: MetricInsights, finance: str
) -> None:
    okta.user("boss", finance, status="DEPROVISIONED")
    run = provision(*DISABLE, "Finance")
    assert [finding["user"] for finding in run.findings("protected")] == [login("boss")]
    assert mi.user("boss")["enabled"] == "Y"
    assert provision(*DISABLE, "--no-protect-administrators", "Finance").code == 0
    assert mi.user("boss")["enabled"] == "N"


def test_the_account_that_the_sync_acts_for_is_neither_disabled_nor_demoted(
    provision: Provision, okta: Okta, mi: MetricInsights, finance: str
) -> None:
    free = ("--no-protect-administrators", "--force", *DISABLE, *PRUNE, "Finance")
    user_id = okta.user("svc", finance, login=MI_USER)
    before = mi.users()[MI_USER]["type"]
    for status, told in (("ACTIVE", "although force would set the type regular"), ("DEPROVISIONED", "stays enabled")):
        okta.control("PUT", f"users/{user_id}", {"status": status})
        run = provision(*free)
        (finding,) = run.findings("own_account")
        assert (run.code, finding["user"]) == (0, MI_USER)
        assert told in finding["message"]
        account = mi.users()[MI_USER]
        assert (account["type"], account["enabled"]) == (before, "Y")


def test_whose_token_it_is_can_be_said(
    okta_mi: Callable[..., Run], world: World, okta: Okta, mi: MetricInsights, finance: str
) -> None:
    okta.user("svc", finance, login=MI_USER, status="DEPROVISIONED")
    options = without(world.options, "--mi-application-id")
    words = [*options, "--no-protect-administrators", *DISABLE, "--full-summary", "Finance"]
    run = okta_mi("provision", *words, env={**ENVIRONMENT, "MI_APPLICATION_KEY": "", "MI_API_TOKEN": MI_API_TOKEN})
    assert run.code == 0
    assert "is the account that this sync acts for" in run.out
    assert mi.users()[MI_USER]["enabled"] == "Y"


# ---------------------------------------------------------------------- limits


@pytest.fixture
def ten(okta: Okta, mi: MetricInsights) -> list[str]:
    """Sales has seven users in Okta, who are in MI with three more."""
    names = [f"user{number}" for number in range(10)]
    okta.group("Sales", *names[:7])
    for name in names:
        mi.add_user(name)
    mi.add_group("Sales", *names)
    return logins(*names[7:])


def test_decision_10_more_removals_than_a_fifth_are_refused_as_a_whole_and_shown(
    provision: Provision, okta: Okta, mi: MetricInsights, ten: list[str]
) -> None:
    okta.user("new", "Sales")
    run = provision("-a", "all", *PRUNE, "Sales")
    assert run.code == 3
    assert run.report["state"] == "refused"
    assert {status for _, _, status in run.changes} == {"planned"}
    assert [user for kind, user, _ in run.changes if kind == "remove_member"] == ten
    for number in ("3 users", "10 members", "20%", "2 of 10"):
        assert number in run.report["error"]
    assert mi.writes() == []


@pytest.mark.parametrize("option", [("--max-removals", "3"), ("--max-removals", "30%")])
def test_decision_10_the_limit_can_be_raised(
    provision: Provision, mi: MetricInsights, ten: list[str], option: tuple[str, str]
) -> None:
    assert provision(*PRUNE, *option, "Sales").code == 0
    assert not set(mi.members("Sales")) & set(ten)


def test_decision_10_exactly_this_plan_can_be_approved_and_no_other(
    provision: Provision, okta: Okta, mi: MetricInsights, ten: list[str]
) -> None:
    digest = provision(*PRUNE, "Sales").report["plan_digest"]
    okta.leave("Sales", "user0")
    assert provision(*PRUNE, "--approve", digest, "Sales").code == 3
    assert mi.writes() == []
    okta.join("Sales", login("user0"))
    assert provision(*PRUNE, "--approve", digest[:12], "Sales").code == 0
    assert not set(mi.members("Sales")) & set(ten)


def test_decision_10_disabling_counts_as_removing(
    provision: Provision, okta: Okta, mi: MetricInsights, ten: list[str]
) -> None:
    for name in ("user0", "user1"):
        okta.change(name, status="DEPROVISIONED")
    assert provision(*DISABLE, "Sales").code == 0
    okta.change("user2", status="DEPROVISIONED")
    mi.forget_requests()
    assert provision(*PRUNE, *DISABLE, "Sales").code == 3
    assert mi.writes() == []


def test_decision_08_a_group_with_nobody_to_sync_is_refused_whoever_approves(
    provision: Provision, okta: Okta, mi: MetricInsights, finance: str
) -> None:
    for name in ("ana", "bruno"):
        okta.change(name, status="DEPROVISIONED")
    run = provision(*PRUNE, *DISABLE, "Finance")
    assert run.code == 3
    approved = provision(*PRUNE, *DISABLE, "--approve", run.report["plan_digest"], "Finance")
    assert approved.code == 3
    assert mi.writes() == []


def test_several_groups_into_one_are_pruned_by_their_union(
    provision: Provision, okta: Okta, mi: MetricInsights, finance: str
) -> None:
    okta.group("Controlling", "carla")
    assert provision(*PRUNE, "--target-group", "Finance", "Finance", "Controlling").code == 0
    assert mi.members("Finance") == logins("ana", "boss", "bruno", "carla")
