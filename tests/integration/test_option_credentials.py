"""Options of `provision` that say where the servers are and how to get in."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from okta_mi_provider.simulators import credentials
from okta_mi_provider.sync.model import SourceGroup
from tests.integration.conftest import Provision
from tests.integration.world import ENVIRONMENT, MetricInsights, Okta, Run, World, logins, without

# ---------------------------------------------------------------------- --okta-host, --okta-token


@pytest.mark.parametrize("flag", ["-H", "--okta-host"])
def test_okta_host_names_the_org(
    okta_mi: Provision, finance: SourceGroup, okta: Okta, world: World, mi: MetricInsights, flag: str
) -> None:
    options = without(world.options, "--okta-host")
    run = okta_mi("provision", flag, okta.url, *options, "-a", "all", "Finance", env=ENVIRONMENT)
    assert run.code == 0
    assert mi.has("ana", "bruno")


def test_without_an_okta_host_the_command_does_not_start(
    okta_mi: Provision, finance: SourceGroup, world: World
) -> None:
    run = okta_mi("provision", *without(world.options, "--okta-host"), "Finance", env=ENVIRONMENT)
    assert run.code == 2
    assert "--okta-host" in run.err
    assert world.requests_sent() == 0


@pytest.mark.parametrize("flag", ["-P", "--okta-token"])
def test_okta_token_as_a_value(provision: Provision, finance: SourceGroup, mi: MetricInsights, flag: str) -> None:
    env = {**ENVIRONMENT, "OKTA_API_TOKEN": "not-this-one"}
    run = provision(flag, credentials.OKTA_API_TOKEN, "-a", "all", "Finance", env=env)
    assert run.code == 0
    assert mi.has("ana")


@pytest.mark.parametrize("flag", ["-P", "--okta-token"])
def test_okta_token_without_a_value_is_asked_for(
    provision: Provision, finance: SourceGroup, mi: MetricInsights, flag: str
) -> None:
    env = {**ENVIRONMENT, "OKTA_API_TOKEN": "not-this-one"}
    run = provision("-a", "all", "Finance", flag, env=env, stdin=f"{credentials.OKTA_API_TOKEN}\n")
    assert run.code == 0
    assert mi.has("ana")


def test_okta_token_from_the_environment(provision: Provision, finance: SourceGroup) -> None:
    assert provision("-a", "all", "Finance").code == 0


def test_without_an_okta_token_the_command_does_not_start(
    provision: Provision, finance: SourceGroup, world: World
) -> None:
    run = provision("Finance", env={"MI_APPLICATION_KEY": credentials.MI_APPLICATION_KEY})
    assert run.code == 2
    assert "OKTA_API_TOKEN" in run.err
    assert world.requests_sent() == 0


def test_a_wrong_okta_token_is_bad_usage_and_never_shown(
    provision: Provision, finance: SourceGroup, mi: MetricInsights
) -> None:
    run = provision("-v", "-P", "00wrong-token", "-a", "all", "Finance")
    assert run.code == 2
    assert "--okta-token" in run.err
    assert "00wrong-token" not in run.out + run.err + str(run.document)
    assert mi.writes() == []


# ---------------------------------------------------------------------- --mi-..., secrets of Metric Insights


@pytest.fixture
def with_token(okta_mi: Provision, finance: SourceGroup, world: World) -> Callable[[str], Run]:
    """Syncs Finance with a personal token of MI, and without an application."""

    def run(token: str) -> Run:
        options = without(world.options, "--mi-user", "--mi-application-id")
        env = {"OKTA_API_TOKEN": credentials.OKTA_API_TOKEN, "MI_API_TOKEN": token}
        return okta_mi("provision", *options, "-a", "all", "Finance", env=env)

    return run


def test_a_personal_token_needs_no_application(with_token: Callable[[str], Run], mi: MetricInsights) -> None:
    assert with_token(credentials.MI_API_TOKEN).code == 0
    assert mi.has("ana", "bruno")
    assert mi.requests(path="/api/get_token") == []


def test_an_application_is_exchanged_for_one_session_token(
    provision: Provision, finance: SourceGroup, mi: MetricInsights
) -> None:
    provision("-a", "all", "Finance")
    assert [row["method"] for row in mi.requests(path="/api/get_token")] == ["POST"]


@pytest.mark.parametrize("missing", ["--mi-host", "--mi-user", "--mi-application-id"])
def test_each_option_of_metric_insights_is_needed(
    okta_mi: Provision, finance: SourceGroup, world: World, missing: str
) -> None:
    run = okta_mi("provision", *without(world.options, missing), "Finance", env=ENVIRONMENT)
    assert run.code == 2
    assert missing in run.err
    assert world.requests_sent() == 0


def test_without_a_key_of_the_application_the_command_does_not_start(
    provision: Provision, finance: SourceGroup, world: World
) -> None:
    run = provision("Finance", env={"OKTA_API_TOKEN": credentials.OKTA_API_TOKEN})
    assert run.code == 2
    assert "MI_APPLICATION_KEY" in run.err
    assert world.requests_sent() == 0


@pytest.mark.parametrize("answer", ["401", "empty_list"])
def test_a_wrong_key_of_the_application_is_bad_usage(
    provision: Provision, finance: SourceGroup, mi: MetricInsights, answer: str
) -> None:
    mi.knobs(wrong_credentials=answer)
    run = provision("-a", "all", "Finance", env={**ENVIRONMENT, "MI_APPLICATION_KEY": "wrong-key"})
    assert run.code == 2
    assert "MI_APPLICATION_KEY" in run.err
    assert "wrong-key" not in run.out + run.err + str(run.document)
    assert len(mi.requests(path="/api/get_token")) == 1


def test_an_application_that_must_not_manage_users_is_bad_usage(
    okta_mi: Provision, finance: SourceGroup, world: World, mi: MetricInsights
) -> None:
    options = [*without(world.options, "--mi-application-id"), "--mi-application-id"]
    env = {**ENVIRONMENT, "MI_APPLICATION_KEY": credentials.MI_LIMITED_APPLICATION_KEY}
    run = okta_mi("provision", *options, credentials.MI_LIMITED_APPLICATION_ID, "-a", "all", "Finance", env=env)
    assert run.code == 2
    assert "Application Can Manage Users" in run.err
    assert mi.writes() == []


def test_a_token_of_somebody_who_is_no_administrator_is_bad_usage(
    with_token: Callable[[str], Run], mi: MetricInsights
) -> None:
    run = with_token(credentials.MI_VIEWER_API_TOKEN)
    assert run.code == 2
    assert "administrator" in run.err
    assert mi.writes() == []


# ---------------------------------------------------------------------- a service app of Okta

SERVICE_APP = ["--okta-client-id", credentials.OKTA_CLIENT_ID, "--okta-private-key-id", credentials.OKTA_PRIVATE_KEY_ID]
KEYS = {"OKTA_PRIVATE_KEY": credentials.OKTA_PRIVATE_KEY, "MI_APPLICATION_KEY": credentials.MI_APPLICATION_KEY}


def test_a_service_app_reads_instead_of_a_token(provision: Provision, world: World) -> None:
    world.okta.group("Sales", "ana")
    run = provision(*SERVICE_APP, "--auto-create", "all", "Sales", env=KEYS)
    assert run.code == 0, run.err
    assert world.mi.members("Sales") == logins("ana")


@pytest.mark.parametrize(
    ("words", "env", "said"),
    [
        (SERVICE_APP, {**KEYS, "OKTA_PRIVATE_KEY": " "}, "set OKTA_PRIVATE_KEY"),
        (SERVICE_APP, {**KEYS, "OKTA_PRIVATE_KEY": "hunter2hunter2"}, "private key in OKTA_PRIVATE_KEY is neither PEM"),
        (SERVICE_APP, {**KEYS, "OKTA_PRIVATE_KEY": "/etc/okta.pem"}, "is the name of a file"),
        ([*SERVICE_APP, "--okta-token", "x"], KEYS, "--okta-client-id and --okta-token exclude each other"),
        (["--okta-client-id", " "], KEYS, "--okta-client-id is empty"),
        (["--okta-private-key-id", "k"], KEYS, "give --okta-client-id, too"),
        ([], KEYS, "for the service app whose key is in OKTA_PRIVATE_KEY, give --okta-client-id"),
    ],
)
def test_a_service_app_without_its_key_is_a_usage_error(
    provision: Provision, world: World, words: list[str], env: dict[str, str], said: str
) -> None:
    run = provision(*words, "Sales", env=env)
    assert run.code == 2
    assert said in run.err
    assert "hunter2" not in run.err
    assert world.requests_sent() == 0


def test_secrets_that_are_not_used_are_named(provision: Provision, world: World) -> None:
    world.okta.group("Sales", "ana")
    env = {**KEYS, "OKTA_API_TOKEN": "00-another", "MI_API_TOKEN": "mi-another"}
    run = provision(*SERVICE_APP, "--auto-create", "all", "Sales", env=env)
    assert run.code == 0, run.err
    assert "OKTA_API_TOKEN is not used: --okta-client-id names a service app." in run.err
    assert "MI_API_TOKEN is not used: --mi-application-id names an application." in run.err
    assert "another" not in run.err


# ---------------------------------------------------------------------- --allow-http


@pytest.mark.parametrize("side", ["--okta-host", "--mi-host"])
def test_plain_http_is_refused_but_for_loopback(
    okta_mi: Provision, finance: SourceGroup, world: World, side: str
) -> None:
    options = [*without(world.options, side), side, "http://server.invalid"]
    run = okta_mi("provision", *options, "Finance", env=ENVIRONMENT)
    assert run.code == 2
    assert "--allow-http" in run.err
    assert world.requests_sent() == 0


def test_allow_http_lets_plain_http_pass(
    okta_mi: Provision, finance: SourceGroup, world: World, mi: MetricInsights, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *rest, **more: resolve("127.0.0.1", *rest, **more))
    options = [word.replace("127.0.0.1", "server.invalid") for word in world.options]
    run = okta_mi("provision", *options, "--allow-http", "-a", "all", "Finance", env=ENVIRONMENT)
    assert run.code == 0
    assert mi.has("ana", "bruno")


def test_https_is_the_default(okta_mi: Provision, finance: SourceGroup, world: World) -> None:
    options = [*without(world.options, "--okta-host"), "--okta-host", world.okta.url.removeprefix("http://")]
    run = okta_mi("provision", *options, "Finance", env=ENVIRONMENT)
    assert run.code == 2
    assert "does not speak https" in run.err
    assert world.okta.stats()["requests"] == 0
