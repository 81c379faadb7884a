"""The decisions where the vendor is silent, one after the other, as examples over HTTP.

Numbers are those of the second part of the specification. Leavers (9) and removal limits (10) are not in
here, nor is backfill (14), which only Airflow has.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from tests.integration.conftest import Provision
from tests.integration.world import DEFAULT_GROUP, DOMAIN, MetricInsights, Okta, login, logins

MEMBERS = ("ACTIVE", "LOCKED_OUT", "PASSWORD_EXPIRED", "PROVISIONED", "RECOVERY", "STAGED")
OTHERS = ("DEPROVISIONED", "SUSPENDED")


def name_of(status: str) -> str:
    return status.lower().replace("_", "-")


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


# ---------------------------------------------------------------------- 4, updates


def test_decision_04_names_and_e_mail_are_brought_in_line(provision: Provision, okta: Okta, mi: MetricInsights) -> None:
    okta.group("Finance", "ana")
    mi.add_user("ana", first_name="A", last_name="Old", email="ana@old.example")
    run = provision("-a", "all", "Finance")
    assert run.code == 0
    stored = mi.user("ana")
    assert (stored["first_name"], stored["last_name"], stored["email"]) == ("Ana", "Doe", login("ana"))
    assert run.report["changes"][1]["fields"] == {
        "email": ["ana@old.example", login("ana")],
        "first_name": ["A", "Ana"],
        "last_name": ["Old", "Doe"],
    }


def test_decision_04_an_update_costs_one_write(provision: Provision, okta: Okta, mi: MetricInsights) -> None:
    okta.group("Finance", "ana")
    mi.add_group("Finance")
    mi.add_user("ana", "Finance", last_name="Old")
    provision("Finance")
    assert [write.split("/")[:3] for write in mi.writes()] == [["PUT ", "api", "user"]]


def test_decision_04_an_e_mail_in_other_case_is_no_difference(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    okta.group("Finance", "ana")
    mi.add_group("Finance")
    mi.add_user("ana", "Finance", email=login("ana").upper())
    assert provision("Finance").users == {"source": 1, "unchanged": 1}
    assert mi.writes() == []


def test_decision_04_what_a_sync_does_not_own_stays(provision: Provision, okta: Okta, mi: MetricInsights) -> None:
    okta.group("Finance", "ana")
    mi.add_user("ana", "Board Reports", last_name="Old", type="power", enabled="N")
    provision("-a", "all", "Finance")
    stored = mi.user("ana")
    assert (stored["last_name"], stored["type"], stored["enabled"]) == ("Doe", "power", "N")
    assert mi.groups_of("ana") == {"Board Reports", "Finance"}


# ---------------------------------------------------------------------- 5, administrators


def test_decision_05_an_administrator_is_not_demoted(provision: Provision, okta: Okta, mi: MetricInsights) -> None:
    okta.group("Finance", "ana", "bruno")
    mi.add_user("ana", type="administrator", last_name="Old")
    mi.add_user("bruno", type="power")
    run = provision("--force", "-t", "regular", "-a", "all", "Finance")
    assert run.code == 0
    assert mi.user("ana")["type"] == "administrator"
    assert mi.user("ana")["last_name"] == "Doe"
    assert mi.user("bruno")["type"] == "regular"
    assert login("ana") in {finding["user"] for finding in run.report["findings"]}


def test_decision_05_protection_can_be_switched_off(provision: Provision, okta: Okta, mi: MetricInsights) -> None:
    okta.group("Finance", "ana")
    mi.add_user("ana", type="administrator")
    provision("--no-protect-administrators", "--force", "-t", "regular", "-a", "all", "Finance")
    assert mi.user("ana")["type"] == "regular"


# ---------------------------------------------------------------------- 6, missing attributes


@pytest.mark.parametrize("missing", [None, "", "   "])
def test_decision_06_without_an_e_mail_a_user_is_invalid_and_not_written(
    provision: Provision, okta: Okta, mi: MetricInsights, missing: str | None
) -> None:
    okta.user("bruno", okta.group("Finance", "ana"), email=missing)
    run = provision("-a", "all", "Finance")
    assert mi.members("Finance") == logins("ana")
    assert login("bruno") not in mi.users()
    (finding,) = run.report["findings"]
    assert finding["user"] == login("bruno")
    assert "e-mail" in finding["message"]
    assert run.users == {"source": 2, "created": 1, "skipped": 1}


def test_decision_06_without_a_username_a_user_is_invalid_and_named_by_id(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    group = okta.group("Finance")
    okta.user("ana", group, badge="A1")
    bruno = okta.user("bruno", group)
    run = provision("--username-attr", "badge", "-a", "all", "Finance")
    assert mi.members("Finance") == ["A1"]
    (finding,) = run.report["findings"]
    assert finding["user"] == bruno
    assert "'badge'" in finding["message"]


@pytest.mark.parametrize("field", ["firstName", "lastName"])
def test_decision_06_a_missing_name_is_an_empty_one(
    provision: Provision, okta: Okta, mi: MetricInsights, field: str
) -> None:
    okta.group("Finance", "ana")
    okta.change("ana", **{field: None})
    assert provision("-a", "all", "Finance").code == 0
    stored = mi.user("ana")
    assert stored[{"firstName": "first_name", "lastName": "last_name"}[field]] == ""
    mi.forget_requests()
    assert provision("-a", "all", "Finance").users == {"source": 1, "unchanged": 1}
    assert mi.writes() == []


def test_decision_06_an_attribute_that_is_not_there_empties_the_name(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    okta.group("Finance", "ana")
    assert provision("--first-name-attr", "nowhere", "-a", "all", "Finance").code == 0
    assert mi.user("ana")["first_name"] == ""


# ---------------------------------------------------------------------- 7, the limit


def test_decision_07_skipped_users_do_not_count(provision: Provision, okta: Okta, mi: MetricInsights) -> None:
    okta.user("bruno", okta.group("Finance", "ana"), status="SUSPENDED")
    assert provision("--sync-user-limit", "1", "-a", "all", "Finance").code == 0
    assert mi.members("Finance") == logins("ana")


def test_decision_07_the_message_has_both_numbers(provision: Provision, okta: Okta) -> None:
    okta.group("Finance")
    okta.crowd("Finance", 23)
    message = provision("--sync-user-limit", "17", "-a", "all", "Finance").report["error"]
    assert "23" in message
    assert "17" in message


def test_decision_07_by_default_10_000_users_may_be_synced(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    okta.group("Finance")
    okta.crowd("Finance", 10_001)
    before = mi.content()
    run = provision("-n", "-a", "all", "Finance")
    assert run.code == 3
    assert "10,001" in run.report["error"]
    assert "10,000" in run.report["error"]
    assert mi.content() == before


# ---------------------------------------------------------------------- 8, an empty source


def test_decision_08_an_empty_group_is_created_and_reported(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    okta.group("Finance")
    run = provision("-a", "all", "Finance")
    assert run.code == 0
    assert mi.members("Finance") == []
    assert mi.writes() == ["POST /api/user_group"]
    assert [finding["class"] for finding in run.report["findings"]] == ["notice"]
    assert "no members" in run.out


def test_decision_08_a_group_without_a_user_to_sync_is_reported(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    okta.user("ana", okta.group("Finance"), status="SUSPENDED")
    mi.add_group("Finance")
    mi.add_user("hand", "Finance")
    run = provision("Finance")
    assert run.code == 0
    assert mi.writes() == []
    assert mi.members("Finance") == logins("hand")
    assert "no user to sync" in run.out


# ---------------------------------------------------------------------- 11, passwords


def test_decision_11_each_created_user_gets_a_strong_password_that_is_nowhere_else(
    provision: Provision, okta: Okta, mi: MetricInsights, monkeypatch: pytest.MonkeyPatch
) -> None:
    passwords = []
    send = requests.Session.send

    def spy(session: requests.Session, request: requests.PreparedRequest, **more: Any) -> requests.Response:
        if request.method == "POST" and (request.url or "").endswith("/api/user/"):
            passwords.append(json.loads(request.body or "")["password"])
        return send(session, request, **more)

    monkeypatch.setattr(requests.Session, "send", spy)
    okta.group("Finance", "ana", "bruno", "carla")
    mi.fault("400", method="POST", route="users", count=1)
    run = provision("-v", "--full-summary", "-a", "all", "Finance")
    assert len(passwords) == len(set(passwords)) >= 3
    assert all(len(password) >= 20 for password in passwords)
    everything = run.out + run.err + json.dumps(run.document) + json.dumps(mi.state())
    assert not any(password in everything for password in passwords)


# ---------------------------------------------------------------------- 12, idempotent


def test_decision_12_a_second_run_over_everything_writes_nothing(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    group = okta.group("Finance")
    for number, (given, family) in enumerate(
        [
            ("Seán", "O'Brien"),
            ("  Spacey ", "Mc  Space"),
            ("李", "小龍"),
            ('Anne "Annie"', "<b>Oakley</b>"),
            (None, None),
        ]
    ):
        okta.user(f"user{number}", group, firstName=given, lastName=family)
    for status in (*MEMBERS, *OTHERS):
        okta.user(name_of(status), group, status=status)
    assert provision("-a", "all", "Finance").code == 0
    mi.forget_requests()
    before = mi.content()
    run = provision("-a", "all", "Finance")
    assert run.users == {"source": 13, "unchanged": 11, "skipped": 2}
    assert mi.writes() == []
    assert mi.content() == before


def test_decision_12_only_what_has_changed_is_written(provision: Provision, okta: Okta, mi: MetricInsights) -> None:
    okta.group("Finance", "ana", "bruno", "carla")
    provision("-a", "all", "Finance")
    okta.user("dora", "Finance")
    okta.change("bruno", lastName="Costa")
    mi.leave("Finance", "carla")
    mi.forget_requests()
    run = provision("-a", "all", "Finance")
    assert sorted(kind for kind, _, _ in run.changes) == ["add_member", "create_user", "update_user"]
    assert len(mi.writes()) == 3
    assert mi.members("Finance") == logins("ana", "bruno", "carla", "dora")


# ---------------------------------------------------------------------- 13, an honest result


def test_decision_13_the_others_are_done_when_one_user_fails(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    okta.group("Finance", "ana", "bruno", "carla")
    okta.change("bruno", lastName="x" * 101)
    run = provision("-a", "all", "Finance")
    assert run.code == 1
    assert run.report["state"] == "failed"
    assert mi.members("Finance") == logins("ana", "carla")
    (failed,) = [change for change in run.report["changes"] if change["status"] == "failed"]
    assert failed["user"] == login("bruno")
    assert "100 characters" in failed["error"]
    assert run.users == {"source": 3, "created": 2, "failed": 1}
    assert login("bruno") in run.out
    assert "100 characters" in run.out


def test_decision_13_a_failed_user_is_taken_again_by_the_next_run(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    okta.group("Finance", "ana", "bruno")
    okta.change("bruno", lastName="x" * 101)
    provision("-a", "all", "Finance")
    okta.change("bruno", lastName="Costa")
    assert provision("-a", "all", "Finance").users == {"source": 2, "created": 1, "unchanged": 1}
    assert mi.members("Finance") == logins("ana", "bruno")


def test_decision_13_one_group_that_fails_leaves_the_others_alone(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    okta.group("Finance", "ana")
    run = provision("-a", "all", "Nobody", "Finance")
    assert run.code == 1
    assert mi.members("Finance") == logins("ana")
    assert "'Nobody'" in run.out


def test_decision_13_a_dry_run_cannot_write(provision: Provision, okta: Okta, mi: MetricInsights) -> None:
    okta.group("Finance", "ana", "bruno")
    mi.add_user("bruno", last_name="Old")
    provision("-n", "--force", "-t", "administrator", "-a", "all", "Finance")
    methods = {(row["method"], row["path"]) for row in mi.requests() if row["method"] != "GET"}
    assert methods <= {("POST", "/api/get_token")}
    assert DEFAULT_GROUP in mi.groups()
