"""Airflow's configuration `[okta_mi]` as the store that it names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.sdk import BaseHook, conf
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import mask_secret
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from okta_mi_provider.store import Retention, Store, StoreError
from okta_mi_provider.store.location import default_url
from okta_mi_provider.store.retention import parse_days

SECTION = "okta_mi"
#: SQLAlchemy's names for those connection types of Airflow that have another one.
_DRIVERS = {"postgres": "postgresql", "pgsql": "postgresql"}
#: What of a connection's extra is meant for PostgreSQL's client library.
_LIBPQ = ("sslmode", "sslrootcert", "sslcert", "sslkey", "options", "connect_timeout", "target_session_attrs")


@contextmanager
def open_store() -> Iterator[Store]:
    """The store that `[okta_mi] store` names, open.

    Raises:
        StoreError: If it cannot be opened or written.
    """
    store = Store(store_url())
    try:
        yield store
    finally:
        store.close()


def store_url() -> str | URL:
    """Where the store is: the URL itself, that of the Airflow connection, or SQLite in AIRFLOW_HOME.

    Raises:
        StoreError: If the connection does not exist.
    """
    setting = (conf.get(SECTION, "store", fallback="") or "").strip()
    if not setting:
        return default_url()
    if "://" in setting:
        _mask_password(setting)
        return setting
    try:
        connection = BaseHook.get_connection(setting)
    except AirflowNotFoundException:
        raise StoreError(
            f"[{SECTION}] store names the Airflow connection {setting!r}, which does not exist. Add it, or write a "
            "SQLAlchemy URL."
        ) from None
    extra: object = connection.extra_dejson
    options = extra if isinstance(extra, dict) else {}
    return URL.create(
        _DRIVERS.get(connection.conn_type or "", connection.conn_type or ""),
        username=connection.login or None,
        password=connection.password or None,
        host=connection.host or None,
        port=connection.port or None,
        database=connection.schema or None,
        query={key: str(options[key]) for key in _LIBPQ if options.get(key)},
    )


def retention() -> Retention:
    """How long the store keeps what it has.

    Raises:
        StoreError: If a setting is not a whole number from 1 up.
    """
    defaults = Retention()
    return Retention(_days("retention_days", defaults.days), _days("history_days", defaults.history_days))


def _days(setting: str, default: int) -> int:
    return parse_days(setting, str(conf.get(SECTION, setting, fallback=str(default))))


def _mask_password(url: str) -> None:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return
    for secret in (parsed.password, *parsed.normalized_query.get("password", ())):
        if secret:
            mask_secret(secret)
