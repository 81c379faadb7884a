"""A part of a long list, and the way to its other parts. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list.

    Attributes:
        asked: The number of the page that was asked for, from 1; one too high is the last one.
        size: How many rows a page has.
        total: How many rows there are.
    """

    asked: int
    size: int
    total: int

    @property
    def last(self) -> int:
        """Number of the last page."""
        return max(1, -(-self.total // self.size))

    @property
    def number(self) -> int:
        """Number of this page."""
        return min(max(1, self.asked), self.last)

    @property
    def offset(self) -> int:
        """How many rows are before it."""
        return (self.number - 1) * self.size

    @property
    def first_row(self) -> int:
        """Number of its first row, from 1; 0 if there is none."""
        return self.offset + 1 if self.total else 0

    @property
    def last_row(self) -> int:
        """Number of its last row."""
        return min(self.offset + self.size, self.total)
