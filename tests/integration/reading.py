"""Reading groups and members of an Okta org, for tests of the client."""

from __future__ import annotations

from typing import Any

from okta_mi_provider.clients.http import Transport
from okta_mi_provider.clients.okta import OktaClient
from okta_mi_provider.clients.okta_auth import ApiToken
from okta_mi_provider.clients.rate_limit import Share
from okta_mi_provider.clients.urls import okta_url
from okta_mi_provider.simulators import credentials
from okta_mi_provider.sync.fetch import Attributes, GroupSelector
from okta_mi_provider.sync.model import SourceGroup
from tests.integration.canned import Answer

STANDARD = Attributes("login", "email", "firstName", "lastName")
FINANCE = GroupSelector(name="Finance")

#: The group that `page` is about.
CANNED_GROUP = SourceGroup("00g1", "Finance")


def okta_client(url: str, *, page_size: int = 200, share: Share | None = None, **transport: Any) -> OktaClient:
    """A client with the simulator's API token."""
    login = ApiToken(credentials.OKTA_API_TOKEN, credentials="in the test")
    return OktaClient(okta_url(url), login, transport=Transport(**transport), page_size=page_size, share=share)


def usernames(client: OktaClient, group: SourceGroup) -> list[str]:
    return sorted(user.username for user in client.members(group, STANDARD))


def user(name: str) -> dict[str, Any]:
    """A member as Okta lists it."""
    return {"id": name, "status": "ACTIVE", "profile": {"login": name, "email": f"{name}@x.example"}}


def page(*names: str, after: str = "") -> Answer:
    """A page of members of `CANNED_GROUP`; with `after`, one that is not the last."""
    path = f"https://acme.okta.com/api/v1/groups/{CANNED_GROUP.id}/users"
    link = f'<{path}?after={after}&limit=200>; rel="next"' if after else f'<{path}?limit=200>; rel="self"'
    return Answer([user(name) for name in names], headers={"Link": link})
