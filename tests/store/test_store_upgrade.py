"""The tables of the store: made, brought up to date, recognised, and refused when they are of a newer version."""

from __future__ import annotations

import json
import multiprocessing
import re
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.store import Beginning, History, RunKey, Store, StoreError
from okta_mi_provider.store.schema import METADATA
from okta_mi_provider.store.upgrade import HEAD, MIGRATIONS, VERSION_TABLE
from okta_mi_provider.sync.model import SourceGroup, TargetGroup
from okta_mi_provider.sync.outcome import Status
from okta_mi_provider.sync.plan import ChangeKind
from okta_mi_provider.sync.report import State

RUN = RunKey("okta_mi__Sales", "manual__1")
AT = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)


@contextmanager
def engine_of(url: str) -> Iterator[sa.Engine]:
    engine = sa.create_engine(url)
    yield engine
    engine.dispose()


def released() -> sa.MetaData:
    """The tables as the versions before the migrations made them, with `create_all`."""
    metadata = sa.MetaData()
    moment = sa.DateTime(timezone=True)
    sa.Table(
        "okta_mi_runs",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("dag_id", sa.String(250), nullable=False),
        sa.Column("run_id", sa.String(250), nullable=False),
        sa.Column("group_key", sa.Text, nullable=False, comment="Name or id of the Okta group"),
        sa.Column("settings", sa.Text, nullable=False, comment="JSON: the settings of this run"),
        sa.Column("started_at", moment, nullable=False),
        sa.Index("okta_mi_runs_of_dag", "dag_id", "run_id", unique=True),
        sqlite_autoincrement=True,
    )
    sa.Table(
        "okta_mi_artifacts",
        metadata,
        sa.Column("dag_id", sa.String(250), primary_key=True),
        sa.Column("run_id", sa.String(250), primary_key=True),
        sa.Column("kind", sa.String(20), primary_key=True, comment="snapshot, plan, report or failure"),
        sa.Column("digest", sa.String(64), nullable=False, comment="sha256 of the JSON, in hex"),
        sa.Column("body", sa.LargeBinary, nullable=False, comment="JSON, compressed with zlib"),
        sa.Column("created_at", moment, nullable=False),
    )
    sa.Table(
        "okta_mi_outcomes",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("dag_id", sa.String(250), nullable=False),
        sa.Column("run_id", sa.String(250), nullable=False),
        sa.Column("plan_digest", sa.String(64), nullable=False),
        sa.Column("change_key", sa.Text, nullable=False),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("passing", sa.Boolean, nullable=False),
        sa.Column("target_id", sa.Text),
        sa.Column("joined", sa.Boolean, nullable=False, comment="the user has become a member of the group by it"),
        sa.Column("at", moment, nullable=False),
        sa.Index("okta_mi_outcomes_of_run", "dag_id", "run_id"),
        sqlite_autoincrement=True,
    )
    return metadata


REPORT = {
    "schema": 1,
    "source": {"org": "https://acme.okta.com", "group": {"id": "00g1", "name": "Sales"}},
    "target": {"host": "https://mi.example.org", "group": {"id": "5", "name": "Sales"}},
    "dry_run": False,
    "state": "failed",
    "plan_digest": "d" * 64,
    "counts": {"users": {"source": 4}},
    "changes": [
        {"kind": "create_group", "user": None, "group": "Sales", "fields": {}},
        {
            "kind": "update_user",
            "user": "ana",
            "group": "Sales",
            "fields": {"email": ["old@example.com", "ana@example.com"]},
        },
        {"kind": "create_user", "user": "bö", "group": "Sales", "fields": {"email": [None, "b@example.com"]}},
    ],
    "findings": [],
    "error": "1 change failed",
}


def fill(engine: sa.Engine) -> None:
    """A run with a report, whose second try found done what the first had done; and one that had not ended."""
    metadata = released()
    metadata.create_all(engine)
    runs, artifacts, outcomes = (metadata.tables[f"okta_mi_{name}"] for name in ("runs", "artifacts", "outcomes"))
    settings = {**SyncSettings().to_mapping(), "auto_create": "all"}
    with engine.begin() as connection:
        for number, key in ((7, RUN), (9, RunKey("okta_mi__Other", "manual__1"))):
            row = {"id": number, **key._asdict(), "group_key": "Sales", "settings": json.dumps(settings)}
            connection.execute(sa.insert(runs).values(**row, started_at=AT))
        body = zlib.compress(json.dumps(REPORT).encode())
        connection.execute(
            sa.insert(artifacts).values(**RUN._asdict(), kind="report", digest="x", body=body, created_at=AT)
        )

        def outcome(kind: str, user: str | None, status: str, **more: Any) -> None:
            values = {"error": None, "passing": False, "target_id": None, "joined": False, **more}
            key = json.dumps([kind, "Sales", user])
            connection.execute(
                sa.insert(outcomes).values(
                    **RUN._asdict(), plan_digest="d" * 64, change_key=key, status=status, at=AT, **values
                )
            )

        outcome("create_group", None, "done", target_id="5")
        outcome("create_user", "bö", "done", target_id="11", joined=True)
        outcome("create_user", "bö", "already", target_id="11")
        outcome("update_user", "ana", "failed", error="refused")


def test_the_migrated_tables_are_those_of_the_schema(store_url: str) -> None:
    Store(store_url).close()
    with engine_of(store_url) as engine, engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": VERSION_TABLE, "compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, METADATA) == []


def test_they_are_so_to_the_word(path: Path) -> None:
    """Alembic compares neither keys nor the conditions of indexes; SQLite keeps the words of both."""

    def plain(sql: str) -> str:
        # A column that is added later stands behind other blanks.
        return re.sub(r"\s*([(),])\s*", r"\1", " ".join(sql.split()).replace('"', ""))

    def words(url: str) -> set[tuple[str, str]]:
        with engine_of(url) as engine, engine.connect() as connection:
            rows = connection.execute(sa.text("SELECT name, sql FROM sqlite_master WHERE name LIKE 'okta_mi%'"))
            return {(name, plain(sql)) for name, sql in rows if name != VERSION_TABLE}

    migrated, made = f"sqlite:///{path}", f"sqlite:///{path}.made"
    Store(migrated).close()
    with engine_of(made) as engine:
        METADATA.create_all(engine)

    assert words(migrated) == words(made)


def test_the_first_migration_makes_what_was_released(store_url: str) -> None:
    from alembic import command

    with engine_of(store_url) as engine:
        with engine.begin() as connection:
            config = Config(attributes={"connection": connection})
            config.set_main_option("script_location", MIGRATIONS)
            command.upgrade(config, "0001")
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
            assert compare_metadata(context, released()) == []


def test_head_is_the_last_migration() -> None:
    config = Config()
    config.set_main_option("script_location", MIGRATIONS)
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_a_store_from_before_there_were_migrations_keeps_what_it_knows(store_url: str) -> None:
    with engine_of(store_url) as engine:
        fill(engine)

    store = Store(store_url)
    history = History(store)
    other, run = history.runs()
    assert (run.id, run.dag_id, run.run_id, run.mode, run.state) == (7, *RUN, "sync", State.FAILED)
    assert (run.org, run.host) == ("https://acme.okta.com", "https://mi.example.org")
    assert run.source_groups == (SourceGroup("00g1", "Sales"),)
    assert run.target_group == TargetGroup("5", "Sales")
    assert (run.source_users, run.error, run.started_at) == (4, "1 change failed", AT)
    assert run.settings["auto_create"] == "all"
    assert not run.complete
    assert (other.id, other.state, other.target_group) == (9, None, TargetGroup("", "Sales"))
    changes = {(each.kind, each.username): each for each in history.changes_of_run(7)}
    assert set(changes) == {
        (ChangeKind.CREATE_GROUP, None),
        (ChangeKind.CREATE_USER, "bö"),
        (ChangeKind.UPDATE_USER, "ana"),
    }
    created = changes[ChangeKind.CREATE_USER, "bö"]
    assert (created.status, created.joined, created.user_id, created.group.id) == (Status.DONE, True, "11", "5")
    assert (created.old, created.new, created.at) == (None, {"email": "b@example.com"}, AT)
    failed = changes[ChangeKind.UPDATE_USER, "ana"]
    assert (failed.status, failed.error) == (Status.FAILED, "refused")
    assert (failed.old, failed.new) == ({"email": "old@example.com"}, {"email": "ana@example.com"})
    assert changes[ChangeKind.CREATE_GROUP, None].group == TargetGroup("5", "Sales")
    assert [each.username for each in history.changes_of_user("BÖ")] == ["bö"]
    # The next one gets an id of its own.
    assert store.begin(RUN, Beginning(SyncSettings(), "ana")) == 10
    store.close()


def test_a_damaged_report_of_an_old_store_does_not_stop_the_migration(store_url: str) -> None:
    with engine_of(store_url) as engine:
        fill(engine)
        with engine.begin() as connection:
            connection.execute(sa.text("UPDATE okta_mi_artifacts SET body = :body"), {"body": b"no zlib"})

    store = Store(store_url)
    assert {run.id: run.state for run in History(store).runs()} == {7: None, 9: None}
    assert len(History(store).changes_of_run(7)) == 3
    store.close()


def test_a_store_of_a_newer_version_is_refused_with_a_sentence(store_url: str) -> None:
    Store(store_url).close()
    with engine_of(store_url) as engine, engine.begin() as connection:
        connection.execute(sa.text(f"UPDATE {VERSION_TABLE} SET version_num = '0999'"))

    with pytest.raises(StoreError, match=r"newer version of okta-mi-provider: its tables are those of 0999") as caught:
        Store(store_url)

    assert f"this version knows {HEAD}" in str(caught.value)
    assert "[okta_mi] store" in str(caught.value)


def test_a_store_may_be_in_the_database_of_another_user_of_alembic(store_url: str) -> None:
    with engine_of(store_url) as engine:
        with engine.begin() as connection:
            connection.execute(sa.text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
            connection.execute(sa.text("INSERT INTO alembic_version VALUES ('somebody_elses')"))

        Store(store_url).close()
        Store(store_url).close()

        with engine.connect() as connection:
            assert connection.scalars(sa.text("SELECT version_num FROM alembic_version")).all() == ["somebody_elses"]
            assert connection.scalars(sa.text(f"SELECT version_num FROM {VERSION_TABLE}")).all() == [HEAD]


def test_a_migration_that_fails_leaves_the_store_as_it_was(store_url: str) -> None:
    with engine_of(store_url) as engine:
        fill(engine)
        with engine.begin() as connection:
            # What the migration makes is there already, and something else.
            connection.execute(sa.text("CREATE TABLE okta_mi_links (other INTEGER)"))

        with pytest.raises(StoreError, match="cannot be used"):
            Store(store_url)

        with engine.connect() as connection:
            assert not sa.inspect(connection).has_table("okta_mi_changes")
            assert connection.scalar(sa.text("SELECT count(*) FROM okta_mi_outcomes")) == 4


def test_opening_a_store_that_is_up_to_date_is_one_query(store_url: str) -> None:
    """And Alembic is not even imported."""
    Store(store_url).close()
    code = (
        "import sys, sqlalchemy as sa\n"
        "from okta_mi_provider.store import Store\n"
        "said = []\n"
        "sa.event.listen(sa.Engine, 'before_cursor_execute', lambda c, cur, statement, *more: said.append(statement))\n"
        f"Store({store_url!r}).close()\n"
        "assert not any(name.partition('.')[0] == 'alembic' for name in sys.modules), 'alembic'\n"
        f"assert [s for s in said if {VERSION_TABLE!r} in s] == said[-1:], said\n"
        # PostgreSQL's driver asks for what the server is.
        "assert len([s for s in said if 'pg_catalog' not in s and not s.startswith(('show', 'SHOW'))]) == 1, said\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _open(url: str, start: Any) -> None:
    start.wait()
    Store(url).close()


def test_several_processes_may_migrate_at_once(store_url: str) -> None:
    with engine_of(store_url) as engine:
        fill(engine)
    context = multiprocessing.get_context("fork")
    start = context.Event()
    processes = [context.Process(target=_open, args=(store_url, start)) for _ in range(6)]
    for process in processes:
        process.start()
    start.set()
    for process in processes:
        process.join(60)

    assert [process.exitcode for process in processes] == [0] * 6
    store = Store(store_url)
    assert len(History(store).runs()) == 2
    store.close()
