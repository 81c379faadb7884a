"""Single requests to Metric Insights' REST API, and what their failures mean.

Source: help.metricinsights.com, "User and group API", and the vendor's published tests.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

import requests

from okta_mi_provider.clients.errors import (
    ApiError,
    AuthError,
    BadAnswer,
    Call,
    Deadlock,
    Forbidden,
    NotFound,
    RateLimited,
    Rejected,
    RightsMissing,
    SessionExpired,
    Unavailable,
)
from okta_mi_provider.clients.http import HttpSession, Transport, redirect_error
from okta_mi_provider.clients.metric_insights_auth import Login
from okta_mi_provider.clients.urls import BaseUrl
from okta_mi_provider.sync.errors import SyncError

SYSTEM = "Metric Insights"

#: How often a request is tried at most; and how often again after a deadlock, as in the vendor's own tests, or for
#: another reason that may pass.
_ATTEMPTS, _MOST_RETRIES = 6, 3
_DEADLOCK = "Deadlock found when trying to get lock"
_SESSION_EXPIRED = "session expired"
_NO_USER_MANAGEMENT = "no user management access"


class MetricInsightsHttp:
    """Talks to one MI server. May be used by several threads at once.

    Args:
        base: Where the server is.
        login: How to authenticate.
        credentials: Where they are, for messages: "of ...", "in ...".
        transport: How to talk to it.
        max_concurrency: Most requests in flight.
    """

    def __init__(
        self, base: BaseUrl, login: Login, *, credentials: str, transport: Transport, max_concurrency: int
    ) -> None:
        self.base = base
        self._http = HttpSession(SYSTEM, base, transport, connections=max_concurrency)
        self._login = login
        self._credentials = credentials
        self._in_flight = threading.BoundedSemaphore(max_concurrency)

    def send(
        self,
        method: str,
        path: str,
        *,
        query: str = "",
        body: Mapping[str, Any] | None = None,
        hidden: Sequence[str] = (),
    ) -> tuple[Call, Any]:
        """Sends a request; again with a new session token, after a deadlock, and a read after any passing failure.

        Returns:
            The request, for messages, and the JSON of its answer, None if that has no content.

        Raises:
            SyncError: If it did not do what it was meant to.
        """

        def once() -> tuple[Call, Any]:
            auth = self._login.auth(self._http)
            try:
                return self._once(method, path, query, body, auth, hidden)
            except SessionExpired as expired:
                if not self._login.renew(self._http, auth):
                    raise self._refused(expired) from None
            try:
                return self._once(method, path, query, body, self._login.auth(self._http), hidden)
            except SessionExpired as expired:
                raise self._refused(expired) from None

        tried = count(1)

        def retry(error: SyncError) -> bool:
            if isinstance(error, RateLimited):
                return True
            # A write whose fate is unknown is not repeated here: `ensure` reads first.
            may_repeat = isinstance(error, Deadlock) or (method == "GET" and error.passing)
            return may_repeat and next(tried) <= _MOST_RETRIES

        # Outside of the loop: logging in has one of its own.
        self._login.auth(self._http)
        return self._http.retrying(once, retry=retry, attempts=_ATTEMPTS)

    def _once(
        self,
        method: str,
        path: str,
        query: str,
        body: Mapping[str, Any] | None,
        auth: Any,
        hidden: Sequence[str],
    ) -> tuple[Call, Any]:
        with self._in_flight:
            response = self._http.send(method, path, query=query, body=body, auth=auth)
        call = self._http.call(response)
        answer = _json(response)
        message = self._http.words(_message(answer), *hidden)
        failed_inside = isinstance(answer, dict) and str(answer.get("status", "")).upper() == "ERROR"
        if error := self._error(response, call, message, failed_inside):
            raise error
        if response.status_code != 204 and answer is None:
            raise Unavailable(call, "the answer is not JSON" if response.content else "the answer is empty")
        return call, answer

    def _error(self, response: requests.Response, call: Call, message: str, failed_inside: bool) -> ApiError | None:
        status, text = response.status_code, message.casefold()
        if _DEADLOCK.casefold() in text:
            return Deadlock(call, message, "MI's database is busy with other writes; fewer at a time may help.")
        if _NO_USER_MANAGEMENT in text:
            return RightsMissing(
                call,
                message,
                "Tick 'Application Can Manage Users' for the application under Admin > System > External Applications.",
            )
        looks_like_a_page = "html" in response.headers.get("Content-Type", "") and status < 500
        if status in {401, 412} or looks_like_a_page or (failed_inside and _SESSION_EXPIRED in text):
            return SessionExpired(call, message or ("it is a web page" if looks_like_a_page else ""))
        if status == 429:
            return RateLimited(call, _retry_after(response), message)
        if status >= 500:
            return Unavailable(call, message or self._http.words(response.reason or ""))
        if status == 403:
            return Forbidden(
                call, message, f"The MI user behind the credentials {self._credentials} must be an administrator."
            )
        if status == 404:
            return NotFound(call, message)
        if status == 405:
            return BadAnswer(call, message, "This MI may be older than 7.0, or live under another path.")
        if redirect := redirect_error(response, call):
            return redirect
        return Rejected(call, message) if failed_inside or not response.ok else None

    def _refused(self, expired: SessionExpired) -> AuthError:
        return AuthError(
            expired.call,
            expired.detail,
            f"Metric Insights does not accept the credentials {self._credentials}. Check host and token; a personal "
            "token may have expired (Admin > System > API Tokens).",
        )


def _json(response: requests.Response) -> Any:
    try:
        return response.json()
    except requests.exceptions.JSONDecodeError:
        return None


def _message(answer: object) -> str:
    if not isinstance(answer, dict):
        return answer if isinstance(answer, str) else ""
    return str(answer.get("message") or answer.get("error") or "")


def _retry_after(response: requests.Response) -> float:
    """Seconds to wait: as it says, else some; never the same for two threads."""
    text = response.headers.get("Retry-After", "")
    least = float(text) if text.isascii() and text.isdigit() else 1.0
    return least + 2 * random.random()  # noqa: S311
