"""Long lists, in pieces that fit into one statement, whatever the database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

#: How many ids fit into one statement.
MOST_IDS = 500

_Item = TypeVar("_Item")


def batches(items: Sequence[_Item], most: int | None = None) -> Iterator[Sequence[_Item]]:
    """The items, in their order.

    Args:
        items: All of them.
        most: How many to a piece; None for as many as ids fit into one statement.
    """
    size = most or MOST_IDS
    for start in range(0, len(items), size):
        yield items[start : start + size]
