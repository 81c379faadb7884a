"""Signed JSON Web Tokens as Okta's OAuth checks them: keys, signatures, thumbprints, one-time ids.

Sources: RFC 7515 to 7519 and 7638, and the algorithms of Okta's guide to service apps. Times are
checked by the callers, for they go by the server's clock, which a knob may skew.
"""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

PublicKey = RSAPublicKey | EllipticCurvePublicKey

ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512")
"""The algorithms of assertions and of DPoP proofs."""

_SIGNATURE_ONLY: Any = {f"verify_{name}": False for name in ("exp", "iat", "nbf", "aud", "iss", "sub", "jti")}
_NO_TIME = 1e15
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_THUMBPRINT_MEMBERS = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y")}


class JWTError(ValueError):
    """A token or key cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class SignedToken:
    """A token whose signature has not been looked at yet."""

    text: str
    header: Mapping[str, Any]

    def claims(self, key: PublicKey) -> dict[str, Any]:
        """Return the claims, if `key` made the signature.

        Raises:
            JWTError: it did not, or the claims are no JSON object.
        """
        try:
            return dict(jwt.decode(self.text, key, algorithms=[str(self.header.get("alg"))], options=_SIGNATURE_ONLY))
        except (jwt.PyJWTError, TypeError, ValueError, RecursionError) as error:  # another kind of key: TypeError
            raise JWTError("the signature is invalid") from error

    def unverified_claims(self) -> dict[str, Any]:
        """Return what the token claims: enough to find the key that can prove it.

        Raises:
            JWTError: the claims are no JSON object.
        """
        try:
            return dict(jwt.decode(self.text, options={"verify_signature": False}))
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise JWTError("there are no claims") from error


def read_token(text: str) -> SignedToken:
    """Return the token in `text`.

    Raises:
        JWTError: it is no token, or is signed by none of :data:`ALGORITHMS`.
    """
    try:
        header = jwt.get_unverified_header(text)
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise JWTError("not a JSON Web Token") from error
    if header.get("alg") not in ALGORITHMS:
        raise JWTError(f"the algorithm is none of {', '.join(ALGORITHMS)}")
    return SignedToken(text, header)


def public_key(material: str | Mapping[str, Any]) -> PublicKey:
    """Return the public key of a PEM (public or private) or of a public JWK.

    Raises:
        JWTError: it is neither, is not RSA or EC, or is a JWK with its private part.
    """
    key: Any
    try:
        if isinstance(material, str):
            read = load_pem_public_key if "PUBLIC KEY" in material else _load_private
            key = read(material.encode())
        else:
            if _PRIVATE_MEMBERS & material.keys():
                raise JWTError("the JWK contains a private key")
            key = jwt.PyJWK(dict(material)).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError) as error:
        raise error if isinstance(error, JWTError) else JWTError("not a PEM or JWK") from error
    if isinstance(key, (RSAPrivateKey, EllipticCurvePrivateKey)):
        key = key.public_key()
    if not isinstance(key, (RSAPublicKey, EllipticCurvePublicKey)):
        raise JWTError("the key is neither RSA nor EC")
    return key


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """Return the SHA-256 thumbprint of a public JWK (RFC 7638), which names the key of a DPoP-bound token."""
    members = _THUMBPRINT_MEMBERS[str(jwk["kty"])]
    canonical = json.dumps({name: jwk[name] for name in members}, separators=(",", ":"))
    return base64url_sha256(canonical)


def base64url_sha256(text: str) -> str:
    """Return the unpadded base64url of the SHA-256 of `text`: the form of ``ath`` and of thumbprints."""
    return urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


def is_time(value: object) -> TypeGuard[float]:
    """Whether a claim is a number that can be a time: not infinite, nor the NaN that no comparison refuses."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < _NO_TIME


class UsedIds:
    """The one-time ids (``jti``) that have been used."""

    def __init__(self) -> None:
        self._until: dict[tuple[str, str], float] = {}

    def use(self, issuer: str, token_id: str, *, now: float, until: float) -> bool:
        """Note that an id is used up; False if it was already. It may be forgotten after `until`."""
        if len(self._until) > 10_000:  # a benchmark makes a proof for each request
            self._until = {key: end for key, end in self._until.items() if end > now}
        if (issuer, token_id) in self._until:
            return False
        self._until[issuer, token_id] = until
        return True

    def clear(self) -> None:
        """Forget all."""
        self._until.clear()


def _load_private(data: bytes) -> Any:
    return load_pem_private_key(data, password=None)
