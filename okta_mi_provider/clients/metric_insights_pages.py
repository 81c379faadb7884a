"""Complete lists, from a server that answers them at once or in parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from okta_mi_provider.clients.errors import BadAnswer, Call
from okta_mi_provider.clients.metric_insights_wire import id_of

#: How many rows are asked for at a time. Servers may give fewer.
PAGE_SIZE = 1000
#: After so many parts a list is believed to have no end.
_MOST_PAGES = 10_000

_IN_PARTS = "Set 'list_paging' of the connection to 'offset', so that it is asked for part after part."
_NOT_IN_PARTS = (
    "'list_paging' of the connection is 'offset', but this server takes no notice of ?limit= and ?offset=. Let MI give "
    "whole lists, and set it to 'none'."
)


class Page(NamedTuple):
    """A list, or a part of one.

    Attributes:
        announced: How many rows the whole list has; 0 if the server does not say.
    """

    call: Call
    announced: int
    rows: list[Mapping[str, Any]]


def whole_list(
    ask: Callable[[Mapping[str, str]], Page], what: str, *, in_pages: bool
) -> list[tuple[Call, Mapping[str, Any]]]:
    """All rows of a list, each once.

    Args:
        ask: Sends one request, with more in its query.
        what: What the rows are, for messages.
        in_pages: Ask for part after part. A part may be shorter than asked for, and what is announced may be about the
            part: only one that brings nothing new is the end.

    Raises:
        BadAnswer: If the server announces more rows than it gives: whoever is not in a list does not exist.
    """
    if not in_pages:
        page = ask({})
        _check(page, page.announced, len(page.rows), what, _IN_PARTS)
        return [(page.call, row) for row in page.rows]
    found: dict[str, tuple[Call, Mapping[str, Any]]] = {}
    announced = 0
    for _ in range(_MOST_PAGES):
        known = len(found)
        page = ask({"limit": str(PAGE_SIZE), "offset": str(known)})
        announced = max(announced, page.announced)
        found.update((id_of(row, "id", page.call), (page.call, row)) for row in page.rows)
        if len(found) == known:
            _check(page, announced, known, what, _NOT_IN_PARTS)
            return list(found.values())
    raise BadAnswer(page.call, f"its list of {what} has no end", _NOT_IN_PARTS)


def _check(page: Page, announced: int, rows: int, what: str, hint: str) -> None:
    if announced > rows:
        raise BadAnswer(page.call, f"it lists {rows} of {announced} {what}, and a part is not enough", hint)
