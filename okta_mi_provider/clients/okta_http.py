"""Single requests to Okta's Management API, and what their failures mean.

Source: Okta's API reference and its guides on errors and rate limits
(developer.okta.com/docs/reference/core-okta-api/, .../reference/error-codes/, .../reference/rl2-monitor/).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode

import requests

from okta_mi_provider.clients.advice import DELETED_MEANWHILE, OKTA_TROUBLE
from okta_mi_provider.clients.body import json_body, json_of, redirect_error
from okta_mi_provider.clients.errors import (
    ApiError,
    AuthError,
    Call,
    NotFound,
    RateLimited,
    Rejected,
    RightsMissing,
    Unavailable,
)
from okta_mi_provider.clients.http import HttpSession, Transport
from okta_mi_provider.clients.okta_auth import OktaLogin
from okta_mi_provider.clients.rate_limit import RateLimit, Share, is_concurrency_limit, wait_after_429
from okta_mi_provider.clients.urls import BaseUrl

SYSTEM = "Okta"
#: A shared rate limit can make a request wait for several windows in a row.
_ATTEMPTS = 6
#: Okta's code for a right that is missing, though it is answered 401 like a token that is refused.
_NOT_ALLOWED = "E0000015"
#: Its code for credentials that are none, though it is answered 403 like a right that is missing.
_NO_SESSION = "E0000005"
_CODES = "developer.okta.com/docs/reference/error-codes/"
#: How often one request may be answered 401 before the credentials are believed to be wrong.
_MOST_LOGINS = 3
_REQUEST_ID = re.compile(r"[\w.-]{1,100}", re.ASCII)
#: Which of Okta's budgets a request draws on, by its path: reading one group has its own, lists of members have none.
_BUCKETS = {
    "groups": re.compile(r"/api/v1/groups(/[^/]+/users)?"),
    "group": re.compile(r"/api/v1/groups/[^/]+"),
}

_Result = TypeVar("_Result")


class OktaHttp:
    """Reads from one Okta org. Not for several threads at once.

    Args:
        base: Where the org is.
        login: How to authenticate.
        transport: How to talk to it.
        share: How much of the org's rate limit to use.
    """

    def __init__(self, base: BaseUrl, login: OktaLogin, *, transport: Transport, share: Share) -> None:
        self.base = base
        self._http = HttpSession(SYSTEM, base, transport, connections=1, wait_option="max_wait")
        self._login = login
        self.share = share
        self._pauses, self._longest_pause_s = transport.pauses, transport.max_wait_s
        self._traffic = transport.traffic
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
        return call, json_body(response, call, self.base)

    def get(self, path: str, query: Mapping[str, str | int] | None = None) -> tuple[Call, Any]:
        """One object.

        Returns:
            The request, for messages, and the JSON of its answer.

        Raises:
            SyncError: If it could not be read.
        """
        tries = Tries()

        def read() -> tuple[Call, Any]:
            response = self.attempt(path, encoded(query or {}), tries)
            call = self.call(response)
            return call, json_body(response, call, self.base)

        return self.retrying(read)

    def retrying(self, read: Callable[[], _Result]) -> _Result:
        """Calls `read` until it succeeds, as often and as late as Okta's limits and troubles make it worth it.

        Raises:
            SyncError: The last failure.
        """
        return self._http.retrying(read, attempts=_ATTEMPTS)

    def call(self, response: requests.Response) -> Call:
        """What an error may tell about the request behind an answer."""
        return self._http.call(response)

    def shown(self, text: str) -> str:
        """What a server has said, as it may stand in a message: secrets that it repeats are hidden."""
        return self._http.words(text)

    def attempt(self, path: str, query: str, tries: Tries) -> requests.Response:
        """Sends one request when it is its turn; again only with other credentials, where there are any.

        Args:
            path: What to read.
            query: Encoded.
            tries: Knows how often it was tried.

        Returns:
            The answer, of status 200.

        Raises:
            Stopped: If somebody wants the sync to end. What is only read is not read to its end then.
            SyncError: If there is none.
        """
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
        if pause_s <= 0:
            self._pauses.check("Okta was not read to the end.")
            return
        self._traffic.wait(SYSTEM, pause_s)
        kept = f"{self.share.kept_percent} % are left to others (rate_limit_share)."
        self._pauses.wait(pause_s, f"Okta was not read to the end; of its rate limit, {kept}")

    def _note_pace(self, path: str, response: requests.Response) -> None:
        rate_limit = RateLimit.of(response.headers)
        # After a 429 the retry waits, and knows better for how long.
        if rate_limit is None or response.status_code == 429:
            return
        pause_s = rate_limit.pause_s(self.share)
        self._not_before[_bucket(path)] = time.monotonic() + min(pause_s, self._longest_pause_s)

    def _error(self, response: requests.Response) -> ApiError:
        call, status = self._http.call(response), response.status_code
        code, summary = self._words(response)
        if status == 429:
            return RateLimited(call, wait_after_429(response.headers), summary, _about_limit(response))
        if (status == 401 and code != _NOT_ALLOWED) or code == _NO_SESSION:
            return AuthError(call, summary, self._login.if_refused)
        if status in {401, 403}:
            scope = re.search(r'scope="([^"]*)"', response.headers.get("WWW-Authenticate", ""))
            hint = self._login.about_scope(self._http.words(scope[1])) if scope else self._login.if_not_allowed
            return RightsMissing(call, summary, hint)
        if status == 404:
            is_a_list = call.path == "/api/v1/groups"
            hint = f"Is {self.base} an Okta org?" if is_a_list else DELETED_MEANWHILE
            return NotFound(call, summary, hint)
        if status >= 500:
            return Unavailable(call, summary, OKTA_TROUBLE)
        hint = f"Okta explains {code} at {_CODES}." if code else f"Is {self.base} an Okta org?"
        return redirect_error(response, call) or Rejected(call, summary, hint)

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


class Tries:
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


def encoded(query: Mapping[str, str | int]) -> str:
    """A query string. A name from a command line may have bytes that are no text; Okta then knows none like it."""
    return urlencode(query, errors="surrogatepass")


def _about_limit(response: requests.Response) -> str:
    """Which of Okta's limits a 429 is about."""
    if is_concurrency_limit(response.headers):
        return "Too many requests of this org are under way at the same time (its concurrency limit), ours or others'."
    return "Too many requests share this org's limit."


def _bucket(path: str) -> str:
    """Which of Okta's budgets a request draws on."""
    return next((name for name, paths in _BUCKETS.items() if paths.fullmatch(path)), "other")
