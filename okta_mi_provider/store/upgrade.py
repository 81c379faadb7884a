"""Brings the tables of a store up to date, with Alembic.

To change a table: change `schema`, add a file to `migrations/versions`, and let `HEAD` name it. A test compares the
two. The store may be in a database with other users of Alembic, such as Airflow's own, so it has its own table of
versions.
"""

from __future__ import annotations

import threading

from sqlalchemy import Connection, Engine, inspect, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import column, table

from okta_mi_provider.store.errors import StoreError

#: The newest migration: what this version of the package works with.
HEAD = "0008"
#: What was made before there were migrations.
_FIRST = "0001"
VERSION_TABLE = "okta_mi_alembic_version"
#: Where Alembic finds the migrations.
MIGRATIONS = "okta_mi_provider.store:migrations"
#: The table that every store has had from the beginning.
_OLDEST_TABLE = "okta_mi_runs"
#: Two processes of PostgreSQL that both want to migrate wait for each other by this number.
_LOCK = 0x6F6B74615F6D69
#: Alembic keeps what it works on in a module.
_one_at_a_time = threading.Lock()


def bring_up_to_date(engine: Engine, where: str, set_by: str) -> None:
    """Makes the tables, or migrates them; all or nothing. Costs one small query if there is nothing to do.

    Several processes may do so at once: one does it, the others wait and find it done.

    Args:
        engine: The database.
        where: How messages call it.
        set_by: Where people have said so.

    Raises:
        StoreError: If the tables are those of a newer version of the package.
    """
    if _version(engine) == HEAD:
        return
    with _one_at_a_time, engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            # Without it every table would be a transaction of its own, and others would see some of them.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        _migrate(connection, where, set_by)


def _version(engine: Engine) -> str | None:
    """Which migration was the last one; None if there is no table of versions."""
    versions = select(table(VERSION_TABLE, column("version_num")).c.version_num)
    try:
        with engine.connect() as connection:
            found = connection.scalar(versions)
    except DBAPIError:
        if not inspect(engine).has_table(VERSION_TABLE):
            return None
        # Another process has made it meanwhile; or there is something else wrong, which then is told.
        with engine.connect() as connection:
            found = connection.scalar(versions)
    return None if found is None else str(found)


def _migrate(connection: Connection, where: str, set_by: str) -> None:
    # Only who migrates pays for the import.
    from alembic import command
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", MIGRATIONS)
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    current = context.get_current_revision()
    known = {each.revision for each in ScriptDirectory.from_config(config).walk_revisions()}
    if current is not None and current not in known:
        raise StoreError(
            f"The store {where} was brought up to date by a newer version of okta-mi-provider: its tables are "
            f"those of {current}, and this version knows {HEAD}. Install the newer version here too, or let {set_by} "
            "name another database."
        )
    if current is None and inspect(connection).has_table(_OLDEST_TABLE):
        command.stamp(config, _FIRST)
    command.upgrade(config, "head")
