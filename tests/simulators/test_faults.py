"""Every fault, over the wire."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import pytest
import requests

from tests.simulators.conftest import Client
from tests.simulators.oauth import ask, assertion, refusal
from tests.simulators.test_metric_insights_api import NEW_USER


def usernames(mi: Client) -> set[str]:
    return {user["username"] for user in mi.state()["users"]}


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("400", 400, "E0000001"),
        ("400_cursor", 400, "E0000029"),
        ("401", 401, "E0000011"),
        ("401_authentication", 401, "E0000004"),
        ("401_no_permission", 401, "E0000015"),
        ("403", 403, "E0000006"),
        ("403_scope", 403, "E0000006"),
        ("403_scope_no_body", 403, None),
        ("403_session", 403, "E0000005"),
        ("404", 404, "E0000007"),
        ("404_plain", 404, None),
        ("405", 405, "E0000022"),
        ("429", 429, "E0000047"),
        ("429_concurrency", 429, "E0000047"),
        ("500", 500, "E0000009"),
        ("502", 502, None),
        ("503", 503, "E0000010"),
        ("504", 504, "E0000009"),
        ("empty", 200, None),
        ("login_page", 200, None),
        ("maintenance", 503, None),
        ("redirect", 302, None),
    ],
)
def test_okta_answers(okta: Client, fault: str, status: int, code: str | None) -> None:
    okta.fault(fault)
    answer = okta.get("/api/v1/groups")
    assert answer.status_code == status
    if code is not None:
        assert answer.json()["errorCode"] == code
    assert "X-Okta-Request-Id" in answer.headers
    assert okta.get("/api/v1/groups").status_code == 200


def test_okta_rate_limits(okta: Client) -> None:
    okta.fault("429", seconds=30)
    okta.fault("429_concurrency")
    before = time.time()
    slow, concurrent = okta.get("/api/v1/groups"), okta.get("/api/v1/groups")
    after = time.time()
    assert int(before + 30) <= int(slow.headers["X-Rate-Limit-Reset"]) <= after + 30
    assert slow.headers["X-Rate-Limit-Limit"] == "500"
    assert concurrent.headers["X-Rate-Limit-Limit"] == concurrent.headers["X-Rate-Limit-Remaining"] == "0"
    assert int(before + 120) <= int(concurrent.headers["X-Rate-Limit-Reset"]) <= after + 120
    okta.fault("403_scope")
    okta.fault("403_scope_no_body")
    for body in (True, False):
        answer = okta.get("/api/v1/groups")
        assert 'scope="okta.groups.read"' in answer.headers["WWW-Authenticate"]
        assert bool(answer.content) is body


def test_faults_of_the_token_url(okta: Client) -> None:
    okta.fault("invalid_client", route="token")
    okta.fault("invalid_scope", route="token")
    assert refusal(ask(okta, assertion(okta))) == (401, "invalid_client")
    assert refusal(ask(okta, assertion(okta))) == (400, "invalid_scope")
    assert ask(okta, assertion(okta)).status_code == 200


def test_a_redirect_leads_where_the_rule_says(okta: Client) -> None:
    okta.fault("redirect", count=None)
    assert okta.get("/api/v1/groups").headers["Location"] == "https://elsewhere.invalid/"
    okta.control("DELETE", "faults")
    okta.fault("redirect", location="http://127.0.0.1:9/x", status=307)
    answer = okta.get("/api/v1/groups")
    assert (answer.status_code, answer.headers["Location"]) == (307, "http://127.0.0.1:9/x")


@pytest.mark.parametrize(
    ("fault", "status", "text"),
    [
        ("400", 400, "Bad Request"),
        ("401", 401, "Unauthorized"),
        ("401_application", 401, "no User Management Access"),
        ("403", 403, "permission"),
        ("404", 404, "Not Found"),
        ("405", 405, "Method"),
        ("412", 412, "Session expired"),
        ("429", 429, "Too Many"),
        ("500", 500, "Internal"),
        ("502", 502, "<html>"),
        ("503", 503, "Unavailable"),
        ("504", 504, "Timeout"),
        ("deadlock", 500, "Deadlock found when trying to get lock"),
        ("empty", 200, ""),
        ("login_page", 200, "<form"),
        ("maintenance", 503, "<html>"),
        ("redirect", 302, ""),
        ("result_code", 200, '"resultCode":1'),
        ("status_error", 200, '"ERROR"'),
        ("status_expired", 200, "Session expired"),
    ],
)
def test_metric_insights_answers_without_an_effect(mi: Client, fault: str, status: int, text: str) -> None:
    mi.fault(fault, method="post", route="users")
    answer = mi.post("/api/user/", NEW_USER)
    assert answer.status_code == status
    assert text in answer.text
    assert "ana.silva" not in usernames(mi)
    assert mi.post("/api/user/", NEW_USER).status_code == 201


def test_an_answer_may_have_another_status(mi: Client) -> None:
    mi.knobs(deadlock_status=400)
    for fault in ("deadlock", "login_page", "status_error"):
        mi.fault(fault, status=503)
    answers = [mi.get("/api/user") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503] * 3
    assert "Deadlock" in answers[0].text
    assert "<form" in answers[1].text


def test_an_answer_may_come_after_the_effect(mi: Client) -> None:
    mi.knobs(deadlock_status=400)
    mi.fault("deadlock", after_effect=True)
    assert mi.post("/api/user/", NEW_USER).status_code == 400
    assert "ana.silva" in usernames(mi)


@pytest.mark.parametrize(("fault", "effect"), [("reset_before", False), ("reset_after", True), ("truncated", True)])
def test_broken_connections(mi: Client, fault: str, effect: bool) -> None:
    mi.fault(fault)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        mi.post("/api/user/", NEW_USER)
    assert ("ana.silva" in usernames(mi)) is effect
    (row,) = mi.control("GET", "requests")["requests"]
    assert row["fault"] == fault
    assert row["status"] == (201 if fault == "truncated" else None)


def test_an_answer_may_be_cut_although_it_is_complete(mi: Client) -> None:
    mi.fault("cut_json")
    answer = mi.post("/api/user/", NEW_USER)
    assert answer.status_code == 201
    assert answer.text.startswith('{"user":{"id"')
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    with pytest.raises(ValueError, match="line 1"):
        answer.json()
    assert "ana.silva" in usernames(mi)


def test_an_answer_may_trickle(mi: Client) -> None:
    whole = mi.get("/api/user")
    mi.fault("trickle", seconds=1.2)
    answer = requests.get(f"{mi.url}/api/user", headers=dict(mi.session.headers), timeout=1)
    assert answer.json() == whole.json()
    row = mi.control("GET", "requests")["requests"][-1]
    assert row["duration_ms"] > 1_000  # as a whole longer than any single wait may be
    mi.fault("trickle", seconds=0)
    assert mi.call("HEAD", "/api/user").status_code == 200


@pytest.mark.parametrize("fault", ["hang", "hang_after"])
def test_hanging(mi: Client, fault: str) -> None:
    mi.fault(fault, seconds=3)
    with pytest.raises(requests.ReadTimeout):
        requests.post(f"{mi.url}/api/user/", json=NEW_USER, headers=dict(mi.session.headers), timeout=0.15)
    assert ("ana.silva" in usernames(mi)) is (fault == "hang_after")
    deadline = time.monotonic() + 60
    while "ana.silva" not in usernames(mi) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert "ana.silva" in usernames(mi)


def statuses(mi: Client, calls: int) -> list[int]:
    return [mi.get("/api/user").status_code for _ in range(calls)]


def test_counting(mi: Client) -> None:
    mi.fault("500", path="^/api/user$", after=2, count=2)
    assert statuses(mi, 6) == [200, 200, 500, 500, 200, 200]
    assert mi.get("/api/user_group").status_code == 200
    (rule,) = mi.control("GET", "faults")["rules"]
    assert (rule["matched"], rule["fired"]) == (4, 2)


def test_for_ever_until_cleared(mi: Client) -> None:
    mi.fault("503", count=None)
    assert statuses(mi, 3) == [503] * 3
    mi.control("DELETE", "faults")
    assert statuses(mi, 1) == [200]


def test_probability_is_repeatable(mi: Client) -> None:
    runs = []
    for _ in range(2):
        mi.control("DELETE", "faults")
        mi.fault("500", count=None, probability=0.5, seed=3)
        runs.append(statuses(mi, 20))
    assert runs[0] == runs[1]
    assert set(runs[0]) == {200, 500}


def ups_and_downs(client: Client, path: str, fault: str) -> list[str | None]:
    client.control("POST", "reset")
    client.fault(fault, count=None, probability=0.5, seed=11, seconds=0)
    for _ in range(8):
        with contextlib.suppress(requests.RequestException):  # which of them failed is in the log
            client.get(path)
    return [row["fault"] for row in client.control("GET", "requests")["requests"]]


@pytest.mark.parametrize(("system", "path"), [("okta", "/api/v1/groups"), ("mi", "/api/user")])
def test_every_fault_may_come_by_chance_for_ever(request: pytest.FixtureRequest, system: str, path: str) -> None:
    client: Client = request.getfixturevalue(system)
    patterns = set()
    for fault in client.control("GET", "faults")["faults"]:
        met = ups_and_downs(client, path, fault)
        assert set(met) == {fault, None}, fault
        assert len(met) == 8
        patterns.add(tuple(each is not None for each in met))
    assert len(patterns) == 1  # the same seed, the same chances


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"fault": "unheard_of"},
        {"fault": "500", "path": "("},
        {"fault": "500", "route": "nowhere"},
        {"fault": "500", "count": 0},
        {"fault": "500", "probability": 2},
        {"fault": "500", "typo": 1},
        {"fault": "500", "query": "("},
        {"fault": "500", "status": 99},
        {"fault": "redirect", "location": "a\r\nb"},
    ],
)
def test_rules_that_are_refused(mi: Client, rule: dict[str, Any]) -> None:
    answer = requests.post(f"{mi.url}/_sim/faults", json=[{"fault": 500}, rule], timeout=10)
    assert answer.status_code == 422
    assert mi.control("GET", "faults")["rules"] == []
