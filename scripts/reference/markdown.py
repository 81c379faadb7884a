"""Markdown that GitHub and the site show alike."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

#: Names of settings, columns and the like in plain text: small letters with at least one underscore.
_IDENTIFIER = re.compile(r"(?<![`\w/.-])[a-z]\w*_\w*[a-z]\w*(?:\.(?:yaml|json|db))?(?![`\w/-])")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table.

    Raises:
        ValueError: If a row has another number of cells than the head.
    """
    lines = [_row(head), "|" + "---|" * len(head)]
    for row in rows:
        if len(row) != len(head):
            raise ValueError(f"{len(row)} cells for {len(head)} columns: {row}")
        lines.append(_row(row))
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("\n", " ").replace("|", "\\|") for cell in cells) + " |"


def code(text: object) -> str:
    """A literal."""
    return f"`{text}`"


def codes(values: Iterable[object]) -> str:
    """Literals with commas between."""
    return ", ".join(code(value) for value in values)


def prose(text: str, literals: Iterable[str] = ()) -> str:
    """Plain text of the code as Markdown: names in it, and literals that are explained (`word: ...`), as such.

    Args:
        text: Without markup, as Airflow's forms and the command line show it.
        literals: Values that the text explains.
    """
    # What is marked as a literal already is left alone.
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else _marked(part, literals) for part in parts)


def _marked(text: str, literals: Iterable[str]) -> str:
    escaped = text.replace("<", "&lt;").replace("*", "\\*")
    for literal in literals:
        escaped = re.sub(rf"(?<![`\w]){re.escape(literal)}(?=: )", f"`{literal}`", escaped)
    return _IDENTIFIER.sub(lambda found: f"`{found[0]}`", escaped)
