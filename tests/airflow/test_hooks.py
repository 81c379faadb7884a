"""Airflow connections as clients: what is read, what is refused, and what the Test button says."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from okta_mi_provider.clients.errors import ConfigurationError
from okta_mi_provider.clients.metric_insights_dialect import switches
from okta_mi_provider.hooks.metric_insights import MetricInsightsHook
from okta_mi_provider.hooks.okta import OktaHook
from okta_mi_provider.hooks.store import retention, store_url
from okta_mi_provider.simulators import credentials
from okta_mi_provider.store import Retention, StoreError
from okta_mi_provider.version_compat import AIRFLOW_VERSION
from tests.integration.world import World

pytestmark = [pytest.mark.airflow, pytest.mark.usefixtures("migrated")]

Connection = Callable[..., None]


def transport(client: Any) -> Any:
    return client._http._http.transport


@pytest.fixture(autouse=True)
def everyone(world: World) -> None:
    """The group that every org has."""
    world.okta.group("Everyone", kind="BUILT_IN")


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


#: Each switch of the dialect in every form that people write it in, and what it then is.
SWITCHED = [
    ("default_group_id", [7, "7", " 7 "], "7"),
    ("default_group_name", ["Everyone"], "Everyone"),
    ("default_group_method", ["indicator"], "indicator"),
    ("user_update_body", ["off", False], "off"),
    ("disable_method", ["off", False], "off"),
    ("user_lookup", ["query"], "query"),
    ("username_casefold", [False, "false", "No"], False),
    ("list_paging", ["offset"], "offset"),
    ("member_list", ["all"], "all"),
    ("ok_statuses", [[201, 200], "200, 201", "[200,201]"], (200, 201)),
    ("ok_statuses", [201, "201", [201]], (201,)),
    ("duplicate_markers", ["already, there", ["already, there"], '["already, there"]'], ("already, there",)),
    ("retry_markers", [[], "[]"], ()),
    ("password_mode", ["omit"], "omit"),
    ("extra_user_create_fields", [{"notify": "N"}, '{"notify": "N"}'], {"notify": "N"}),
    ("send_external_group_id", [True, "yes"], True),
    ("group_page", ["/g/{id}", " /g/{id} "], "/g/{id}"),
    ("proactive_refresh_s", [240, "240", 240.0], 240.0),
    ("min_interval_s", [0.5, "0.5"], 0.5),
]


def test_every_switch_is_tried() -> None:
    assert {key for key, _, _ in SWITCHED} == set(switches())


@pytest.mark.parametrize(
    ("key", "written", "meant"), [(key, each, meant) for key, forms, meant in SWITCHED for each in forms]
)
def test_every_switch_of_the_dialect_can_be_set(
    world: World, connection: Connection, key: str, written: Any, meant: Any
) -> None:
    connection("metric_insights_default", extra={key: written})

    assert getattr(MetricInsightsHook().client().dialect, key) == meant


@pytest.mark.parametrize(
    ("extra", "allowed"),
    [
        ({"default_group_id": [1]}, "a text or a whole number"),
        ({"default_group_method": "magic"}, "adaptive, indicator, membership"),
        ({"user_update_body": "partial"}, "merged, changed, off"),
        ({"disable_method": "delete"}, "put_enabled, off"),
        ({"username_casefold": "perhaps"}, "true, false"),
        ({"ok_statuses": [200, 500]}, "a list of HTTP statuses from 200 to 399"),
        ({"ok_statuses": "fine"}, "a list of HTTP statuses from 200 to 399"),
        ({"ok_statuses": [True]}, "a list of HTTP statuses from 200 to 399"),
        ({"duplicate_markers": ["x", 1]}, "a list of texts"),
        ({"retry_markers": [""]}, "a list of texts"),
        ({"extra_user_create_fields": {"email": "x"}}, "without the keys copy_from_user_id, default_group_ind, email,"),
        ({"extra_user_create_fields": "notify"}, "a JSON object"),
        ({"proactive_refresh_s": 0}, "a number of seconds from 1 to 86400"),
        ({"min_interval_s": "nan"}, "a number of seconds from 0 to 60"),
        ({"min_interval_s": "NaN"}, "a number of seconds from 0 to 60"),
    ],
    ids=str,
)
def test_a_switch_that_cannot_be_is_refused_with_connection_and_key(
    world: World, connection: Connection, extra: dict[str, Any], allowed: str
) -> None:
    connection("metric_insights_default", extra=extra)

    with pytest.raises(ConfigurationError) as caught:
        MetricInsightsHook().client()

    ((key, value),) = extra.items()
    assert f"Extra {key!r} of Airflow connection 'metric_insights_default': " in str(caught.value)
    assert f"{value!r} is not allowed; allowed: " in str(caught.value)
    assert allowed in str(caught.value)


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


def test_the_store_is_sqlite_in_airflow_home_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW__OKTA_MI__STORE", raising=False)

    assert str(store_url()) == f"sqlite:///{os.environ['AIRFLOW_HOME']}/okta_mi.db"


def test_the_store_can_be_a_url_or_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlalchemy.engine import make_url

    monkeypatch.setenv("AIRFLOW__OKTA_MI__STORE", "sqlite:////tmp/x.db")
    assert str(store_url()) == "sqlite:////tmp/x.db"

    monkeypatch.setenv("AIRFLOW__OKTA_MI__STORE", "okta_mi_db")
    monkeypatch.setenv("AIRFLOW_CONN_OKTA_MI_DB", "postgres://me:p%40ss@db.example.org:5433/okta_mi?sslmode=require")
    url = make_url(store_url())
    assert url.render_as_string(hide_password=False) == (
        "postgresql://me:p%40ss@db.example.org:5433/okta_mi?sslmode=require"
    )

    monkeypatch.setenv("AIRFLOW__OKTA_MI__STORE", "no_such_connection")
    with pytest.raises(StoreError, match="'no_such_connection', which does not exist"):
        store_url()


@pytest.mark.parametrize("setting", ["retention_days", "history_days"])
def test_retention_is_a_whole_number_of_days(monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    assert retention() == Retention(30, 400)
    monkeypatch.setenv(f"AIRFLOW__OKTA_MI__{setting.upper()}", "12")
    assert getattr(retention(), setting.removeprefix("retention_")) == 12
    monkeypatch.setenv(f"AIRFLOW__OKTA_MI__{setting.upper()}", "month")

    with pytest.raises(StoreError, match=f"{setting} is 'month'"):
        retention()
