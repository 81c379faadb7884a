"""Airflow's configuration `[okta_mi]` as the store that it names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from airflow.sdk import BaseHook, conf
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import mask_secret
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from okta_mi_provider.store import Store, StoreError

SECTION = "okta_mi"
#: Name of the SQLite file in AIRFLOW_HOME that is the default.
_DEFAULT_FILE = "okta_mi.db"
#: A hundred years.
_MOST_DAYS = 36_500
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
        home = Path(os.path.expandvars(os.environ.get("AIRFLOW_HOME") or "~/airflow")).expanduser()
        return URL.create("sqlite", database=str(home / _DEFAULT_FILE))
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


def retention_days() -> int:
    """How long the store keeps runs.

    Raises:
        StoreError: If the setting is not a whole number from 1 up.
    """
    text = str(conf.get(SECTION, "retention_days", fallback="30")).strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= _MOST_DAYS):
        raise StoreError(f"[{SECTION}] retention_days is {text!r}; allowed: a whole number from 1 to {_MOST_DAYS}.")
    return int(text)


def _mask_password(url: str) -> None:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return
    for secret in (parsed.password, *parsed.normalized_query.get("password", ())):
        if secret:
            mask_secret(secret)
