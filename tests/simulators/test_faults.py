"""Every fault, over the wire."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests

from tests.simulators.conftest import Client
from tests.simulators.test_metric_insights_api import NEW_USER


def usernames(mi: Client) -> set[str]:
    return {user["username"] for user in mi.state()["users"]}


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("400", 400, "E0000001"),
        ("401", 401, "E0000011"),
        ("401_authentication", 401, "E0000004"),
        ("401_no_permission", 401, "E0000015"),
        ("403", 403, "E0000006"),
        ("403_scope", 403, "E0000006"),
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
    slow, concurrent = okta.get("/api/v1/groups"), okta.get("/api/v1/groups")
    assert 28 <= int(slow.headers["X-Rate-Limit-Reset"]) - time.time() <= 30
    assert slow.headers["X-Rate-Limit-Limit"] == "500"
    assert concurrent.headers["X-Rate-Limit-Limit"] == concurrent.headers["X-Rate-Limit-Remaining"] == "0"
    assert 100 < int(concurrent.headers["X-Rate-Limit-Reset"]) - time.time() <= 120
    okta.fault("403_scope")
    assert 'scope="okta.groups.read"' in okta.get("/api/v1/groups").headers["WWW-Authenticate"]


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


@pytest.mark.parametrize("fault", ["hang", "hang_after"])
def test_hanging(mi: Client, fault: str) -> None:
    mi.fault(fault, seconds=0.3)
    with pytest.raises(requests.ReadTimeout):
        requests.post(f"{mi.url}/api/user/", json=NEW_USER, headers=dict(mi.session.headers), timeout=0.15)
    assert ("ana.silva" in usernames(mi)) is (fault == "hang_after")
    deadline = time.monotonic() + 3
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
    ],
)
def test_rules_that_are_refused(mi: Client, rule: dict[str, Any]) -> None:
    answer = requests.post(f"{mi.url}/_sim/faults", json=[{"fault": 500}, rule], timeout=10)
    assert answer.status_code == 422
    assert mi.control("GET", "faults")["rules"] == []
