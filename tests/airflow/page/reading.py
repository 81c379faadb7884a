"""What there is in a page, and in a file that was downloaded from it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any


class Page(HTMLParser):
    """What a browser makes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.scripts = 0
        self.handlers: list[str] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        self.handlers += [name for name, _ in attrs if name.startswith("on") or name == "style"]
        self.links += [value or "" for name, value in attrs if name in {"href", "src", "action"}]


def rows(text: str) -> int:
    """Rows of the last table of a page."""
    return len(re.findall(r"<tr>", text.rpartition("<tbody>")[2])) - text.rpartition("<tbody>")[2].count(
        'class="empty"'
    )


def column(text: str, name: str) -> Iterator[Any]:
    """The cells of one column of a file."""
    return (row[name] for row in csv.DictReader(io.StringIO(text)))


def without_times(text: str) -> str:
    """Two pages are the same but for these."""
    return re.sub(r"\d{4}-\d\d-\d\d[ T][\d:.]+", "", text)
