"""Accidents that other syncs had, one test for each; the numbers are those of the list of field lessons.

Not in here, because they need a memory of earlier syncs: 18, and the part of 13 about `prune: managed`.
"""

from __future__ import annotations

import pytest

from okta_mi_provider.cli.lock import one_at_a_time
from okta_mi_provider.clients.metric_insights import MetricInsightsClient
from tests.integration.conftest import Provision, Start
from tests.integration.world import DEFAULT_GROUP, DOMAIN, MetricInsights, Okta, World, login, logins


def test_lesson_01_a_group_that_is_gone_fails_the_run_and_writes_nothing(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    okta.group("Finance", "ana")
    provision("-a", "all", "Finance")
    okta.control("DELETE", "groups/Finance")
    mi.forget_requests()
    run = provision("-a", "all", "Finance")
    assert run.code == 1
    assert mi.writes() == []
    assert mi.members("Finance") == logins("ana")


def test_lesson_01_a_group_without_members_is_reported_and_nobody_loses_it(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    okta.group("Finance", "ana")
    provision("-a", "all", "Finance")
    okta.leave("Finance", "ana")
    mi.forget_requests()
    run = provision("-a", "all", "Finance")
    assert [finding["kind"] for finding in run.report["findings"]] == ["empty_source"]
    assert mi.writes() == []
    assert mi.members("Finance") == logins("ana")


def test_lesson_01_a_group_without_members_is_refused_while_leavers_are_removed(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    okta.group("Finance", "ana")
    provision("-a", "all", "Finance")
    okta.leave("Finance", "ana")
    mi.forget_requests()
    run = provision("--prune", "all", "Finance")
    assert run.code == 3
    assert "everybody would be removed" in run.report["error"]
    assert mi.writes() == []
    assert mi.members("Finance") == logins("ana")


def test_lesson_01_a_group_that_is_gone_removes_nobody(provision: Provision, okta: Okta, mi: MetricInsights) -> None:
    okta.group("Finance", "ana")
    provision("-a", "all", "Finance")
    okta.control("DELETE", "groups/Finance")
    mi.forget_requests()
    assert provision("--prune", "all", "Finance").code == 1
    assert mi.writes() == []
    assert mi.members("Finance") == logins("ana")


def test_lesson_02_a_third_page_of_five_that_fails_ends_the_run_before_any_plan(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    okta.group("Finance")
    okta.crowd("Finance", 50)
    okta.knobs(page_cap=10)
    okta.fault("500", route="list_members", after=2, count=None)
    run = provision("-a", "all", "Finance")
    assert run.code == 1
    assert run.report["plan_digest"] is None
    assert mi.writes() == []


def test_lesson_02_every_page_is_read(provision: Provision, okta: Okta, mi: MetricInsights) -> None:
    okta.group("Finance")
    names = okta.crowd("Finance", 50)
    okta.knobs(page_cap=10)
    assert provision("-a", "all", "Finance").code == 0
    assert mi.members("Finance") == names
    assert len([row for row in okta.requests() if row["path"].endswith("/users")]) == 5


def test_lesson_02_a_list_far_from_okta_s_own_count_is_a_notice(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    okta.group("Finance")
    names = okta.crowd("Finance", 3)
    okta.knobs(member_lag_s=3600)
    for number in range(40):
        okta.user(f"user{number}", "Finance")
    run = provision("-a", "all", "Finance")
    assert run.code == 0
    assert [(finding["class"], finding["kind"]) for finding in run.report["findings"]] == [("notice", "member_count")]
    assert mi.members("Finance") == names


def test_lesson_03_only_the_exact_name_is_used_never_the_first_hit(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    okta.group("Sales-EMEA", "ana")
    okta.group("Sales-APAC", "bruno")
    run = provision("-a", "all", "Sales")
    assert run.code == 1
    assert "'Sales'" in run.report["error"]
    assert mi.writes() == []


def test_lesson_04_a_rate_limit_is_waited_for_until_its_reset(
    provision: Provision, okta: Okta, mi: MetricInsights, naps: list[float]
) -> None:
    okta.group("Finance", "ana")
    okta.fault("429", route="list_members", seconds=60)
    assert provision("-a", "all", "Finance").code == 0
    assert mi.members("Finance") == logins("ana")
    (nap,) = naps
    assert 58 <= nap <= 64, "to the reset, plus at least a second of jitter"


def test_lesson_05_names_differing_only_in_case_are_one_user(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    okta.group("Finance")
    for name in okta.crowd("Finance", 50):
        mi.add_user(name.upper(), first_name="User", last_name=name[4:8], email=name.upper())
    mi.add_group("Finance", *(name for name in mi.users() if name.startswith("USER")))
    mi.forget_requests()
    run = provision("-a", "all", "Finance")
    assert run.users == {"source": 50, "unchanged": 50}
    assert mi.writes() == []


@pytest.mark.parametrize("attribute", ["email", "nickName"])
def test_lesson_06_two_source_users_with_one_e_mail_or_username_are_both_conflicts(
    provision: Provision, okta: Okta, mi: MetricInsights, attribute: str
) -> None:
    group = okta.group("Finance")
    for name, value in (("ana", f"desk@{DOMAIN}"), ("bruno", f"Desk@{DOMAIN}"), ("carla", f"carla@{DOMAIN}")):
        okta.user(name, group, **{attribute: value})
    option = {"email": "--email-attr", "nickName": "--username-attr"}[attribute]
    run = provision(option, attribute, "-a", "all", "Finance")
    assert run.code == 1
    assert run.users == {"source": 3, "created": 1, "conflicts": 2}
    assert mi.members("Finance") == logins("carla")


def test_lesson_07_two_mi_users_that_match_are_a_conflict_naming_both(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    okta.user("lobby", okta.group("Finance"), email="kiosk@acme.example")
    before = mi.content()
    run = provision("--match-by", "username,email", "-a", "all", "Finance")
    (finding,) = [each for each in run.report["findings"] if each["class"] == "conflict"]
    assert "kiosk.lobby" in finding["message"]
    assert "kiosk.canteen" in finding["message"]
    assert run.code == 1
    assert mi.content()["users"] == before["users"]
    assert mi.members("Finance") == []


@pytest.mark.parametrize("status", ["LOCKED_OUT", "PASSWORD_EXPIRED", "RECOVERY"])
def test_lesson_08_trouble_with_signing_in_costs_nobody_the_group(
    provision: Provision, okta: Okta, mi: MetricInsights, status: str
) -> None:
    okta.group("Finance", "ana")
    provision("-a", "all", "Finance")
    okta.change("ana", status=status)
    mi.forget_requests()
    assert provision("-a", "all", "Finance").users == {"source": 1, "unchanged": 1}
    assert mi.members("Finance") == logins("ana")
    assert mi.writes() == []


def test_lesson_09_a_limit_stops_the_whole_plan_and_says_so(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    okta.group("Finance", "ana", "bruno", "carla")
    okta.group("Sales", "dora")
    run = provision("--sync-user-limit", "3", "-a", "all", "Finance", "Sales")
    assert run.code == 3
    assert {report["state"] for report in run.reports} == {"refused"}
    assert "REFUSED" in run.out
    assert mi.writes() == []


def test_lesson_09_a_limit_on_removals_leaves_the_rest_unwritten_too(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    okta.group("Finance")
    okta.crowd("Finance", 20)
    mi.add_group("Finance")
    mi.crowd("Finance", 10)
    run = provision("--prune", "all", "-a", "all", "Finance")
    assert run.code == 3
    assert {status for _, _, status in run.changes} == {"planned"}
    for part in ("10 users would be removed", "'Finance' has 10 members", "max_removals allows 20%"):
        assert part in run.report["error"]
    assert "REFUSED" in run.out
    assert mi.writes() == []


def test_lesson_10_failed_writes_are_named_with_their_reason_and_the_run_fails(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    okta.group("Finance")
    okta.crowd("Finance", 20)
    mi.fault("400", method="POST", route="users", count=2, after=4)
    run = provision("--max-concurrency", "1", "-a", "all", "Finance")
    assert run.code == 1
    assert run.users == {"source": 20, "created": 18, "failed": 2}
    failed = [change for change in run.report["changes"] if change["status"] == "failed"]
    assert [change["user"] for change in failed] == [f"user0004@{DOMAIN}", f"user0005@{DOMAIN}"]
    assert all("Bad Request" in change["error"] for change in failed)
    assert len(mi.members("Finance")) == 18


@pytest.mark.parametrize("message", ["{what} already exists", "Something went wrong"])
def test_lesson_11_a_duplicate_is_success_if_a_read_proves_it(
    provision: Provision, okta: Okta, mi: MetricInsights, message: str
) -> None:
    mi.knobs(duplicate_message=message)
    okta.group("Finance", "ana")
    mi.add_group("Finance")
    mi.add_user("bruno")
    okta.user("bruno", "Finance")
    # The write takes effect and is then answered like one that came too late.
    mi.fault("400", method="POST", route="users", after_effect=True)
    mi.fault("400", method="POST", route="members", after_effect=True)
    run = provision("-a", "all", "Finance")
    assert run.code == 0
    assert {(user, status) for _, user, status in run.changes} == {
        (login("ana"), "already"),
        (login("bruno"), "already"),
    }
    assert mi.members("Finance") == logins("ana", "bruno")


def test_lesson_11_a_refusal_that_no_read_explains_stands(provision: Provision, okta: Okta, mi: MetricInsights) -> None:
    okta.group("Finance", "ana")
    mi.fault("400", method="POST", route="users")
    run = provision("-a", "all", "Finance")
    assert run.code == 1
    assert run.users == {"source": 1, "failed": 1}


@pytest.mark.parametrize("how", ["user", "membership"])
def test_lesson_12_a_leaver_who_is_gone_already_is_no_failure(
    provision: Provision, okta: Okta, mi: MetricInsights, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    okta.group("Finance", "ana")
    mi.add_group("Finance")
    mi.crowd("Finance", 5)
    remove = MetricInsightsClient.remove_membership
    gone: list[str] = []

    def too_late(client: MetricInsightsClient, membership_id: str) -> None:
        # Somebody is faster, for each of them.
        (user_id,) = [row["user"] for row in mi.state()["memberships"] if str(row["id"]) == membership_id]
        (name,) = [row["username"] for row in mi.state()["users"] if row["id"] == user_id]
        if how == "user":
            mi.delete_user(name)
        else:
            mi.leave("Finance", name)
        gone.append(name)
        remove(client, membership_id)

    monkeypatch.setattr(MetricInsightsClient, "remove_membership", too_late)
    run = provision("--max-concurrency", "1", "-a", "all", "--prune", "all", "Finance")
    assert run.code == 0, run.err
    assert len(gone) == 5
    assert [row["status"] for row in mi.requests("DELETE")] == [404] * 5
    assert [(user, status) for kind, user, status in run.changes if kind == "remove_member"] == [
        (name, "already") for name in gone
    ]
    assert run.report["counts"]["memberships"] == {"added": 1, "removed": 0}
    assert mi.members("Finance") == logins("ana")


def test_lesson_13_administrators_and_the_default_group_survive_even_prune_all(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    okta.group("Finance", "ana")
    mi.add_user("hand", DEFAULT_GROUP)
    mi.add_user("boss", type="administrator")
    mi.add_group("Finance", "hand", "boss")
    before = {group: mi.members(group) for group in ("Board Reports", "Executives")}
    assert provision("--prune", "all", "--deprovision", "disable", "-a", "all", "Finance").code == 0
    assert mi.members("Finance") == logins("ana", "boss")
    assert login("hand") in mi.members(DEFAULT_GROUP), "removed from this group only"
    assert {group: mi.members(group) for group in before} == before
    mi.forget_requests()
    run = provision("--prune", "all", "--target-group", DEFAULT_GROUP, "Finance")
    assert run.code == 0
    assert mi.requests("DELETE") == []


def test_lesson_13_members_and_groups_made_by_hand_survive(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    okta.group("Finance", "ana")
    mi.add_user("hand", DEFAULT_GROUP)
    mi.add_user("boss", type="administrator")
    mi.add_group("Finance", "hand", "boss")
    before = {group: mi.members(group) for group in ("Board Reports", "Executives")}
    for options in ([], ["-a", "groups"], ["-a", "all"], ["--force", "-a", "all"]):
        assert provision(*options, "Finance").code == 0
    assert mi.members("Finance") == logins("ana", "boss", "hand")
    assert login("hand") in mi.members(DEFAULT_GROUP)
    assert mi.user("boss")["type"] == "administrator"
    assert {group: mi.members(group) for group in before} == before


def test_lesson_14_over_the_user_limit_nothing_is_cut_short(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    okta.group("Finance")
    okta.crowd("Finance", 12)
    run = provision("--sync-user-limit", "11", "-a", "all", "Finance")
    assert run.code == 3
    assert "12" in run.report["error"]
    assert "11" in run.report["error"]
    assert mi.writes() == []


@pytest.mark.parametrize("in_one_run", [True, False])
def test_lesson_15_two_groups_with_one_target_are_a_union(
    provision: Provision, okta: Okta, mi: MetricInsights, in_one_run: bool
) -> None:
    okta.group("Finance", "ana", "bruno")
    okta.group("Sales", "carla")
    okta.join("Sales", login("ana"))
    for groups in [["Finance", "Sales"]] if in_one_run else [["Finance"], ["Sales"]]:
        assert provision("--target-group", "BI", "-a", "all", *groups).code == 0
    assert mi.members("BI") == logins("ana", "bruno", "carla")


def test_lesson_15_a_removal_needs_absence_from_the_union(provision: Provision, okta: Okta, mi: MetricInsights) -> None:
    okta.group("Finance", "ana", "bruno")
    okta.group("Sales", "carla", "dora")
    pruned = ("--prune", "all", "--target-group", "BI", "-a", "all", "Finance", "Sales")
    assert provision(*pruned).code == 0
    okta.leave("Finance", "bruno")
    okta.join("Sales", login("bruno"))
    okta.leave("Sales", "dora")
    assert provision(*pruned).changes == [("remove_member", login("dora"), "done")]
    assert mi.members("BI") == logins("ana", "bruno", "carla")


def test_lesson_16_a_user_that_was_created_without_the_group_gets_it_by_the_next_run(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    okta.group("Finance", "ana", "bruno")
    mi.add_user("ana", DEFAULT_GROUP)
    run = provision("-a", "all", "Finance")
    assert run.code == 0
    assert mi.members("Finance") == logins("ana", "bruno")
    assert ("add_member", login("ana"), "done") in run.changes
    assert len(mi.users()) == len(mi.state()["users"])


def test_lesson_17_a_second_run_into_the_same_group_waits(start: Start, world: World) -> None:
    world.okta.group("Finance", "ana")
    with one_at_a_time(world.mi.url, ["Finance"]):
        process = start("-a", "all", "Finance")
        assert process.stderr is not None
        assert "'Finance'" in process.stderr.readline()
        assert world.requests_sent() == 0
    process.communicate()
    assert process.returncode == 0
    assert world.mi.members("Finance") == logins("ana")


def test_lesson_19_a_misspelt_option_is_an_error_that_names_it(provision: Provision, okta: Okta, world: World) -> None:
    okta.group("Finance", "ana")
    run = provision("--skip-defualt-group", "-a", "all", "Finance")
    assert run.code == 2
    assert "--skip-defualt-group" in run.err
    assert world.requests_sent() == 0


def test_lesson_20_a_dead_okta_token_is_one_request_and_one_sentence(
    provision: Provision, okta: Okta, mi: MetricInsights, naps: list[float]
) -> None:
    okta.group("Finance", "ana")
    okta.fault("401", count=None)
    run = provision("-a", "all", "Finance")
    assert run.code == 2
    assert okta.stats()["requests"] == 1
    assert "OKTA_API_TOKEN" in run.err
    assert "Security > API > Tokens" in run.err
    assert (naps, mi.writes()) == ([], [])


def test_lesson_20_a_dead_personal_token_is_one_request_and_one_sentence(
    okta_mi: Provision, okta: Okta, world: World, mi: MetricInsights, naps: list[float]
) -> None:
    okta.group("Finance", "ana")
    hosts = world.options[:4]
    env = {"OKTA_API_TOKEN": "00-simulated-okta-token", "MI_API_TOKEN": "dead"}
    run = okta_mi("provision", *hosts, "-a", "all", "Finance", env=env)
    assert run.code == 2
    assert mi.stats()["requests"] == 1
    assert "MI_API_TOKEN" in run.err
    assert naps == []


def test_lesson_21_metric_insights_sees_nothing_but_reads_in_a_dry_run(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    okta.group("Finance")
    okta.crowd("Finance", 30)
    mi.add_user("user0003@acme.example", first_name="Old")
    mi.add_group("Finance")
    mi.crowd("Finance", 5)
    before = mi.content()
    everything = ("--force", "-a", "all", "--prune", "all", "--deprovision", "disable")
    assert provision("-n", *everything, "Finance").code == 0
    assert {row["method"] for row in mi.requests() if row["path"].rstrip("/") != "/api/get_token"} == {"GET"}
    assert mi.writes() == []
    assert mi.content() == before
