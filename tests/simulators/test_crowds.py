"""Many users in one answer, and many requests at once: the simulators stand what a benchmark asks of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import requests

from okta_mi_provider.simulators import credentials
from okta_mi_provider.simulators.metric_insights import create_metric_insights_app
from okta_mi_provider.simulators.mi_seed import seed_metric_insights
from okta_mi_provider.simulators.server import serve
from tests.simulators.conftest import Client


def test_ten_thousand_users_are_one_answer() -> None:
    state = seed_metric_insights()
    for number in range(10_000):
        state.add_membership(state.add_user(f"user{number}@acme.example", f"user{number}@acme.example").id, 1)
    headers = {"Authorization": f"Bearer {credentials.MI_API_TOKEN}"}
    with serve(create_metric_insights_app(state)) as url, requests.Session() as session:
        users = session.get(f"{url}/api/user", headers=headers, timeout=10)
        assert len(users.json()["users"]) == 10_009
        members = session.get(f"{url}/api/user_group_member?group=1", headers=headers, timeout=10)
        assert len(members.json()["user_group_members"]) > 10_000


def test_waiting_requests_overlap(okta: Client) -> None:
    okta.knobs(latency_ms=1_000)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: okta.get("/api/v1/groups", limit=1).status_code, range(16)))
    assert answers == [200] * 16
    assert okta.control("GET", "stats")["peak_in_flight"] == 8


def test_too_many_at_once_meet_the_concurrency_limit(okta: Client) -> None:
    okta.knobs(latency_ms=1_000, concurrency_limit=2)
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: okta.get("/api/v1/groups", limit=1), range(6)))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) == 4
    assert {answer.headers["X-Rate-Limit-Limit"] for answer in refused} == {"0"}
