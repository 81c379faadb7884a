"""Okta's token endpoint and access tokens: what is issued, what is refused, and in which words."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from okta_mi_provider.simulators import credentials, seed
from tests.simulators.conftest import Client, group_id
from tests.simulators.oauth import ask, assertion, refusal, token, token_url

RSA_KEY = rsa.generate_private_key(65537, 2048)
EC_KEYS = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}


def call(okta: Client, path: str, authorization: str) -> requests.Response:
    return requests.get(okta.url + path, headers={"Authorization": authorization}, timeout=10)


def register(okta: Client, *keys: dict[str, Any], client_id: str = "0oaOther", **fields: Any) -> Any:
    return okta.control("POST", "service-apps", {"client_id": client_id, "keys": list(keys), **fields})


def public_pem(key: Any) -> str:
    return str(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


# -- What is issued ----------------------------------------------------------------------------------------------


def test_a_token_is_issued_and_opens_the_api(okta: Client) -> None:
    answer = ask(okta, assertion(okta))
    assert answer.status_code == 200
    body = answer.json()
    assert {**body, "access_token": "..."} == {
        "token_type": "Bearer",
        "expires_in": 3600,
        "access_token": "...",
        "scope": "okta.groups.read",
    }
    assert answer.headers["Content-Type"] == "application/json"
    assert "X-Okta-Request-Id" in answer.headers
    for header in (f"Bearer {body['access_token']}", f"Bearer{body['access_token']}", f"bearer {body['access_token']}"):
        assert len(call(okta, "/api/v1/groups", header).json()) == 15
    assert okta.control("GET", "stats")["writes"] == 0


def test_the_ec_key_and_several_scopes(okta: Client) -> None:
    signed = assertion(
        okta, key=credentials.OKTA_EC_PRIVATE_KEY, kid=credentials.OKTA_EC_PRIVATE_KEY_ID, algorithm="ES256"
    )
    answer = ask(okta, signed, scope="okta.users.read  okta.groups.read")
    assert answer.json()["scope"] == "okta.users.read okta.groups.read"


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"])
@pytest.mark.parametrize("form", ["pem", "jwk"])
def test_registered_keys_of_every_algorithm(okta: Client, algorithm: str, form: str) -> None:
    key = RSA_KEY if algorithm.startswith("RS") else ec.generate_private_key(EC_KEYS[algorithm])
    jwk = json.loads(str(jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key())))
    register(okta, {"kid": "one", "pem": public_pem(key)} if form == "pem" else {"kid": "one", "jwk": jwk})
    for kid in ("one", None):  # an app with a single key needs no kid
        signed = assertion(okta, key=key, kid=kid, algorithm=algorithm, iss="0oaOther")
        assert ask(okta, signed).status_code == 200


def test_assertions_may_lack_a_jti_and_then_be_used_again(okta: Client) -> None:
    signed = assertion(okta, jti=None)
    assert [ask(okta, signed).status_code for _ in range(2)] == [200, 200]


def test_an_assertion_may_live_for_an_hour_but_no_longer(okta: Client) -> None:
    assert ask(okta, assertion(okta, exp=int(time.time()) + 3600)).status_code == 200
    answer = ask(okta, assertion(okta, exp=int(time.time()) + 3610))
    assert refusal(answer) == (401, "invalid_client")
    assert "too far into the future" in answer.json()["error_description"]


# -- What is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"aud": "https://other.okta.com/oauth2/v1/token"}, "audience"),
        ({"aud": None}, "audience"),
        ({"sub": "somebody"}, "subject"),
        ({"sub": None}, "subject"),
        ({"exp": 1}, "expired"),
        ({"exp": None}, "expiration"),
        ({"exp": float("nan")}, "expiration"),
        ({"exp": 10**400}, "expiration"),
        ({"iat": 10**10}, "future"),
        ({"iat": "now"}, "issue time"),
        ({"jti": 5}, "jti"),
        ({"kid": None}, "kid is invalid"),
        ({"kid": "unknown"}, "kid is invalid"),
        ({"kid": credentials.OKTA_EC_PRIVATE_KEY_ID}, "signature"),
        ({"key": RSA_KEY}, "signature"),
        ({"key": "x" * 64, "algorithm": "HS256"}, "not a valid JWT"),
        ({"key": None, "algorithm": "none"}, "not a valid JWT"),
    ],
)
def test_assertions_that_are_refused(okta: Client, change: dict[str, Any], text: str) -> None:
    answer = ask(okta, assertion(okta, **change))
    assert refusal(answer) == (401, "invalid_client")
    assert text in answer.json()["error_description"]


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "ey.ey.ey", "数据", "." * 10, "e30.e30.", "[" * 5000])
def test_assertions_that_are_none(okta: Client, text: str) -> None:
    assert refusal(ask(okta, text)) == (401, "invalid_client")


def test_deeply_nested_assertions(okta: Client) -> None:
    deep = base64.urlsafe_b64encode(b'{"alg":"RS256","x":' + b"[" * 20_000).decode().rstrip("=")
    assert refusal(ask(okta, f"{deep}.{deep}.{deep}")) == (401, "invalid_client")


def test_an_assertion_works_once(okta: Client) -> None:
    signed = assertion(okta)
    assert ask(okta, signed).status_code == 200
    again = ask(okta, signed)
    assert refusal(again) == (401, "invalid_client")
    assert "jti" in again.json()["error_description"]


def test_an_unknown_client_is_refused_in_the_other_shape(okta: Client) -> None:
    answer = ask(okta, assertion(okta, iss="0oaNobody"))
    assert answer.status_code == 401
    assert answer.json()["errorCode"] == "invalid_client"


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"grant_type": None}, (400, "invalid_request")),
        ({"grant_type": "password"}, (400, "unsupported_grant_type")),
        ({"client_assertion": None}, (401, "invalid_client")),
        ({"client_assertion_type": "secret"}, (401, "invalid_client")),
        ({"scope": None}, (400, "invalid_scope")),
        ({"scope": " "}, (400, "invalid_scope")),
        ({"scope": "okta.groups.read okta.groups.manage"}, (400, "invalid_scope")),
    ],
)
def test_forms_that_are_refused(okta: Client, form: dict[str, str | None], expected: tuple[int, str]) -> None:
    assert refusal(ask(okta, assertion(okta), **form)) == expected


def test_bodies_that_are_no_forms(okta: Client) -> None:
    for content, kind in ((b"{}", "application/json"), (b"\xff=1", FORM), (b"scope=a&scope=b", FORM), (b"", FORM)):
        answer = requests.post(token_url(okta), data=content, headers={"Content-Type": kind}, timeout=10)
        assert refusal(answer) == (400, "invalid_request")
    assert requests.get(token_url(okta), timeout=10).json()["errorCode"] == "E0000022"


FORM = "application/x-www-form-urlencoded"


def test_scopes_not_granted_may_be_dropped(okta: Client) -> None:
    okta.knobs(ungranted_scope="dropped")
    answer = ask(okta, assertion(okta), scope="okta.groups.manage okta.groups.read")
    assert answer.json()["scope"] == "okta.groups.read"
    assert refusal(ask(okta, assertion(okta), scope="okta.groups.manage")) == (400, "invalid_scope")


# -- Access tokens -----------------------------------------------------------------------------------------------


def test_tokens_end_by_time_and_on_command(okta: Client) -> None:
    okta.knobs(access_token_lifetime_s=0.05)
    short = token(okta)
    okta.knobs(access_token_lifetime_s=600)
    long = token(okta)
    time.sleep(0.06)
    answer = call(okta, "/api/v1/groups", f"Bearer {short}")
    assert (answer.status_code, answer.json()["errorCode"]) == (401, "E0000011")
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    assert call(okta, "/api/v1/groups", f"Bearer {long}").status_code == 200
    assert okta.control("POST", "expire-access-tokens") == {"expired": 2}
    assert call(okta, "/api/v1/groups", f"Bearer {long}").json()["errorCode"] == "E0000011"


@pytest.mark.parametrize("value", ["Bearer", "Bearer x", "DPoP x", "Basic eDp5", "SSWS \u00fc", "Bearer \u00fc"])
def test_what_is_no_token(okta: Client, value: str) -> None:
    answer = call(okta, "/api/v1/groups", value)
    assert (answer.status_code, answer.json()["errorCode"]) == (401, "E0000011")


def test_each_call_needs_its_scope(okta: Client) -> None:
    everyone = group_id(okta, "Everyone")
    paths = {
        "okta.groups.read": ["/api/v1/groups", f"/api/v1/groups/{everyone}", f"/api/v1/groups/{everyone}/users"],
        "okta.users.read": ["/api/v1/users", "/api/v1/users/ana.silva@acme.example"],
    }
    for scope, own in paths.items():
        access = token(okta, scope=scope)
        for path in (path for both in paths.values() for path in both):
            answer = call(okta, path, f"Bearer {access}")
            if path in own:
                assert answer.status_code == 200
            else:
                (needed,) = set(paths) - {scope}
                assert (answer.status_code, answer.json()["errorCode"]) == (403, "E0000006")
                assert answer.headers["WWW-Authenticate"] == (
                    f'Bearer authorization_uri="{okta.url}/oauth2/v1/authorize", realm="{okta.url}", scope="{needed}", '
                    'error="insufficient_scope", error_description="The access token provided does not contain the '
                    f'required scopes.", resource="{path}"'
                )


def test_the_scope_to_manage_includes_reading(okta: Client) -> None:
    register(okta, {"kid": "one", "pem": public_pem(RSA_KEY)}, scopes=["okta.groups.manage"])
    signed = assertion(okta, key=RSA_KEY, kid="one", iss="0oaOther")
    access = ask(okta, signed, scope="okta.groups.manage").json()["access_token"]
    assert call(okta, "/api/v1/groups", f"Bearer {access}").status_code == 200


def test_an_app_without_an_admin_role(okta: Client) -> None:
    access = token(okta, scope="okta.groups.read okta.users.read")
    everyone = group_id(okta, "Everyone")
    okta.knobs(missing_admin_role="empty")
    for path in ("/api/v1/groups", "/api/v1/users", "/api/v1/groups?q=MI"):
        assert call(okta, path, f"Bearer {access}").json() == []
    for path in (f"/api/v1/groups/{everyone}", f"/api/v1/groups/{everyone}/users", "/api/v1/users/x/groups"):
        assert call(okta, path, f"Bearer {access}").json()["errorCode"] == "E0000007"
    okta.knobs(missing_admin_role="forbidden")
    answer = call(okta, "/api/v1/groups", f"Bearer {access}")
    assert (answer.status_code, answer.json()["errorCode"]) == (403, "E0000006")
    assert "WWW-Authenticate" not in answer.headers
    assert len(okta.get("/api/v1/groups").json()) == 15  # the API token is not meant


def test_an_app_is_no_user(okta: Client) -> None:
    access = token(okta, scope="okta.users.read")
    assert call(okta, "/api/v1/users/me", f"Bearer {access}").json()["errorCode"] == "E0000007"


def test_the_published_keys_open_another_port_too(okta: Client) -> None:
    assert refusal(ask(okta, assertion(okta, aud=token_url(okta).replace("127.0.0.1", "localhost")))) == (
        401,
        "invalid_client",
    )
    by_name = Client(okta.url.replace("127.0.0.1", "localhost"), okta.session)
    assert ask(by_name, assertion(by_name)).status_code == 200


# -- Control -----------------------------------------------------------------------------------------------------


def test_reset_forgets_apps_and_tokens(okta: Client) -> None:
    access = token(okta)
    register(okta, {"kid": "one", "pem": public_pem(RSA_KEY)})
    okta.control("POST", "reset")
    assert call(okta, "/api/v1/groups", f"Bearer {access}").status_code == 401
    answer = ask(okta, assertion(okta, key=RSA_KEY, kid="one", iss="0oaOther"))
    assert answer.json()["errorCode"] == "invalid_client"


PRIVATE_JWK = json.loads(str(jwt.get_algorithm_by_name("RS256").to_jwk(RSA_KEY)))


@pytest.mark.parametrize(
    "keys",
    [
        [],
        [{"kid": "one"}],
        [{"kid": "one", "pem": "no key"}],
        [{"kid": "one", "jwk": {"kty": "oct"}}],
        [{"kid": "one", "jwk": PRIVATE_JWK}],
        [{"kid": "one", "pem": credentials.OKTA_PRIVATE_KEY}, {"kid": "one", "pem": credentials.OKTA_EC_PRIVATE_KEY}],
    ],
)
def test_apps_that_cannot_be_registered(okta: Client, keys: list[dict[str, Any]]) -> None:
    body = {"client_id": "0oaOther", "keys": keys}
    assert requests.post(f"{okta.url}/_sim/service-apps", json=body, timeout=10).status_code == 422


def test_no_token_and_no_assertion_shows_in_log_or_state(okta: Client) -> None:
    signed = assertion(okta)
    access = ask(okta, signed).json()["access_token"]
    call(okta, f"/api/v1/groups?q={seed.FINANCE}", f"Bearer {access}")
    seen = json.dumps([okta.state(), okta.control("GET", "requests"), okta.control("GET", "stats")])
    assert signed not in seen
    assert access not in seen
