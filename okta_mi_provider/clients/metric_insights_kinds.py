"""What values the switches of `MIDialect` can have, besides those of every option (see `kinds`).

A connection's extra is JSON that somebody wrote, or text that somebody typed into a form: each kind takes both.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from okta_mi_provider.kinds import Choice, Flag, Text, show

#: Stands for the id of a group in the path of a page.
GROUP_ID = "{id}"
#: A path, perhaps with a query and a fragment. It begins with a single slash, for two begin a host.
_PATH = re.compile(r"/(?!/)[A-Za-z0-9._~/?=&#%{}-]*")


@dataclass(frozen=True, slots=True)
class Id:
    """An id of MI, which JSON has as a text or as a number."""

    allowed = "a text or a whole number"

    def parse(self, value: object) -> str:
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if isinstance(value, str) and value.strip():
            return value.strip()
        raise _wrong(value, self.allowed)


@dataclass(frozen=True, slots=True)
class Texts:
    """Any number of texts. What is no JSON list stands for a single one, whatever commas are in it."""

    allowed = 'a text, or a list of texts such as ["one", "two"]'

    def parse(self, value: object) -> tuple[str, ...]:
        found = _read(value)
        texts = found if isinstance(found, list) else [value]
        if all(isinstance(text, str) and text.strip() for text in texts):
            return tuple(texts)
        raise _wrong(value, self.allowed)


@dataclass(frozen=True, slots=True)
class Statuses:
    """HTTP statuses of success: a list, or a text with commas."""

    allowed = "a list of HTTP statuses from 200 to 399, such as [200, 201]"

    def parse(self, value: object) -> tuple[int, ...]:
        # "200, 201" is a list without its brackets.
        found = _read(f"[{value}]" if isinstance(value, str) and not value.startswith("[") else value)
        statuses = found if isinstance(found, list) else [found]
        if all(type(status) is int and 200 <= status <= 399 for status in statuses):
            return tuple(sorted(set(statuses)))
        raise _wrong(value, self.allowed)


@dataclass(frozen=True, slots=True)
class Seconds:
    """A time from `least` to `most` seconds."""

    least: float
    most: float

    @property
    def allowed(self) -> str:
        return f"a number of seconds from {self.least:g} to {self.most:g}"

    def parse(self, value: object) -> float:
        found = _read(value)
        if isinstance(found, int | float) and not isinstance(found, bool) and self.least <= found <= self.most:
            return float(found)
        raise _wrong(value, self.allowed)


@dataclass(frozen=True, slots=True)
class Members:
    """Members of a JSON object, to be added to another one.

    Attributes:
        reserved: Names that the other one has itself.
    """

    reserved: frozenset[str]

    allowed = 'a JSON object such as {"key": "value"}'

    def parse(self, value: object) -> Mapping[str, Any]:
        found = _read(value)
        if not isinstance(found, dict):
            raise _wrong(value, self.allowed)
        if self.reserved & found.keys():
            raise _wrong(value, f"a JSON object without the keys {', '.join(sorted(self.reserved))}")
        return found


@dataclass(frozen=True, slots=True)
class PagePath:
    """The path of a page, with `{id}` in the place of an id, or `off`."""

    allowed = f"a path such as /groups/{GROUP_ID}, or off"

    def parse(self, value: object) -> str:
        # YAML 1.1 and forms have false for it.
        if value in ("off", False):
            return "off"
        if isinstance(value, str) and _PATH.fullmatch(value.strip()) and value.count(GROUP_ID) == 1:
            return value.strip()
        raise _wrong(value, self.allowed)


SwitchKind = Choice | Flag | Text | Id | Texts | Statuses | Seconds | Members | PagePath


def _read(value: object) -> Any:
    """A text as the JSON that it is; anything else, and a text that is none, as it came."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _wrong(value: object, allowed: str) -> ValueError:
    return ValueError(f"{show(value)} is not allowed; allowed: {allowed}")
