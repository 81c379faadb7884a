"""The two ways into Metric Insights' REST API: a session token for an application, or a personal token.

Source: help.metricinsights.com, "Obtain an API token" and "API tokens"; the vendor's published tests.
"""

from __future__ import annotations

import threading
from typing import Protocol

import requests

from okta_mi_provider.clients.errors import AuthError, ConfigurationError, Unavailable
from okta_mi_provider.clients.http import HeaderAuth, HttpSession, json_body, redirect_error, secret

_LOGIN = "/api/get_token"


class Login(Protocol):
    """A way to authenticate."""

    def auth(self, http: HttpSession) -> HeaderAuth:
        """What to send with the next request."""

    def renew(self, http: HttpSession, refused: HeaderAuth) -> bool:
        """Gets something else to send, after `refused` was. False if there is nothing else."""


class PersonalToken:
    """A token that an administrator made in MI under Admin > System > API Tokens (MI 7.1.0 and later).

    Args:
        token: The token; shown once in MI, when it was made.
        credentials: Where they are, for messages: "of ...", "in ...".

    Raises:
        ConfigurationError: If the token cannot be one.
    """

    def __init__(self, token: str | None, *, credentials: str) -> None:
        self._auth = HeaderAuth(
            "Authorization", secret(token, f"The personal API token of Metric Insights {credentials}"), "Bearer"
        )

    def auth(self, http: HttpSession) -> HeaderAuth:  # noqa: ARG002
        """The token."""
        return self._auth

    def renew(self, http: HttpSession, refused: HeaderAuth) -> bool:  # noqa: ARG002
        """Only a person can."""
        return False


class Application:
    """An external application of MI, acting for one of its users.

    Its key is exchanged for a session token (`POST /api/get_token`), which dies after a time that only the
    server knows, and is then replaced. May be used by several threads at once.

    Args:
        application_id: From Admin > System > External Applications.
        application_key: From the same page.
        user: Username of the MI administrator that it acts for.
        credentials: Where they are, for messages: "of ...", "in ...".

    Raises:
        ConfigurationError: If the key cannot be one.
    """

    def __init__(self, application_id: str, application_key: str | None, user: str, *, credentials: str) -> None:
        self._application_id, self._user, self._credentials = application_id, user, credentials
        self._key = secret(application_key, f"The application key of Metric Insights {credentials}")
        self._current: HeaderAuth | None = None
        self._lock = threading.Lock()

    def auth(self, http: HttpSession) -> HeaderAuth:
        """The session token of now.

        Raises:
            AuthError: If MI does not give one for these credentials.
            SyncError: If MI could not be asked.
        """
        with self._lock:
            if self._current is None:
                self._current = self._log_in(http)
            return self._current

    def renew(self, http: HttpSession, refused: HeaderAuth) -> bool:
        """Gets a new session token, unless another thread has done so meanwhile."""
        with self._lock:
            if self._current is refused:
                self._current = self._log_in(http)
        return True

    def _log_in(self, http: HttpSession) -> HeaderAuth:
        return http.retrying(lambda: self._try_log_in(http))

    def _try_log_in(self, http: HttpSession) -> HeaderAuth:
        body = {"application_id": self._application_id, "application_key": self._key, "user": self._user}
        http.hide(self._key)
        response = http.send("POST", _LOGIN, body=body, auth=None, is_login=True)
        call = http.call(response)
        hint = (
            f"Metric Insights gives no session token for the application {self._application_id!r}, the user "
            f"{self._user!r} and the key {self._credentials}. Compare them with Admin > System > External "
            "Applications; the user is a username of MI, and an administrator."
        )
        if redirect := redirect_error(response, call):
            raise redirect
        if response.status_code >= 500 or response.status_code == 429:
            raise Unavailable(call, http.words(response.reason or ""))
        if response.status_code in {404, 405}:
            raise ConfigurationError(f"{call}. Is {http.base} a Metric Insights server?")
        if not response.ok:
            raise AuthError(call, http.words(_message(response), self._key), hint)
        answer = json_body(response, call)
        # Without valid credentials MI may answer 200 and an empty list.
        token = answer.get("token") if isinstance(answer, dict) else None
        if not isinstance(token, str) or not token.strip():
            raise AuthError(call, "there is no token in it", hint)
        return HeaderAuth("Token", secret(token, "The session token that Metric Insights gave"))


def _message(response: requests.Response) -> str:
    try:
        body = response.json()
    except requests.exceptions.JSONDecodeError:
        return ""
    return str(body.get("message") or body.get("error") or "") if isinstance(body, dict) else ""
