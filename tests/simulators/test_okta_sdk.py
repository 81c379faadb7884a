"""Okta's own Python SDK against the simulator: the lists it reads and the errors it reports."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from okta_mi_provider.simulators import credentials, seed
from okta_mi_provider.simulators.okta_oauth import TOKEN_PATH
from tests.simulators.conftest import Client, group_id

Paged = Callable[..., Awaitable[tuple[Any, Any, Any]]]


@pytest.fixture(autouse=True)
def _plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OKTA_TESTING_TESTINGDISABLEHTTPSCHECK", "true")


SERVICE_APP = {
    "authorizationMode": "PrivateKey",
    "clientId": credentials.OKTA_CLIENT_ID,
    "privateKey": credentials.OKTA_PRIVATE_KEY,
    "kid": credentials.OKTA_PRIVATE_KEY_ID,
    "scopes": ["okta.groups.read"],
}


def other_key() -> str:
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = rsa.generate_private_key(65537, 2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


OTHER_KEY = other_key()


def run(okta: Client, use: Callable[[Any], Awaitable[Any]], **settings: Any) -> Any:
    from okta.client import Client as OktaClient

    async def main() -> Any:
        own = settings or {"token": credentials.OKTA_API_TOKEN}
        configuration = {"orgUrl": okta.url, "cache": {"enabled": False}, "rateLimit": {"maxRetries": 2}, **own}
        async with OktaClient(configuration) as client:
            return await use(client)

    return asyncio.run(main())


def cursor(response: Any) -> str | None:
    from urllib.parse import parse_qs, urlsplit

    link = response.headers.get("Link", "")
    if 'rel="next"' not in link:
        return None
    return parse_qs(urlsplit(link[link.index("<") + 1 : link.index(">")]).query)["after"][0]


async def all_pages(call: Paged, *args: Any, **kwargs: Any) -> tuple[list[Any], int]:
    rows, page_count, after = [], 0, None
    while True:
        page, response, error = await call(*args, **kwargs, **({"after": after} if after else {}))
        assert error is None, error
        rows += page
        page_count += 1
        after = cursor(response)
        if after is None:
            return rows, page_count


def test_lists_groups_in_pages(okta: Client) -> None:
    groups, page_count = run(okta, lambda client: all_pages(client.list_groups, limit=4))
    assert page_count == 4
    assert len(groups) == 15
    expected = sorted(group["profile"]["name"] for group in okta.state()["groups"])
    assert sorted(group.profile.actual_instance.name for group in groups) == expected


def test_lists_members_in_pages(okta: Client) -> None:
    everyone = group_id(okta, "Everyone")
    users, page_count = run(okta, lambda client: all_pages(client.list_group_users, everyone, limit=120))
    assert page_count == 3
    assert len({user.id for user in users}) == 300
    assert {user.status.value for user in users} == set(seed.STATUSES)
    ana = next(user for user in users if user.profile.login == "ana.silva@acme.example")
    assert isinstance(ana.profile.additional_properties["biAccess"], bool)


def test_finds_hostile_names(okta: Client) -> None:
    async def search(client: Any) -> Any:
        return await client.list_groups(search='profile.name eq "R&D \\"Skunk\\\\Works\\" <script>alert(1)</script>"')

    (group,), _, error = run(okta, search)
    assert error is None
    assert group.profile.actual_instance.name == seed.QUOTES


def test_reports_a_wrong_token(okta: Client) -> None:
    _, response, error = run(okta, lambda client: client.list_groups(), token="wrong-token")
    assert response.status == 401
    assert error.error_code == "E0000011"


def test_reports_an_unknown_group(okta: Client) -> None:
    _, response, error = run(okta, lambda client: client.list_group_users("00gNope"))
    assert response.status == 404
    assert error.error_code == "E0000007"


def test_reports_an_unsupported_filter(okta: Client) -> None:
    _, response, error = run(okta, lambda client: client.list_groups(filter='profile.name eq "x"'))
    assert response.status == 400
    assert error.error_code == "E0000031"


def test_waits_out_a_rate_limit(okta: Client) -> None:
    okta.fault("429", route="list_groups", seconds=0)
    groups, _, error = run(okta, lambda client: client.list_groups())
    assert error is None
    assert len(groups) == 15
    assert [row["status"] for row in okta.control("GET", "requests")["requests"]] == [429, 200]


@pytest.mark.parametrize("fault", ["503", "504"])
def test_repeats_what_may_pass(okta: Client, fault: str) -> None:
    okta.fault(fault, route="list_groups", count=2)
    groups, _, error = run(okta, lambda client: client.list_groups())
    assert error is None
    assert len(groups) == 15
    assert log(okta) == [("/api/v1/groups", int(fault))] * 2 + [("/api/v1/groups", 200)]


def test_gives_up_on_a_lasting_rate_limit(okta: Client) -> None:
    okta.fault("429", seconds=0, count=None)
    own = {"token": credentials.OKTA_API_TOKEN, "rateLimit": {"maxRetries": 1}}
    _, response, error = run(okta, lambda client: client.list_groups(), **own)
    assert response.status == 429
    assert error.error_code == "E0000047"
    assert len(log(okta)) == 2


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [("401", 401, "E0000011"), ("403", 403, "E0000006"), ("404", 404, "E0000007"), ("500", 500, "E0000009")],
)
def test_reports_errors_at_once(okta: Client, fault: str, status: int, code: str) -> None:
    okta.fault(fault, count=None)
    _, response, error = run(okta, lambda client: client.list_groups())
    assert (response.status, error.error_code) == (status, code)
    assert len(log(okta)) == 1


# -- As a service app --------------------------------------------------------------------------------------------


def log(okta: Client) -> list[tuple[str, int]]:
    return [(row["path"], row["status"]) for row in okta.control("GET", "requests")["requests"]]


def test_a_service_app_lists_members_in_pages_with_one_token(okta: Client) -> None:
    everyone = group_id(okta, "Everyone")
    users, page_count = run(okta, lambda client: all_pages(client.list_group_users, everyone, limit=120), **SERVICE_APP)
    assert (len({user.id for user in users}), page_count) == (300, 3)
    assert log(okta) == [(TOKEN_PATH, 200)] + [(f"/api/v1/groups/{everyone}/users", 200)] * 3


def test_a_service_app_with_dpop(okta: Client) -> None:
    okta.knobs(dpop_required=True)
    everyone = group_id(okta, "Everyone")

    async def read(client: Any) -> Any:  # one client: its key pair takes a second to make
        members = await all_pages(client.list_group_users, everyone, limit=150)
        okta.knobs(dpop_api_nonce=True)
        return members, await client.list_groups()

    (users, page_count), (groups, _, error) = run(okta, read, **SERVICE_APP, dpopEnabled=True)
    assert (len(users), page_count, len(groups), error) == (300, 2, 15, None)
    members = f"/api/v1/groups/{everyone}/users"
    assert log(okta) == [
        *((TOKEN_PATH, 400), (TOKEN_PATH, 200)),
        *((members, 200), (members, 200)),
        *(("/api/v1/groups", 401), ("/api/v1/groups", 200)),
    ]


def test_a_service_app_without_the_scope(okta: Client) -> None:
    _, response, error = run(okta, lambda client: client.list_users(), **SERVICE_APP)
    assert (response.status, error.error_code) == (403, "E0000006")
    assert 'scope="okta.users.read"' in response.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("settings", "code", "text"),
    [
        ({"scopes": ["okta.apps.read"]}, "invalid_scope", "not configured"),
        ({"kid": "unknown"}, "invalid_client", "kid is invalid"),
        ({"clientId": "0oaNobody"}, "invalid_client", "client_id"),
        ({"privateKey": OTHER_KEY}, "invalid_client", "signature is invalid"),
    ],
)
def test_a_service_app_that_gets_no_token(okta: Client, settings: dict[str, Any], code: str, text: str) -> None:
    _, _, error = run(okta, lambda client: client.list_groups(), **{**SERVICE_APP, **settings})
    assert code in str(error)
    assert text in str(error)
    assert {path for path, _ in log(okta)} == {TOKEN_PATH}


def test_a_service_app_must_not_leave_out_dpop(okta: Client) -> None:
    okta.knobs(dpop_required=True)
    _, _, error = run(okta, lambda client: client.list_groups(), **SERVICE_APP)
    assert "DPoP proof JWT header is missing" in str(error)


def test_a_service_app_whose_token_ends(okta: Client) -> None:
    async def twice(client: Any) -> list[Any]:
        first = await client.list_groups()
        okta.control("POST", "expire-access-tokens")
        return [first, await client.list_groups()]

    (_, _, none), (_, response, error) = run(okta, twice, **SERVICE_APP)
    assert none is None
    assert (response.status, error.error_code) == (401, "E0000011")
