"""DPoP with the simulated Okta: the exchange for a token, and proofs at each call of the API."""

from __future__ import annotations

import json
import time
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.simulators.conftest import Client, group_id
from tests.simulators.oauth import Prover, ask, assertion, ath, refusal, token, token_url

PROVER = Prover()
PRIVATE_JWK = json.loads(str(jwt.get_algorithm_by_name("ES256").to_jwk(PROVER.key)))


@pytest.fixture
def demanding(okta: Client) -> Client:
    okta.knobs(dpop_required=True)
    return okta


def test_the_whole_exchange(demanding: Client) -> None:
    plain = ask(demanding, assertion(demanding))
    assert refusal(plain) == (400, "invalid_dpop_proof")
    assert plain.json()["error_description"] == "The DPoP proof JWT header is missing."
    url = token_url(demanding)
    challenge = ask(demanding, assertion(demanding), dpop=PROVER.proof("POST", url))
    assert refusal(challenge) == (400, "use_dpop_nonce")
    assert challenge.json()["error_description"] == "Authorization server requires nonce in DPoP proof."
    nonce = challenge.headers["dpop-nonce"]
    answer = ask(demanding, assertion(demanding), dpop=PROVER.proof("POST", url, nonce=nonce)).json()
    assert (answer["token_type"], answer["expires_in"], answer["scope"]) == ("DPoP", 3600, "okta.groups.read")
    for _ in range(2):
        assert len(PROVER.get(demanding, "/api/v1/groups?limit=3", answer["access_token"]).json()) == 3


def test_a_refusal_has_used_up_the_assertion(demanding: Client) -> None:
    url = token_url(demanding)
    for proof in (None, PROVER.proof("POST", url)):
        signed = assertion(demanding)
        first = ask(demanding, signed, dpop=proof)
        assert first.status_code == 400
        nonce = first.headers.get("dpop-nonce", "")
        again = ask(demanding, signed, dpop=PROVER.proof("POST", url, nonce=nonce))
        assert refusal(again) == (401, "invalid_client")


def test_an_rsa_key_and_an_app_that_demands_it_for_itself(okta: Client) -> None:
    prover = Prover(rsa.generate_private_key(65537, 2048), "RS256")
    access = prover.token(okta)  # not demanded, but a proof that is sent binds the token
    assert prover.get(okta, "/api/v1/groups", access).status_code == 200
    key = {"kid": "one", "jwk": prover.jwk()}
    okta.control("POST", "service-apps", {"client_id": "0oaStrict", "keys": [key], "dpop_required": True})
    answer = ask(okta, assertion(okta, key=prover.key, kid="one", iss="0oaStrict"))
    assert refusal(answer) == (400, "invalid_dpop_proof")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"htm": "GET"}, "htm"),
        ({"htu": "https://acme.okta.com/oauth2/v1/token"}, "htu"),
        ({"htu": None}, "htu"),
        ({"htu": "http://[bad"}, "htu"),
        ({"iat": 1}, "iat"),
        ({"iat": 10**10}, "iat"),
        ({"iat": None}, "iat"),
        ({"jti": None}, "jti"),
        ({"jti": ""}, "jti"),
        ({"headers": {"typ": "JWT"}}, "typ"),
        ({"headers": {"jwk": None}}, "jwk"),
        ({"headers": {"jwk": PRIVATE_JWK}}, "private key"),
        ({"headers": {"jwk": {"kty": "EC"}}}, "JWK"),
        ({"headers": {"jwk": Prover().jwk()}}, "signature"),
    ],
)
def test_proofs_that_are_refused(demanding: Client, change: dict[str, Any], text: str) -> None:
    proof = PROVER.proof("POST", **{"url": token_url(demanding), **change})
    answer = ask(demanding, assertion(demanding), dpop=proof)
    assert refusal(answer) == (400, "invalid_dpop_proof")
    assert text in answer.json()["error_description"]


def test_proofs_that_are_none(demanding: Client) -> None:
    for text in ("x", "a.b.c", "[[[["):
        assert refusal(ask(demanding, assertion(demanding), dpop=text)) == (400, "invalid_dpop_proof")


def test_a_proof_works_once(demanding: Client) -> None:
    access = PROVER.token(demanding)
    url = f"{demanding.url}/api/v1/groups"
    headers = {"Authorization": f"DPoP {access}", "DPoP": PROVER.proof("GET", url, ath=ath(access))}
    assert requests.get(url, headers=headers, timeout=10).status_code == 200
    again = requests.get(url, headers=headers, timeout=10)
    assert (again.status_code, again.json()["errorCode"]) == (401, "E0000011")
    assert "already been used" in again.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("claims", "text"),
    [
        ({"ath": None}, "'ath' claim"),
        ({"ath": ath("another token")}, "'ath' claim"),
        ({"htm": "POST"}, "'htm' claim"),
        ({"htu": "http://127.0.0.1/api/v1/groups"}, "'htu' claim"),
        ({"iat": int(time.time()) - 3600}, "'iat' claim"),
    ],
)
def test_proofs_the_api_refuses(demanding: Client, claims: dict[str, Any], text: str) -> None:
    answer = PROVER.get(demanding, "/api/v1/groups", PROVER.token(demanding), **claims)
    assert (answer.status_code, answer.json()["errorCode"]) == (401, "E0000011")
    challenge = answer.headers["WWW-Authenticate"]
    assert challenge.startswith('DPoP algs="RS256 RS384 RS512 ES256 ES384 ES512", authorization_uri="')
    assert 'error="invalid_dpop_proof"' in challenge
    assert text in challenge


def test_the_url_of_a_proof_has_no_query(demanding: Client) -> None:
    access = PROVER.token(demanding)
    answer = PROVER.get(demanding, "/api/v1/groups?limit=1", access, htu=f"{demanding.url}/api/v1/groups?limit=1")
    assert answer.status_code == 401


def test_a_bound_token_is_bound(demanding: Client) -> None:
    access, plain = PROVER.token(demanding), None
    everyone = f"/api/v1/groups/{group_id(demanding, 'Everyone')}/users"
    assert Prover().get(demanding, everyone, access).status_code == 401
    assert PROVER.get(demanding, everyone, access, scheme="Bearer").status_code == 401
    without = requests.get(demanding.url + everyone, headers={"Authorization": f"DPoP {access}"}, timeout=10)
    assert 'error="invalid_dpop_proof"' in without.headers["WWW-Authenticate"]
    demanding.knobs(dpop_required=False)
    plain = token(demanding)
    assert PROVER.get(demanding, everyone, plain).status_code == 401  # DPoP with a plain token
    assert PROVER.get(demanding, everyone, access).status_code == 200


def test_the_scope_is_checked_after_the_proof(demanding: Client) -> None:
    answer = PROVER.get(demanding, "/api/v1/users", PROVER.token(demanding))
    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]


def test_nonces_rotate_and_old_ones_work_a_while(demanding: Client) -> None:
    url = token_url(demanding)

    def request(nonce: str | None, *, later_s: int = 0) -> requests.Response:
        """A request `later_s` after the first one, by the clock of the server."""
        demanding.knobs(clock_skew_s=later_s)
        now = int(time.time()) + later_s
        proof = PROVER.proof("POST", url, nonce=nonce, iat=now)
        return ask(demanding, assertion(demanding, iat=now, exp=now + 300), dpop=proof)

    demanding.knobs(dpop_nonce_rotation_s=1_000)
    first = request(None).headers["dpop-nonce"]
    assert request(first, later_s=1_500).status_code == 200  # rotated, but within three lives
    second = request("unknown", later_s=1_500).headers["dpop-nonce"]
    assert second != first
    assert refusal(request(first, later_s=3_500)) == (400, "use_dpop_nonce")
    demanding.control("POST", "rotate-dpop-nonces")
    current = request(None).headers["dpop-nonce"]
    assert request(current).status_code == 200
    demanding.control("POST", "rotate-dpop-nonces")
    assert refusal(request(current)) == (400, "use_dpop_nonce")


def test_the_api_may_want_nonces_of_its_own(demanding: Client) -> None:
    demanding.knobs(dpop_api_nonce=True)
    access = PROVER.token(demanding)
    challenge = PROVER.get(demanding, "/api/v1/groups", access)
    assert refusal(challenge) == (401, "use_dpop_nonce")
    assert 'DPoP algs="' in challenge.headers["WWW-Authenticate"]
    assert 'error="use_dpop_nonce"' in challenge.headers["WWW-Authenticate"]
    nonce = challenge.headers["DPoP-Nonce"]
    assert PROVER.get(demanding, "/api/v1/groups", access, nonce=nonce).status_code == 200
    demanding.control("POST", "rotate-dpop-nonces")
    assert PROVER.get(demanding, "/api/v1/groups", access, nonce=nonce).headers["DPoP-Nonce"] != nonce
