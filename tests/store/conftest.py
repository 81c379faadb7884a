"""Stores for tests: on SQLite and on PostgreSQL, each as new."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL, make_url

from okta_mi_provider.store import Store
from okta_mi_provider.store.schema import METADATA
from tests.servers import Postgres, postgres
from tests.store.fakes import Sync


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    with postgres() as server:
        yield server


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "okta_mi.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    """Which kind of database the test runs on."""
    kind: str = request.param
    return kind


@pytest.fixture
def store_url(database: str, request: pytest.FixtureRequest) -> str:
    """Of an empty database."""
    if database == "sqlite":
        return f"sqlite:///{request.getfixturevalue('path')}"
    server: Postgres = request.getfixturevalue("postgres_server")
    return server.new_database()


@pytest.fixture(scope="session")
def ready_postgres(postgres_server: Postgres) -> str:
    """Of a database with our tables, for tests that leave something in it."""
    url = postgres_server.new_database()
    Store(url).close()
    return url


@pytest.fixture(scope="session")
def ready_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with our tables, to be copied: making them takes longer than most tests."""
    path = tmp_path_factory.mktemp("store") / "ready.db"
    Store(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def store(database: str, request: pytest.FixtureRequest, path: Path) -> Iterator[Store]:
    """As new."""
    if database == "sqlite":
        shutil.copy(request.getfixturevalue("ready_sqlite"), path)
        opened = Store(f"sqlite:///{path}")
    else:
        opened = Store(request.getfixturevalue("ready_postgres"))
    if database == "postgresql":
        with opened.writing() as connection:
            # Much faster than a new database.
            connection.execute(text(f"TRUNCATE {', '.join(METADATA.tables)} RESTART IDENTITY"))
    yield opened
    opened.close()


@pytest.fixture
def sync(store: Store) -> Sync:
    """Syncs of a group with two users, as soon as it runs."""
    made = Sync(store)
    made.okta.join("Sales", "ana", "bob")
    return made


@pytest.fixture
def store_of_its_own(store: Store, request: pytest.FixtureRequest) -> Callable[[], Store]:
    """Opens the store on connections of its own, as another process does."""
    url: URL = make_url(store._engine.url)

    def opened() -> Store:
        made = Store(url)
        request.addfinalizer(made.close)
        return made

    return opened
