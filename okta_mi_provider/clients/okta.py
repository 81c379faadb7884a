"""Reads groups and their members from Okta's Management API.

Source of everything about Okta in here: Okta's API reference for groups and users, and its guides on
rate limits and pagination (developer.okta.com/docs/api/openapi/okta-management/, .../reference/rl2-monitor/).
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import requests
from requests.auth import AuthBase

from okta_mi_provider.clients.errors import (
    ApiError,
    AuthError,
    BadAnswer,
    Call,
    GroupAmbiguous,
    GroupNotFound,
    NotFound,
    RateLimited,
    Rejected,
    RightsMissing,
    Unavailable,
)
from okta_mi_provider.clients.http import (
    HeaderAuth,
    HttpSession,
    Transport,
    json_body,
    redirect_error,
    secret,
    words,
)
from okta_mi_provider.clients.urls import BaseUrl
from okta_mi_provider.sync.fetch import Attributes, GroupSelector
from okta_mi_provider.sync.model import SourceGroup, SourceUser
from okta_mi_provider.sync.text import one_line, quoted

SYSTEM = "Okta"
#: Okta's recommendation for lists of members; it serves up to 1000.
PAGE_SIZE = 200
#: From so many groups on, an answer to `q` may be cut.
_MOST_BY_PREFIX = 300
#: A shared rate limit can make a request wait for several windows in a row.
_ATTEMPTS = 6
_LOOKS_LIKE_GROUP_ID = re.compile(r"00g[A-Za-z0-9]{17}")
_GROUPS = "/api/v1/groups"


def ssws(token: str | None, credentials: str) -> AuthBase:
    """Authentication with an API token of an administrator.

    Raises:
        ConfigurationError: If the token cannot be one.
    """
    return HeaderAuth("Authorization", f"SSWS {secret(token, f'The Okta API token ({credentials})')}")


class OktaClient:
    """Groups and members of one Okta org.

    Args:
        base: Where the org is.
        auth: Puts the credentials in.
        credentials: What to name when they are refused, such as "Airflow connection 'okta_default'".
        transport: How to talk to it.
        page_size: Members asked for at a time, 1 to 1000.
    """

    def __init__(
        self,
        base: BaseUrl,
        auth: AuthBase,
        *,
        credentials: str,
        transport: Transport | None = None,
        page_size: int = PAGE_SIZE,
    ) -> None:
        self._http = HttpSession(SYSTEM, base, transport or Transport(), connections=1)
        self._auth = auth
        self._credentials = credentials
        self._page_size = page_size

    @property
    def org(self) -> str:
        """The org's URL."""
        return str(self._http.base)

    def check(self) -> str:
        """Makes the smallest request that needs the rights of a sync, and says what it has shown.

        Raises:
            SyncError: If a sync could not read groups.
        """
        self._get(_GROUPS, urlencode({"limit": 1}))
        return f"Connected to {self.org}; the token may read groups."

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
        for row in self._pages(f"{_GROUPS}/{quote(group.id, safe='')}/users", {"limit": self._page_size}):
            user = _user(row, attributes)
            if user is None:
                raise BadAnswer(Call(SYSTEM, "GET", "members of a group"), "it lists a user without id or profile")
            users[user.id] = user
        return tuple(users.values())

    def _group_by_id(self, group_id: str) -> SourceGroup:
        path = f"{_GROUPS}/{quote(group_id, safe='')}"
        try:
            row = json_body(response := self._get(path), self._http.call(response))
        except NotFound as error:
            raise GroupNotFound(
                f"Okta has no group with the id {quoted(group_id)} that this token may see ({error.call})."
            ) from None
        group = _group(row)
        if group is None:
            raise BadAnswer(self._http.call(response), "it is not a group")
        return group

    def _group_by_name(self, name: str) -> SourceGroup:
        # A JSON string is what the search language takes for a literal.
        search = f"profile.name eq {json.dumps(name, ensure_ascii=False)}"
        rows = list(self._pages(_GROUPS, {"search": search, "limit": self._page_size, "expand": "stats"}))
        found = _named(rows, name)
        if not found:
            by_prefix = list(self._pages(_GROUPS, {"q": name, "expand": "stats"}))
            found = _named(by_prefix, name)
            rows += by_prefix
        if not found:
            near = sorted({_name(row) for row in rows if _name(row).casefold() == name.casefold()})
            hint = f" There is {', '.join(map(quoted, near))}: names are compared exactly." if near else ""
            if len(rows) >= _MOST_BY_PREFIX:
                hint += f" Okta lists at most {_MOST_BY_PREFIX} groups for a prefix; give the group's id instead."
            raise GroupNotFound(f"Okta has no group named {quoted(name)} that this token may see.{hint}")
        if len(found) > 1:
            twins = "; ".join(sorted(_describe(row) for row in found.values()))
            raise GroupAmbiguous(
                f"Okta has {len(found)} groups named {quoted(name)}: {twins}. Give the id of the one that is meant."
            )
        (row,) = found.values()
        return SourceGroup(row["id"], _name(row), _user_count(row))

    def _pages(self, path: str, query: Mapping[str, str | int]) -> Iterator[Mapping[str, Any]]:
        """All rows of a list, following `rel="next"` to its end.

        Of a next link only path and query are used: it may name another host, and the token is not for that.
        """
        at = urlencode(query)
        seen: set[str] = set()
        while True:
            seen.add(at)
            response, rows = self._http.retrying(partial(self._page, path, at), attempts=_ATTEMPTS)
            yield from rows
            following = response.links.get("next", {}).get("url")
            if not following:
                return
            link = urlsplit(following)
            call = self._http.call(response)
            if link.path != path:
                raise BadAnswer(call, f"its next page is on another path, {quoted(link.path)}")
            if link.query in seen:
                raise BadAnswer(call, "its next page is one that was read already, so the list has no end")
            at = link.query

    def _page(self, path: str, query: str) -> tuple[requests.Response, list[Mapping[str, Any]]]:
        response = self._once(path, query)
        call = self._http.call(response)
        rows = json_body(response, call)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise BadAnswer(call, "it is not a list of objects")
        return response, rows

    def _get(self, path: str, query: str = "") -> requests.Response:
        return self._http.retrying(lambda: self._once(path, query), attempts=_ATTEMPTS)

    def _once(self, path: str, query: str) -> requests.Response:
        response = self._http.send("GET", path, query=query, auth=self._auth)
        if response.status_code != 200:
            raise self._error(response)
        return response

    def _error(self, response: requests.Response) -> ApiError:
        call, status = self._http.call(response), response.status_code
        code, summary = _okta_words(response)
        if status == 429:
            return RateLimited(
                call, rate_limit_wait(response.headers), summary, "Too many requests share this org's limit."
            )
        if status == 401 and code != "E0000015":
            return AuthError(
                call,
                summary,
                f"Okta does not accept the token of {self._credentials}. A token dies after 30 days without use, and "
                "with its creator's account: make a new one under Security > API > Tokens, and put it there.",
            )
        if status in {401, 403}:
            scope = re.search(r'scope="([^"]*)"', response.headers.get("WWW-Authenticate", ""))
            lacking = f"The scope {one_line(scope[1])} is missing. " if scope else ""
            return RightsMissing(
                call,
                summary,
                f"{lacking}The token of {self._credentials} must belong to somebody who may read groups and users, "
                "such as a Read-only Administrator.",
            )
        if status == 404:
            return NotFound(call, summary, "It may have been deleted meanwhile.")
        if status >= 500:
            return Unavailable(call, summary, "Okta has trouble of its own; see status.okta.com.")
        return redirect_error(response, call) or Rejected(call, summary)


def rate_limit_wait(headers: Mapping[str, str]) -> float:
    """Seconds to wait after a 429, from its headers.

    A limit of 0 means too many requests at once, which passes within seconds whatever the reset says.
    Otherwise the limit is restored at `X-Rate-Limit-Reset` (UTC epoch seconds), compared with the answer's
    own `Date`: the clock of this machine may be wrong.
    """
    shortly = 1 + random.random()  # noqa: S311
    if headers.get("X-Rate-Limit-Limit", "").strip() == "0":
        return shortly
    try:
        now = parsedate_to_datetime(headers["Date"]).timestamp()
        wait = int(headers["X-Rate-Limit-Reset"]) - now
    except (KeyError, ValueError, OverflowError):
        return 5 * shortly
    return max(wait, 0.0) + shortly


def _okta_words(response: requests.Response) -> tuple[str, str]:
    """Okta's error code, and its summary with the causes; both empty if the body is not Okta's."""
    try:
        body = response.json()
    except requests.exceptions.JSONDecodeError:
        return "", ""
    if not isinstance(body, dict):
        return "", ""
    code = str(body.get("errorCode") or "")
    causes = body.get("errorCauses")
    texts = [body.get("errorSummary") or body.get("message")]
    texts += (
        [cause.get("errorSummary") for cause in causes if isinstance(cause, dict)] if isinstance(causes, list) else []
    )
    return code, words(" ".join([code, *(str(text) for text in texts if text)]).strip())


def _user(row: Mapping[str, Any], attributes: Attributes) -> SourceUser | None:
    profile, user_id = row.get("profile"), row.get("id")
    if not isinstance(profile, dict) or not isinstance(user_id, str) or not user_id:
        return None
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


def _describe(row: Mapping[str, Any]) -> str:
    """What tells a group from its namesakes: id, type, and the application it was imported from."""
    links = row.get("_links")
    source = links.get("source") if isinstance(links, dict) else None
    origin = f" imported by {one_line(str(source['href']))}" if isinstance(source, dict) and source.get("href") else ""
    return f"{one_line(row['id'])} ({one_line(str(row.get('type') or 'unknown type'))}{origin})"
