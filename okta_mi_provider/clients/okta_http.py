"""Single requests and paged lists of Okta's Management API, and what their failures mean.

Source: Okta's API reference and its guides on pagination, errors and rate limits
(developer.okta.com/docs/reference/core-okta-api/, .../reference/error-codes/, .../reference/rl2-monitor/).
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import requests

from okta_mi_provider.clients.errors import (
    ApiError,
    AuthError,
    BadAnswer,
    Call,
    NotFound,
    RateLimited,
    Rejected,
    RightsMissing,
    Unavailable,
)
from okta_mi_provider.clients.http import HeaderAuth, HttpSession, Transport, json_body, redirect_error
from okta_mi_provider.clients.urls import BaseUrl
from okta_mi_provider.sync.text import quoted

SYSTEM = "Okta"
#: A shared rate limit can make a request wait for several windows in a row.
_ATTEMPTS = 6
#: How often a list is begun anew whose cursor has expired.
_MOST_RESTARTS = 2
#: How many pages in a row may bring nobody new. Okta has been seen to serve the same ones for ever.
_MOST_IDLE_PAGES = 3
#: How Okta chokes on a page, None being silence; and how many rows are always asked for.
_TOO_MUCH, _SMALLEST_PAGE = (None, 500, 504), 10


class OktaHttp:
    """Reads from one Okta org.

    Args:
        base: Where the org is.
        auth: Puts the credentials in.
        credentials: Where they are, for messages: "of ...", "in ...".
        transport: How to talk to it.
    """

    def __init__(self, base: BaseUrl, auth: HeaderAuth, *, credentials: str, transport: Transport) -> None:
        self.base = base
        self._http = HttpSession(SYSTEM, base, transport, connections=1)
        self._auth = auth
        self._credentials = credentials

    def get(self, path: str, query: Mapping[str, str | int] | None = None) -> tuple[Call, Any]:
        """One object.

        Returns:
            The request, for messages, and the JSON of its answer.

        Raises:
            SyncError: If it could not be read.
        """
        return self._http.retrying(partial(self._object, path, urlencode(query or {})), attempts=_ATTEMPTS)

    def _object(self, path: str, query: str) -> tuple[Call, Any]:
        response = self._once(path, query)
        call = self._http.call(response)
        return call, json_body(response, call)

    def pages(self, path: str, query: Mapping[str, str | int]) -> Iterator[Mapping[str, Any]]:
        """All rows of a list, following `rel="next"` to its end. A row may come twice.

        Of a next link only path and query are used: it may name another host, and the token is not for that.

        Raises:
            SyncError: If the list could not be read to its end. There is never a shorter one.
        """
        first = at = urlencode(query)
        seen: set[str] = set()
        ids: set[str] = set()
        idle = 0
        size = _PageSize()
        restarts = 0
        while True:
            seen.add(at)
            try:
                response, rows = self._http.retrying(partial(self._page, path, at, size), attempts=_ATTEMPTS)
            except Rejected:
                # A cursor can expire while a long list is read. Nothing else was wrong with the first page.
                if at == first or restarts == _MOST_RESTARTS:
                    raise
                restarts += 1
                at = first
                seen.clear()
                ids.clear()
                continue
            known = len(ids)
            ids.update(str(row.get("id")) for row in rows)
            idle = 0 if len(ids) > known else idle + 1
            yield from rows
            following = response.links.get("next", {}).get("url")
            if not following:
                return
            link = urlsplit(following)
            call = self._http.call(response)
            if link.path != path:
                raise BadAnswer(call, f"its next page is on another path, {quoted(link.path)}")
            if link.query in seen or idle == _MOST_IDLE_PAGES:
                raise BadAnswer(call, "its next page is one that was read already, so the list has no end")
            at = link.query

    def _page(self, path: str, query: str, size: _PageSize) -> tuple[requests.Response, list[Mapping[str, Any]]]:
        try:
            response = self._once(path, size.limit(query))
        except Unavailable as error:
            if error.call.status in _TOO_MUCH:
                size.shrink(query)
            raise
        call = self._http.call(response)
        rows = json_body(response, call)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise BadAnswer(call, "it is not a list of objects")
        return response, rows

    def _once(self, path: str, query: str) -> requests.Response:
        response = self._http.send("GET", path, query=query, auth=self._auth)
        if response.status_code != 200:
            raise self._error(response)
        return response

    def _error(self, response: requests.Response) -> ApiError:
        call, status = self._http.call(response), response.status_code
        code, summary = self._words(response)
        if status == 429:
            return RateLimited(
                call, rate_limit_wait(response.headers), summary, "Too many requests share this org's limit."
            )
        if status == 401 and code != "E0000015":
            return AuthError(
                call,
                summary,
                f"Okta does not accept the token {self._credentials}. A token dies after 30 days without use, and with "
                "its creator's account: make a new one under Security > API > Tokens.",
            )
        if status in {401, 403}:
            scope = re.search(r'scope="([^"]*)"', response.headers.get("WWW-Authenticate", ""))
            lacking = f"The scope {self._http.words(scope[1])} is missing. " if scope else ""
            return RightsMissing(
                call,
                summary,
                f"{lacking}The token {self._credentials} must belong to somebody who may read groups and users, "
                "such as a Read-only Administrator.",
            )
        if status == 404:
            return NotFound(call, summary, "It may have been deleted meanwhile.")
        if status >= 500:
            return Unavailable(call, summary, "Okta has trouble of its own; see status.okta.com.")
        return redirect_error(response, call) or Rejected(call, summary, "" if code else f"Is {self.base} an Okta org?")

    def _words(self, response: requests.Response) -> tuple[str, str]:
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
            [cause.get("errorSummary") for cause in causes if isinstance(cause, dict)]
            if isinstance(causes, list)
            else []
        )
        return code, self._http.words(" ".join([code, *(str(text) for text in texts if text)]).strip())


class _PageSize:
    """Asks for less at a time once the server has choked on a page, as Okta advises."""

    def __init__(self) -> None:
        self._most: int | None = None

    def limit(self, query: str) -> str:
        """The query with a `limit` that the server can bear."""
        pairs = parse_qsl(query, keep_blank_values=True)
        if self._most is None or "limit" not in dict(pairs):
            return query
        return urlencode([(key, str(self._most) if key == "limit" else value) for key, value in pairs])

    def shrink(self, query: str) -> None:
        """Halves the limit of a query that was too much."""
        asked = self._most or int(dict(parse_qsl(query)).get("limit", "0"))
        self._most = max(asked // 2, _SMALLEST_PAGE) if asked else None


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
