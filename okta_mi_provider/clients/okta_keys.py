"""Private keys that sign for Okta: that of a service app, and the one that proves possession of a token.

Source: developer.okta.com/docs/guides/implement-oauth-for-okta-serviceapp/main/ and .../guides/dpop/main/;
RFC 7518, RFC 9449.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from jwt.exceptions import PyJWTError

from okta_mi_provider.clients.errors import ConfigurationError

_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
#: What looks like the name of a file, and is on one line as no key is.
_PATH = re.compile(r"[~.]?/\S+|\S+\.(?:pem|key|json|jwk|txt)", re.IGNORECASE)
#: JWT algorithm for the curve of an elliptic key.
_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_RSA_ALGORITHMS = ("RS256", "RS384", "RS512")
#: Okta's least length of an RSA key, in bits.
_SHORTEST_RSA = 2048

_Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The private key of a service app.

    Attributes:
        algorithm: How it signs, such as "RS256".
        key_id: Under which id Okta knows its public half; None if that is not known.
    """

    _key: _Key = field(repr=False)
    algorithm: str
    key_id: str | None

    @classmethod
    def parse(cls, text: str, *, key_id: str | None, what: str) -> SigningKey:
        """Reads a key in PEM or as JWK, as Okta's admin console hands them out.

        A PEM whose line ends got lost in a form or an environment variable is repaired.

        Args:
            text: The key.
            key_id: Its id; a JWK may have it inside.
            what: What to call it in messages.

        Raises:
            ConfigurationError: If it is none that can sign for Okta. It is not shown.
        """
        if text.lstrip().startswith("{"):
            return cls._from_jwk(text, key_id, what)
        return cls._checked(_pem_key(text, what), key_id, what)

    @classmethod
    def _from_jwk(cls, text: str, key_id: str | None, what: str) -> SigningKey:
        try:
            jwk = json.loads(text)
        except (ValueError, RecursionError):
            raise ConfigurationError(f"{what} begins like a JWK, but is not JSON; copy it again.") from None
        if isinstance(jwk.get("keys"), list) and len(jwk["keys"]) == 1 and isinstance(jwk["keys"][0], dict):
            jwk = jwk["keys"][0]
        if jwk.get("kty") not in ("RSA", "EC"):
            raise ConfigurationError(f"{what} is not the JWK of an RSA or EC key.")
        if "d" not in jwk:
            raise ConfigurationError(f"{what} is the public key; the private one has a 'd' in it.")
        own_id = jwk.get("kid")
        if key_id and own_id and key_id != own_id:
            raise ConfigurationError(f"{what} says it is {own_id!r}, but private_key_id is {key_id!r}.")
        try:
            key = (RSAAlgorithm if jwk["kty"] == "RSA" else ECAlgorithm).from_jwk(jwk)
        except (PyJWTError, ValueError, TypeError, KeyError):
            raise ConfigurationError(f"{what} is a damaged JWK; copy it again.") from None
        return cls._checked(key, key_id or (str(own_id) if own_id else None), what, jwk.get("alg"))

    @classmethod
    def _checked(cls, key: object, key_id: str | None, what: str, algorithm: object = None) -> SigningKey:
        """The key, if it is of a kind that Okta knows."""
        if isinstance(key, rsa.RSAPrivateKey):
            if key.key_size < _SHORTEST_RSA:
                raise ConfigurationError(f"{what} has {key.key_size} bits; Okta wants at least {_SHORTEST_RSA}.")
            return cls(key, str(algorithm) if algorithm in _RSA_ALGORITHMS else _RSA_ALGORITHMS[0], key_id)
        if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
            return cls(key, _CURVES[key.curve.name], key_id)
        raise ConfigurationError(f"{what} is not an RSA key, nor an EC key on P-256, P-384 or P-521.")

    def sign(self, claims: Mapping[str, Any]) -> str:
        """A JWT with these claims."""
        headers = {"kid": self.key_id} if self.key_id else None
        return jwt.encode(dict(claims), self._key, algorithm=self.algorithm, headers=headers)


class ProofKey:
    """A key made for one client, that shows with each request that a token is used by whom it was given to (DPoP)."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._jwk = ECAlgorithm.to_jwk(self._key.public_key(), as_dict=True)

    def proof(self, method: str, url: str, *, now: float, nonce: str | None = None, token: str | None = None) -> str:
        """A proof for one request.

        Args:
            method: Of the request.
            url: Of the request; its query does not count.
            now: Seconds since 1970, by the server's clock.
            nonce: What the server has asked to see again.
            token: The access token that goes along.
        """
        claims = {"htm": method, "htu": url.partition("?")[0], "iat": int(now), "jti": uuid.uuid4().hex}
        if nonce:
            claims["nonce"] = nonce
        if token:
            digest = hashlib.sha256(token.encode()).digest()
            claims["ath"] = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        return jwt.encode(claims, self._key, algorithm="ES256", headers={"typ": "dpop+jwt", "jwk": self._jwk})


def _pem_key(text: str, what: str) -> object:
    blocks = _PEM.findall(text.replace("\\n", "\n"))
    if not blocks:
        raise ConfigurationError(f"{what} {_why_no_pem(text)}")
    # OpenSSL writes the parameters of a curve, or the certificate, into the same file.
    label, body = next((block for block in blocks if block[0].endswith("PRIVATE KEY")), blocks[0])
    if "PRIVATE" not in label:
        raise ConfigurationError(f"{what} is a {label.lower()}; the private key is needed.")
    if "OPENSSH" in label:
        raise ConfigurationError(
            f"{what} is in the form of OpenSSH. Let 'ssh-keygen -p -m PEM -f FILE' write a copy of it as PEM."
        )
    if "ENCRYPTED" in label + body:
        raise ConfigurationError(f"{what} is encrypted. Store it without a passphrase; Airflow encrypts connections.")
    pem = f"-----BEGIN {label}-----\n" + "\n".join(body.split()) + f"\n-----END {label}-----\n"
    try:
        return load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnicodeError):
        raise ConfigurationError(f"{what} is damaged PEM, or of a kind that is not known; copy it again.") from None


def _why_no_pem(text: str) -> str:
    """What is wrong with a text that has no block of PEM in it, and what to do. The text is not shown."""
    if "-----BEGIN " in text:
        return "begins as PEM and does not end so (-----END ...-----): a part is missing; copy all of it."
    if _PATH.fullmatch(text.strip()):
        return "is the name of a file; what is needed is the content of the file."
    return "is neither PEM (it would begin with -----BEGIN PRIVATE KEY-----) nor a JWK; copy it again."
