"""The seeded org and server: the same every time, the right sizes, consistent with each other."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest

from okta_mi_provider.simulators import credentials, seed
from okta_mi_provider.simulators.mi_seed import seed_metric_insights


def by_name(state: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {group["profile"]["name"]: group for group in state["groups"]}


@pytest.fixture(scope="module")
def full() -> dict[str, Any]:
    return seed.seed_org().export()


def test_it_is_the_same_every_time(full: dict[str, Any]) -> None:
    assert seed.seed_org().export() == full
    assert seed.seed_org(seed=8).export() != full
    org = seed.seed_org()
    assert seed_metric_insights(org).export() == seed_metric_insights(org).export()


def test_a_bigger_org_begins_with_the_same_people(full: dict[str, Any]) -> None:
    bigger = {user["id"]: user for user in seed.seed_org(1300).export()["users"]}
    assert all(bigger[user["id"]] == user for user in full["users"])


def test_sizes(full: dict[str, Any]) -> None:
    sizes = {name: len(group["members"]) for name, group in by_name(full).items()}
    assert len(full["users"]) == sizes["Everyone"] == 1200
    assert sizes[seed.EXAMPLE_GROUP] == 2
    assert sizes[seed.ALL_STAFF] == 1000
    assert sizes[seed.FINANCE] == 60
    assert sizes[seed.EMPTY] == 0
    assert len(full["groups"]) == 15
    assert [group["type"] for group in full["groups"]].count("BUILT_IN") == 2


def test_all_staff_work_here_and_share_no_login_or_email(full: dict[str, Any]) -> None:
    users = {user["id"]: user for user in full["users"]}
    staff = [users[user_id] for user_id in by_name(full)[seed.ALL_STAFF]["members"]]
    assert {user["status"] for user in staff} == seed.SYNCED_STATUSES
    for key in ("login", "email"):
        assert len({user["profile"][key].casefold() for user in staff}) == 1000


def test_logins_are_unique_as_okta_sees_them(full: dict[str, Any]) -> None:
    logins = [unicodedata.normalize("NFKD", user["profile"]["login"]).casefold() for user in full["users"]]
    assert len(set(logins)) == 1200
    assert any("@" not in login for login in logins)


def test_finance_has_hard_names_and_all_statuses(full: dict[str, Any]) -> None:
    users = {user["id"]: user for user in full["users"]}
    members = [users[user_id] for user_id in by_name(full)[seed.FINANCE]["members"]]
    assert {user["status"] for user in members} == set(seed.STATUSES)
    text = "".join(f"{user['profile']['firstName']}{user['profile']['lastName']}" for user in members)
    assert all(char in text for char in "'\"\\é李美민<Ольг")
    assert all(ord(char) <= 0xFFFF for char in text)


def test_contractors_clash(full: dict[str, Any]) -> None:
    users = {user["id"]: user for user in full["users"]}
    profiles = [users[user_id]["profile"] for user_id in by_name(full)[seed.CONTRACTORS]["members"]]
    emails = [profile["email"] for profile in profiles]
    assert emails.count(seed.SHARED_MAILBOX) == 2
    assert emails.count(seed.TAKEN_EMAIL) == 1
    assert any(profile["firstName"] is None for profile in profiles)


@pytest.mark.parametrize("users", [2, 3, 5, 17, 60, 250])
def test_small_orgs(users: int) -> None:
    org = seed.seed_org(users)
    state = org.export()
    groups = by_name(state)
    assert len(state["users"]) == users
    assert len(groups[seed.EXAMPLE_GROUP]["members"]) == 2
    assert all(len(group["members"]) <= users for group in state["groups"])
    assert bool(groups[seed.FINANCE]["members"]) is (users > 2)
    assert seed_metric_insights(org).export()["users"]


@pytest.mark.parametrize("users", [1, 0, -1])
def test_too_small_orgs(users: int) -> None:
    with pytest.raises(ValueError, match="at least 2"):
        seed.seed_org(users)


def test_metric_insights_before_the_first_sync() -> None:
    org = seed.seed_org(300)
    state = seed_metric_insights(org).export()
    users = {user["username"]: user for user in state["users"]}
    assert users["admin"]["system_admin"]
    assert users[credentials.MI_USER]["type"] == "administrator"
    assert users[credentials.MI_VIEWER]["type"] == "regular"
    assert [user["email"] for user in state["users"]].count("kiosk@acme.example") == 2
    assert state["groups"][0]["id"] == 1
    assert state["groups"][0]["name"] == "Default Group"
    assert "Y" in {group["all_access_group"] for group in state["groups"]}
    logins = {user["profile"]["login"].casefold(): user["profile"] for user in org.users.values()}
    shared = [user for user in state["users"] if user["username"].casefold() in logins]
    assert len(shared) == 3
    assert sum(user["username"] != user["username"].casefold() for user in shared) == 1
    outdated = [user for user in shared if logins[user["username"].casefold()]["lastName"] != user["last_name"]]
    assert len(outdated) == 1
