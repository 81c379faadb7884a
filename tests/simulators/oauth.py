"""A client of the simulated Okta's OAuth that can also do everything wrong."""

from __future__ import annotations

import base64
import hashlib
import json
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import jwt
import requests
from cryptography.hazmat.primitives.asymmetric import ec

from okta_mi_provider.simulators import credentials
from tests.simulators.conftest import Client

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def token_url(okta: Client) -> str:
    return f"{okta.url}/oauth2/v1/token"


def assertion(
    okta: Client,
    *,
    key: Any = credentials.OKTA_PRIVATE_KEY,
    kid: str | None = credentials.OKTA_PRIVATE_KEY_ID,
    algorithm: str = "RS256",
    **claims: Any,
) -> str:
    """A client assertion; a claim of None is left out."""
    now = int(time.time())
    issuer = claims.get("iss", credentials.OKTA_CLIENT_ID)
    whole = {"iss": issuer, "sub": issuer, "aud": token_url(okta), "iat": now, "exp": now + 300}
    whole = {**whole, "jti": uuid.uuid4().hex, **claims}
    headers = {"kid": kid} if kid is not None else {}
    return jwt.encode({name: value for name, value in whole.items() if value is not None}, key, algorithm, headers)


def ask(okta: Client, signed: str | None, *, dpop: str | None = None, **form: str | None) -> requests.Response:
    """POST to the token URL; a field of None is left out."""
    whole = {"grant_type": "client_credentials", "scope": "okta.groups.read", "client_assertion_type": ASSERTION_TYPE}
    fields = {**whole, "client_assertion": signed, **form}
    data = {name: value for name, value in fields.items() if value is not None}
    return requests.post(token_url(okta), data=data, headers={"DPoP": dpop} if dpop else {}, timeout=10)


def refusal(answer: requests.Response) -> tuple[int, str]:
    """Status and error of an OAuth error answer."""
    body = answer.json()
    assert set(body) == {"error", "error_description"}, body
    return answer.status_code, body["error"]


def token(okta: Client, **form: str) -> str:
    """A plain access token."""
    answer = ask(okta, assertion(okta), **form)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


@dataclass
class Prover:
    """A key pair that signs DPoP proofs."""

    key: Any = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    algorithm: str = "ES256"

    def jwk(self) -> dict[str, Any]:
        text = jwt.get_algorithm_by_name(self.algorithm).to_jwk(self.key.public_key())
        return {name: value for name, value in json.loads(str(text)).items() if name != "key_ops"}

    def proof(self, method: str, url: str, *, headers: dict[str, Any] | None = None, **claims: Any) -> str:
        """A proof; a claim or header of None is left out."""
        whole = {"htm": method, "htu": url, "iat": int(time.time()), "jti": uuid.uuid4().hex, **claims}
        head = {"typ": "dpop+jwt", "jwk": self.jwk(), **(headers or {})}
        return jwt.encode(
            {name: value for name, value in whole.items() if value is not None},
            self.key,
            self.algorithm,
            {name: value for name, value in head.items() if value is not None},
        )

    def token(self, okta: Client, **form: str) -> str:
        """A DPoP-bound token, by the whole exchange."""
        url = token_url(okta)
        challenge = ask(okta, assertion(okta), dpop=self.proof("POST", url), **form)
        assert refusal(challenge) == (400, "use_dpop_nonce")
        proof = self.proof("POST", url, nonce=challenge.headers["dpop-nonce"])
        answer = ask(okta, assertion(okta), dpop=proof, **form)
        assert answer.status_code == 200, answer.text
        assert answer.json()["token_type"] == "DPoP"
        return str(answer.json()["access_token"])

    def get(self, okta: Client, path: str, access_token: str, *, scheme: str = "DPoP", **claims: Any) -> Any:
        """GET `path`, which may have a query, with a proof of `access_token`."""
        url = okta.url + path.partition("?")[0]
        proof = self.proof("GET", url, **{"ath": ath(access_token), **claims})
        headers = {"Authorization": f"{scheme} {access_token}", "DPoP": proof}
        return requests.get(okta.url + path, headers=headers, timeout=10)


def ath(access_token: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(access_token.encode()).digest()).decode().rstrip("=")
