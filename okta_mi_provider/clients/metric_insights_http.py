"""Single requests to Metric Insights' REST API: sessions are renewed, pauses kept, passing failures tried again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from okta_mi_provider.clients.adaptive import Gate, is_overload
from okta_mi_provider.clients.errors import (
    ApiError,
    Call,
    Deadlock,
    NotFound,
    RateLimited,
    Rejected,
    SessionExpired,
    Unavailable,
)
from okta_mi_provider.clients.http import HttpSession, Transport
from okta_mi_provider.clients.metric_insights_answers import Judge
from okta_mi_provider.clients.metric_insights_auth import LOGIN, Login, refused
from okta_mi_provider.clients.metric_insights_dialect import MIDialect
from okta_mi_provider.clients.spacing import Spacing
from okta_mi_provider.clients.urls import BaseUrl
from okta_mi_provider.sync.errors import SyncError

SYSTEM = "Metric Insights"

#: How often a request is sent at most, whatever befalls it.
_ATTEMPTS = 12
#: How often it is sent again after a deadlock, as in the vendor's own tests, or another failure that may pass; and
#: after the server has asked for a pause.
_MOST_RETRIES, _MOST_PAUSES = 3, 5
#: How often it is sent again with a new session token, because the one before has died; and after how many times it
#: gets one for itself, where others have used theirs up before it came to its turn.
_MOST_RENEWALS, _SHARED_RENEWALS = 5, 3


class RefusedReplay(Rejected):
    """A write that was refused when it was sent again, after its session had died. The first one may have worked."""


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: str
    query: str
    body: Mapping[str, Any] | None
    hidden: Sequence[str]


class MetricInsightsHttp:
    """Talks to one MI server. May be used by several threads at once.

    Args:
        base: Where the server is.
        login: How to authenticate.
        credentials: Where they are, for messages: "of ...", "in ...".
        transport: How to talk to it.
        max_concurrency: Most requests in flight; fewer while the server cannot bear so many.
        dialect: What is assumed where the documentation is silent.
    """

    def __init__(
        self,
        base: BaseUrl,
        login: Login,
        *,
        credentials: str,
        transport: Transport,
        max_concurrency: int,
        dialect: MIDialect,
    ) -> None:
        self.base = base
        spacing = Spacing(dialect.min_interval_s, transport.pauses)
        self._http = HttpSession(SYSTEM, base, transport, connections=max_concurrency, before_each=spacing.wait)
        self._judge = Judge(self._http, dialect, credentials)
        self._login = login
        self._credentials = credentials
        self._gate = Gate(max_concurrency, SYSTEM)

    @property
    def headers(self) -> Mapping[str, str]:
        """Those of the last answer."""
        return self._http.headers

    @property
    def limit(self) -> int:
        """How many requests may be in flight now."""
        return self._gate.limit

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
            RefusedReplay: If a write was refused that an earlier one with a dead token may have done.
            SyncError: If it did not do what it was meant to.
        """
        request = _Request(method, path, query, body, hidden)
        retries = _Retries(is_read=method == "GET")
        # Outside of the loop: logging in has one of its own.
        self._login.prepare(self._http)
        return self._http.retrying(lambda: self._in_session(request, retries), retry=retries.allow, attempts=_ATTEMPTS)

    def _in_session(self, request: _Request, retries: _Retries) -> tuple[Call, Any]:
        for renewals in count():
            retries.limit_then = 1
            try:
                fresh = renewals >= _SHARED_RENEWALS
                with self._login.session(self._http, fresh=fresh) as auth, self._gate.slot() as leave:
                    retries.limit_then = leave.limit
                    response = self._http.send(
                        request.method, request.path, query=request.query, body=request.body, auth=auth
                    )
                    return self._judge.read(response, request.hidden)
            except SessionExpired as expired:
                if renewals == _MOST_RENEWALS:
                    raise refused(expired, self._credentials) from None
            except (Rejected, NotFound) as error:
                # What is read and not there says nothing about an earlier try.
                if renewals and not (request.method == "GET" and isinstance(error, NotFound)):
                    raise RefusedReplay(error.call, error.detail, error.hint) from None
                raise
        raise AssertionError("the loop returns or raises")


class _Retries:
    """Whether a request is worth sending again; remembers how often it was.

    Args:
        is_read: Whether it can be repeated although its fate is unknown. For a write `ensure` reads first.
    """

    def __init__(self, *, is_read: bool) -> None:
        self.limit_then = 1
        self._is_read = is_read
        self._retries = self._pauses = 0

    def allow(self, error: SyncError) -> bool:
        if isinstance(error, ApiError) and error.call.path.endswith(LOGIN):
            # It was tried often enough.
            return False
        had_no_effect = isinstance(error, Deadlock | RateLimited) and not isinstance(error, Unavailable)
        if not had_no_effect and not (self._is_read and error.passing):
            return False
        if self.limit_then > 1 and is_overload(error):
            # Too many were in flight, and now there are fewer: that is not this request's fault.
            return True
        if isinstance(error, RateLimited):
            self._pauses += 1
            return self._pauses <= _MOST_PAUSES
        self._retries += 1
        return self._retries <= _MOST_RETRIES
