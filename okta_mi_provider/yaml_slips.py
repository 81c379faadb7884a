"""What the commonest slips in YAML are called by whoever has made them. YAML itself speaks of tokens and scalars."""

from __future__ import annotations

import re

import yaml

from okta_mi_provider.settings_error import is_of_a_secret
from okta_mi_provider.sync.text import quoted

#: What a value begins with that means something else to YAML, as the minute of a schedule that is `*`.
_NO_BEGINNING = "@`%*&!"
#: Key and value of a line, up to a colon in the value.
_COLON_IN_VALUE = re.compile(r"[\s{\[-]*[^\s:][^:]*:\s+(?P<value>\S.*)")


def slip(text: str, error: yaml.MarkedYAMLError) -> str:
    """What to do about an error; "" if it is none of the slips that are known here.

    Args:
        text: The whole document.
        error: Why it is no YAML.
    """
    mark, problem = error.problem_mark, error.problem or ""
    if mark is None:
        return ""
    # Of an alias that is none, the place that it begins at.
    begin = error.context_mark if error.context_mark and error.context_mark.line == mark.line else mark
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    if line[mark.column : mark.column + 1] == "\t":
        return "a tab; YAML wants spaces"
    if "mapping values" in problem:
        found = _COLON_IN_VALUE.fullmatch(line[: mark.column])
        if found:
            value = _without_comment(line[found.start("value") :])
            return f"a colon in a value; put it in quotes{_as_it_is(line, value)}"
        return (
            "a key where none can be: compare with the lines around it how far it is indented, and look for a missing "
            "blank behind the colon of the line before"
        )
    if line[begin.column : begin.column + 1] in {*_NO_BEGINNING} and "scanning" in (error.context or ""):
        value = _without_comment(line[begin.column :])
        shown = _as_it_is(line, _up_to_bracket(line, begin.column, value))
        return f"{value[0]} cannot begin a value; put it in quotes{shown}"
    return ""


def _as_it_is(line: str, value: str) -> str:
    """The value as it stands in a line; nothing of one that may be a secret, which belongs elsewhere anyway."""
    return "" if is_of_a_secret(line) else f": {quoted(value)}"


def _without_comment(value: str) -> str:
    return re.sub(r"\s+#.*", "", value).rstrip()


def _up_to_bracket(line: str, column: int, value: str) -> str:
    """A value inside of `{...}` or `[...]` ends at a comma or with them."""
    before = line[:column]
    is_inside = any(before.count(opening) > before.count(closing) for opening, closing in ("{}", "[]"))
    return re.split(r"[,}\]]", value)[0].rstrip() if is_inside else value
