"""What is common to both ways into Okta's API, and the simpler one: an API token.

Source: developer.okta.com/docs/guides/create-an-api-token/main/.
"""

from __future__ import annotations

from typing import Protocol

import requests

from okta_mi_provider.clients.credentials import Credentials, HeaderAuth, secret
from okta_mi_provider.clients.http import HttpSession

#: Days after which an API token dies that nobody uses.
_TOKEN_LIVES_DAYS = 30


class OktaLogin(Protocol):
    """A way to authenticate.

    Attributes:
        dies_unused: Whether the credentials end by themselves when nobody uses them.
    """

    dies_unused: bool

    @property
    def described(self) -> str:
        """Which credentials they are, and where; without the secret."""

    @property
    def if_refused(self) -> str:
        """What to do when Okta does not accept the credentials."""

    @property
    def if_not_allowed(self) -> str:
        """What to do when the credentials are accepted, but lack a right."""

    def about_scope(self, scope: str) -> str:
        """What to do when Okta says that this scope is missing."""

    def auth(self, http: HttpSession) -> Credentials:
        """What to send with the next request."""

    def renew(self, http: HttpSession, refused: Credentials, answer: requests.Response) -> bool:
        """Gets something else to send, after `refused` was answered 401. False if there is nothing else."""


class ApiToken:
    """A token (SSWS) with the rights of the administrator who made it.

    Args:
        token: The token; shown once in Okta, when it was made.
        credentials: Where it is, for messages: "of ...", "in ...".

    Raises:
        ConfigurationError: If the token cannot be one.
    """

    dies_unused = True

    def __init__(self, token: str | None, *, credentials: str) -> None:
        self._auth = HeaderAuth("Authorization", secret(token, f"The Okta API token {credentials}"), "SSWS")
        self._credentials = credentials

    @property
    def described(self) -> str:
        """Where the token is."""
        return f"the API token {self._credentials}"

    @property
    def if_refused(self) -> str:
        """Names the usual reasons, and where to make a new one."""
        return (
            f"Okta does not accept the token {self._credentials}. A token dies after {_TOKEN_LIVES_DAYS} days without "
            "use, and with its creator's account: make a new one under Security > API > Tokens."
        )

    @property
    def if_not_allowed(self) -> str:
        """Names the role that is enough."""
        return (
            f"The token {self._credentials} must belong to somebody who may read groups and users, such as a "
            "Read-only Administrator."
        )

    def about_scope(self, scope: str) -> str:
        """A token has no scopes, so it is the owner's rights."""
        return f"The scope {scope} is missing. {self.if_not_allowed}"

    def auth(self, http: HttpSession) -> Credentials:  # noqa: ARG002
        """The token."""
        return self._auth

    def renew(self, http: HttpSession, refused: Credentials, answer: requests.Response) -> bool:  # noqa: ARG002
        """Only a person can."""
        return False
