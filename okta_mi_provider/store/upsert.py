"""Inserts rows, or replaces those with the same key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def upsert(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Inserts rows; where one has the key of an old one, it takes its place.

    Args:
        connection: Where to write.
        table: Where to.
        rows: Each with all columns, and no two with one key.
    """
    if not rows:
        return
    key = [column.name for column in table.primary_key]
    # In the order of their keys: two transactions that lock the same rows then wait for each other in a line.
    ordered = sorted(rows, key=lambda row: [row[name] for name in key])
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(table)
    others = {name: statement.excluded[name] for name in table.columns.keys() if name not in key}  # noqa: SIM118
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=others), ordered)
