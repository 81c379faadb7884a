"""The tables of the store: each column, with the meaning that the schema gives it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql

from okta_mi_provider.store.schema import METADATA
from scripts.reference.markdown import code, table

#: What a type of PostgreSQL is called here.
_WORDS = {
    "INTEGER": "number",
    "TEXT": "text",
    "VARCHAR": "text",
    "BOOLEAN": "yes or no",
    "JSONB": "JSON",
    "TIMESTAMP WITH TIME ZONE": "time",
    "BYTEA": "bytes",
}


def _columns(of: Table) -> str:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    undocumented = [column.name for column in of.columns if not column.doc]
    if undocumented:
        raise ValueError(f"{of.name}: the schema does not say what {undocumented} are")
    rows = (
        (code(column.name), _WORDS[column.type.compile(dialect).partition("(")[0]], str(column.doc))
        for column in of.columns
    )
    return table(("column", "type", "meaning"), rows)


SECTIONS: Mapping[str, Callable[[], str]] = {
    f"store {each.name}": partial(_columns, each) for each in METADATA.tables.values()
}
