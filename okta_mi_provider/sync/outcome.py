"""What became of the changes of a plan. Plain values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from okta_mi_provider.sync.plan import Change


class Status(StrEnum):
    """What became of a change."""

    PLANNED = "planned"
    """Not tried."""
    BEGUN = "begun"
    """Announced, and perhaps sent; what became of it is not known."""
    DONE = "done"
    ALREADY = "already"
    """Somebody else had done it; a read has proved it."""
    FAILED = "failed"


#: What need not be tried again.
SETTLED = frozenset({Status.DONE, Status.ALREADY})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one change.

    Attributes:
        passing: The failure may be gone when the change is tried again.
        target_id: MI id of the group or user, where the write went well.
        joined: The user has become a member of the group. Also somebody whom another sync created first can be
            made one by this.
        left: The user is no member of the group any more because of it.
        unlike: What is in MI is not in everything what the change says; known only to who has tried it.
    """

    change: Change
    status: Status
    error: str | None = None
    passing: bool = False
    target_id: str | None = None
    joined: bool = False
    left: bool = False
    unlike: bool = False
