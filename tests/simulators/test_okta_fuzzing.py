"""The simulated Okta org under Schemathesis: whatever is asked, the answer is one the specification allows.

Requests are made from the subset of Okta's OpenAPI document, valid ones and invalid ones. The document
names no 400 and no 401, so those statuses are allowed without a schema; a 5xx never is. Everything is
derived from a fixed seed: a run that fails, fails again.
"""

from __future__ import annotations

import json
import string
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from okta_mi_provider.simulators import credentials
from okta_mi_provider.simulators.okta import create_okta_app
from okta_mi_provider.simulators.seed import seed_org
from okta_mi_provider.simulators.server import serve
from tests.simulators.oauth import ASSERTION_TYPE
from tests.simulators.test_okta_conformance import SPECIFICATION

CHECKS = [not_a_server_error, response_schema_conformance, content_type_conformance]
STATUSES = {200, 400, 401, 404, 405}
ORG = seed_org(30)
GROUPS = sorted(ORG.groups)
USERS = sorted(ORG.users)

repeatable = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=30,
    suppress_health_check=list(HealthCheck),
)


def load(*, known_ids: bool = False) -> Any:
    """The specification; with `known_ids`, ids of the org are the valid values of path parameters."""
    document = json.loads(SPECIFICATION.read_text(encoding="utf-8"))
    if known_ids:
        parameters = document["components"]["parameters"]
        parameters["pathGroupId"]["schema"] = {"type": "string", "enum": GROUPS}
        parameters["pathId"]["schema"] = {"type": "string", "enum": [*USERS, "me", "ana.silva@acme.example"]}
    config = SchemathesisConfig.from_dict({"seed": 3, "generation": {"with-security-parameters": False}})
    return schemathesis.openapi.from_dict(document, config=config)


anything, with_known_ids = load(), load(known_ids=True)


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, requests.Session]]:
    with serve(create_okta_app(ORG)) as url, requests.Session() as session:
        session.headers["Authorization"] = f"SSWS {credentials.OKTA_API_TOKEN}"
        yield url, session


def checked(case: Any, server: tuple[str, requests.Session]) -> None:
    url, session = server
    answer = case.call_and_validate(base_url=url, session=session, checks=CHECKS)
    assert answer.status_code in STATUSES
    assert answer.headers["x-okta-request-id"]


@anything.parametrize()
@repeatable
def test_every_operation(case: Any, server: tuple[str, requests.Session]) -> None:
    checked(case, server)


@with_known_ids.parametrize()
@repeatable
def test_every_operation_with_ids_that_exist(case: Any, server: tuple[str, requests.Session]) -> None:
    checked(case, server)


# -- Hostile queries ---------------------------------------------------------------------------------------------

WORDS = [
    *("id", "type", "status", "profile.name", "profile.login", "profile.", "lastUpdated", "source.id", "created"),
    *("eq", "sw", "co", "gt", "lt", "ge", "le", "ne", "pr", "and", "or", "not", "(", ")", "EQ", "true", "null"),
    *('"APP_GROUP"', '"ACTIVE"', '"MI - Finance"', '"2020-01-01T00:00:00.000Z"', '"\\ud800"', '"', "\\", "0", "-1.5"),
]
EXPRESSIONS = st.one_of(
    st.lists(st.sampled_from(WORDS) | st.text(max_size=4), max_size=8).map(" ".join),
    st.integers().map(lambda number: f"id eq {number}"),
    st.text(max_size=30).map(lambda text: f"profile.name eq {json.dumps(text)}"),
    st.text(max_size=30),
)
QUERIES = st.fixed_dictionaries(
    {},
    optional={
        "search": EXPRESSIONS,
        "filter": EXPRESSIONS,
        "q": st.text(max_size=10),
        "limit": st.integers().map(str) | st.text(string.digits + "+-.eE ٣", max_size=6),
        "after": st.text(string.ascii_letters + string.digits + "-_=", max_size=40) | st.text(max_size=8),
        "sortBy": st.sampled_from(WORDS) | st.text(max_size=6),
        "sortOrder": st.sampled_from(["asc", "desc", "DESC", ""]) | st.text(max_size=4),
        "expand": st.sampled_from(["stats", "app", "stats,app", ""]) | st.text(max_size=4),
    },
)
LISTS = [
    "/api/v1/groups",
    "/api/v1/users",
    f"/api/v1/groups/{GROUPS[0]}/users",
    "/api/v1/users/ÁNA.silva@acme.example/groups",
]


@pytest.mark.parametrize("path", LISTS)
@given(query=QUERIES)
@settings(repeatable, max_examples=80)
def test_hostile_queries(path: str, query: dict[str, str], server: tuple[str, requests.Session]) -> None:
    url, session = server
    answer = session.get(f"{url}{path}?{urlencode(query)}", timeout=10)
    assert answer.status_code in {200, 400}, answer.text
    body = answer.json()
    if answer.status_code == 200:
        assert isinstance(body, list)
    else:
        assert body["errorCode"] in {"E0000001", "E0000029", "E0000031"}


@given(raw=st.text(string.printable.translate({ord(char): None for char in string.whitespace + "#"}), max_size=60))
@settings(repeatable, max_examples=80)
def test_queries_that_are_no_queries(raw: str, server: tuple[str, requests.Session]) -> None:
    url, session = server
    request = session.prepare_request(requests.Request("GET", f"{url}/api/v1/groups"))
    request.url = f"{url}/api/v1/groups?{raw}"  # as it is, without the repairs of the library
    assert session.send(request, timeout=10).status_code in {200, 400}


# -- The token URL, which the document does not describe ---------------------------------------------------------

TOKENS = st.text(max_size=30) | st.lists(st.text(string.ascii_letters + string.digits + "-_", max_size=20)).map(
    ".".join
)
FORMS = st.fixed_dictionaries(
    {},
    optional={
        "grant_type": st.sampled_from(["client_credentials", "password"]) | st.text(max_size=5),
        "scope": st.sampled_from(["okta.groups.read", "okta.users.read okta.groups.read"]) | st.text(max_size=9),
        "client_assertion_type": st.just(ASSERTION_TYPE) | st.text(max_size=5),
        "client_assertion": TOKENS,
    },
)


@given(
    form=FORMS.map(urlencode).map(str.encode) | st.binary(max_size=80),
    proof=st.none() | st.text("aeyJ.0-_", max_size=20),
)
@settings(repeatable, max_examples=80)
def test_hostile_token_requests(form: bytes, proof: str | None, server: tuple[str, requests.Session]) -> None:
    url, session = server
    headers = {"Content-Type": "application/x-www-form-urlencoded"} | ({"DPoP": proof} if proof is not None else {})
    answer = session.post(f"{url}/oauth2/v1/token", data=form, headers=headers, timeout=10)
    assert answer.status_code in {400, 401}
    assert answer.json()["error"] in {"invalid_request", "invalid_client", "unsupported_grant_type"}


# -- The tests test --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "knobs", [{"null_description": True}, {"replaced_headers": {"Content-Type": "text/plain"}}], ids=["schema", "type"]
)
def test_answers_that_do_not_conform_are_found(knobs: dict[str, Any]) -> None:
    with serve(create_okta_app(ORG)) as url, requests.Session() as session:
        session.headers["Authorization"] = f"SSWS {credentials.OKTA_API_TOKEN}"
        requests.put(f"{url}/_sim/knobs", json=knobs, timeout=10).raise_for_status()
        case = anything["/api/v1/groups"]["GET"].Case()
        with pytest.raises(FailureGroup):
            case.call_and_validate(base_url=url, session=session, checks=CHECKS)
