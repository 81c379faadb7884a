"""How the simulated Metric Insights server misbehaves: paging, shapes, sessions, overload."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime

import pytest
import requests

from tests.simulators.conftest import Client
from tests.simulators.test_metric_insights_api import LOGIN, NEW_USER, create, refused

LISTS = {
    "/api/user": "users",
    "/api/user_group": "user_groups",
    "/api/user_group_member?group=1": "user_group_members",
}


# -- Lists -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "key"), LISTS.items())
def test_a_client_that_pages_reads_everything(mi: Client, path: str, key: str) -> None:
    everything = mi.get(path).json()[key]
    mi.knobs(paging_params=True, list_paging=3)
    found: list[object] = []
    while True:
        body = mi.get(path, limit=100, offset=len(found)).json()
        assert body["total"] == len(everything)
        found += body[key]
        if len(found) >= body["total"]:
            break
        assert len(body[key]) == 3
    assert found == everything
    assert len(mi.get(path, limit=2).json()[key]) == 2
    mi.knobs(list_paging=None)
    assert mi.get(path).json()[key] == everything
    assert mi.get(path, offset=10**6).json()[key] == []


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "x"}, {"offset": "-1"}, {"offset": ""}])
def test_parameters_of_pages_count_only_when_they_are_on(mi: Client, query: dict[str, str]) -> None:
    assert mi.get("/api/user", **query).status_code == 200
    mi.knobs(paging_params=True)
    assert refused(mi.get("/api/user", **query))


def test_shapes_of_short_lists(mi: Client) -> None:
    mi.knobs(single_row="object", empty_list="bare")
    assert mi.get("/api/user_group_member", group="999").json() == []
    user = create(mi, in_group_id="3").json()["user"]
    row = mi.get("/api/user_group_member", user=user["id"]).json()["user_group_members"]
    assert (row["user"], row["group"]) == (user["id"], "3")
    assert isinstance(mi.get("/api/user").json()["users"], list)
    mi.knobs(list_paging=1)
    assert mi.get("/api/user").json()["users"]["id"] == "1"


@pytest.mark.parametrize("key", ["error", None])
def test_the_text_of_an_error_may_be_elsewhere(mi: Client, key: str | None) -> None:
    mi.knobs(error_key=key)
    mi.fault("412")
    answers = [mi.get("/api/user"), mi.get("/api/user/id/999"), mi.get("/api/x"), mi.call("PATCH", "/api/user")]
    mi.knobs(throttle_per_minute=1)
    answers.append([mi.get("/api/user") for _ in range(2)][1])
    assert [answer.status_code for answer in answers] == [412, 404, 405, 405, 429]
    for answer in answers:
        assert set(answer.json()) == {"status"} | ({key} if key else set())


# -- Sessions and overload ---------------------------------------------------------------------------------------


def test_sessions_die_of_use(mi: Client) -> None:
    mi.knobs(session_requests=3)
    for _ in range(2):
        headers = {"Token": mi.post("/api/get_token", LOGIN).json()["token"]}
        answers = [requests.get(f"{mi.url}/api/user", headers=headers, timeout=10) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 412, 412]
    assert mi.get("/api/user").status_code == 200  # a personal token has no session


@pytest.mark.parametrize(("how", "status"), [("deadlock", 500), ("429", 429), ("503", 503)])
def test_fewer_parallel_requests_are_accepted(mi: Client, how: str, status: int) -> None:
    mi.knobs(max_in_flight=2, over_in_flight=how, latency_ms=1_000)
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda number: create(mi, username=f"u{number}", email=f"u{number}@x.y"), range(5)))
    assert sorted(answer.status_code for answer in answers) == sorted([201] * 2 + [status] * 3)
    assert ("Deadlock" in "".join(answer.text for answer in answers)) is (how == "deadlock")
    with ThreadPoolExecutor(5) as pool:
        read = [answer.status_code for answer in pool.map(lambda _: mi.get("/api/user"), range(5))]
    assert sorted(read) == ([200] * 5 if how == "deadlock" else sorted([200] * 2 + [status] * 3))


def test_a_deadlock_has_the_status_of_its_knob(mi: Client) -> None:
    mi.knobs(max_in_flight=1, deadlock_status=400, latency_ms=1_000)
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda number: create(mi, username=f"u{number}", email=f"u{number}@x.y"), range(2)))
    assert sorted(answer.status_code for answer in answers) == [201, 400]


def test_the_clock_may_be_skewed(mi: Client) -> None:
    mi.knobs(clock_skew_s=-7200)
    date = parsedate_to_datetime(mi.get("/api/user").headers["Date"]).timestamp()
    assert abs(date - time.time() + 7200) < 60


# -- The log -----------------------------------------------------------------------------------------------------


def test_bodies_of_writes_are_logged_on_demand(mi: Client) -> None:
    create(mi)
    mi.knobs(log_bodies=True)
    create(mi, username="second", email="second@example.com")
    mi.post("/api/user_group_member/", {"user": 1, "group": 2, "nested": [{"application_key": "hidden"}]})
    mi.call("POST", "/api/user_group", data=b"\xff{")
    mi.post("/api/get_token", LOGIN)
    mi.get("/api/user")
    rows = mi.control("GET", "requests")["requests"]
    second = {**NEW_USER, "username": "second", "email": "second@example.com", "password": "***"}
    member = {"user": 1, "group": 2, "nested": [{"application_key": "***"}]}
    assert [row["body"] for row in rows] == [None, second, member, None, None, None]
    assert NEW_USER["password"] not in str(rows)


def test_a_body_too_deep_is_refused(mi: Client) -> None:
    mi.knobs(log_bodies=True)
    answer = mi.call("POST", "/api/user", data=b"[" * 100_000)
    assert "JSON" in refused(answer)
