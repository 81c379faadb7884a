"""Names from Okta and MI are other people's text: make them safe to show."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Sequence

#: Unicode categories that have no business in a line of a log: controls, invisible formatting
#: (among it the marks that reverse the reading direction), line and paragraph separators, surrogates.
_UNSHOWABLE = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs"})

#: Where Airflow's log viewer would begin or end a group of lines, wherever in a line that stands.
_FOLD = re.compile(r":(?=:(?:end)?group::)")


def one_line(text: str, limit: int = 200) -> str:
    r"""The text on one line, with what cannot be seen as `\u....`, cut at `limit` characters.

    Nor does Airflow's log viewer take any of it for a mark of its own.
    """
    if "group::" in text:
        text = _FOLD.sub(r"\\u003a", text)
    if not text.isprintable():
        text = "".join(f"\\u{ord(char):04x}" if unicodedata.category(char) in _UNSHOWABLE else char for char in text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def quoted(text: str) -> str:
    """A name inside a sentence, so that one sees where it begins and ends."""
    return f"'{one_line(text)}'"


def same(text: str) -> str:
    """The one object for all equal texts: a million people share few names, and both sides have the same addresses."""
    return sys.intern(text)


def aligned(rows: Sequence[tuple[str, int | str]]) -> list[str]:
    """A small table: labels in one column, numbers and words flush right in another."""
    shown = [(label, value if isinstance(value, str) else f"{value:,}") for label, value in rows]
    width = max((len(label) for label, _ in shown), default=0)
    value_width = max((len(value) for _, value in shown), default=0)
    return [f"  {label:<{width}}  {value:>{value_width}}" for label, value in shown]


def plural(number: int, one: str, many: str = "") -> str:
    """`1 user`, `2,000 users`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
