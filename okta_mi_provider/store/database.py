"""One database, and transactions on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection
from sqlalchemy.engine import URL

from okta_mi_provider.store.engine import file_of, open_engine, shown, speaking, wait_for_turn
from okta_mi_provider.store.errors import SETTING


class Database:
    """The store's database, its tables as this version knows them. May be used by several processes at once.

    Args:
        url: SQLAlchemy URL of SQLite or PostgreSQL.
        set_by: Where people have said so, for messages.

    Raises:
        StoreError: If it cannot be opened or written, or belongs to a newer version.
    """

    def __init__(self, url: str | URL, *, set_by: str = SETTING) -> None:
        self._set_by = set_by
        self._engine = open_engine(url, set_by)
        self._file = file_of(self._engine.url)

    def close(self) -> None:
        """Gives the connections back."""
        self._engine.dispose()

    @property
    def is_replaced(self) -> bool:
        """Whether others would open another SQLite file than this one: it was deleted, or an older one restored."""
        return file_of(self._engine.url) != self._file

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for reading.

        Raises:
            StoreError: Whenever the database does not do what it is asked to.
        """
        with speaking(self._engine, self._set_by), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection for one transaction, which is as a whole done at the end, or not at all.

        Raises:
            StoreError: Whenever the database does not do what it is asked to.
        """
        with speaking(self._engine, self._set_by), self._engine.begin() as connection:
            if connection.dialect.name == "sqlite":
                wait_for_turn(connection)
            yield connection

    def __str__(self) -> str:
        return shown(self._engine.url)
