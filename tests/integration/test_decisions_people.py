"""The decisions where the vendor is silent, over HTTP: which group is read, who is in it, and which user of MI that is.

Numbers are those of the second part of the specification.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.conftest import Provision
from tests.integration.statuses import MEMBERS, OTHERS, name_of
from tests.integration.world import DOMAIN, MetricInsights, Okta, login, logins

# ---------------------------------------------------------------------- 1, finding the group


def test_decision_01_the_name_of_the_group_must_match_exactly(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    okta.group("Sales", "ana")
    okta.group("Sales EMEA", "bruno")
    okta.group("sales", "carla", kind="APP_GROUP")
    run = provision("-a", "all", "Sales")
    assert run.code == 0
    assert mi.members("Sales") == logins("ana")
    assert login("bruno") not in mi.users()


def test_decision_01_no_group_of_that_name_is_an_error_naming_it(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    okta.group("sales", "ana")
    run = provision("-a", "all", "Sales")
    assert run.code == 1
    assert run.report["state"] == "failed"
    assert "'Sales'" in run.report["error"]
    assert "'sales'" in run.report["error"], "what differs in case only is a hint"
    assert mi.writes() == []


def test_decision_01_several_groups_of_one_name_are_an_error_listing_id_type_and_source(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    made = okta.group("Analysts", "ana")
    imported = okta.imported_group("Analysts", "0oacorp0000000000005d7")
    run = provision("-a", "all", "Analysts")
    assert run.code == 1
    message = run.report["error"]
    assert all(word in message for word in (made, "OKTA_GROUP", imported, "APP_GROUP", "0oacorp0000000000005d7"))
    assert mi.writes() == []


def test_decision_01_one_of_several_groups_is_chosen_by_its_id(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    okta.group("Analysts", "ana")
    imported = okta.group("Analysts", "bruno", kind="APP_GROUP")
    assert provision("-a", "all", imported).code == 0
    assert mi.members("Analysts") == logins("bruno")


# ---------------------------------------------------------------------- 2, who is a member


@pytest.mark.parametrize("status", MEMBERS)
def test_decision_02_people_who_work_here_are_members(
    provision: Provision, okta: Okta, mi: MetricInsights, status: str
) -> None:
    okta.user("ana", okta.group("Finance"), status=status)
    assert provision("-a", "all", "Finance").code == 0
    assert mi.members("Finance") == logins("ana")


@pytest.mark.parametrize("status", OTHERS)
def test_decision_02_inactive_users_are_skipped_with_the_reason(
    provision: Provision, okta: Okta, mi: MetricInsights, status: str
) -> None:
    okta.user("bruno", okta.group("Finance", "ana"), status=status)
    run = provision("-a", "all", "Finance")
    assert run.code == 0
    assert mi.members("Finance") == logins("ana")
    assert login("bruno") not in mi.users()
    assert run.users == {"source": 2, "created": 1, "skipped": 1}
    (finding,) = run.report["findings"]
    assert (finding["class"], finding["user"]) == ("notice", login("bruno"))
    assert status in finding["message"]


def test_decision_02_statuses_change_the_set(provision: Provision, okta: Okta, mi: MetricInsights) -> None:
    group = okta.group("Finance")
    for status in (*MEMBERS, *OTHERS):
        okta.user(name_of(status), group, status=status)
    run = provision("--statuses", "ACTIVE,SUSPENDED", "-a", "all", "Finance")
    assert run.code == 0
    assert mi.members("Finance") == logins("active", "suspended")
    assert run.users == {"source": 8, "created": 2, "skipped": 6}


def test_decision_02_an_unknown_status_is_skipped_and_reported(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    okta.group("Finance", "ana", "bruno")
    okta.force_status("bruno", "ACTIVATING")
    run = provision("-a", "all", "Finance")
    assert run.code == 0
    assert mi.members("Finance") == logins("ana")
    (finding,) = run.report["findings"]
    assert "ACTIVATING" in finding["message"]


# ---------------------------------------------------------------------- 3, matching


def test_decision_03_usernames_are_equal_ignoring_case_and_never_renamed(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    okta.group("Finance", "ana")
    mi.add_user("ANA@ACME.EXAMPLE", "Board Reports", first_name="Ana", email=login("ana"))
    run = provision("-a", "all", "Finance")
    assert run.code == 0
    assert mi.members("Finance") == ["ANA@ACME.EXAMPLE"]
    assert login("ana") not in mi.users()
    assert run.users == {"source": 1, "unchanged": 1}


def test_decision_03_a_unique_e_mail_matches_when_asked_for(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    okta.group("Finance", "ana")
    mi.add_user("A.SILVA", first_name="Old", email=login("ana").upper())
    run = provision("--match-by", "username,email", "-a", "all", "Finance")
    assert run.code == 0
    assert mi.members("Finance") == ["A.SILVA"]
    assert mi.users()["A.SILVA"]["first_name"] == "Ana"
    assert login("ana") not in mi.users()


def test_decision_03_without_being_asked_for_an_e_mail_of_somebody_else_is_a_conflict(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    okta.group("Finance", "ana", "bruno")
    mi.add_user("A.SILVA", first_name="Old", email=login("ana"))
    run = provision("-a", "all", "Finance")
    assert_conflict(run, login("ana"), "A.SILVA")
    assert mi.members("Finance") == logins("bruno")
    assert mi.users()["A.SILVA"]["first_name"] == "Old"


def test_decision_03_an_update_to_an_e_mail_of_somebody_else_is_a_conflict(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    okta.group("Finance", "ana")
    mi.add_user("ana", email="ana@old.example", first_name="Old")
    mi.add_user("A.SILVA", email=login("ana"))
    run = provision("-a", "all", "Finance")
    assert_conflict(run, login("ana"), "A.SILVA")
    assert mi.user("ana")["first_name"] == "Old"
    assert mi.members("Finance") == []


def test_decision_03_two_okta_users_with_one_e_mail_are_a_conflict_of_both(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    group = okta.group("Finance", "carla")
    okta.user("ana", group, email=f"desk@{DOMAIN}")
    okta.user("bruno", group, email=f"DESK@{DOMAIN}")
    run = provision("-a", "all", "Finance")
    assert run.code == 1
    assert sorted(conflict_of(run)) == logins("ana", "bruno")
    assert mi.members("Finance") == logins("carla")


def test_decision_03_two_okta_users_with_one_username_are_a_conflict_of_both(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    group = okta.group("Finance", "carla")
    okta.user("ana", group, nickName="desk")
    okta.user("bruno", group, nickName="DESK")
    okta.change("carla", nickName="carla")
    run = provision("--username-attr", "nickName", "-a", "all", "Finance")
    assert run.code == 1
    assert sorted(conflict_of(run)) == ["DESK", "desk"]
    assert mi.members("Finance") == ["carla"]


def test_decision_03_two_mi_users_that_match_are_a_conflict(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    okta.group("Finance", "ana", "bruno")
    mi.add_user("ANA@ACME.EXAMPLE", email="one@acme.example")
    mi.add_user("Ana@acme.example", email="two@acme.example")
    run = provision("-a", "all", "Finance")
    assert_conflict(run, "ANA@ACME.EXAMPLE", "Ana@acme.example")
    assert mi.members("Finance") == logins("bruno")


def conflict_of(run: Any) -> list[str]:
    return [finding["user"] for finding in run.report["findings"] if finding["class"] == "conflict"]


def assert_conflict(run: Any, *sides: str) -> None:
    """Exactly one conflict, which names both sides; the run has failed."""
    assert run.code == 1
    assert run.report["state"] == "failed"
    assert run.users["conflicts"] == 1
    (finding,) = [finding for finding in run.report["findings"] if finding["class"] == "conflict"]
    assert all(side in finding["message"] for side in sides)
