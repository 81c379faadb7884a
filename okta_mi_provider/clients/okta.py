"""Reads groups and their members from Okta's Management API.

Source of everything about Okta in here: Okta's API reference for groups and users, and its guides on
rate limits and pagination (developer.okta.com/docs/api/openapi/okta-management/, .../reference/rl2-monitor/).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from okta_mi_provider.clients.errors import (
    BadAnswer,
    Call,
    GroupAmbiguous,
    GroupNotFound,
    NotFound,
    Rejected,
    RightsMissing,
)
from okta_mi_provider.clients.group_pages import console_of, okta_group_page
from okta_mi_provider.clients.http import Transport
from okta_mi_provider.clients.okta_auth import OktaLogin
from okta_mi_provider.clients.okta_http import SYSTEM, OktaHttp
from okta_mi_provider.clients.okta_pages import Row, whole_list
from okta_mi_provider.clients.okta_wire import described, group_of, moment_of, name_of, user_count_of, user_of
from okta_mi_provider.clients.rate_limit import Share, server_time
from okta_mi_provider.clients.urls import BaseUrl, path_part
from okta_mi_provider.sync.fetch import Attributes, GroupSelector
from okta_mi_provider.sync.incremental import Changed
from okta_mi_provider.sync.model import SourceGroup, SourceUser, Stamp
from okta_mi_provider.sync.progress import Progress
from okta_mi_provider.sync.text import quoted

#: Okta's recommendation for lists of members; it serves up to 1000.
PAGE_SIZE = 200
#: From so many groups on, an answer to `q` may be cut.
_MOST_BY_PREFIX = 300
#: How many groups a message names.
_MOST_NAMED = 10
_LOOKS_LIKE_GROUP_ID = re.compile(r"00g[A-Za-z0-9]{17}")
#: The path of all groups.
GROUPS = "/api/v1/groups"


class OktaClient:
    """Groups and members of one Okta org.

    Args:
        base: Where the org is.
        login: How to authenticate.
        transport: How to talk to it.
        share: How much of the org's rate limit to use.
        page_size: Members asked for at a time, 1 to 1000.
        console: Where its admin console is; None if the org's own domain tells.
        remarks: What is odd about where all this comes from, for who examines it.
    """

    def __init__(
        self,
        base: BaseUrl,
        login: OktaLogin,
        *,
        transport: Transport | None = None,
        share: Share | None = None,
        page_size: int = PAGE_SIZE,
        console: BaseUrl | None = None,
        remarks: Sequence[str] = (),
    ) -> None:
        self.remarks = remarks
        #: Whether the credentials end by themselves when nobody uses them.
        self.dies_unused = login.dies_unused
        #: Which credentials are used, and where they are.
        self.credentials = login.described
        transport = transport or Transport()
        self._http = OktaHttp(base, login, transport=transport, share=share or Share())
        self._page_size = page_size
        self._console = console or console_of(base)

    @property
    def org(self) -> str:
        """The org's URL."""
        return str(self._http.base)

    def page_of(self, groups: Sequence[SourceGroup]) -> str | None:
        """Where an administrator sees the groups; None if that is not known."""
        return okta_group_page(self._console, groups)

    @property
    def http(self) -> OktaHttp:
        """Single requests, for who examines the org."""
        return self._http

    def check(self) -> str:
        """Makes the smallest request that needs the rights of a sync, and says what it has shown.

        Raises:
            SyncError: If a sync could not read groups.
        """
        if blindness := self.blindness():
            raise RightsMissing(Call(SYSTEM, "GET", GROUPS, 200), blindness)
        return f"Connected to {self.org}; these credentials may read groups."

    def blindness(self) -> str:
        """Says so if the credentials are shown no group at all, and what to do; "" if they are shown any.

        Okta answers who lacks a role with empty lists. Every org has the group Everyone.

        Raises:
            SyncError: If Okta could not be asked.
        """
        _, groups = self._http.get(GROUPS, {"limit": 1})
        if groups != []:
            return ""
        return f"Okta shows no group at all to {self.credentials}, not even Everyone. {self._http.if_not_allowed}"

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
        path = f"{GROUPS}/{path_part(group.id)}/users"
        progress = Progress(f"Reading the members of Okta group {quoted(group.name)}", "member")
        query = {"limit": self._page_size}
        return tuple(whole_list(self._http, path, query, lambda row: user_of(row, attributes), progress))

    def sample_member(self, group_id: str) -> Mapping[str, Any] | None:
        """The first member of a group as Okta tells of it, with all attributes; None if there is none.

        Raises:
            SyncError: If the list could not be read.
        """
        call, rows = self._http.get(f"{GROUPS}/{path_part(group_id)}/users", {"limit": 1})
        if not isinstance(rows, list) or not all(isinstance(row, dict) and row.get("id") for row in rows):
            raise BadAnswer(call, "it is not a list of users")
        return rows[0] if rows else None

    def changed_groups(self, since: datetime) -> Changed:
        """All groups of the org that have changed, or whose members have, after a time by Okta's clock.

        Raises:
            SyncError: If the list could not be read to its end, or Okta does not say how late it is.
        """
        moment = json.dumps(since.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"))
        query = {"filter": f"lastMembershipUpdated gt {moment} or lastUpdated gt {moment}"}
        stamps = whole_list(self._http, GROUPS, query, lambda row: (str(row["id"]), self._stamp(row)))
        asked_at = server_time(self._http.headers)
        if asked_at is None:
            raise BadAnswer(
                Call(SYSTEM, "GET", GROUPS, 200), "it has no Date", "Without 'incremental' nobody needs it."
            )
        return Changed(since, datetime.fromtimestamp(asked_at, UTC), dict(stamps))

    def _stamp(self, row: Row) -> Stamp | None:
        """When a group of the last answer has changed; None if that is not to be understood."""
        seen_at = server_time(self._http.headers)
        members, group = moment_of(row.get("lastMembershipUpdated")), moment_of(row.get("lastUpdated"))
        if seen_at is None or members is None or group is None:
            return None
        return Stamp(members, group, datetime.fromtimestamp(seen_at, UTC))

    def _group_by_id(self, group_id: str) -> SourceGroup:
        path = f"{GROUPS}/{path_part(group_id)}"
        try:
            call, row = self._http.get(path)
        except NotFound as error:
            raise self._not_found(
                f"Okta has no group with the id {quoted(group_id)} that these credentials may see ({error.call})."
            ) from None
        group = group_of(row)
        if group is None:
            raise BadAnswer(call, "it is not a group")
        return replace(group, stamp=self._stamp(row))

    def _group_by_name(self, name: str) -> SourceGroup:
        # A JSON string is what the search language takes for a literal.
        search = f"profile.name eq {json.dumps(name, ensure_ascii=False)}"
        rows = self._groups({"search": search, "limit": self._page_size})
        found = _named(rows, name)
        if not found:
            by_prefix = self._groups({"q": name})
            found = _named(by_prefix, name)
            if not found:
                raise self._not_found(_no_group(name, rows, by_prefix))
        if len(found) > 1:
            raise GroupAmbiguous(
                f"Okta has {len(found):,} groups named {quoted(name)}: {_some(map(described, found))}. Give the id of "
                "the one that is meant."
            )
        return SourceGroup(found[0]["id"], name_of(found[0]), user_count_of(found[0]), stamp=self._stamp(found[0]))

    def _not_found(self, said: str) -> GroupNotFound:
        """The error for a group that is not there, or that nobody could see."""
        return GroupNotFound(f"{said} {self.blindness()}".rstrip())

    def _groups(self, query: Mapping[str, str | int]) -> list[Row]:
        """Groups, with the number of their users if the org tells it; that is worth a notice, not a failure."""
        try:
            return whole_list(self._http, GROUPS, {**query, "expand": "stats"}, dict)
        except Rejected:
            return whole_list(self._http, GROUPS, query, dict)


def _named(rows: Sequence[Row], name: str) -> list[Row]:
    return [row for row in rows if name_of(row) == name]


def _no_group(name: str, rows: Sequence[Row], by_prefix: Sequence[Row]) -> str:
    """What to say of a name that no group has: with what could be meant, and why it could not be found."""
    near = {name_of(row) for row in (*rows, *by_prefix) if _loosely(name_of(row)) == _loosely(name)}
    hint = f" There is {_some(map(quoted, near))}: capitals and blanks count." if near else ""
    if len(by_prefix) >= _MOST_BY_PREFIX:
        hint += f" Okta lists at most {_MOST_BY_PREFIX} groups for a prefix; give the group's id instead."
    return f"Okta has no group named {quoted(name)} that these credentials may see.{hint}"


def _some(texts: Iterable[str]) -> str:
    """Some of many, for a message."""
    sorted_texts = sorted(texts)
    more = f"; and {len(sorted_texts) - _MOST_NAMED:,} more" if len(sorted_texts) > _MOST_NAMED else ""
    return "; ".join(sorted_texts[:_MOST_NAMED]) + more


def _loosely(name: str) -> str:
    """A name as people remember it."""
    return " ".join(name.casefold().split())
