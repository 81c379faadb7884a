"""Both simulators over real HTTP, started once, brought back to their seed before each test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from okta_mi_provider.simulators import credentials
from okta_mi_provider.simulators.metric_insights import create_metric_insights_app
from okta_mi_provider.simulators.mi_seed import seed_metric_insights
from okta_mi_provider.simulators.okta import create_okta_app
from okta_mi_provider.simulators.seed import seed_org
from okta_mi_provider.simulators.server import serve

USERS = 300


@dataclass
class Client:
    """A session on one server; `control` goes to ``/_sim/``."""

    url: str
    session: requests.Session

    def call(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        return self.session.request(method, self.url + path, timeout=10, allow_redirects=False, **kwargs)

    def get(self, path: str, **params: Any) -> requests.Response:
        return self.call("GET", path, params=params)

    def post(self, path: str, body: Any) -> requests.Response:
        return self.call("POST", path, json=body)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = requests.request(method, f"{self.url}/_sim/{path}", json=body, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def knobs(self, **changes: Any) -> None:
        self.control("PUT", "knobs", changes)

    def fault(self, fault: str, **rule: Any) -> None:
        self.control("POST", "faults", {"fault": fault, **rule})

    def state(self) -> Any:
        return self.control("GET", "state")


@pytest.fixture(scope="session")
def okta_url() -> Iterator[str]:
    with serve(create_okta_app(seed_org(USERS))) as url:
        yield url


@pytest.fixture(scope="session")
def mi_url() -> Iterator[str]:
    with serve(create_metric_insights_app(seed_metric_insights(seed_org(USERS)))) as url:
        yield url


@pytest.fixture
def okta(okta_url: str) -> Iterator[Client]:
    with requests.Session() as session:
        session.headers["Authorization"] = f"SSWS {credentials.OKTA_API_TOKEN}"
        client = Client(okta_url, session)
        client.control("POST", "reset")
        yield client


@pytest.fixture
def mi(mi_url: str) -> Iterator[Client]:
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {credentials.MI_API_TOKEN}"
        client = Client(mi_url, session)
        client.control("POST", "reset")
        yield client


def group_id(okta: Client, name: str) -> str:
    """The id of the only group of this name."""
    (found,) = (group["id"] for group in okta.state()["groups"] if group["profile"]["name"] == name)
    return found
