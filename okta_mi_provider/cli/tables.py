"""Rows of the past as a table for people, or as JSON or CSV for programs. Every name in them is other people's text."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from okta_mi_provider.sync.render import spreadsheet_cell
from okta_mi_provider.sync.text import one_line

#: Longest text in a column of a table.
_WIDEST = 60

Row = Mapping[str, Any]


def as_table(rows: Sequence[Row], columns: Sequence[str], nothing: str = "Nothing.") -> str:
    """Aligned columns with a heading. Without a row it says so, in the words of `nothing`."""
    if not rows:
        return f"{nothing}\n"
    texts = [[_text(row[column]) for column in columns] for row in rows]
    widths = [max(len(column), *(len(line[index]) for line in texts)) for index, column in enumerate(columns)]
    lines = [list(map(str.upper, columns)), *texts]
    return "".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() + "\n" for line in lines
    )


def as_json(rows: Sequence[Row]) -> str:
    """A list of objects, with everything there is."""
    return json.dumps([dict(row) for row in rows], indent=2, ensure_ascii=False, default=_plain) + "\n"


def as_csv(rows: Sequence[Row], columns: Sequence[str]) -> str:
    """A heading and a line for each row, which a spreadsheet takes for text and never for a formula."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([spreadsheet_cell(_cell(row[column])) for column in columns])
    return out.getvalue()


def render(
    rows: Sequence[Row], how: str, *, shown: Sequence[str], everything: Sequence[str], nothing: str = "Nothing."
) -> str:
    """Rows in one of the formats.

    Args:
        rows: What to show.
        how: "table", "json" or "csv".
        shown: Columns of a table.
        everything: Columns of CSV.
        nothing: What a table says that has no row.
    """
    if how == "json":
        return as_json(rows)
    return as_csv(rows, everything) if how == "csv" else as_table(rows, shown, nothing)


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return one_line(_cell(value), _WIDEST)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    """What JSON has no word for."""
    return value.isoformat() if isinstance(value, datetime) else str(value)
