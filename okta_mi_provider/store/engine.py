"""Opens the database: SQLite in a file of its own, or a server."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    OperationalError,
    SQLAlchemyError,
)

from okta_mi_provider.store.columns import to_json
from okta_mi_provider.store.errors import SETTING, StoreError, StoreUnavailable
from okta_mi_provider.store.upgrade import bring_up_to_date

log = logging.getLogger(__name__)

#: How long SQLite waits for another process to finish its write, in seconds.
_BUSY_TIMEOUT_S = 60
#: How long before people are told that it does.
_TOLD_AFTER_S = 5
#: What a database says that will not answer later either.
_WILL_NOT_PASS = (
    "unable to open",
    "readonly",
    "not a database",
    "no such",
    "authentication failed",
    "does not exist",
    "already exists",
)
#: What PostgreSQL says while another server takes over, and this one is no more or not yet the one that is written.
_STANDBY = "read-only transaction"
#: Without a driver in the URL: the one that Airflow's PostgreSQL provider installs.
_POSTGRESQL = "postgresql+psycopg2"


def open_engine(url: str | URL, set_by: str) -> Engine:
    """Connects, and makes the tables, or brings those of an older version up to date.

    Args:
        url: Where the database is.
        set_by: Where people have said so.

    Raises:
        StoreError: If the database cannot be opened or written, or is one of a newer version; with the setting to
            look at.
    """
    parsed = _parsed(url, set_by)
    try:
        backend = parsed.get_dialect().name
        if backend not in {"sqlite", "postgresql"}:
            raise StoreError(f"The store {shown(parsed)} is neither SQLite nor PostgreSQL. Change {set_by}.")
        engine = _sqlite(parsed, set_by) if backend == "sqlite" else _server(parsed)
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise StoreError(
            f"The driver for the store {shown(parsed)} is not installed ({error}). Install it, or change {set_by}."
        ) from None
    except ArgumentError as error:
        raise StoreError(_cannot(shown(parsed), str(error), set_by)) from None
    try:
        with speaking(engine, set_by):
            bring_up_to_date(engine, shown(parsed), set_by)
    except StoreError:
        engine.dispose()
        raise
    return engine


@contextlib.contextmanager
def speaking(engine: Engine, set_by: str) -> Iterator[None]:
    """Turns the database's errors into ours, which name the store and the setting.

    Raises:
        StoreUnavailable: If it may answer later.
        StoreError: If it will not.
    """
    where = shown(engine.url)
    try:
        yield
    except OperationalError as error:
        reason = _reason(error)
        if any(sign in reason for sign in _WILL_NOT_PASS):
            raise StoreError(_cannot(where, reason, set_by)) from None
        raise StoreUnavailable(f"The store {where} does not answer: {reason}. It is set by {set_by}.") from None
    except IntegrityError:
        raise StoreUnavailable(f"Two tasks wrote the same to the store {where} at the same time.") from None
    except SQLAlchemyError as error:
        reason = _reason(error)
        if _STANDBY in reason:
            raise StoreUnavailable(
                f"The store {where} can only be read now: {reason}. It is set by {set_by}."
            ) from None
        raise StoreError(_cannot(where, reason, set_by)) from None


def _parsed(url: str | URL, set_by: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        both = "neither a SQLAlchemy URL nor the id of an Airflow connection"
        raise StoreError(
            f"{set_by} is {both if set_by == SETTING else 'not a SQLAlchemy URL'}. Write it like "
            "sqlite:////var/lib/okta_mi.db or postgresql+psycopg2://user:password@host/database."
        ) from None
    if parsed.drivername in {"postgres", "postgresql"}:
        parsed = parsed.set(drivername=_POSTGRESQL)
    return parsed


def _server(url: URL) -> Engine:
    return create_engine(
        url, hide_parameters=True, pool_pre_ping=True, pool_size=1, max_overflow=1, json_serializer=to_json
    )


def _sqlite(url: URL, set_by: str) -> Engine:
    """A file that only its owner may read: it holds names and addresses of people."""
    if url.database and not url.database.startswith((":", "file:")):
        _make_file(url, set_by)
    engine = create_engine(
        url, hide_parameters=True, connect_args={"timeout": _BUSY_TIMEOUT_S}, json_serializer=to_json
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        # SQLite's own knows ASCII only, and who looks for Müller would not find MÜLLER, nor Érika herself.
        connection.create_function("lower", 1, _lower, deterministic=True)
        cursor = connection.cursor()
        # Readers do not wait for a writer, and what was committed outlives the process, though not the machine.
        # The mode stays with the file; while others are using it, SQLite does not wait to change it.
        with contextlib.suppress(sqlite3.OperationalError):
            cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.close()

    return engine


def wait_for_turn(connection: Connection) -> None:
    """Begins a transaction that writes, once nobody else writes to this SQLite file.

    What is read in it stays true until it is written; and it waits for other writers only here. A wait that lasts is
    told.
    """
    try:
        _wait_at_most(connection, min(_TOLD_AFTER_S, _BUSY_TIMEOUT_S))
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        except OperationalError as error:
            if "locked" not in _reason(error):
                raise
            where = shown(connection.engine.url)
            log.warning("Somebody else is writing to the store %s. Waiting, %d s at most.", where, _BUSY_TIMEOUT_S)
            _wait_at_most(connection, _BUSY_TIMEOUT_S)
            connection.exec_driver_sql("BEGIN IMMEDIATE")
    finally:
        _wait_at_most(connection, _BUSY_TIMEOUT_S)


def _wait_at_most(connection: Connection, seconds: float) -> None:
    connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(seconds * 1000)}")


def _lower(value: Any) -> Any:
    """SQL's `lower`, for every language: what is no text becomes one, and NULL stays what it is."""
    return None if value is None else str(value).lower()


def _make_file(url: URL, set_by: str) -> None:
    """Makes the file, if it is not there. One that is there is not even opened.

    When a process closes a file, the system takes away every lock that the process has on it, also those of SQLite's
    connections; and others would then write where these read.
    """
    path = url.database or ""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        if not os.access(path, os.R_OK | os.W_OK):
            raise StoreError(_cannot(shown(url), "its file cannot be read and written", set_by)) from None
    except OSError as error:
        raise StoreError(_cannot(shown(url), error.strerror or str(error), set_by)) from None


def file_of(url: URL) -> tuple[int, int] | None:
    """What tells the file of an SQLite store from every other one; None if there is none."""
    if url.get_backend_name() != "sqlite" or not url.database:
        return None
    try:
        found = os.stat(url.database)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _cannot(where: str, reason: str, set_by: str) -> str:
    return f"The store {where} cannot be used: {reason}. It is set by {set_by}."


def shown(url: URL) -> str:
    """A URL as it may stand in a message: without the password, and without the query, where one can stand too."""
    return url.set(query={}).render_as_string(hide_password=True)


def _reason(error: SQLAlchemyError) -> str:
    """The driver's own words, without the statement."""
    text = str(error.orig) if isinstance(error, DBAPIError) else str(error)
    return " ".join(text.split())
