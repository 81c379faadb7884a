"""The store of a command: what an option says, else what Airflow's configuration does, found as cheaply as may be."""

from __future__ import annotations

import argparse
import logging
import os
import pwd
from collections.abc import Iterator
from configparser import ConfigParser
from configparser import Error as ConfigParserError
from contextlib import contextmanager

from sqlalchemy.engine import URL

from okta_mi_provider.cli.connections import airflow_configured
from okta_mi_provider.store import Retention, Store, StoreError
from okta_mi_provider.store.location import airflow_home, default_url
from okta_mi_provider.store.retention import parse_days

_PREFIX = "AIRFLOW__OKTA_MI__"


@contextmanager
def open_store(args: argparse.Namespace) -> Iterator[Store]:
    """The store that the arguments name, or that Airflow's configuration does, open.

    Raises:
        StoreError: If it cannot be opened or written.
    """
    url = _url(args)
    with _silent_migrations(verbose=bool(getattr(args, "verbose", False))):
        store = Store(url, set_by="--store") if args.store else Store(url)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def _silent_migrations(*, verbose: bool) -> Iterator[None]:
    """Where Airflow is asked for anything, its log shows what Alembic says: in a first command, a dozen lines."""
    log = logging.getLogger("alembic")
    before = log.level
    log.setLevel(before if verbose else logging.WARNING)
    try:
        yield
    finally:
        log.setLevel(before)


def retention() -> Retention:
    """How long the store keeps what it has.

    Raises:
        StoreError: If a setting is not a whole number from 1 up.
    """
    usual = Retention()
    return Retention(_days("retention_days", usual.days), _days("history_days", usual.history_days))


def os_user() -> str:
    """Who runs the command."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        # As in a container that gives its processes any number.
        return f"uid {os.getuid()}"


def _url(args: argparse.Namespace) -> str | URL:
    if args.store:
        if "://" not in args.store:
            raise StoreError(
                f"--store {args.store}: not a SQLAlchemy URL. Write it like sqlite:////var/lib/okta_mi.db."
            )
        return str(args.store)
    setting = os.environ.get(f"{_PREFIX}STORE", "").strip()
    if "://" in setting:
        return setting
    # A connection, a command that prints it, or a file: what only Airflow can look into. It takes a second to import.
    if any(
        f"{_PREFIX}{name.upper()}" in os.environ or _in_file(name) for name in ("store", "store_cmd", "store_secret")
    ):
        with airflow_configured():
            from okta_mi_provider.hooks.store import store_url

            return store_url()
    try:
        airflow_home().mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"The store cannot be kept in {error.filename}: {error.strerror}. Give --store.") from None
    return default_url()


def _days(setting: str, usual: int) -> int:
    text = os.environ.get(f"{_PREFIX}{setting.upper()}") or _in_file(setting)
    return parse_days(setting, text) if text else usual


def _in_file(setting: str) -> str:
    """What Airflow's configuration file says of a setting, as it stands there; "" if it says nothing."""
    path = os.environ.get("AIRFLOW_CONFIG") or airflow_home() / "airflow.cfg"
    parser = ConfigParser(interpolation=None, strict=False)
    try:
        parser.read(path, encoding="utf-8")
    except (ConfigParserError, UnicodeDecodeError) as error:
        raise StoreError(f"Airflow's configuration {path} cannot be read: {error}. Mend it, or give --store.") from None
    return parser.get("okta_mi", setting, fallback="").strip()
