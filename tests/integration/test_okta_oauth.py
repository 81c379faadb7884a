"""The client as a service app of Okta: tokens for signed assertions, and proofs of possession."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from okta_mi_provider.clients.errors import AuthError, BadAnswer, GroupNotFound, RateLimited, RightsMissing, Unavailable
from okta_mi_provider.clients.http import Transport
from okta_mi_provider.clients.okta import OktaClient
from okta_mi_provider.clients.okta_keys import SigningKey
from okta_mi_provider.clients.okta_oauth import DEFAULT_SCOPES, DPoP, ServiceApp
from okta_mi_provider.clients.urls import okta_url
from okta_mi_provider.simulators import credentials
from okta_mi_provider.sync.fetch import GroupSelector
from okta_mi_provider.sync.model import SourceGroup
from tests.integration.canned import Answer, canned
from tests.integration.reading import FINANCE, STANDARD
from tests.integration.world import Okta, logins

TOKEN = "/oauth2/v1/token"
RSA_KEY = (credentials.OKTA_PRIVATE_KEY, credentials.OKTA_PRIVATE_KEY_ID)
EC_KEY = (credentials.OKTA_EC_PRIVATE_KEY, credentials.OKTA_EC_PRIVATE_KEY_ID)


def service_app(
    url: str,
    key: tuple[str, str | None] = RSA_KEY,
    *,
    client_id: str = credentials.OKTA_CLIENT_ID,
    scopes: tuple[str, ...] = DEFAULT_SCOPES,
    dpop: DPoP = DPoP.AUTO,
    page_size: int = 200,
) -> OktaClient:
    text, key_id = key
    signing = SigningKey.parse(text, key_id=key_id, what="The private key in the test")
    login = ServiceApp(client_id, signing, credentials="in the test", scopes=scopes, dpop=dpop)
    return OktaClient(okta_url(url), login, transport=Transport(), page_size=page_size)


def tokens_asked_for(okta: Okta) -> int:
    return len(okta.requests("POST", TOKEN))


@pytest.mark.parametrize("key", [RSA_KEY, EC_KEY])
def test_a_service_app_reads_groups(okta: Okta, finance: SourceGroup, key: tuple[str, str]) -> None:
    client = service_app(okta.url, key)
    found = client.find_group(FINANCE)
    assert sorted(user.username for user in client.members(found, STANDARD)) == logins("ana", "bruno")
    assert tokens_asked_for(okta) == 1


def test_one_token_does_for_many_pages(okta: Okta, finance: SourceGroup) -> None:
    okta.crowd("Finance", 50)
    assert len(service_app(okta.url, page_size=10).members(finance, STANDARD)) >= 50
    assert tokens_asked_for(okta) == 1


def test_a_token_is_replaced_shortly_before_it_ends(
    okta: Okta, finance: SourceGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = service_app(okta.url)
    client.find_group(FINANCE)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 3000)
    client.find_group(FINANCE)
    assert tokens_asked_for(okta) == 1
    monkeypatch.setattr(time, "monotonic", lambda: now + 3590)
    client.find_group(FINANCE)
    assert tokens_asked_for(okta) == 2
    assert all(row["status"] == 200 for row in okta.requests())


def test_a_token_that_dies_early_is_replaced_in_mid_list(okta: Okta, finance: SourceGroup) -> None:
    okta.crowd("Finance", 50)
    okta.fault("401", route="list_members", after=3)
    assert len(service_app(okta.url, page_size=10).members(finance, STANDARD)) >= 50
    assert tokens_asked_for(okta) == 2


def test_revoked_tokens_are_replaced(okta: Okta, finance: SourceGroup) -> None:
    client = service_app(okta.url)
    client.find_group(FINANCE)
    okta.control("POST", "expire-access-tokens")
    assert client.find_group(FINANCE).name == "Finance"


@pytest.mark.parametrize("key", [RSA_KEY, EC_KEY])
@pytest.mark.parametrize("dpop", [DPoP.AUTO, DPoP.ALWAYS])
def test_dpop_is_done_when_the_app_demands_it(
    okta: Okta, finance: SourceGroup, key: tuple[str, str], dpop: DPoP
) -> None:
    okta.knobs(dpop_required=True)
    okta.crowd("Finance", 50)
    client = service_app(okta.url, key, dpop=dpop, page_size=10)
    assert len(client.members(finance, STANDARD)) >= 50
    assert [row["status"] for row in okta.requests("POST", TOKEN)] == [400] * (2 - (dpop is DPoP.ALWAYS)) + [200]


def test_dpop_can_be_wanted_of_an_app_that_does_not_demand_it(okta: Okta, finance: SourceGroup) -> None:
    assert service_app(okta.url, dpop=DPoP.ALWAYS).find_group(FINANCE).id == finance.id


def test_a_nonce_that_has_changed_is_taken_up(
    okta: Okta, finance: SourceGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    okta.knobs(dpop_required=True)
    client = service_app(okta.url)
    client.find_group(FINANCE)
    okta.control("POST", "rotate-dpop-nonces")
    okta.control("POST", "expire-access-tokens")
    assert client.find_group(FINANCE).id == finance.id


def test_a_nonce_that_calls_demand_is_taken_up(okta: Okta, finance: SourceGroup) -> None:
    okta.knobs(dpop_required=True, dpop_api_nonce=True)
    okta.crowd("Finance", 50)
    client = service_app(okta.url, page_size=10)
    assert len(client.members(finance, STANDARD)) >= 50
    okta.control("POST", "rotate-dpop-nonces")
    assert client.find_group(FINANCE).id == finance.id


def test_dpop_that_is_switched_off_is_explained(okta: Okta, finance: SourceGroup) -> None:
    okta.knobs(dpop_required=True)
    with pytest.raises(RightsMissing, match="demands DPoP: set 'dpop' of the connection to auto"):
        service_app(okta.url, dpop=DPoP.NEVER).find_group(FINANCE)
    assert tokens_asked_for(okta) == 1


@pytest.mark.parametrize("seconds", [-3600, 3600])
def test_a_wrong_clock_of_this_machine_does_no_harm(
    okta: Okta, finance: SourceGroup, monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    okta.knobs(dpop_required=True)
    right = time.time
    # The simulators look at their clock in the same process, so it is ours alone that is wrong.
    for module in ("okta_mi_provider.clients.okta_oauth.time",):
        monkeypatch.setattr(module, _Clock(lambda: right() + seconds))
    assert service_app(okta.url).find_group(FINANCE).id == finance.id


class _Clock:
    """The module `time` with another idea of now."""

    def __init__(self, now: Any) -> None:
        self.time, self.monotonic = now, time.monotonic


# ---------------------------------------------------------------------- what goes wrong


def other_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(
    ("client_id", "key"),
    [
        ("0oaUnknown", RSA_KEY),
        (credentials.OKTA_CLIENT_ID, (other_key(), credentials.OKTA_PRIVATE_KEY_ID)),
        (credentials.OKTA_CLIENT_ID, (credentials.OKTA_PRIVATE_KEY, "another-kid")),
    ],
)
def test_credentials_that_do_not_fit_are_one_request_and_an_error(
    okta: Okta, naps: list[float], client_id: str, key: tuple[str, str]
) -> None:
    with pytest.raises(AuthError, match="client id and public keys") as caught:
        service_app(okta.url, key, client_id=client_id).find_group(FINANCE)
    message = str(caught.value)
    assert client_id in message
    assert key[1] in message
    assert "in the test" in message
    assert caught.value.fatal
    assert okta.stats()["requests"] == 1
    assert naps == []


def test_a_scope_that_is_not_granted_is_named(okta: Okta) -> None:
    with pytest.raises(RightsMissing, match=r"the scope 'okta\.logs\.read' under Okta API Scopes"):
        service_app(okta.url, scopes=("okta.logs.read",)).find_group(FINANCE)


def test_a_scope_that_a_call_needs_is_named(okta: Okta) -> None:
    with pytest.raises(RightsMissing, match=r"The scope okta\.groups\.read is missing") as caught:
        service_app(okta.url, scopes=("okta.users.read",)).find_group(FINANCE)
    assert "it was not asked for. Add it to 'scopes' of the connection, now 'okta.users.read'" in str(caught.value)


@pytest.mark.parametrize(
    ("scopes", "said"),
    [
        (("okta.nothing",), "Grant the service app .* the scope 'okta.nothing' under"),
        (
            ("okta.groups.read", "okta.nothing"),
            "At least one of the scopes 'okta.groups.read', 'okta.nothing' is .* a sync needs okta.groups.read only",
        ),
    ],
)
def test_scopes_that_are_not_granted_are_named(okta: Okta, scopes: tuple[str, ...], said: str) -> None:
    with pytest.raises(RightsMissing, match=said):
        service_app(okta.url, scopes=scopes).find_group(FINANCE)


def test_an_app_without_a_role_is_told_so_by_the_test_and_by_the_sync(okta: Okta, finance: SourceGroup) -> None:
    okta.knobs(missing_admin_role="empty")
    client = service_app(okta.url)
    with pytest.raises(RightsMissing, match=r"shows no group at all to the service app .*admin role"):
        client.check()
    for selector in (FINANCE, GroupSelector(id=finance.id)):
        with pytest.raises(GroupNotFound, match=r"that these credentials may see.*no group at all.*admin role"):
            client.find_group(selector)


def test_a_group_that_is_not_there_is_no_missing_role(okta: Okta, finance: SourceGroup) -> None:
    with pytest.raises(GroupNotFound) as caught:
        service_app(okta.url).find_group(GroupSelector(name="Nobody"))
    assert "role" not in str(caught.value)


def test_a_token_that_is_refused_again_and_again_is_an_error_in_the_end(okta: Okta, naps: list[float]) -> None:
    okta.fault("401", route="list_groups", count=None)
    with pytest.raises(AuthError, match="service app"):
        service_app(okta.url).find_group(FINANCE)
    assert okta.stats()["requests"] <= 8


@pytest.mark.parametrize("fault", ["500", "502", "reset_before", "429"])
def test_a_token_endpoint_in_trouble_is_asked_again(
    okta: Okta, finance: SourceGroup, naps: list[float], fault: str
) -> None:
    okta.fault(fault, path=TOKEN, count=2)
    assert service_app(okta.url).find_group(FINANCE).id == finance.id
    assert tokens_asked_for(okta) == 3
    assert len(naps) == 2


def test_a_throttled_token_endpoint_hands_over_too(okta: Okta, naps: list[float]) -> None:
    okta.fault("429", path=TOKEN, seconds=900)
    with pytest.raises(RateLimited) as caught:
        service_app(okta.url).find_group(FINANCE)
    assert caught.value.wait_s is not None
    assert caught.value.wait_s > 890


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer({}, 200), AuthError),
        (Answer([], 200), AuthError),
        (Answer({"access_token": 7}, 200), AuthError),
        (Answer(b"<html>", 200), Unavailable),
        (Answer(b"<html>", 404), BadAnswer),
        (Answer(b"", 400), AuthError),
        (Answer({"error": ["odd"], "error_description": {"more": "odd"}}, 400), AuthError),
        (Answer({"error": "use_dpop_nonce"}, 400, {"DPoP-Nonce": "n"}), AuthError),
        (Answer({"error": "invalid_dpop_proof"}, 400), AuthError),
        (Answer({}, 302, {"Location": "https://elsewhere.example"}), BadAnswer),
        (Answer({"access_token": "abcdef", "token_type": "DPoP"}, 200), BadAnswer),
    ],
)
def test_an_odd_token_endpoint_is_an_error_within_a_few_requests(answer: Answer, error: type[Exception]) -> None:
    with canned(answer) as server:
        with pytest.raises(error) as caught:
            service_app(server.url).find_group(FINANCE)
        assert len(server.seen) <= 6
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("lives", ["soon", None, -1, 0, True, 10**12, 3600.5])
def test_an_odd_lifetime_is_no_problem(lives: Any) -> None:
    token = Answer({"access_token": "abcdefgh", "token_type": "Bearer", "expires_in": lives})
    group = Answer([{"id": "00g1", "profile": {"name": "Finance"}}])
    with canned(token, group) as server:
        assert service_app(server.url).find_group(FINANCE).id == "00g1"


# ---------------------------------------------------------------------- what must not leak


@pytest.fixture
def secrets_made(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Everything that is signed."""
    made: list[str] = []
    encode = jwt.encode

    def remember(*args: Any, **kwargs: Any) -> str:
        made.append(encode(*args, **kwargs))
        return made[-1]

    monkeypatch.setattr(jwt, "encode", remember)
    yield made
    assert made, "nothing was signed, so nothing was tested"


def test_nothing_secret_is_logged_or_told(
    okta: Okta, finance: SourceGroup, secrets_made: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    okta.knobs(dpop_required=True)
    told: list[str] = []
    signing = SigningKey.parse(RSA_KEY[0], key_id=RSA_KEY[1], what="the key")
    login = ServiceApp(credentials.OKTA_CLIENT_ID, signing, credentials="in the test")
    client = OktaClient(okta_url(okta.url), login, transport=Transport(on_secret=told.append))
    client.find_group(FINANCE)
    okta.fault("403", count=None)
    with pytest.raises(RightsMissing) as caught:
        client.find_group(FINANCE)

    shown = f"{caplog.text}{caught.value}{caught.value!r}{vars(caught.value)}"
    assertions = [each for each in secrets_made if each in told]
    assert assertions, "assertions are told to the masker"
    for secret in {*secrets_made, *told}:
        assert secret not in shown


def test_a_server_that_repeats_the_assertion_does_not_make_us_tell_it(secrets_made: list[str]) -> None:
    with canned(Answer({"error": "invalid_client", "error_description": "?"}, 401)) as server:
        client = service_app(server.url)
        take = server.take
        server.take = lambda: Answer(  # type: ignore[method-assign]
            {"error": "invalid_client", "error_description": f"bad assertion {secrets_made[-1]}"}, take().status
        )
        with pytest.raises(AuthError) as caught:
            client.find_group(FINANCE)
    assert secrets_made[-1] not in str(caught.value)
    assert "***" in str(caught.value)
