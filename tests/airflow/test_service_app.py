"""Airflow connections with a service app of Okta: its key in every form, its scopes, and what is missing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from okta_mi_provider.clients.errors import ConfigurationError
from okta_mi_provider.hooks.metric_insights import MetricInsightsHook
from okta_mi_provider.hooks.okta import OktaHook
from okta_mi_provider.simulators import credentials
from tests.airflow.conftest import Connection
from tests.integration.world import World

pytestmark = [pytest.mark.airflow, pytest.mark.usefixtures("migrated", "everyone")]

SERVICE_APP = {
    "auth_mode": "private_key_jwt",
    "client_id": credentials.OKTA_CLIENT_ID,
    "private_key": credentials.OKTA_PRIVATE_KEY,
    "private_key_id": credentials.OKTA_PRIVATE_KEY_ID,
}


def test_a_service_app_needs_no_token(world: World, connection: Connection) -> None:
    world.okta.knobs(dpop_required=True)
    connection("okta_default", password=None, extra=SERVICE_APP)

    assert OktaHook().test_connection()[0]


def test_a_key_whose_line_ends_a_form_has_dropped_will_do(world: World, connection: Connection) -> None:
    connection(
        "okta_default",
        password=None,
        extra={**SERVICE_APP, "private_key": credentials.OKTA_PRIVATE_KEY.replace("\n", "")},
    )

    assert OktaHook().test_connection()[0]


def test_a_key_may_be_a_json_object(world: World, connection: Connection) -> None:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from jwt.algorithms import RSAAlgorithm

    key = load_pem_private_key(credentials.OKTA_PRIVATE_KEY.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    jwk = {**RSAAlgorithm.to_jwk(key, as_dict=True), "kid": credentials.OKTA_PRIVATE_KEY_ID}
    for form in (jwk, json.dumps(jwk)):
        connection("okta_default", password=None, extra={**SERVICE_APP, "private_key": form, "private_key_id": None})
        assert OktaHook().test_connection()[0]


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ({"client_id": " "}, "'client_id' of Airflow connection 'okta_default' is missing"),
        ({"private_key": ""}, "'private_key' of Airflow connection 'okta_default' is missing"),
        ({"private_key": ["hunter2hunter2"]}, "'private_key' of .* is neither a text nor a JSON object"),
        ({"private_key": "hunter2hunter2"}, "private key in the extra of .* is neither PEM"),
        ({"dpop": "perhaps"}, "'dpop' of .*allowed: auto, always, never"),
        ({"scopes": 7}, "'scopes' of .*words with blanks"),
        ({"scopes": ["a b"]}, "'scopes' of "),
        ({"auth_mode": "oauth"}, "'auth_mode' of .*allowed: ssws, private_key_jwt"),
        ({"rate_limit_share": 91}, "'rate_limit_share' of .*from 0 to 90"),
    ],
)
def test_a_service_app_that_cannot_be_is_explained(
    world: World, connection: Connection, extra: dict[str, Any], said: str
) -> None:
    connection("okta_default", password=None, extra={**SERVICE_APP, **extra})

    with pytest.raises(ConfigurationError, match=said) as caught:
        OktaHook().client()
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("scopes", ["okta.groups.read okta.users.read", "okta.groups.read,okta.users.read"])
def test_scopes_are_a_text_or_a_list(world: World, connection: Connection, scopes: str) -> None:
    for form in (scopes, scopes.replace(",", " ").split()):
        connection("okta_default", password=None, extra={**SERVICE_APP, "scopes": form})
        assert OktaHook().test_connection()[0]


def test_access_tokens_are_told_to_the_masker(
    world: World, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr("okta_mi_provider.hooks.fields.mask_secret", told.append)
    connection("okta_default", password=None, extra=SERVICE_APP)

    OktaHook().test_connection()
    MetricInsightsHook().test_connection()

    assert len(told) == 4, "assertion and access token; application key and session token"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"password": "00token", "extra": {"client_id": "0oa1", "private_key": "x"}},
            "'auth_mode' is missing. Set it to 'private_key_jwt' for the app, or to 'ssws' for an API token",
        ),
        ({"password": None, "extra": {"auth_mode": "ssws", "client_id": "0oa1"}}, "its 'auth_mode' is 'ssws'"),
        (
            {"password": credentials.OKTA_PRIVATE_KEY},
            "password of Airflow connection 'okta_default' is a private key, not an API token",
        ),
        (
            {"password": credentials.OKTA_PRIVATE_KEY, "extra": {"auth_mode": "private_key_jwt", "client_id": "0oa1"}},
            "'private_key' of Airflow connection 'okta_default' is missing.*The password is not looked at",
        ),
    ],
)
def test_a_service_app_that_is_only_half_chosen_is_explained(
    world: World, connection: Connection, fields: dict[str, Any], said: str
) -> None:
    connection("okta_default", **fields)

    with pytest.raises(ConfigurationError, match=said) as caught:
        OktaHook().client()

    assert credentials.OKTA_PRIVATE_KEY not in str(caught.value)


def test_a_token_that_was_chosen_is_used_beside_a_service_app(world: World, connection: Connection) -> None:
    connection("okta_default", extra={"auth_mode": "ssws", "client_id": "0oa1", "private_key": "x"})

    assert OktaHook().client().credentials == "the API token in the password of Airflow connection 'okta_default'"
