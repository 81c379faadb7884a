"""Names from Okta and MI are other people's text: make them safe to show."""

from __future__ import annotations

import sys
import unicodedata

#: Unicode categories that have no business in a line of a log: controls, invisible formatting
#: (among it the marks that reverse the reading direction), line and paragraph separators, surrogates.
_UNSHOWABLE = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs"})


def one_line(text: str, limit: int = 200) -> str:
    r"""The text on one line, with what cannot be seen as `\u....`, cut at `limit` characters."""
    if not text.isprintable():
        text = "".join(f"\\u{ord(char):04x}" if unicodedata.category(char) in _UNSHOWABLE else char for char in text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def quoted(text: str) -> str:
    """A name inside a sentence, so that one sees where it begins and ends."""
    return f"'{one_line(text)}'"


def same(text: str) -> str:
    """The one object for all equal texts: a million people share few names, and both sides have the same addresses."""
    return sys.intern(text)


def plural(number: int, one: str, many: str = "") -> str:
    """`1 user`, `2,000 users`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
