"""The documents of a simulated Okta org as JSON, with their links."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from fastapi.responses import Response

from okta_mi_provider.simulators.okta_org import OktaOrg
from okta_mi_provider.simulators.okta_values import Document

ORG_ID = "00o1simulatedOrg015d7"

Headers = Sequence[tuple[bytes, bytes]]


class OktaRenderer:
    """Makes answers for one base URL; users are turned into JSON once and kept until they change."""

    def __init__(self, org: OktaOrg, base_url: str) -> None:
        self.base_url = base_url
        self.membership_stamp_lag_s = 0.0
        self.null_description = False
        self._org = org
        self._user_json: dict[str, tuple[Document, bytes]] = {}

    def organization(self) -> Response:
        """Return the public description of the org."""
        links = {name: {"href": self.base_url} for name in ("organization", "alternate")}
        return _answer(json.dumps({"id": ORG_ID, "pipeline": "idx", "_links": links}).encode())

    def user(self, user_id: str) -> Response:
        """Return one user."""
        return _answer(self._user(user_id))

    def users(self, user_ids: Sequence[str], headers: Headers) -> Response:
        """Return a list of users with further `headers`."""
        return _answer(b"[" + b",".join(map(self._user, user_ids)) + b"]", headers)

    def group(self, group_id: str) -> Response:
        """Return one group."""
        return _answer(json.dumps(self._group(group_id, expand_stats=False), ensure_ascii=False).encode())

    def groups(self, group_ids: Sequence[str], headers: Headers, *, expand_stats: bool) -> Response:
        """Return a list of groups with further `headers`."""
        groups = [self._group(group_id, expand_stats=expand_stats) for group_id in group_ids]
        return _answer(json.dumps(groups, ensure_ascii=False).encode(), headers)

    def _user(self, user_id: str) -> bytes:
        document = self._org.users[user_id]
        known = self._user_json.get(user_id)
        if known is not None and known[0] is document:
            return known[1]
        links = {"self": {"href": f"{self.base_url}/api/v1/users/{user_id}"}}
        text = json.dumps({**document, "_links": links}, ensure_ascii=False).encode()
        self._user_json[user_id] = (document, text)
        return text

    def _group(self, group_id: str, *, expand_stats: bool) -> dict[str, Any]:
        document = self._org.groups[group_id]
        url = f"{self.base_url}/api/v1/groups/{group_id}"
        logos = [
            {"name": size, "href": f"{self.base_url}/img/logos/groups/odyssey/okta-{size}.png", "type": "image/png"}
            for size in ("medium", "large")
        ]
        links: dict[str, Any] = {"logo": logos, "users": {"href": f"{url}/users"}, "apps": {"href": f"{url}/apps"}}
        if "source" in document:
            links["source"] = {"href": f"{self.base_url}/api/v1/apps/{document['source']['id']}"}
        group = {
            **document,
            "lastMembershipUpdated": self._org.membership_stamp(group_id, self.membership_stamp_lag_s),
            "_links": links,
        }
        if self.null_description and not document["profile"].get("description"):
            group["profile"] = {**document["profile"], "description": None}
        if expand_stats:
            group["_embedded"] = {
                "stats": {
                    "usersCount": len(self._org.member_ids(group_id)),
                    "appsCount": 0,
                    "groupPushMappingsCount": 0,
                    "hasAdminPrivlege": document["profile"]["name"] == "Okta Administrators",
                    "_links": {"self": {"href": f"{url}/stats"}},
                }
            }
        return group


def _answer(body: bytes, headers: Headers = ()) -> Response:
    response = Response(body, media_type="application/json")
    response.raw_headers.extend(headers)
    return response
