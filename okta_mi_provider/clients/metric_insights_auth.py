"""The two ways into Metric Insights' REST API: a session token for an application, or a personal token.

Source: help.metricinsights.com, "Obtain an API token" and "API tokens"; the vendor's published tests.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

from okta_mi_provider.clients.advice import about_mi_trouble
from okta_mi_provider.clients.body import json_body, redirect_error
from okta_mi_provider.clients.credentials import HeaderAuth, secret
from okta_mi_provider.clients.errors import AuthError, ConfigurationError, SessionExpired, Unavailable
from okta_mi_provider.clients.http import HttpSession
from okta_mi_provider.clients.metric_insights_answers import asked_pause, message_of
from okta_mi_provider.sync.errors import SyncError
from okta_mi_provider.sync.text import quoted

#: Where session tokens come from.
LOGIN = "/api/get_token"


class Login(Protocol):
    """A way to authenticate."""

    @property
    def described(self) -> str:
        """Which credentials they are, and where; without the secret."""

    @property
    def acts_for(self) -> str | None:
        """Username of the MI account that everything is done as; None if nobody has said it."""

    def prepare(self, http: HttpSession) -> None:
        """Makes sure that there is something to send.

        Raises:
            SyncError: If there is not.
        """

    def session(self, http: HttpSession, *, fresh: bool = False) -> AbstractContextManager[HeaderAuth]:
        """What to send with one request, which is sent and its answer judged inside.

        Args:
            http: Sends the request.
            fresh: Give something that nobody has used yet, if there is more than one thing to send.

        Raises:
            SessionExpired: The request was refused, and can be sent again with what the next session gives.
            AuthError: It was refused, and nothing else can be sent.
        """


class PersonalToken:
    """A token that an administrator made in MI under Admin > System > API Tokens (MI 7.1.0 and later).

    Args:
        token: The token; shown once in MI, when it was made.
        credentials: Where they are, for messages: "of ...", "in ...".
        user: Username of the administrator whose token it is, if that is known. MI does not tell.

    Raises:
        ConfigurationError: If the token cannot be one.
    """

    def __init__(self, token: str | None, *, credentials: str, user: str | None = None) -> None:
        self._credentials = credentials
        self._user = user
        self._auth = HeaderAuth(
            "Authorization", secret(token, f"The personal API token of Metric Insights {credentials}"), "Bearer"
        )

    @property
    def described(self) -> str:
        """Where the token is."""
        return f"the personal token {self._credentials}"

    @property
    def acts_for(self) -> str | None:
        """Whose token it is; None if nobody has said it."""
        return self._user

    def prepare(self, http: HttpSession) -> None:
        """There always is the token."""

    @contextmanager
    def session(self, http: HttpSession, *, fresh: bool = False) -> Iterator[HeaderAuth]:  # noqa: ARG002
        """The token. When it is refused, only a person can help."""
        try:
            yield self._auth
        except SessionExpired as expired:
            # MI answers an application's key as it answers an expired token.
            more = ", or this is an application's key, which goes with the id of its application only"
            raise refused(expired, self._credentials, more) from None


@dataclass(slots=True)
class _Token:
    """A session token and what is known of it.

    Attributes:
        accepted: MI has done something for it.
        on_trial: The first request with it is on its way.
    """

    auth: HeaderAuth
    given_at: float
    accepted: bool = False
    on_trial: bool = False


class Application:
    """An external application of MI, acting for one of its users.

    Its key is exchanged for a session token (`POST /api/get_token`), which dies after a time that only the
    server knows, and is then replaced. A token that is refused before MI has ever accepted it means that the
    credentials do not do. So that this can be told when several threads send at once, a new token is tried by
    one request before others use it.

    Args:
        application_id: From Admin > System > External Applications.
        application_key: From the same page.
        user: Username of the MI administrator that it acts for.
        credentials: Where they are, for messages: "of ...", "in ...".
        renew_after_s: Age at which a token is replaced although MI has not refused it; None for never.

    Raises:
        ConfigurationError: If the key cannot be one.
    """

    def __init__(
        self,
        application_id: str,
        application_key: str | None,
        user: str,
        *,
        credentials: str,
        renew_after_s: float | None = None,
    ) -> None:
        self._application_id, self._user, self._credentials = application_id, user, credentials
        self._key = secret(application_key, f"The application key of Metric Insights {credentials}")
        self._renew_after_s = renew_after_s
        self._current: _Token | None = None
        self._settled = threading.Condition()

    @property
    def described(self) -> str:
        """Which application it is, whom it acts for, and where its key is."""
        return (
            f"the application {quoted(self._application_id)} for the user {quoted(self._user)} with the key "
            f"{self._credentials}"
        )

    @property
    def acts_for(self) -> str | None:
        """The user."""
        return self._user

    def prepare(self, http: HttpSession) -> None:
        """Logs in, unless there is a session.

        Raises:
            AuthError: If MI does not give one for these credentials.
            SyncError: If MI could not be asked.
        """
        with self._settled:
            self._live(http)

    @contextmanager
    def session(self, http: HttpSession, *, fresh: bool = False) -> Iterator[HeaderAuth]:
        """The session token of now, or a new one.

        Args:
            http: Logs in.
            fresh: A token that was never used, for a request that others have been quicker than too often.

        Raises:
            SessionExpired: If it was refused and had been accepted before.
            AuthError: If it was refused and never accepted, or MI does not give one.
            SyncError: If MI could not be asked.
        """
        token = self._take(http, fresh=fresh)
        try:
            yield token.auth
            token.accepted = True
        except SessionExpired as expired:
            # Others may have got a new one meanwhile.
            if token.accepted or self._current is not token:
                self._forget(token)
                raise
            raise refused(expired, self._credentials) from None
        except SyncError as error:
            # What a proxy or a server in trouble says tells nothing about the token.
            token.accepted = token.accepted or not error.passing
            raise
        finally:
            with self._settled:
                token.on_trial = False
                self._settled.notify_all()

    def _take(self, http: HttpSession, *, fresh: bool) -> _Token:
        with self._settled:
            self._settled.wait_for(lambda: self._current is None or not self._current.on_trial)
            if fresh and self._current and self._current.accepted:
                self._current = None
            token = self._live(http)
            token.on_trial = not token.accepted
            return token

    def _live(self, http: HttpSession) -> _Token:
        token = self._current
        if token is None or (self._renew_after_s and time.monotonic() - token.given_at >= self._renew_after_s):
            began = time.monotonic()
            token = self._current = _Token(self._log_in(http), began)
        return token

    def _forget(self, token: _Token) -> None:
        with self._settled:
            if self._current is token:
                self._current = None

    def _log_in(self, http: HttpSession) -> HeaderAuth:
        return http.retrying(lambda: self._try_log_in(http))

    def _try_log_in(self, http: HttpSession) -> HeaderAuth:
        body = {"application_id": self._application_id, "application_key": self._key, "user": self._user}
        http.hide(self._key)
        response = http.send("POST", LOGIN, body=body, auth=None, is_login=True)
        call = http.call(response)
        hint = (
            f"Metric Insights gives no session token for {self.described}. Compare them with Admin > System > External "
            "Applications; the user is a username of MI, and an administrator."
        )
        if redirect := redirect_error(response, call):
            raise redirect
        said = http.words(message_of(response))
        if pause := asked_pause(response, call, said):
            raise pause
        if response.status_code >= 500:
            raise Unavailable(call, said or http.words(response.reason or ""), about_mi_trouble(call))
        if response.status_code in {404, 405}:
            raise ConfigurationError(f"{call}. Is {http.base} a Metric Insights server?")
        if not response.ok:
            raise AuthError(call, said, hint)
        answer = json_body(response, call, http.base)
        # Without valid credentials MI may answer 200 and an empty list.
        token = answer.get("token") if isinstance(answer, dict) else None
        if not isinstance(token, str) or not token.strip():
            raise AuthError(call, "there is no token in it", hint)
        return HeaderAuth("Token", secret(token, "The session token that Metric Insights gave"))


def refused(expired: SessionExpired, credentials: str, more: str = "") -> AuthError:
    """The error for credentials that MI does not accept; `more` is what else may be the reason."""
    return AuthError(
        expired.call,
        expired.detail,
        f"Metric Insights does not accept the credentials {credentials}. Check host and token; a personal token may "
        f"have expired (Admin > System > API Tokens){more}.",
    )
