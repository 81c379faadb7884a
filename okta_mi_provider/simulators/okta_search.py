"""Okta's ``search`` and ``filter`` expressions: text to predicate.

The grammar is that of SCIM filters as Okta supports it: comparisons joined by ``and`` and ``or``, with
parentheses. Property names are case-sensitive; operators and values are not. Literals are JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from okta_mi_provider.simulators.okta_errors import invalid_search
from okta_mi_provider.simulators.okta_values import Document

Predicate = Callable[[Document], bool]

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<paren>[()])
      | (?P<text>"(?:[^"\\]|\\.)*")
      | (?P<number>-?\d+(?:\.\d+)?(?![\w.]))
      | (?P<word>[A-Za-z_][\w.:-]*)
    )""",
    re.VERBOSE,
)
_DEEPEST = 50
_DATES = {
    "created",
    "lastUpdated",
    "lastMembershipUpdated",
    "activated",
    "statusChanged",
    "lastLogin",
    "passwordChanged",
}


@dataclass(frozen=True, slots=True)
class Dialect:
    """What one parameter of one list understands.

    Attributes:
        properties: allowed properties; an entry that ends in a dot allows all that begin with it.
        contains: properties that ``co`` works on.
    """

    properties: frozenset[str]
    contains: frozenset[str] = frozenset()

    def allows(self, name: str) -> bool:
        """Whether the property may be used."""
        return name in self.properties or name[: name.find(".") + 1] in self.properties


GROUP_SEARCH = Dialect(
    frozenset({"id", "type", "created", "lastUpdated", "lastMembershipUpdated", "source.id", "profile."}),
    frozenset({"profile.name", "profile.description"}),
)
GROUP_FILTER = Dialect(frozenset({"id", "type", "lastUpdated", "lastMembershipUpdated"}))
USER_SEARCH = Dialect(
    frozenset({"id", "status", "created", "activated", "statusChanged", "lastUpdated", "type.id", "profile."}),
    frozenset({"profile.login", "profile.email", "profile.firstName", "profile.lastName"}),
)
USER_FILTER = Dialect(
    frozenset(
        {"id", "status", "lastUpdated", "profile.login", "profile.email", "profile.firstName", "profile.lastName"}
    )
)


def parse(expression: str, dialect: Dialect) -> Predicate:
    """Return the predicate that `expression` describes.

    Raises:
        OktaError: 400 E0000031, the expression is malformed or uses what the list does not support.
    """
    return _Parser(expression, dialect).whole()


def property_value(document: Document, path: str) -> Any:
    """Return the value at the dotted `path`, or None; ``source.id`` is read from the link to the source."""
    if path == "source.id":
        return document.get("source", {}).get("id")
    value: Any = document
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


class _Parser:
    """Recursive descent over the tokens of one expression."""

    def __init__(self, expression: str, dialect: Dialect) -> None:
        self._dialect = dialect
        self._tokens = list(_tokens(expression))
        self._next = 0
        self._depth = 0

    def whole(self) -> Predicate:
        predicate = self._disjunction()
        if self._next < len(self._tokens):
            raise invalid_search(f"Unexpected {self._tokens[self._next][1]!r}.")
        return predicate

    def _disjunction(self) -> Predicate:
        parts = [self._conjunction()]
        while self._accept_word("or"):
            parts.append(self._conjunction())
        return parts[0] if len(parts) == 1 else lambda document: any(part(document) for part in parts)

    def _conjunction(self) -> Predicate:
        parts = [self._term()]
        while self._accept_word("and"):
            parts.append(self._term())
        return parts[0] if len(parts) == 1 else lambda document: all(part(document) for part in parts)

    def _term(self) -> Predicate:
        kind, text = self._take()
        if (kind, text) == ("paren", "("):
            self._depth += 1
            if self._depth > _DEEPEST:
                raise invalid_search("Too many parentheses.")
            predicate = self._disjunction()
            self._depth -= 1
            if self._take() != ("paren", ")"):
                raise invalid_search("A parenthesis is not closed.")
            return predicate
        if kind != "word":
            raise invalid_search(f"A property was expected, not {text!r}.")
        return self._comparison(text)

    def _comparison(self, name: str) -> Predicate:
        if not self._dialect.allows(name):
            raise invalid_search(f"The property {name!r} is not supported.")
        kind, operator = self._take()
        operator = operator.casefold()
        if kind != "word" or operator not in _OPERATORS:
            raise invalid_search(f"The operator {operator!r} is not supported.")
        if operator == "pr":
            return lambda document: property_value(document, name) is not None
        if operator == "co" and name not in self._dialect.contains:
            raise invalid_search(f"The operator 'co' is not supported for {name!r}.")
        wanted = _comparable(name, self._literal())
        compare = _OPERATORS[operator]
        if operator in _TEXT_OPERATORS and not isinstance(wanted, str):
            raise invalid_search(f"The operator {operator!r} needs text.")

        def predicate(document: Document) -> bool:
            found = property_value(document, name)
            values = found if isinstance(found, list) else [found]
            return any(
                value is not None and type(value) is type(wanted) and compare(value, wanted)
                for value in (_comparable(name, each) for each in values)
            )

        return predicate

    def _literal(self) -> Any:
        kind, text = self._take()
        if kind in {"text", "number"} or text in {"true", "false"}:
            try:
                return json.loads(text)
            except ValueError:
                raise invalid_search(f"{text} is not a JSON value.") from None
        raise invalid_search(f"A value was expected, not {text!r}.")

    def _take(self) -> tuple[str, str]:
        if self._next == len(self._tokens):
            raise invalid_search("The expression ends too early.")
        self._next += 1
        return self._tokens[self._next - 1]

    def _accept_word(self, word: str) -> bool:
        if self._next < len(self._tokens):
            kind, text = self._tokens[self._next]
            if kind == "word" and text.casefold() == word:
                self._next += 1
                return True
        return False


def _tokens(expression: str) -> Iterable[tuple[str, str]]:
    position, end = 0, len(expression.rstrip())
    while position < end:
        match = _TOKEN.match(expression, position)
        if match is None or match.lastgroup is None:
            raise invalid_search(f"Not understood from position {position} on.")
        yield match.lastgroup, match.group(match.lastgroup)
        position = match.end()


def _comparable(name: str, value: Any) -> Any:
    """Return `value` in the form comparisons work on: folded text, numbers as floats, dates as dates."""
    if isinstance(value, str):
        if name in _DATES:
            try:
                moment = datetime.fromisoformat(value)
            except ValueError:
                raise invalid_search(f"{value!r} is not a date.") from None
            return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return value.casefold()
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            raise invalid_search("The number is too large.") from None
    return value


_TEXT_OPERATORS = {"sw", "co"}
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda found, wanted: bool(found == wanted),
    "ne": lambda found, wanted: bool(found != wanted),
    "sw": lambda found, wanted: found.startswith(wanted),
    "co": lambda found, wanted: wanted in found,
    "gt": lambda found, wanted: bool(found > wanted),
    "ge": lambda found, wanted: bool(found >= wanted),
    "lt": lambda found, wanted: bool(found < wanted),
    "le": lambda found, wanted: bool(found <= wanted),
    "pr": lambda found, _wanted: found is not None,
}
