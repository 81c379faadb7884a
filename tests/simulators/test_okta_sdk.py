"""Okta's own Python SDK against the simulator: the lists it reads and the errors it reports."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from okta_mi_provider.simulators import credentials, seed
from tests.simulators.conftest import Client, group_id

Paged = Callable[..., Awaitable[tuple[Any, Any, Any]]]


@pytest.fixture(autouse=True)
def _plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OKTA_TESTING_TESTINGDISABLEHTTPSCHECK", "true")


def run(okta: Client, use: Callable[[Any], Awaitable[Any]], token: str = credentials.OKTA_API_TOKEN) -> Any:
    from okta.client import Client as OktaClient

    async def main() -> Any:
        configuration = {"orgUrl": okta.url, "token": token, "cache": {"enabled": False}}
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
