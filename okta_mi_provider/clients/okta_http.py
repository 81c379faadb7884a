"""Single requests and paged lists of Okta's Management API, and what their failures mean.

Source: Okta's API reference and its guides on pagination, errors and rate limits
(developer.okta.com/docs/reference/core-okta-api/, .../reference/error-codes/, .../reference/rl2-monitor/).
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests

from okta_mi_provider.clients.body import json_body, json_of
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
from okta_mi_provider.clients.http import HttpSession, Transport, redirect_error
from okta_mi_provider.clients.links import next_link
from okta_mi_provider.clients.okta_auth import OktaLogin
from okta_mi_provider.clients.rate_limit import RateLimit, wait_after_429
from okta_mi_provider.clients.urls import BaseUrl
from okta_mi_provider.sync.text import quoted

log = logging.getLogger(__name__)

SYSTEM = "Okta"
#: Percent of the rate limit that are left to others.
RATE_LIMIT_SHARE = 50
#: A shared rate limit can make a request wait for several windows in a row.
_ATTEMPTS = 6
#: How often a list is begun anew whose cursor has expired.
_MOST_RESTARTS = 2
#: How many pages in a row may bring nobody new. Okta has been seen to serve the same ones for ever.
_MOST_IDLE_PAGES = 3
#: How Okta chokes on a page, None being silence; and how many rows are always asked for.
_TOO_MUCH, _SMALLEST_PAGE = (None, 500, 504), 10
#: Okta's code for a right that is missing, though it is answered 401 like a token that is refused.
_NOT_ALLOWED = "E0000015"
#: How often one request may be answered 401 before the credentials are believed to be wrong.
_MOST_LOGINS = 3
#: How many rows a query asks for.
_LIMIT = re.compile(r"(?<![^&])limit=([0-9]{1,9})(?![^&])")
_REQUEST_ID = re.compile(r"[\w.-]{1,100}", re.ASCII)
#: Pauses of more seconds than this are told.
_LONG_PAUSE_S = 5.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How much of a shared rate limit to use.

    Attributes:
        kept_percent: Percent of each window that are left to others, 0 to 90.
        sharers: How many clients like this one share the rest.
    """

    kept_percent: int = RATE_LIMIT_SHARE
    sharers: int = 1


class OktaHttp:
    """Reads from one Okta org. Not for several threads at once.

    Args:
        base: Where the org is.
        login: How to authenticate.
        transport: How to talk to it.
        pace: How much of the org's rate limit to use.
    """

    def __init__(self, base: BaseUrl, login: OktaLogin, *, transport: Transport, pace: Pace) -> None:
        self.base = base
        self._http = HttpSession(SYSTEM, base, transport, connections=1)
        self._login = login
        self.pace = pace
        self._longest_pause_s = transport.max_wait_s
        self._not_before: dict[str, float] = {}

    @property
    def headers(self) -> Mapping[str, str]:
        """Those of the last answer."""
        return self._http.headers

    @property
    def if_not_allowed(self) -> str:
        """What to do when the credentials lack a right."""
        return self._login.if_not_allowed

    def get_anonymously(self, path: str) -> tuple[Call, Any]:
        """What the org tells everybody: one object, asked for once and without credentials.

        Raises:
            SyncError: If it does not tell.
        """
        response = self._http.send("GET", path, auth=None)
        call = self._http.call(response)
        if response.status_code != 200:
            raise self._error(response)
        return call, json_body(response, call)

    def get(self, path: str, query: Mapping[str, str | int] | None = None) -> tuple[Call, Any]:
        """One object.

        Returns:
            The request, for messages, and the JSON of its answer.

        Raises:
            SyncError: If it could not be read.
        """
        encoded = _encoded(query or {})
        return self._http.retrying(partial(self._object, path, encoded, _Tries()), attempts=_ATTEMPTS)

    def _object(self, path: str, query: str, tries: _Tries) -> tuple[Call, Any]:
        response = self._once(path, query, tries)
        call = self._http.call(response)
        return call, json_body(response, call)

    def pages(self, path: str, query: Mapping[str, str | int]) -> Iterator[Mapping[str, Any]]:
        """All rows of a list, following `rel="next"` to its end. A row may come twice.

        Of a next link only path and query are used: it may name another host, and the token is not for that.

        Raises:
            SyncError: If the list could not be read to its end. There is never a shorter one.
        """
        first = at = _encoded(query)
        seen: set[str] = set()
        ids: set[str] = set()
        idle = 0
        size = _PageSize()
        restarts = 0
        while True:
            seen.add(at)
            try:
                response, rows = self._http.retrying(partial(self._page, path, at, size, _Tries()), attempts=_ATTEMPTS)
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
            call = self._http.call(response)
            try:
                following = next_link(response.headers.get("Link", ""))
                link = urlsplit(following or "")
            except ValueError as error:
                raise BadAnswer(call, f"its Link header cannot be understood ({error})") from None
            if following is None:
                return
            if link.path != path:
                raise BadAnswer(call, f"its next page is on another path, {quoted(self._http.words(link.path))}")
            if link.query in seen or idle == _MOST_IDLE_PAGES:
                raise BadAnswer(call, "its next page is one that was read already, so the list has no end")
            at = link.query

    def _page(
        self, path: str, query: str, size: _PageSize, tries: _Tries
    ) -> tuple[requests.Response, list[Mapping[str, Any]]]:
        try:
            response = self._once(path, size.limit(query), tries)
        except Unavailable as error:
            if error.call.status in _TOO_MUCH:
                size.shrink(query)
            raise
        call = self._http.call(response)
        rows = json_body(response, call)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise BadAnswer(call, "it is not a list of objects")
        return response, rows

    def _once(self, path: str, query: str, tries: _Tries) -> requests.Response:
        for _ in range(_MOST_LOGINS):
            auth = self._login.auth(self._http)
            self._wait_for_our_turn(path)
            response = self._http.send("GET", path, query=query, auth=auth, headers=tries.headers())
            self._note_pace(path, response)
            refused = response.status_code == 401 and self._words(response)[0] != _NOT_ALLOWED
            if not refused or not self._login.renew(self._http, auth, response):
                break
        if response.status_code != 200:
            tries.failed(response)
            raise self._error(response)
        return response

    def _wait_for_our_turn(self, path: str) -> None:
        pause_s = self._not_before.get(_bucket(path), 0.0) - time.monotonic()
        if pause_s > _LONG_PAUSE_S:
            log.info(
                "Okta's rate limit is nearly used up; waiting %.0f s, so that others find %d %% of it.",
                pause_s,
                self.pace.kept_percent,
            )
        if pause_s > 0:
            time.sleep(pause_s)

    def _note_pace(self, path: str, response: requests.Response) -> None:
        rate_limit = RateLimit.of(response.headers)
        # After a 429 the retry waits, and knows better for how long.
        if rate_limit is None or response.status_code == 429:
            return
        pause_s = rate_limit.pause_s(kept_percent=self.pace.kept_percent, sharers=self.pace.sharers)
        self._not_before[_bucket(path)] = time.monotonic() + min(pause_s, self._longest_pause_s)

    def _error(self, response: requests.Response) -> ApiError:
        call, status = self._http.call(response), response.status_code
        code, summary = self._words(response)
        if status == 429:
            return RateLimited(
                call, wait_after_429(response.headers), summary, "Too many requests share this org's limit."
            )
        if status == 401 and code != _NOT_ALLOWED:
            return AuthError(call, summary, self._login.if_refused)
        if status in {401, 403}:
            scope = re.search(r'scope="([^"]*)"', response.headers.get("WWW-Authenticate", ""))
            lacking = f"The scope {self._http.words(scope[1])} is missing. " if scope else ""
            return RightsMissing(call, summary, f"{lacking}{self._login.if_not_allowed}")
        if status == 404:
            return NotFound(call, summary, "It may have been deleted meanwhile.")
        if status >= 500:
            return Unavailable(call, summary, "Okta has trouble of its own; see status.okta.com.")
        return redirect_error(response, call) or Rejected(call, summary, "" if code else f"Is {self.base} an Okta org?")

    def _words(self, response: requests.Response) -> tuple[str, str]:
        """Okta's error code, and its summary with the causes; both empty if the body is not Okta's."""
        try:
            body = json_of(response)
        except ValueError:
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
        # The cursor beside it is Okta's, and stays as it is written.
        return query if self._most is None else _LIMIT.sub(f"limit={self._most}", query)

    def shrink(self, query: str) -> None:
        """Halves the limit of a query that was too much."""
        limit = _LIMIT.search(query)
        asked = self._most or (int(limit[1]) if limit else 0)
        self._most = max(asked // 2, _SMALLEST_PAGE) if asked else None


class _Tries:
    """Tells Okta which failed request is being tried again, as it asks its clients to."""

    def __init__(self) -> None:
        self._first: str | None = None
        self._count = 0

    def headers(self) -> dict[str, str]:
        """What to send along."""
        if self._first is None:
            return {}
        return {"X-Okta-Retry-For": self._first, "X-Okta-Retry-Count": str(self._count)}

    def failed(self, response: requests.Response) -> None:
        """Remembers a failure."""
        request_id = response.headers.get("X-Okta-Request-Id", "")
        if self._first is None and _REQUEST_ID.fullmatch(request_id):
            self._first = request_id
        self._count += 1


def _encoded(query: Mapping[str, str | int]) -> str:
    """A query string. A name from a command line may have bytes that are no text; Okta then knows none like it."""
    return urlencode(query, errors="surrogatepass")


def _bucket(path: str) -> str:
    """Which of Okta's budgets a request draws on: reading one group has its own."""
    return "group" if re.fullmatch(r"/api/v1/groups/[^/]+", path) else "groups"
