"""Parts of a plan, each written by a task of its own. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import pairwise, takewhile
from typing import Any, NamedTuple, Self

from okta_mi_provider.sync.plan import REMOVALS, Change, ChangeKind, Plan

#: How many changes of users a task writes, unless the groups file says otherwise.
CHUNK_SIZE = 1_000


class Chunk(NamedTuple):
    """Consecutive changes of users, by their places among all changes of users of a plan. Says nothing of anybody.

    Attributes:
        start: Place of the first one, counted from 0.
        end: Place after the last one.
        total: How many there are in the whole plan.
    """

    start: int
    end: int
    total: int

    @classmethod
    def whole(cls, plan: Plan) -> Self:
        """All of them at once."""
        total = len(plan.changes) - _groups(plan)
        return cls(0, total, total)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """A chunk as `to_json` gave it."""
        return cls(data["start"], data["end"], data["total"])

    def to_json(self) -> dict[str, int]:
        """As a task hands it to others."""
        return self._asdict()

    @property
    def title(self) -> str:
        """For people, who count from 1."""
        return f"{self.start + 1:,} to {self.end:,} of {self.total:,}"

    def positions(self, plan: Plan) -> range:
        """Its places among all changes of the plan that it was made from.

        Raises:
            ValueError: If it was made from another plan.
        """
        if Chunk.whole(plan).total != self.total:
            raise ValueError(f"changes {self.title} are not those of a plan with {len(plan.changes):,} changes")
        groups = _groups(plan)
        return range(groups + self.start, groups + self.end)

    def of(self, plan: Plan) -> Sequence[Change]:
        """Its changes.

        Raises:
            ValueError: If it was made from another plan.
        """
        positions = self.positions(plan)
        return plan.changes[positions.start : positions.stop]


def chunks(plan: Plan, size: int, most: int) -> list[Chunk]:
    """Parts a plan. None if it has no changes of users; and with several, each one either gives access or takes it.

    Args:
        plan: What to part.
        size: How many changes belong into each.
        most: How many parts there may be; with more, each gets larger.
    """
    total = len(plan.changes) - _groups(plan)
    if total <= size or most < 3:
        return [Chunk(0, total, total)] if total else []
    # One more than there would be, where giving ends and taking begins.
    size = max(size, -(-total // (most - 1)))
    taking = first_removal(plan) - _groups(plan)
    bounds = [*range(0, taking, size), *range(taking, total, size), total]
    return [Chunk(start, end, total) for start, end in pairwise(bounds)]


def first_removal(plan: Plan) -> int:
    """The place among all changes of the plan from which on access is taken away; its end if none is."""
    return bisect_left(plan.changes, True, key=lambda change: change.kind in REMOVALS)


def _groups(plan: Plan) -> int:
    """How many changes are about groups. They come first."""
    return sum(1 for _ in takewhile(lambda change: change.kind is ChangeKind.CREATE_GROUP, plan.changes))
