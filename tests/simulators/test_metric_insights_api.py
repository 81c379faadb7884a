"""Metric Insights' calls: tokens, rights, users, groups, memberships and their rules."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from okta_mi_provider.simulators import credentials
from okta_mi_provider.simulators.mi_errors import NO_USER_MANAGEMENT
from tests.simulators.conftest import Client

LOGIN = {
    "application_id": credentials.MI_APPLICATION_ID,
    "application_key": credentials.MI_APPLICATION_KEY,
    "user": credentials.MI_USER,
}
NEW_USER = {
    "username": "ana.silva",
    "first_name": "Ana",
    "last_name": "Silva",
    "email": "ana.silva@example.com",
    "password": "Abcdef1234",
    "type": "regular",
    "enabled": "Y",
    "copy_from_user_id": "",
    "in_group_id": "",
    "user_preference_template": "",
    "default_group_ind": "N",
}


def create(mi: Client, **changes: Any) -> requests.Response:
    return mi.post("/api/user/", {**NEW_USER, **changes})


def created(mi: Client, **changes: Any) -> Any:
    answer = create(mi, **changes)
    assert answer.status_code == 201, answer.text
    return answer.json()["user"]


def groups_of(mi: Client, username: str) -> set[str]:
    return {group["name"] for group in mi.state()["groups"] if username in group["members"]}


def refused(answer: requests.Response, status: int = 400) -> str:
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert body["status"] == "ERROR"
    return str(body["message"])


@pytest.fixture
def session(mi: Client) -> Client:
    """The server by a session token instead of a personal one."""
    del mi.session.headers["Authorization"]
    mi.session.headers["Token"] = mi.post("/api/get_token", LOGIN).json()["token"]
    return mi


# -- Tokens and rights -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api/get_token", "/api/get_token/"])
def test_a_token_is_issued_and_renewed(mi: Client, path: str) -> None:
    del mi.session.headers["Authorization"]
    answer = mi.post(path, LOGIN)
    assert answer.status_code == 200
    assert set(answer.json()) == {"token", "expires"}
    mi.session.headers["Token"] = answer.json()["token"]
    renewed = mi.get(path).json()["token"]
    assert renewed != answer.json()["token"]
    mi.session.headers["Token"] = renewed
    assert mi.get("/api/user").status_code == 200
    assert mi.control("GET", "stats")["writes"] == 0


def test_renewal_without_credentials_is_200_with_an_empty_list(mi: Client) -> None:
    answer = requests.get(f"{mi.url}/api/get_token", timeout=10)
    assert (answer.status_code, answer.json()) == (200, [])


@pytest.mark.parametrize(
    "change", [{"application_key": "wrong"}, {"application_id": "x"}, {"user": "x"}, {"user": 1}, {"user": "old.timer"}]
)
def test_wrong_credentials(mi: Client, change: dict[str, Any]) -> None:
    assert refused(mi.post("/api/get_token", {**LOGIN, **change}), 401) == "Unauthorized"
    mi.knobs(wrong_credentials="empty_list")
    assert mi.post("/api/get_token", {**LOGIN, **change}).json() == []


def test_a_dead_session_is_412(session: Client) -> None:
    assert session.get("/api/user").status_code == 200
    assert session.control("POST", "expire-tokens") == {"expired": 1}
    assert refused(session.get("/api/user"), 412) == "Session expired"
    assert refused(session.get("/api/get_token"), 412) == "Session expired"


def test_sessions_end_by_time(mi: Client) -> None:
    mi.knobs(token_lifetime_s=0.05)
    token = mi.post("/api/get_token", LOGIN).json()["token"]
    time.sleep(0.06)
    answer = requests.get(f"{mi.url}/api/user", headers={"Token": token}, timeout=10)
    assert refused(answer, 412) == "Session expired"


def test_a_dead_personal_token_is_412_or_401(mi: Client) -> None:
    mi.control("POST", f"expire-personal-token/{credentials.MI_API_TOKEN}")
    assert refused(mi.get("/api/user"), 412) == "Session expired"
    mi.knobs(dead_bearer_status=401)
    assert refused(mi.get("/api/user"), 401) == "Unauthorized"


def test_no_credentials(mi: Client) -> None:
    assert refused(requests.get(f"{mi.url}/api/user", timeout=10), 401) == "Unauthorized"


def test_an_application_without_user_management(mi: Client) -> None:
    limited = {
        **LOGIN,
        "application_id": credentials.MI_LIMITED_APPLICATION_ID,
        "application_key": credentials.MI_LIMITED_APPLICATION_KEY,
    }
    headers = {"Token": mi.post("/api/get_token", limited).json()["token"]}
    assert refused(requests.get(f"{mi.url}/api/user", headers=headers, timeout=10), 401) == NO_USER_MANAGEMENT
    assert requests.get(f"{mi.url}/api/user_group", headers=headers, timeout=10).status_code == 200
    mi.knobs(personal_token_can_manage_users=False)
    assert refused(mi.get("/api/user_group_member?group=1"), 401) == NO_USER_MANAGEMENT


def test_only_administrators_may_call(mi: Client) -> None:
    mi.session.headers["Authorization"] = f"Bearer {credentials.MI_VIEWER_API_TOKEN}"
    assert "permission" in refused(mi.get("/api/user"), 403)
    assert "permission" in refused(mi.get("/api/user_group"), 403)


def test_a_system_admin_is_protected(mi: Client) -> None:
    assert "permission" in refused(mi.call("PUT", "/api/user/id/1", json={"first_name": "X"}), 403)
    assert "permission" in refused(mi.call("DELETE", "/api/user/id/1"), 403)
    mi.knobs(system_admin_protected=False)
    assert mi.call("PUT", "/api/user/id/1", json={"first_name": "X"}).status_code == 200


# -- Users -------------------------------------------------------------------------------------------------------


def test_reading_users(mi: Client) -> None:
    (admin, *_rest) = mi.get("/api/user").json()["users"]
    assert set(admin) == {"id", "username", "first_name", "last_name", "type", "email", "enabled", "ldap"}
    assert admin["id"] == "1"
    assert mi.get("/api/user", id="1").json() == mi.get("/api/user/id/1/").json() == {"user": admin}
    mi.knobs(user_item_envelope="users", id_type="integer")
    assert mi.get("/api/user/id/1").json() == {"users": [{**admin, "id": 1}]}
    for unknown in ("/api/user/id/999", "/api/user/id/x", "/api/user?id=999", "/api/user/id/" + "9" * 5000):
        assert mi.get(unknown).status_code == 404


@pytest.mark.parametrize("path", ["/api/user", "/api/user/"])
def test_creating_a_user(mi: Client, path: str) -> None:
    answer = mi.post(path, NEW_USER)
    assert answer.status_code == 201
    user = answer.json()["user"]
    assert "password" not in answer.text
    assert mi.get(f"/api/user/id/{user['id']}").json() == {"user": user}
    assert groups_of(mi, "ana.silva") == set()
    (mail,) = mi.control("GET", "outbox")["mails"]
    assert mail["to"] == "ana.silva@example.com"
    assert "Abcdef1234" not in str(mi.state()) + str(mi.control("GET", "requests"))


@pytest.mark.parametrize(
    ("in_group", "indicator", "method", "expected"),
    [
        ("", "N", "added", set()),
        ("", "Y", "added", {"Default Group"}),
        ("", "", "added", {"Default Group"}),
        ("", None, "added", {"Default Group"}),
        ("3", "N", "added", {"Board Reports"}),
        (3, "", "added", {"Board Reports"}),
        ("3", "Y", "added", {"Board Reports", "Default Group"}),
        ("1", "Y", "added", {"Default Group"}),
        ("3", "Y", "either", {"Board Reports"}),
        ("", "N", "ignored", {"Default Group"}),
        ("3", "Y", "ignored", {"Board Reports"}),
    ],
)
def test_groups_of_a_new_user(mi: Client, in_group: Any, indicator: Any, method: str, expected: set[str]) -> None:
    mi.knobs(default_group_method=method)
    created(mi, in_group_id=in_group, default_group_ind=indicator)
    assert groups_of(mi, "ana.silva") == expected


def test_in_group_may_be_ignored_and_the_default_group_another(mi: Client) -> None:
    mi.knobs(in_group_method="ignored", default_group_id=3)
    created(mi, in_group_id="2", default_group_ind="Y")
    assert groups_of(mi, "ana.silva") == {"Board Reports"}


@pytest.mark.parametrize(
    "change",
    [
        {"username": "HAND.made"},
        {"username": ""},
        {"username": "x" * 101},
        {"username": None},
        {"username": ["x"]},
        {"username": "\ud800"},
        {"email": "KIM.LEE@acme.example"},
        {"email": "no at sign"},
        {"type": "power_user"},
        {"type": None},
        {"enabled": "yes"},
        {"password": "short1A"[:5]},
        {"password": "nodigitsAAA"},
        {"password": "nouppercase1"},
        {"password": "NOLOWERCASE1"},
        {"password": ""},
        {"password": []},
        {"first_name": None},
        {"in_group_id": "999"},
        {"in_group_id": []},
        {"default_group_ind": "maybe"},
        {"default_group_ind": []},
        {"copy_from_user_id": "999"},
    ],
)
def test_users_that_are_refused(mi: Client, change: dict[str, Any]) -> None:
    before = mi.state()
    assert refused(create(mi, **change))
    assert mi.state() == before


def test_empty_names_are_fine_and_switches_relax_the_rules(mi: Client) -> None:
    created(mi, first_name="", last_name="")
    mi.knobs(username_casefold=False, unique_email=False, password_mode="optional")
    created(mi, username="ANA.silva", password="")
    mi.knobs(extra_user_create_fields="rejected")
    assert "shoe_size" in refused(create(mi, username="other", shoe_size=43))


def test_updating_a_user_partially(mi: Client) -> None:
    user = created(mi)
    path = f"/api/user/id/{user['id']}"
    assert mi.call("PUT", path, json={"last_name": "Souza"}).json()["user"] == {**user, "last_name": "Souza"}
    assert mi.call("PUT", path, json={"enabled": "N"}).json()["user"]["enabled"] == "N"
    assert refused(mi.call("PUT", path, json={"email": "kim.lee@acme.example"}))
    assert refused(mi.call("PUT", path, json={"username": "admin"}))
    assert refused(mi.call("PUT", path, json={"password": "weak"}))
    assert mi.call("PUT", path, json={"username": "renamed"}).status_code == 200
    assert created(mi, email="second@example.com")["username"] == "ana.silva"
    assert mi.call("PUT", "/api/user/id/999", json={}).status_code == 404


def test_updating_a_user_as_a_whole_or_not_at_all(mi: Client) -> None:
    path = f"/api/user/id/{created(mi, enabled='N')['id']}"
    mi.knobs(user_update_body="replace")
    assert "required" in refused(mi.call("PUT", path, json={"last_name": "Souza"}))
    body = {"username": "ana.silva", "email": "ana.silva@example.com", "type": "power"}
    user = mi.call("PUT", path, json=body).json()["user"]
    assert (user["first_name"], user["last_name"], user["enabled"], user["type"]) == ("", "", "Y", "power")
    mi.knobs(disable_method="ignored")
    assert mi.call("PUT", path, json={**body, "enabled": "N"}).json()["user"]["enabled"] == "Y"
    mi.knobs(user_update_body="off")
    assert refused(mi.call("PUT", path, json=body), 405)


def test_an_externally_managed_user_keeps_the_username(mi: Client) -> None:
    mi.control("PUT", "users/hand.made", {"ldap": "Y"})
    user = next(user for user in mi.get("/api/user").json()["users"] if user["username"] == "hand.made")
    assert refused(mi.call("PUT", f"/api/user/id/{user['id']}", json={"username": "x"}))
    assert mi.call("PUT", f"/api/user/id/{user['id']}", json={"last_name": "x"}).status_code == 200


def test_two_users_may_share_an_email_already(mi: Client) -> None:
    kiosks = [user for user in mi.get("/api/user").json()["users"] if user["email"] == "kiosk@acme.example"]
    assert len(kiosks) == 2
    path = f"/api/user/id/{kiosks[0]['id']}"
    assert mi.call("PUT", path, json={"email": "KIOSK@acme.example", "last_name": "x"}).status_code == 200


def test_lookup_by_query_is_a_switch(mi: Client) -> None:
    everybody = len(mi.get("/api/user").json()["users"])
    assert len(mi.get("/api/user", username="admin").json()["users"]) == everybody
    mi.knobs(user_lookup="query")
    assert len(mi.get("/api/user", username="ADMIN").json()["users"]) == 1
    assert len(mi.get("/api/user", email="kiosk@acme.example").json()["users"]) == 2


def test_lists_can_be_cut(mi: Client) -> None:
    mi.knobs(list_paging=2)
    body = mi.get("/api/user").json()
    assert (len(body["users"]), body["total"]) == (2, 12)


# -- Groups ------------------------------------------------------------------------------------------------------


def test_groups(mi: Client) -> None:
    (default, executives, *_rest) = mi.get("/api/user_group").json()["user_groups"]
    assert default["id"] == "1"
    assert executives["all_access_group"] == "Y"
    answer = mi.post("/api/user_group/", {"name": 'Finance  "x" 数据', "all_access_group": "no", "description": ""})
    assert answer.status_code == 201
    group = answer.json()["user_group"]
    assert group == {
        "id": group["id"],
        "name": 'Finance  "x" 数据',
        "description": "",
        "all_access_group": "N",
        "ldap_organizational_unit": None,
        "external_group_id": None,
    }
    path = f"/api/user_group/id/{group['id']}"
    assert mi.get(path).json() == {"user_group": group}
    assert mi.call("PUT", path, json={"description": "d"}).json()["user_group"]["description"] == "d"
    mi.knobs(group_update="replace")
    assert "required" in refused(mi.call("PUT", path, json={"description": "d"}))
    assert mi.call("PUT", path, json={"name": "F"}).json()["user_group"]["description"] == ""
    mi.knobs(group_update="off")
    assert refused(mi.call("PUT", path, json={"name": "G"}), 405)
    assert mi.call("DELETE", path).status_code == 200
    assert mi.call("DELETE", path).status_code == 404
    assert mi.get(path).status_code == 404
    assert refused(mi.call("DELETE", "/api/user_group/id/1"))


@pytest.mark.parametrize(
    "body",
    [{}, {"name": ""}, {"name": "default GROUP"}, {"name": "x", "all_access_group": "Y"}, {"name": "x" * 101}, [], 5],
)
def test_groups_that_are_refused(mi: Client, body: Any) -> None:
    assert refused(mi.post("/api/user_group/", body))


# -- Memberships -------------------------------------------------------------------------------------------------


def test_memberships_have_ids_of_their_own(mi: Client) -> None:
    user = created(mi)
    answer = mi.post("/api/user_group_member/", {"user": int(user["id"]), "group": 3})
    assert answer.status_code == 201
    member = answer.json()["user_group_member"]
    assert member == {"id": member["id"], "user": user["id"], "group": "3"}
    assert member in mi.get("/api/user_group_member", group="3").json()["user_group_members"]
    assert mi.get("/api/user_group_member", user=user["id"]).json() == {"user_group_members": [member]}
    assert "already exists" in refused(mi.post("/api/user_group_member", {"user": user["id"], "group": "3"}))
    assert mi.call("DELETE", f"/api/user_group_member/id/{member['id']}").status_code == 200
    assert mi.call("DELETE", f"/api/user_group_member/id/{member['id']}").status_code == 404
    assert groups_of(mi, "ana.silva") == set()
    assert mi.get("/api/user_group_member", group="999").json() == {"user_group_members": []}


@pytest.mark.parametrize("body", [{}, {"user": 1}, {"user": 999, "group": 1}, {"user": 1, "group": 999}, {"user": []}])
def test_memberships_that_are_refused(mi: Client, body: Any) -> None:
    assert refused(mi.post("/api/user_group_member/", body))


def test_deleting_a_user_or_a_group_drops_the_memberships(mi: Client) -> None:
    user = created(mi, in_group_id="3", default_group_ind="Y")
    assert mi.call("DELETE", f"/api/user/id/{user['id']}").status_code == 200
    assert mi.call("DELETE", "/api/user_group/id/3").status_code == 200
    state = mi.state()
    assert not [row for row in state["memberships"] if row["user"] == int(user["id"]) or row["group"] == 3]


def test_the_list_of_members_needs_a_selector(mi: Client) -> None:
    assert refused(mi.get("/api/user_group_member"))
    mi.knobs(member_list="all")
    assert len(mi.get("/api/user_group_member").json()["user_group_members"]) == len(mi.state()["memberships"])


def test_emptying_a_group_is_recorded_as_forbidden(mi: Client) -> None:
    assert mi.state()["forbidden_calls"] == []
    assert mi.call("DELETE", "/api/user_group_member?group=1").status_code == 200
    assert mi.state()["forbidden_calls"] == ["DELETE /api/user_group_member?group=1"]
    assert mi.get("/api/user_group_member", group=1).json() == {"user_group_members": []}


# -- The wire ----------------------------------------------------------------------------------------------------


def test_wrong_urls_and_methods(mi: Client) -> None:
    unknown, wrong = mi.get("/api/nothing"), mi.call("PATCH", "/api/user")
    assert refused(unknown, 405)
    assert refused(wrong, 405)
    assert "Allow" in unknown.headers
    assert "Allow" not in wrong.headers
    page = mi.get("/user")
    assert (page.status_code, page.headers["Content-Type"].split(";")[0]) == (200, "text/html")
    assert mi.call("POST", "/api/user", data="{").status_code == 400


def test_id_types_and_statuses(mi: Client) -> None:
    mi.knobs(id_type="mixed", ok_statuses={"POST": 200})
    answer = create(mi)
    assert answer.status_code == 200
    assert isinstance(answer.json()["user"]["id"], int)
    assert all(isinstance(user["id"], str) for user in mi.get("/api/user").json()["users"])
    mi.knobs(ok_statuses={"DELETE": 204})
    gone = mi.call("DELETE", f"/api/user/id/{answer.json()['user']['id']}")
    assert (gone.status_code, gone.content) == (204, b"")
    assert mi.get("/api/user").status_code == 200


def test_throttle(mi: Client) -> None:
    mi.knobs(throttle_per_minute=2)
    assert [mi.get("/api/user").status_code for _ in range(3)] == [200, 200, 429]
    assert 1 <= int(mi.get("/api/user").headers["Retry-After"]) <= 60


def test_simultaneous_creates_of_one_user_make_one(mi: Client) -> None:
    mi.knobs(latency_ms=20)
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: create(mi).status_code, range(8)))
    assert sorted(statuses) == [201] + [400] * 7
    assert mi.control("GET", "stats")["peak_in_flight"] > 1
