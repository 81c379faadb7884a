"""The decisions where the vendor is silent, over HTTP: what is written of a user, and what is left alone.

Numbers are those of the second part of the specification. Disabling leavers (9) is not in here.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from tests.integration.conftest import Provision
from tests.integration.world import MetricInsights, Okta, login, logins

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
