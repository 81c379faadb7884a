"""Reads groups and their members from Okta's Management API.

Source of everything about Okta in here: Okta's API reference for groups and users, and its guides on
rate limits and pagination (developer.okta.com/docs/api/openapi/okta-management/, .../reference/rl2-monitor/).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from okta_mi_provider.clients.errors import BadAnswer, Call, GroupAmbiguous, GroupNotFound, NotFound, Rejected
from okta_mi_provider.clients.http import Transport
from okta_mi_provider.clients.okta_auth import OktaLogin
from okta_mi_provider.clients.okta_http import SYSTEM, OktaHttp, Pace
from okta_mi_provider.clients.urls import BaseUrl
from okta_mi_provider.sync.fetch import Attributes, GroupSelector
from okta_mi_provider.sync.model import SourceGroup, SourceUser
from okta_mi_provider.sync.text import one_line, quoted

#: Okta's recommendation for lists of members; it serves up to 1000.
PAGE_SIZE = 200
#: From so many groups on, an answer to `q` may be cut.
_MOST_BY_PREFIX = 300
_LOOKS_LIKE_GROUP_ID = re.compile(r"00g[A-Za-z0-9]{17}")
_GROUPS = "/api/v1/groups"


class OktaClient:
    """Groups and members of one Okta org.

    Args:
        base: Where the org is.
        login: How to authenticate.
        transport: How to talk to it.
        pace: How much of the org's rate limit to use.
        page_size: Members asked for at a time, 1 to 1000.
    """

    def __init__(
        self,
        base: BaseUrl,
        login: OktaLogin,
        *,
        transport: Transport | None = None,
        pace: Pace | None = None,
        page_size: int = PAGE_SIZE,
    ) -> None:
        #: Whether the credentials end by themselves when nobody uses them.
        self.dies_unused = login.dies_unused
        self._http = OktaHttp(base, login, transport=transport or Transport(), pace=pace or Pace())
        self._page_size = page_size

    @property
    def org(self) -> str:
        """The org's URL."""
        return str(self._http.base)

    @property
    def http(self) -> OktaHttp:
        """Single requests, for who examines the org."""
        return self._http

    def check(self) -> str:
        """Makes the smallest request that needs the rights of a sync, and says what it has shown.

        Raises:
            SyncError: If a sync could not read groups.
        """
        self._http.get(_GROUPS, {"limit": 1})
        return f"Connected to {self.org}; these credentials may read groups."

    def find_group(self, selector: GroupSelector) -> SourceGroup:
        """The one group with this id, or with exactly this name.

        A search is eventually consistent and ignores case, so its hits are compared, and a prefix query is
        asked when there is none.

        Raises:
            GroupNotFound: If there is no such group, with names that differ in case only.
            GroupAmbiguous: If several have the name, with what tells them apart.
            SyncError: If Okta could not be asked.
        """
        if selector.id:
            return self._group_by_id(selector.id)
        name = selector.name or ""
        if _LOOKS_LIKE_GROUP_ID.fullmatch(name):
            try:
                return self._group_by_id(name)
            except GroupNotFound:
                # Nothing forbids a name that looks like an id.
                return self._group_by_name(name)
        return self._group_by_name(name)

    def members(self, group: SourceGroup, attributes: Attributes) -> tuple[SourceUser, ...]:
        """All members of the group, each once, whatever their status.

        Raises:
            SyncError: If the list could not be read to its end. There is never a shorter one.
        """
        users: dict[str, SourceUser] = {}
        for row in self._http.pages(f"{_GROUPS}/{_quoted(group.id)}/users", {"limit": self._page_size}):
            user = user_of(row, attributes)
            if user is None:
                raise BadAnswer(Call(SYSTEM, "GET", "members of a group", 200), "it lists a user without an id")
            users[user.id] = user
        return tuple(users.values())

    def sample_member(self, group_id: str) -> Mapping[str, Any] | None:
        """The first member of a group as Okta tells of it, with all attributes; None if there is none.

        Raises:
            SyncError: If the list could not be read.
        """
        call, rows = self._http.get(f"{_GROUPS}/{_quoted(group_id)}/users", {"limit": 1})
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise BadAnswer(call, "it is not a list of objects")
        return rows[0] if rows else None

    def _group_by_id(self, group_id: str) -> SourceGroup:
        path = f"{_GROUPS}/{_quoted(group_id)}"
        try:
            call, row = self._http.get(path)
        except NotFound as error:
            raise GroupNotFound(
                f"Okta has no group with the id {quoted(group_id)} that these credentials may see ({error.call})."
            ) from None
        group = _group(row)
        if group is None:
            raise BadAnswer(call, "it is not a group")
        return group

    def _group_by_name(self, name: str) -> SourceGroup:
        # A JSON string is what the search language takes for a literal.
        search = f"profile.name eq {json.dumps(name, ensure_ascii=False)}"
        rows = self._groups({"search": search, "limit": self._page_size})
        found = _named(rows, name)
        if not found:
            by_prefix = self._groups({"q": name})
            found = _named(by_prefix, name)
            rows += by_prefix
        if not found:
            near = sorted({_name(row) for row in rows if _loosely(_name(row)) == _loosely(name)})
            hint = f" There is {', '.join(map(quoted, near))}: capitals and blanks count." if near else ""
            if len(rows) >= _MOST_BY_PREFIX:
                hint += f" Okta lists at most {_MOST_BY_PREFIX} groups for a prefix; give the group's id instead."
            raise GroupNotFound(f"Okta has no group named {quoted(name)} that these credentials may see.{hint}")
        if len(found) > 1:
            twins = "; ".join(sorted(_describe(row) for row in found.values()))
            raise GroupAmbiguous(
                f"Okta has {len(found)} groups named {quoted(name)}: {twins}. Give the id of the one that is meant."
            )
        (row,) = found.values()
        return SourceGroup(row["id"], _name(row), _user_count(row))

    def _groups(self, query: Mapping[str, str | int]) -> list[Mapping[str, Any]]:
        """Groups, with the number of their users if the org tells it; that is worth a notice, not a failure."""
        try:
            return list(self._http.pages(_GROUPS, {**query, "expand": "stats"}))
        except Rejected:
            return list(self._http.pages(_GROUPS, query))


def _quoted(part: str) -> str:
    return quote(part, safe="", errors="surrogatepass")


def user_of(row: Mapping[str, Any], attributes: Attributes) -> SourceUser | None:
    """A user as a sync sees it; None if it has no id."""
    user_id = row.get("id")
    if not isinstance(user_id, str) or not user_id:
        return None
    # A user without a profile is told of as one who lacks a username.
    profile = row["profile"] if isinstance(row.get("profile"), dict) else {}
    username, email, first_name, last_name = (_text(profile.get(name)) for name in attributes)
    return SourceUser(user_id, str(row.get("status") or ""), username, email, first_name, last_name)


def _text(value: object) -> str:
    """An attribute as text. MI drops blanks at the ends, so keeping them would be a difference for ever."""
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def _group(row: object) -> SourceGroup | None:
    if isinstance(row, dict) and isinstance(row.get("id"), str) and _name(row):
        return SourceGroup(row["id"], _name(row))
    return None


def _user_count(row: Mapping[str, Any]) -> int | None:
    """What `expand=stats` adds. Whether it counts deactivated users, and how late it is, is not documented."""
    embedded = row.get("_embedded")
    stats = embedded.get("stats") if isinstance(embedded, dict) else None
    count = stats.get("usersCount") if isinstance(stats, dict) else None
    return count if isinstance(count, int) else None


def _named(rows: list[Mapping[str, Any]], name: str) -> dict[str, Mapping[str, Any]]:
    return {row["id"]: row for row in rows if isinstance(row.get("id"), str) and _name(row) == name}


def _name(row: Mapping[str, Any]) -> str:
    profile = row.get("profile")
    return str(profile.get("name") or "") if isinstance(profile, dict) else ""


def _loosely(name: str) -> str:
    """A name as people remember it."""
    return " ".join(name.casefold().split())


def _describe(row: Mapping[str, Any]) -> str:
    """What tells a group from its namesakes: id, type, and the application it was imported from."""
    links = row.get("_links")
    source = links.get("source") if isinstance(links, dict) else None
    origin = f" imported by {one_line(str(source['href']))}" if isinstance(source, dict) and source.get("href") else ""
    return f"{one_line(row['id'])} ({one_line(str(row.get('type') or 'unknown type'))}{origin})"
