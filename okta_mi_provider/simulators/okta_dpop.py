"""Demonstrating proof of possession (DPoP): the proofs of requests and the nonces they must carry.

Sources: RFC 9449, Okta's guide to DPoP, and answers recorded in okta/okta-sdk-nodejs#453.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from fastapi import Request

from okta_mi_provider.simulators.okta_jwt import (
    JWTError,
    UsedIds,
    base64url_sha256,
    is_time,
    public_key,
    read_token,
    thumbprint,
)

PROOF_AGE_S = 300
"""How far the ``iat`` of a proof may be from the server's time."""

NONCE_LIVES = 3
"""A nonce works for this many rotations: Okta's change daily and work for three days."""


class ProofError(ValueError):
    """A proof is missing or refused; the message is Okta's description."""


class NonceError(ValueError):
    """A proof is good but has no nonce, or a stale one."""

    def __init__(self, nonce: str) -> None:
        super().__init__("a nonce is required")
        self.nonce = nonce


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof that was checked.

    Attributes:
        key: thumbprint of the key that signed it.
        nonce: the nonce it carries, whatever it is.
    """

    key: str
    nonce: object


class Nonces:
    """The nonces of one server: a new one at each rotation, old ones working a while longer."""

    def __init__(self) -> None:
        self._made: list[tuple[float, str]] = []

    def check(self, nonce: object, *, now: float, rotation_s: float) -> None:
        """Accept the nonce of a proof.

        Raises:
            NonceError: it is missing, unknown or too old; the error has the one to use.
        """
        self._made = [(at, known) for at, known in self._made if now - at < rotation_s * NONCE_LIVES]
        if not self._made or now - self._made[-1][0] >= rotation_s:
            self._made.append((now, secrets.token_urlsafe(24)))
        if nonce not in {known for _, known in self._made}:
            raise NonceError(self._made[-1][1])

    def clear(self) -> None:
        """Make every nonce stale."""
        self._made.clear()


class ProofChecker:
    """Checks proofs and remembers which were used."""

    def __init__(self) -> None:
        self._used = UsedIds()

    def check(self, request: Request, base_url: str, now: float, access_token: str | None = None) -> Proof:
        """Return the proof that `request` carries in its one ``DPoP`` header.

        Args:
            request: a request to the token URL or, with `access_token`, to the API.
            base_url: the origin under which the client addressed the server.
            now: the server's time.
            access_token: the token whose use is to be proved.

        Raises:
            ProofError: there is no proof, or it is refused.
        """
        texts = request.headers.getlist("dpop")
        if len(texts) != 1:
            raise ProofError(
                "The DPoP proof JWT header contains more than one value."
                if texts
                else "The DPoP proof JWT header is missing."
            )
        header, claims, key = _verified(texts[0])
        if header.get("typ") != "dpop+jwt":
            raise _refused("typ", "header")
        if claims.get("htm") != request.method:
            raise _refused("htm")
        if not _same_url(claims.get("htu"), base_url + request.url.path):
            raise _refused("htu")
        issued_at = claims.get("iat")
        if not is_time(issued_at) or abs(now - issued_at) > PROOF_AGE_S:
            raise _refused("iat")
        if access_token is not None and claims.get("ath") != base64url_sha256(access_token):
            raise _refused("ath")
        token_id = claims.get("jti")
        if not isinstance(token_id, str) or not token_id:
            raise _refused("jti")
        if not self._used.use(key, token_id, now=now, until=now + 2 * PROOF_AGE_S):
            raise ProofError("The DPoP proof JWT has already been used.")
        return Proof(key, claims.get("nonce"))

    def clear(self) -> None:
        """Forget which proofs were used."""
        self._used.clear()


def _verified(text: str) -> tuple[Mapping[str, Any], Mapping[str, Any], str]:
    try:
        token = read_token(text)
        jwk = token.header.get("jwk")
        if not isinstance(jwk, dict):
            raise _refused("jwk", "header")
        return token.header, token.claims(public_key(jwk)), thumbprint(jwk)
    except JWTError as error:
        raise ProofError(f"The DPoP proof JWT is invalid: {error}.") from error


def _same_url(found: object, wanted: str) -> bool:
    """Whether ``htu`` is the URL of the request without its query; the form of escapes does not matter."""
    if not isinstance(found, str):
        return False
    try:
        parts = urlsplit(found)
    except ValueError:
        return False
    origin = f"{parts.scheme}://{parts.netloc}".casefold()
    plain = not parts.query and not parts.fragment
    return plain and origin + unquote(parts.path) == _folded_origin(wanted)


def _folded_origin(url: str) -> str:
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host}".casefold() + slash + path


def _refused(name: str, kind: str = "claim") -> ProofError:
    return ProofError(f"'{name}' {kind} in the DPoP proof JWT is invalid.")
