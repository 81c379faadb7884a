"""What proves to a server who asks: a secret in a header, or what signs a request."""

from __future__ import annotations

import requests
from requests.auth import AuthBase

from okta_mi_provider.clients.errors import ConfigurationError


class Credentials(AuthBase):
    """What proves to a server who asks.

    Attributes:
        secret: Never to be shown.
    """

    secret: str


class HeaderAuth(Credentials):
    """Sends a secret in a header.

    Args:
        header: Name of the header.
        secret: The token.
        scheme: What stands in front of it, such as "Bearer".
    """

    def __init__(self, header: str, secret: str, scheme: str = "") -> None:
        self._header, self.secret = header, secret
        self._value = f"{scheme} {secret}" if scheme else secret

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers[self._header] = self._value
        return request


def secret(value: str | None, what: str) -> str:
    """A token or key as it can be sent in a header. Blanks around it come from copying, and are dropped.

    Raises:
        ConfigurationError: If there is none, or it has characters that no token has. It is not shown.
    """
    text = (value or "").strip()
    if not text:
        raise ConfigurationError(f"{what} is missing.")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ConfigurationError(
            f"{what} has characters that no token has, such as blanks in the middle; copy it again."
        )
    return text
