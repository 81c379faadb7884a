"""Answers of the simulated org against the part of Okta's published specification that it serves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from openapi_core import OpenAPI
from openapi_core.contrib.requests import RequestsOpenAPIRequest, RequestsOpenAPIResponse

from okta_mi_provider.simulators import seed
from tests.simulators.conftest import Client, group_id

SPECIFICATION = Path(__file__).parents[1] / "data" / "okta-management-groups-subset.json"


@pytest.fixture(scope="module")
def specification(okta_url: str) -> OpenAPI:
    document = json.loads(SPECIFICATION.read_text(encoding="utf-8"))
    document["servers"] = [{"url": okta_url}]
    return OpenAPI.from_dict(document)


def conforms(specification: OpenAPI, okta: Client, path: str, **params: Any) -> Any:
    answer = okta.get(path, **params)
    specification.validate_response(RequestsOpenAPIRequest(answer.request), RequestsOpenAPIResponse(answer))
    return answer.json()


def test_lists_of_groups(specification: OpenAPI, okta: Client) -> None:
    groups = conforms(specification, okta, "/api/v1/groups")
    assert {seed.QUOTES, seed.DOUBLE_SPACE, seed.DIACRITICS} <= {group["profile"]["name"] for group in groups}
    assert conforms(specification, okta, "/api/v1/groups", expand="stats")
    assert conforms(specification, okta, "/api/v1/groups", q="mi")
    for group in groups:
        assert conforms(specification, okta, f"/api/v1/groups/{group['id']}") == group


def test_all_members(specification: OpenAPI, okta: Client) -> None:
    path = f"/api/v1/groups/{group_id(okta, 'Everyone')}/users"
    assert len(conforms(specification, okta, path, limit=1000)) == 300


def test_users(specification: OpenAPI, okta: Client) -> None:
    users = conforms(specification, okta, "/api/v1/users", limit=200)
    assert len(users) == 200
    conforms(specification, okta, f"/api/v1/users/{users[0]['id']}")
    conforms(specification, okta, f"/api/v1/users/{users[0]['id']}/groups")
    conforms(specification, okta, "/.well-known/okta-organization")


@pytest.mark.parametrize("fault", ["403", "404", "429", "429_concurrency"])
def test_errors(specification: OpenAPI, okta: Client, fault: str) -> None:
    okta.fault(fault)
    conforms(specification, okta, f"/api/v1/groups/{group_id(okta, seed.FINANCE)}/users")
    assert okta.control("GET", "faults")["rules"][0]["fired"] == 1
