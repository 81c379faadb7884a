"""Airflow connections as clients: what is read, what is refused, and what the Test button says."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from okta_mi_provider.clients.errors import ConfigurationError
from okta_mi_provider.hooks.metric_insights import MetricInsightsHook
from okta_mi_provider.hooks.okta import OktaHook
from okta_mi_provider.simulators import credentials
from okta_mi_provider.version_compat import AIRFLOW_VERSION
from tests.airflow.conftest import Connection
from tests.integration.world import World

pytestmark = [pytest.mark.airflow, pytest.mark.usefixtures("migrated", "everyone")]


def transport(client: Any) -> Any:
    return client._http._http.transport


def test_test_connection_says_what_works(world: World) -> None:
    assert OktaHook().test_connection() == (True, f"Connected to {world.okta.url}; these credentials may read groups.")
    fine, said = MetricInsightsHook().test_connection()
    assert fine
    assert f"Connected to {world.mi.url}" in said
    assert world.mi.writes() == []


def test_test_connection_says_what_to_do(world: World, connection: Connection) -> None:
    connection("okta_default", password="wrong")
    connection("metric_insights_default", password="wrong")

    for hook in (OktaHook(), MetricInsightsHook()):
        fine, said = hook.test_connection()
        assert not fine
        assert f"{hook.conn_type}_default" in said
        assert "401" in said
        assert "wrong" not in said


def test_a_personal_token_needs_neither_user_nor_application(world: World, connection: Connection) -> None:
    connection(
        "metric_insights_default",
        login=None,
        password=credentials.MI_API_TOKEN,
        extra={"auth_mode": "bearer", "application_id": ""},
    )

    assert MetricInsightsHook().test_connection()[0]


def test_defaults(world: World) -> None:
    okta, target = OktaHook().client(), MetricInsightsHook().client()

    assert okta._page_size == 200
    assert (transport(okta).timeout_s, transport(okta).max_wait_s, transport(okta).verify) == (30, 120, True)
    assert transport(okta).read_only
    assert target.max_concurrency == 4
    assert target.dialect.default_group_id == "1"
    assert (transport(target).timeout_s, transport(target).verify, transport(target).read_only) == (30, True, False)
    assert transport(target).caller == f"apache-airflow/{AIRFLOW_VERSION}"


def test_every_extra_arrives(world: World, connection: Connection) -> None:
    connection("okta_default", extra={"page_size": 50, "timeout": 5, "max_wait": 7, "verify": False})
    connection(
        "metric_insights_default",
        extra={"default_group_id": 12, "max_concurrency": "8", "timeout": "9", "verify": "false"},
    )

    okta, target = OktaHook().client(), MetricInsightsHook().client(read_only=True)

    assert okta._page_size == 50
    assert (transport(okta).timeout_s, transport(okta).max_wait_s, transport(okta).verify) == (5, 7, False)
    assert (target.max_concurrency, target.dialect.default_group_id) == (8, "12")
    assert (transport(target).timeout_s, transport(target).verify, transport(target).read_only) == (9, False, True)
    assert MetricInsightsHook().client(max_concurrency=2).max_concurrency == 2


@pytest.mark.parametrize(
    ("fields", "org"),
    [
        ({"host": "acme.okta.com", "port": None, "schema": "https"}, "https://acme.okta.com"),
        ({"host": "127.0.0.1", "port": 8080, "schema": "http"}, "http://127.0.0.1:8080"),
        ({"host": "http://127.0.0.1", "port": 8080, "schema": "https"}, "http://127.0.0.1:8080"),
    ],
)
def test_schema_and_port_may_have_fields_of_their_own(
    world: World, connection: Connection, fields: dict[str, Any], org: str
) -> None:
    connection("okta_default", **fields)

    assert OktaHook().client().org == org


def test_two_ports_are_one_too_many(world: World, connection: Connection) -> None:
    connection("okta_default", host="http://127.0.0.1:18081", port=18081)

    with pytest.raises(
        ConfigurationError, match=r"has a port in its host, .http://127\.0\.0\.1:18081., and the port 18081"
    ):
        OktaHook().client()


def test_blank_is_missing(world: World, connection: Connection) -> None:
    connection("okta_default", extra={"page_size": " ", "verify": "", "allow_http": None})

    assert OktaHook().client()._page_size == 200
    connection("metric_insights_default", extra={"application_id": "  "})
    with pytest.raises(
        ConfigurationError, match="'application_id' of Airflow connection 'metric_insights_default' is miss"
    ):
        MetricInsightsHook().client()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"extra": {"page_size": 0}},
            "'page_size' of Airflow connection 'okta_default': 0 is not allowed; allowed: a whole",
        ),
        ({"extra": {"page_size": 1001}}, "from 1 to 1000"),
        ({"extra": {"page_size": True}}, "True is not allowed"),
        ({"extra": {"timeout": "soon"}}, "'timeout' of"),
        ({"extra": {"max_wait": [1]}}, "'max_wait' of"),
        ({"extra": {"allow_http": "perhaps"}}, "allowed: true, false"),
        ({"extra": {"verify": 7}}, "'verify' of"),
        ({"extra": {"verify": "/no/such/file"}}, "does not exist"),
        ({"host": None}, "host of Airflow connection 'okta_default' is missing"),
        ({"host": "http://okta.example.org", "extra": {"allow_http": False}}, "not encrypted"),
        ({"password": None}, "API token in the password of Airflow connection 'okta_default' is missing"),
        ({"password": "  "}, "is missing"),
        ({"extra": "no json"}, "extra of Airflow connection 'okta_default' is not a JSON object"),
        ({"extra": "[1]"}, "is not a JSON object"),
    ],
)
def test_what_cannot_work_is_refused_with_connection_and_field(
    world: World, connection: Connection, fields: dict[str, Any], expected: str
) -> None:
    connection("okta_default", **fields)

    with pytest.raises(ConfigurationError) as caught:
        OktaHook().client()

    assert expected in str(caught.value)
    assert OktaHook().test_connection() == (False, str(caught.value))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"login": None}, "The login of Airflow connection 'metric_insights_default' is missing"),
        ({"extra": {"auth_mode": "Bearer"}}, "'auth_mode' of Airflow connection 'metric_insights_default': 'Bearer'"),
        ({"extra": {"default_group_id": [1]}}, "'default_group_id' of"),
        ({"extra": {"max_concurrency": 65}}, "from 1 to 64"),
    ],
)
def test_the_same_for_metric_insights(
    world: World, connection: Connection, fields: dict[str, Any], expected: str
) -> None:
    connection("metric_insights_default", **fields)

    with pytest.raises(ConfigurationError) as caught:
        MetricInsightsHook().client()

    assert expected in str(caught.value)


def test_a_connection_that_does_not_exist(world: World) -> None:
    fine, said = OktaHook("okta_elsewhere").test_connection()

    assert not fine
    assert "AIRFLOW_CONN_OKTA_ELSEWHERE" in said


def test_a_misspelt_extra_is_warned_about_and_any_other_is_not(
    world: World, connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    connection("okta_default", extra={"page_sise": 10, "__note": "made by hand"})

    OktaHook().client()

    remark = "'page_sise' means nothing here; did you mean 'page_size'?"
    assert remark in caplog.text
    assert "__note" not in caplog.text
    fine, said = OktaHook().test_connection()
    assert fine
    assert remark in said


def test_a_misspelt_extra_of_metric_insights_is_told_by_the_test_button(world: World, connection: Connection) -> None:
    connection("metric_insights_default", extra={"max_concurency": 2})

    fine, said = MetricInsightsHook().test_connection()

    assert fine
    assert "'max_concurency' means nothing here; did you mean 'max_concurrency'?" in said


@pytest.mark.parametrize("conn_id", ["okta_default", "metric_insights_default"])
@pytest.mark.parametrize("host", ["https://acme.okta.com", "https://mi.example.org:8443/path", "acme.okta.com"])
def test_a_connection_survives_the_trip_through_its_uri(
    world: World, connection: Connection, monkeypatch: pytest.MonkeyPatch, conn_id: str, host: str
) -> None:
    """The Test button of Airflow hands connections over in this form."""
    from airflow.models.connection import Connection as StoredConnection

    secret = "p/w:x?%&é"
    connection(conn_id, host=host, password=secret, extra={"timeout": 5, "verify": False})
    fields = json.loads(os.environ[f"AIRFLOW_CONN_{conn_id.upper()}"])
    stored = StoredConnection(conn_id=conn_id, **{**fields, "extra": json.dumps(fields["extra"])})

    again = StoredConnection(conn_id=conn_id, uri=stored.get_uri())

    assert (again.conn_type, again.host, again.password) == (stored.conn_type, host, secret)
    assert (again.login or None) == (stored.login or None)
    assert again.extra_dejson == fields["extra"]


def test_a_connection_given_as_uri_is_understood(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    host, port = world.okta.url.removeprefix("http://").split(":")
    uri = f"okta://:{credentials.OKTA_API_TOKEN}@{host}:{port}/?page_size=7&verify=false&allow_http=true"
    monkeypatch.setenv("AIRFLOW_CONN_OKTA_DEFAULT", uri)

    client = OktaHook().client()

    assert client._page_size == 7
    assert client.org == f"https://{host}:{port}"
