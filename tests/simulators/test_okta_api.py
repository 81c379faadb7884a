"""Okta's read calls: search, paging, links, errors, limits, lags."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from okta_mi_provider.simulators import seed
from tests.simulators.conftest import Client, group_id

STANDING_HEADERS = ("Date", "X-Okta-Request-Id", "X-Rate-Limit-Limit", "X-Rate-Limit-Remaining", "X-Rate-Limit-Reset")


def names(answer: requests.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return sorted(group["profile"]["name"] for group in answer.json())


def search_name(okta: Client, name: str) -> list[str]:
    return names(okta.get("/api/v1/groups", search=f"profile.name eq {json.dumps(name, ensure_ascii=False)}"))


def error(answer: requests.Response) -> tuple[int, str]:
    body = answer.json()
    assert set(body) == {"errorCode", "errorSummary", "errorLink", "errorId", "errorCauses"}
    return answer.status_code, body["errorCode"]


def pages(okta: Client, path: str, **params: Any) -> list[list[dict[str, Any]]]:
    answer = okta.get(path, **params)
    found = [answer.json()]
    while "next" in answer.links:
        answer = okta.session.get(answer.links["next"]["url"], timeout=10)
        found.append(answer.json())
    return found


# -- Search ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [seed.QUOTES, seed.DOUBLE_SPACE, seed.DIACRITICS, seed.EMPTY, seed.EXAMPLE_GROUP])
def test_search_finds_every_name_as_a_json_literal(okta: Client, name: str) -> None:
    assert search_name(okta, name) == [name]


def test_search_ignores_case_and_finds_all_of_one_name(okta: Client) -> None:
    assert search_name(okta, seed.FINANCE.upper()) == [seed.FINANCE, seed.FINANCE.lower()]
    assert search_name(okta, seed.SHARED_NAME) == [seed.SHARED_NAME] * 2
    assert search_name(okta, "my_new") == []


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('type EQ "BUILT_IN"', ["Everyone", "Okta Administrators"]),
        ('profile.name sw "mi - NIGHT"', [seed.DOUBLE_SPACE]),
        ('profile.name co "skunk\\\\works"', [seed.QUOTES]),
        ('profile.costCenter eq "f-100"', [seed.FINANCE]),
        ('profile.name sw "mi - " and (profile.name co "empty" OR profile.name co "fin")', None),
        ('type eq "APP_GROUP" and profile.name sw "mi"', [seed.FINANCE.lower()]),
        ('lastUpdated lt "2000-01-01T00:00:00.000Z"', []),
        ('lastMembershipUpdated gt "2099-01-01"', []),
    ],
)
def test_search_expressions(okta: Client, expression: str, expected: list[str] | None) -> None:
    if expected is None:
        expected = sorted([seed.EMPTY, seed.FINANCE, seed.FINANCE.lower()])
    assert names(okta.get("/api/v1/groups", search=expression)) == expected


@pytest.mark.parametrize(
    ("parameter", "expression"),
    [
        ("search", "profile.name eq my_new_group"),
        ("search", 'Profile.name eq "x"'),
        ("search", 'profile.name like "x"'),
        ("search", 'profile.costCenter co "F"'),
        ("search", 'profile.name eq "x'),
        ("search", 'profile.name eq "x" and'),
        ("search", 'profile.name eq "x" garbage'),
        ("search", '(profile.name eq "x"'),
        ("search", 'profile.name eq "bad \\escape"'),
        ("search", 'lastUpdated gt "yesterday"'),
        ("search", "profile.name sw 5"),
        ("search", ""),
        ("filter", 'profile.name eq "x"'),
        ("filter", 'created gt "2020-01-01T00:00:00.000Z"'),
    ],
)
def test_expressions_that_are_refused(okta: Client, parameter: str, expression: str) -> None:
    assert error(okta.get("/api/v1/groups", **{parameter: expression})) == (400, "E0000031")


def test_filter_by_type_and_id(okta: Client) -> None:
    assert len(names(okta.get("/api/v1/groups", filter='type eq "APP_GROUP"'))) == 3
    wanted = group_id(okta, seed.EMPTY)
    assert names(okta.get("/api/v1/groups", filter=f'id eq "{wanted}"')) == [seed.EMPTY]


def test_q_is_a_prefix_query_without_links(okta: Client) -> None:
    answer = okta.get("/api/v1/groups", q="MI - f")
    assert names(answer) == [seed.FINANCE, seed.FINANCE.lower()]
    assert "Link" not in answer.headers
    okta.knobs(q_max_rows=1)
    assert len(okta.get("/api/v1/groups", q="mi - f").json()) == 1
    assert names(okta.get("/api/v1/groups", q="mi - f", filter='type eq "APP_GROUP"')) == [seed.FINANCE.lower()]


def test_sorting_of_a_search(okta: Client) -> None:
    query = {"search": 'type eq "OKTA_GROUP"', "sortBy": "profile.name", "limit": 3}
    for order in ("asc", "desc"):
        rows = [row for page in pages(okta, "/api/v1/groups", **query, sortOrder=order) for row in page]
        found = [row["profile"]["name"] for row in rows]
        assert found == sorted(found, reverse=order == "desc")
        assert len(found) == 10


# -- Paging ------------------------------------------------------------------------------------------------------


def test_links_are_two_lines_self_first_and_self_carries_after_from_page_two(okta: Client) -> None:
    path = f"/api/v1/groups/{group_id(okta, 'Everyone')}/users"
    first = okta.get(path, limit=200)
    lines = first.raw.headers.getlist("Link")
    assert lines[0] == f'<{okta.url}{path}?limit=200>; rel="self"'
    assert lines[1].startswith(f"<{okta.url}{path}?after=")
    assert lines[1].endswith('&limit=200>; rel="next"')
    second = okta.session.get(first.links["next"]["url"], timeout=10)
    (only,) = second.raw.headers.getlist("Link")
    assert only == f'<{first.links["next"]["url"]}>; rel="self"'
    ids = [user["id"] for user in first.json() + second.json()]
    assert len(ids) == len(set(ids)) == 300


def test_links_in_one_line_and_default_limits(okta: Client) -> None:
    okta.knobs(link_header="one_line", page_cap=5)
    answer = okta.get("/api/v1/groups", search='profile.name co "a"')
    (line,) = answer.raw.headers.getlist("Link")
    assert "limit=10000&search=profile.name+co+%22a%22" in line
    assert set(answer.links) == {"self", "next"}
    assert "limit=1000>" in okta.get(f"/api/v1/groups/{group_id(okta, 'Everyone')}/users").headers["Link"]


def test_pages_stay_complete_while_members_come_and_go(okta: Client) -> None:
    group = group_id(okta, "Everyone")
    first = okta.get(f"/api/v1/groups/{group}/users", limit=100)
    seen = [user["id"] for user in first.json()]
    okta.control("DELETE", f"groups/{group}/members/{seen[10]}")
    rest = pages(okta, first.links["next"]["url"].removeprefix(okta.url))
    assert len(seen) + sum(map(len, rest)) == 300


@pytest.mark.parametrize("limit", ["0", "-1", "x", "1.5", "", "9" * 5000, "٣"])
def test_bad_limits(okta: Client, limit: str) -> None:
    assert error(okta.get("/api/v1/groups", limit=limit)) == (400, "E0000001")


def test_limit_above_the_maximum(okta: Client) -> None:
    path = f"/api/v1/groups/{group_id(okta, 'Everyone')}/users"
    okta.knobs(members_max_limit=50)
    assert len(okta.get(path, limit=1000).json()) == 50
    okta.knobs(over_max_limit="reject")
    assert error(okta.get(path, limit=1000)) == (400, "E0000001")
    okta.knobs(fail_above_limit=20)
    assert error(okta.get(path, limit=21)) == (500, "E0000009")


def test_cursors_of_other_lists_are_refused(okta: Client) -> None:
    everyone = group_id(okta, "Everyone")
    cursor = okta.get(f"/api/v1/groups/{everyone}/users", limit=1).links["next"]["url"].split("after=")[1].split("&")[0]
    for bad in (cursor, "nonsense", "W10", "%00"):
        assert error(okta.get("/api/v1/groups", after=bad)) == (400, "E0000029")


def test_next_on_a_foreign_host_and_endless_next(okta: Client) -> None:
    okta.knobs(next_host="https://acme-admin.okta.com", repeat_next=True)
    path = f"/api/v1/groups/{group_id(okta, 'Everyone')}/users"
    first = okta.get(path, limit=200)
    target = first.links["next"]["url"]
    assert target.startswith(f"https://acme-admin.okta.com{path}?after=")
    second = okta.get(target.removeprefix("https://acme-admin.okta.com"))
    assert second.links["next"]["url"] == target


# -- Objects -----------------------------------------------------------------------------------------------------


def test_members_have_every_status_and_the_list_ignores_filters(okta: Client) -> None:
    path = f"/api/v1/groups/{group_id(okta, seed.FINANCE)}/users"
    everybody = okta.get(path).json()
    assert {user["status"] for user in everybody} == set(seed.STATUSES)
    assert okta.get(path, filter='status eq "ACTIVE"').json() == everybody
    assert any(user["activated"] is None for user in everybody)
    assert any("password" not in user["credentials"] for user in everybody)


def test_one_group_by_id_only(okta: Client) -> None:
    group = group_id(okta, seed.EXAMPLE_GROUP)
    assert okta.get(f"/api/v1/groups/{group}").json()["profile"]["name"] == seed.EXAMPLE_GROUP
    answer = okta.get(f"/api/v1/groups/{seed.EXAMPLE_GROUP}")
    assert error(answer) == (404, "E0000007")
    assert answer.json()["errorSummary"] == f"Not found: Resource not found: {seed.EXAMPLE_GROUP} (UserGroup)"
    assert error(okta.get("/api/v1/groups/00gNope/users")) == (404, "E0000007")


def test_expand_stats(okta: Client) -> None:
    (group,) = okta.get("/api/v1/groups", search='profile.name eq "my_new_group"', expand="stats").json()
    assert group["_embedded"]["stats"]["usersCount"] == 2


def test_users(okta: Client) -> None:
    listed = [user for page in pages(okta, "/api/v1/users") for user in page]
    assert {user["status"] for user in listed} == set(seed.STATUSES) - {"DEPROVISIONED"}
    gone = okta.get("/api/v1/users", search='status eq "DEPROVISIONED"').json()
    assert len(listed) + len(gone) == 300
    ana = okta.get("/api/v1/users/ANA.silva@acme.example").json()
    assert ana == okta.get(f"/api/v1/users/{ana['id']}").json() == okta.get("/api/v1/users/me").json()
    assert okta.get("/api/v1/users", q="ana").json()[0]["profile"]["firstName"].lower().startswith("ana")
    groups = names(okta.get(f"/api/v1/users/{ana['id']}/groups"))
    assert {"Everyone", "Okta Administrators", seed.EXAMPLE_GROUP} <= set(groups)
    assert error(okta.get("/api/v1/users/nobody")) == (404, "E0000007")
    assert okta.get("/api/v1/users", search="profile.biAccess eq true and profile.fullTimeShare lt 0.8").json()
    assert okta.get("/api/v1/users", search='profile.costCodes eq "f1"').json()


def test_empty_description_can_be_null(okta: Client) -> None:
    group = group_id(okta, seed.EMPTY)
    okta.control("PUT", "knobs", {"null_description": True})
    assert okta.get(f"/api/v1/groups/{group_id(okta, seed.OPERATIONS)}").json()["profile"]["description"] is None
    assert okta.get(f"/api/v1/groups/{group}").json()["profile"]["description"] == "Nobody is in here"


# -- Access, headers, limits -------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, "SSWS wrong", "Bearer 00-simulated-okta-token", "SSWS", ""])
def test_bad_tokens(okta: Client, value: str | None) -> None:
    headers = {} if value is None else {"Authorization": value}
    assert error(requests.get(f"{okta.url}/api/v1/groups", headers=headers, timeout=10)) == (401, "E0000011")


def test_token_without_a_space_and_public_metadata(okta: Client) -> None:
    headers = {"Authorization": "SSWS00-simulated-okta-token"}
    assert requests.get(f"{okta.url}/api/v1/groups?limit=1", headers=headers, timeout=10).status_code == 200
    org = requests.get(f"{okta.url}/.well-known/okta-organization", timeout=10).json()
    assert org["pipeline"] == "idx"
    assert org["id"].startswith("00o")


def test_paths_methods_and_media_types(okta: Client) -> None:
    assert error(okta.get("/api/v1/nothing")) == (404, "E0000008")
    assert error(okta.get("/api/v1/groups/")) == (404, "E0000008")
    assert error(okta.post("/api/v1/groups", {})) == (405, "E0000022")
    assert error(okta.call("GET", "/api/v1/groups", headers={"Accept": "text/html"})) == (400, "E0000019")


def test_every_answer_has_the_headers_unless_a_knob_drops_them(okta: Client) -> None:
    for path in ("/api/v1/groups", "/api/v1/nothing", "/api/v1/groups/x"):
        assert set(STANDING_HEADERS) <= set(
            okta.get(path).headers.keys() | {name.title() for name in okta.get(path).headers}
        )
    okta.knobs(missing_headers=["Date", "X-Rate-Limit-Reset"])
    headers = okta.get("/api/v1/groups").headers
    assert "Date" not in headers
    assert "X-Rate-Limit-Reset" not in headers
    assert "X-Rate-Limit-Limit" in headers


def test_rate_limit_of_a_bucket(okta: Client) -> None:
    okta.knobs(rate_limit=True, rate_limits={"groups": 3})
    answers = [okta.get("/api/v1/groups", limit=1) for _ in range(4)]
    if [answer.status_code for answer in answers] == [200] * 4:  # the minute ended in between
        answers = [okta.get("/api/v1/groups", limit=1) for _ in range(4)]
    assert error(answers[-1]) == (429, "E0000047")
    assert answers[-1].headers["X-Rate-Limit-Limit"] == "3"
    assert answers[-1].headers["X-Rate-Limit-Remaining"] == "0"
    assert "Retry-After" not in answers[-1].headers
    assert okta.get(f"/api/v1/groups/{group_id(okta, 'Everyone')}").status_code == 200


def test_lags(okta: Client) -> None:
    okta.knobs(member_lag_s=60, membership_stamp_lag_s=60, search_lag_s=60)
    group = group_id(okta, seed.EXAMPLE_GROUP)
    before = okta.get(f"/api/v1/groups/{group}").json()["lastMembershipUpdated"]
    okta.control("PUT", f"groups/{group}/members/sean.o'brien@acme.example")
    okta.control("DELETE", f"groups/{group}/members/ana.silva@acme.example")
    okta.control("POST", "groups", {"name": "Brand new"})
    logins = {user["profile"]["login"] for user in okta.get(f"/api/v1/groups/{group}/users").json()}
    assert logins == {"ana.silva@acme.example", "bruno.costa@acme.example"}
    assert okta.get(f"/api/v1/groups/{group}").json()["lastMembershipUpdated"] == before
    assert search_name(okta, "Brand new") == []
    okta.knobs(member_lag_s=0, membership_stamp_lag_s=0, search_lag_s=0)
    logins = {user["profile"]["login"] for user in okta.get(f"/api/v1/groups/{group}/users").json()}
    assert logins == {"sean.o'brien@acme.example", "bruno.costa@acme.example"}
    assert okta.get(f"/api/v1/groups/{group}").json()["lastMembershipUpdated"] > before
    assert search_name(okta, "Brand new") == ["Brand new"]
