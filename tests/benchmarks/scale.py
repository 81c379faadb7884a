"""How much is measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured.

    Attributes:
        quick: With a tenth of the users, to see whether it works.
        big: Also what takes many minutes and gigabytes.
        others: Also other people's software.
    """

    quick: bool = False
    big: bool = False
    others: bool = False

    def users(self, number: int) -> int:
        """So many users, or fewer."""
        return number // 10 if self.quick else number
