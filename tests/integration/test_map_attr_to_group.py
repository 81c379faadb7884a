"""`--map-attr-to-group` over real HTTP: people come into the MI group that an attribute names."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.conftest import Provision
from tests.integration.world import DEFAULT_GROUP, ENVIRONMENT, MetricInsights, Okta, Run, World, login, logins

BY = ["--map-attr-to-group", "department"]


@pytest.fixture
def staff(okta: Okta) -> str:
    group = okta.group("Staff")
    okta.user("ana", group, department="Finance")
    okta.user("bo", group, department="Sales")
    okta.user("cy", group, department=["Finance", "Sales"])
    okta.user("dee", group)
    return group


def targets(run: Run) -> list[tuple[str, str]]:
    return [(each["target"]["group"]["name"], each["state"]) for each in run.reports]


@pytest.mark.usefixtures("staff")
def test_people_come_into_the_groups_that_the_attribute_names(provision: Provision, mi: MetricInsights) -> None:
    run = provision(*BY, "--auto-create", "all", "Staff")

    assert run.code == 0, run.err
    assert targets(run) == [("Finance", "done"), ("Sales", "done"), ("", "done")]
    assert mi.members("Finance") == logins("ana", "cy")
    assert mi.members("Sales") == logins("bo", "cy")
    assert mi.groups_of("cy") == {"Finance", "Sales", DEFAULT_GROUP}
    assert "Staff" not in mi.groups()
    assert login("dee") not in mi.users()
    assert [(each["kind"], each["user"]) for each in run.reports[2]["findings"]] == [("no_group_named", login("dee"))]
    assert "Sync of Okta group 'Staff' into no group of MI: done" in run.out
    assert "1 user in no group of MI because the Okta profile names none" in run.out

    writes = mi.writes()
    assert provision(*BY, "--auto-create", "all", "Staff").code == 0
    assert mi.writes() == writes


@pytest.mark.usefixtures("staff")
def test_missing_groups_are_made_or_not_as_auto_create_says(provision: Provision, mi: MetricInsights) -> None:
    mi.add_group("Sales")
    mi.add_user("ana")

    run = provision(*BY, "Staff")
    assert run.code == 0
    assert "Finance" not in mi.groups()
    assert mi.members("Sales") == logins("bo", "cy")
    assert [each["kind"] for each in run.reports[0]["findings"]] == ["group_missing"]

    assert provision(*BY, "--auto-create", "groups", "Staff").code == 0
    assert mi.members("Finance") == logins("ana", "cy")


def test_who_changes_department_is_in_both_groups_for_nobody_is_removed(
    provision: Provision, okta: Okta, mi: MetricInsights, staff: str
) -> None:
    assert provision(*BY, "-a", "all", "Staff").code == 0
    okta.change("ana", department="Sales")
    okta.change("cy", department="Sales")

    assert provision(*BY, "-a", "all", "Staff").code == 0
    assert mi.members("Finance") == logins("ana", "cy")
    assert mi.members("Sales") == logins("ana", "bo", "cy")


@pytest.mark.usefixtures("staff")
def test_a_dry_run_writes_nothing_and_knows_everybody(provision: Provision, mi: MetricInsights) -> None:
    run = provision(*BY, "-n", "-a", "all", "Staff")

    assert run.code == 0
    assert mi.writes() == []
    kinds = [[(each["kind"], each["user"]) for each in report["changes"]] for report in run.reports]
    assert kinds == [
        [("create_group", None), ("create_user", login("ana")), ("create_user", login("cy"))],
        [("create_group", None), ("create_user", login("bo")), ("add_member", login("cy"))],
        [],
    ]


@pytest.mark.usefixtures("staff")
def test_the_limit_counts_everybody(provision: Provision, mi: MetricInsights) -> None:
    run = provision(*BY, "-a", "all", "--sync-user-limit", "3", "Staff")

    assert run.code == 3
    assert "Okta group 'Staff' has 4 users to sync" in run.reports[0]["error"]
    assert mi.writes() == []


@pytest.mark.usefixtures("staff")
def test_a_trouble_with_one_group_leaves_the_others_alone(provision: Provision, mi: MetricInsights) -> None:
    mi.add_user("other", email=login("ana"))

    run = provision(*BY, "-a", "all", "Staff")

    assert run.code == 1
    assert targets(run) == [("Finance", "failed"), ("Sales", "done"), ("", "done")]
    assert mi.members("Finance") == logins("cy")


def test_hostile_values(provision: Provision, okta: Okta, mi: MetricInsights) -> None:
    hostile = ["<script>alert(1)</script>", "'; DROP TABLE runs; --", "../../etc/passwd", "=1+1"]
    group = okta.group("Staff")
    okta.user("ana", group, department=hostile)
    okta.user("bo", group, department="two\nlines\x1b[31m")

    run = provision(*BY, "-a", "all", "--full-summary", "Staff")

    assert run.code == 0, run.err
    assert mi.groups_of("ana") == {*hostile, DEFAULT_GROUP}
    assert "\x1b" not in run.out + run.err
    assert [each["kind"] for each in run.reports[-1]["findings"]] == ["bad_group_name"]


@pytest.mark.usefixtures("staff")
def test_one_user(provision: Provision, mi: MetricInsights) -> None:
    assert provision(*BY, "-a", "all", "--only-user", "cy@acme.example", "Staff").code == 0
    assert mi.groups_of("cy") == {"Finance", "Sales", DEFAULT_GROUP}
    assert login("ana") not in mi.users()

    run = provision(*BY, "-a", "all", "--only-user", "zoe", "Staff")
    assert run.code == 1
    assert [each["kind"] for each in run.report["findings"]] == ["unknown_user"]


@pytest.mark.usefixtures("staff")
def test_each_group_has_a_history_of_its_own(provision: Provision, okta_mi: Callable[..., Run]) -> None:
    assert provision(*BY, "-a", "all", "Staff").code == 0

    runs = json.loads(okta_mi("runs", "--format", "json").out)
    assert sorted(each["group"] for each in runs) == ["Finance", "Sales"]
    changes = json.loads(okta_mi("history", "--group", "Finance", "--format", "json").out)
    assert {each["user"] for each in changes if each["user"]} == {*logins("ana", "cy")}


@pytest.mark.usefixtures("staff")
def test_another_attribute_has_to_be_approved(provision: Provision, okta: Okta) -> None:
    assert provision(*BY, "-a", "all", "Staff").code == 0
    okta.change("dee", division="Finance")

    run = provision("--map-attr-to-group", "division", "-a", "all", "Staff")
    assert run.code == 3
    assert "map_attr_to_group: department -> division" in run.reports[0]["error"]


@pytest.mark.usefixtures("staff")
def test_plan_compares_each_group(
    world: World, provision: Provision, okta_mi: Callable[..., Run], tmp_path: Path
) -> None:
    assert provision(*BY, "-a", "all", "Staff").code == 0
    groups = tmp_path / "okta_groups.yaml"
    groups.write_text("groups: [{name: Staff, map_attr_to_group: department, auto_create: all}]", encoding="utf-8")
    words = ["plan", *world.options, "--groups-file", str(groups), "--json", "Staff"]

    assert okta_mi(*words, env=ENVIRONMENT).code == 0
    world.mi.leave("Finance", "cy")
    run = okta_mi(*words, env=ENVIRONMENT)

    assert run.code == 1
    assert [each["target"]["group"]["name"] for each in json.loads(run.out) if each["changes"]] == ["Finance"]


@pytest.mark.usefixtures("staff")
def test_explain_says_what_to_ask_instead(world: World, okta_mi: Callable[..., Run]) -> None:
    run = okta_mi("explain", *world.options, *BY, "ana", "--group", "Staff", env=ENVIRONMENT)

    assert run.code == 2
    assert "--dry-run --full-summary --only-user" in run.err


@pytest.mark.parametrize("flag", ["--custom-user-attribute", "--custom-group-attribute"])
@pytest.mark.parametrize("value", [["a,b"], []])
def test_what_mi_does_not_offer_is_said(flag: str, value: list[str], provision: Provision, world: World) -> None:
    run = provision("Staff", flag, *value)

    assert run.code == 2
    assert f"{flag}: not possible." in run.err
    assert "REST interface" in run.err
    assert world.requests_sent() == 0
