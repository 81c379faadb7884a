"""One HTTP session to one server: timeouts, reused connections, no redirects, no writes in a dry run."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from os import environ
from pathlib import Path
from typing import Any, TypeVar

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from requests.utils import get_environ_proxies
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential, wait_random
from urllib3.exceptions import HTTPError

from okta_mi_provider import __version__
from okta_mi_provider.clients.body import read_body
from okta_mi_provider.clients.credentials import Credentials
from okta_mi_provider.clients.errors import Call, ConfigurationError, RateLimited, WriteInDryRun
from okta_mi_provider.clients.unanswered import no_answer
from okta_mi_provider.clients.urls import BaseUrl
from okta_mi_provider.sync.errors import SyncError
from okta_mi_provider.sync.pauses import Pauses
from okta_mi_provider.sync.text import one_line, quoted
from okta_mi_provider.sync.traffic import Traffic

log = logging.getLogger(__name__)

_JSON, _FORM = "application/json", "application/x-www-form-urlencoded"
#: Longest that a connection may take to be made, in seconds, however long an answer may take.
_CONNECT_TIMEOUT_S = 10.0
#: How often as long as the longest silence a whole answer may take.
_SLOWEST = 10
#: What is shorter than this is no secret, and hiding it would make nonsense of a message.
_SHORTEST_SECRET = 5
#: First and longest pause before a request is tried again, in seconds.
_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 20.0

#: Twice as long each time, and never two clients in step.
_BACK_OFF = wait_exponential(multiplier=_PAUSE_S, max=_LONGEST_PAUSE_S) + wait_random(0, _PAUSE_S)
#: The same for a rate limit that does not say when it ends: they are counted in minutes.
_BLIND_BACK_OFF = wait_exponential(multiplier=4 * _PAUSE_S, max=3 * _LONGEST_PAUSE_S) + wait_random(0, 4 * _PAUSE_S)

_Result = TypeVar("_Result")


def _is_passing(error: SyncError) -> bool:
    return error.passing


@dataclass(frozen=True, slots=True)
class Transport:
    """How to talk to a server.

    Attributes:
        timeout_s: Longest silence while waiting for an answer.
        max_wait_s: Longest pause that a rate limit may impose before the caller is told instead.
        verify: Check TLS certificates; or the path of a bundle of authorities to trust.
        read_only: Refuse every request that could change something.
        caller: What else to name in the User-Agent, such as "apache-airflow/3.3.2".
        on_secret: Is told every secret that is sent, so that others can keep it out of what they show.
        pauses: Where to wait. Those who shall stop together share it.
        traffic: Counts requests and waits. Those who are counted together share it.
    """

    timeout_s: float = 30.0
    max_wait_s: float = 120.0
    verify: bool | str = True
    read_only: bool = False
    caller: str = ""
    on_secret: Callable[[str], None] | None = None
    pauses: Pauses = field(default_factory=Pauses)
    traffic: Traffic = field(default_factory=Traffic)


class _NoRedirects(requests.Session):
    """Does not even look where a redirect points to: what no URL can be would be an error of its own."""

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002
        return None


@dataclass(slots=True)
class HttpSession:
    """Sends single requests to one server, and tells what became of them.

    May be used by several threads at once; at most `connections` of them share a connection pool.
    """

    system: str
    base: BaseUrl
    transport: Transport
    connections: int = 4
    #: Called before each request, to make it wait.
    before_each: Callable[[], None] = lambda: None
    #: Which option of a connection sets `max_wait_s`, for messages; "" if none does.
    wait_option: str = ""
    #: Those of the last answer, in whichever thread it came.
    headers: Mapping[str, str] = field(init=False, repr=False, default_factory=dict)
    _session: requests.Session = field(init=False, repr=False)
    _verify: bool | str = field(init=False, repr=False)
    _secrets: set[str] = field(init=False, repr=False, default_factory=set)

    def __post_init__(self) -> None:
        self._verify = self.transport.verify
        if self._verify is True:
            self._verify = environ.get("REQUESTS_CA_BUNDLE") or environ.get("CURL_CA_BUNDLE") or True
        if isinstance(self._verify, str) and not Path(self._verify).exists():
            raise ConfigurationError(
                f"The authorities to trust for {self.system} are said to be in {quoted(self._verify)}, which does not "
                "exist here. Correct 'verify' of the connection, or REQUESTS_CA_BUNDLE."
            )
        caller = f" {self.transport.caller}" if self.transport.caller else ""
        self._session = _NoRedirects()
        self._session.headers.update(
            {
                "Accept": _JSON,
                "User-Agent": f"okta-mi-provider/{__version__}{caller} python-requests/{requests.__version__}",
            }
        )
        # What the environment says is looked up once, not for every request; .netrc not at all.
        self._session.trust_env = False
        self._session.proxies = get_environ_proxies(str(self.base), no_proxy=None)
        # Cookies would carry one thread's session into another's request.
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        adapter = HTTPAdapter(pool_connections=1, pool_maxsize=self.connections)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)

    def send(
        self,
        method: str,
        path: str,
        *,
        auth: AuthBase | None,
        query: str = "",
        body: Mapping[str, Any] | None = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        is_login: bool = False,
    ) -> requests.Response:
        """Sends one request, once, to the configured server and to nobody else.

        Args:
            method: HTTP method.
            path: Below the base URL, with a slash in front.
            auth: Puts the credentials in.
            query: Query string, encoded.
            body: Sent as JSON.
            form: Sent as a form, instead of `body`.
            headers: Sent besides those of every request.
            is_login: The request changes nothing although its method is one that could.

        Returns:
            The answer, whatever its status, completely read.

        Raises:
            WriteInDryRun: If the session is read-only and the request is not.
            Unavailable: If there was no answer, or only a part of one.
            BadAnswer: If it is too long to be one.
            ConfigurationError: If the server cannot prove who it is, or there can be none of this name.
        """
        call = Call(self.system, method, path)
        if isinstance(auth, Credentials):
            self.hide(auth.secret)
        if self.transport.read_only and method != "GET" and not is_login:
            raise WriteInDryRun(f"This is a dry run: {method} {path} was not sent to {self.system}.")
        url = f"{self.base}{path}" + (f"?{query}" if query else "")
        self.before_each()
        # All there is to merge of the session are its headers; `Session.request` merges everything, at twice the cost.
        request = requests.Request(
            method,
            url,
            data=form if body is None else json.dumps(body).encode(),
            headers={**self._session.headers, "Content-Type": _JSON if form is None else _FORM, **(headers or {})},
            auth=auth,
        )
        began_at, status = time.monotonic(), None
        try:
            response = self._session.send(
                request.prepare(),
                proxies=self._session.proxies,
                timeout=(min(_CONNECT_TIMEOUT_S, self.transport.timeout_s), self.transport.timeout_s),
                verify=self._verify,
                allow_redirects=False,
                stream=True,
            )
            read_body(response, call, within_s=_SLOWEST * self.transport.timeout_s)
            status = response.status_code
        except (OSError, ValueError, HTTPError) as error:
            raise no_answer(error, call, self.base, self.transport.timeout_s, bool(self._session.proxies)) from None
        finally:
            self.transport.traffic.request(self.system, method, path, status, time.monotonic() - began_at)
        self.headers = response.headers
        return response

    def call(self, response: requests.Response) -> Call:
        """What an error may tell about the request behind an answer."""
        request = response.request
        path = (request.path_url or "").partition("?")[0]
        request_id = response.headers.get("X-Okta-Request-Id") or response.headers.get("X-Request-Id")
        return Call(
            self.system, request.method or "", path, response.status_code, request_id and self.words(request_id)
        )

    def hide(self, secret: str) -> None:
        """Keeps a secret that the server knows out of every message from now on."""
        if secret in self._secrets:
            return
        self._secrets.add(secret)
        if self.transport.on_secret:
            self.transport.on_secret(secret)

    def words(self, text: object, *hidden: str) -> str:
        """The other side's own words, fit for a message: on one line, shortened, without any secret it was sent.

        Args:
            text: What it said; some servers repeat what they were sent.
            hidden: More that must not be shown.
        """
        result = str(text)
        for each in {*self._secrets, *hidden}:
            if len(each) >= _SHORTEST_SECRET:
                result = result.replace(each, "***")
        return one_line(result, 300)

    def retrying(
        self,
        attempt: Callable[[], _Result],
        *,
        retry: Callable[[SyncError], bool] = _is_passing,
        attempts: int = 4,
    ) -> _Result:
        """Calls `attempt` until it succeeds, pausing as long as the failure asks for.

        A rate limit that asks for more than `max_wait_s` is left to the caller: nobody shall hold a worker for that.

        Args:
            attempt: What to try.
            retry: Whether a failure is worth another attempt.
            attempts: After how many failures the last one is believed.

        Raises:
            Stopped: If somebody wants the sync to end instead of another attempt.
            SyncError: The last failure, when it is not worth another attempt or there were enough of them.
        """
        retrying = Retrying(
            sleep=_already_waited,
            stop=stop_after_attempt(attempts),
            retry=retry_if_exception(
                lambda error: isinstance(error, SyncError) and not self._is_too_long(error) and retry(error)
            ),
            wait=self._pause,
            before_sleep=self._wait,
            reraise=True,
        )
        try:
            return retrying(attempt)
        except RateLimited as error:
            if self._is_too_long(error):
                raise error.too_long(self.transport.max_wait_s, self.wait_option) from error.__cause__
            raise

    def _is_too_long(self, error: SyncError) -> bool:
        wait_s = error.wait_s if isinstance(error, RateLimited) else None
        return wait_s is not None and wait_s > self.transport.max_wait_s

    def _pause(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if not isinstance(error, RateLimited):
            return _BACK_OFF(state)
        if error.wait_s is None:
            return min(_BLIND_BACK_OFF(state), self.transport.max_wait_s)
        return max(error.wait_s, 0.0)

    def _wait(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, RateLimited):
            self.transport.traffic.wait(self.system, state.upcoming_sleep)
        self.transport.pauses.wait(state.upcoming_sleep, str(error))


def _already_waited(seconds: float) -> None:
    """Nothing: the pause before an attempt is made where it is told why, and where it can be ended."""
