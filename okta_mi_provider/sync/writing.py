"""Writes a whole plan in one process, and reads MI again whenever that has taken longer than a reading is good for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from okta_mi_provider.sync.apply import apply
from okta_mi_provider.sync.approval import MI_VALID_FOR
from okta_mi_provider.sync.journal import Announcements
from okta_mi_provider.sync.meanwhile import left_alone, overtaken, raise_if_renamed
from okta_mi_provider.sync.model import Target, TargetGroup
from okta_mi_provider.sync.outcome import Outcome
from okta_mi_provider.sync.plan import ChangeKey, ChangeKind, Plan
from okta_mi_provider.sync.writer import TargetWriter


def write(
    plan: Plan,
    writer: TargetWriter,
    read: Callable[[], Target],
    concurrency: int,
    *,
    journal: Announcements,
    stopped: Callable[[], bool],
    read_at: datetime | None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Iterator[Outcome]:
    """Yields an outcome for each change that was tried, and for those that others have overtaken since the reading.

    Args:
        plan: What to write.
        writer: Whom to tell.
        read: Reads MI again: its users and groups.
        concurrency: Most writes in flight, at least 1.
        journal: As for `upsert_users`.
        stopped: As for `upsert_users`.
        read_at: When MI was read; None if that is not known, and never to read it again.
        now: The clock.

    Raises:
        SyncError: After the outcomes, when the rest cannot succeed or was not worth trying, MI cannot be read again, or
            a group of the plan is another one by now.
    """
    tried: set[ChangeKey] = set()

    def is_old() -> bool:
        # A clock that was put back makes nothing younger.
        return read_at is not None and abs(now() - read_at) > MI_VALID_FOR

    while True:
        for outcome in apply(plan, writer, concurrency, journal=journal, stopped=lambda: stopped() or is_old()):
            tried.add(outcome.change.key)
            if outcome.change.kind is ChangeKind.CREATE_GROUP and outcome.target_id:
                plan = replace(plan, target_group=TargetGroup(outcome.target_id, outcome.change.group))
            yield outcome
        left = tuple(change for change in plan.changes if change.key not in tried)
        if not left or stopped() or not is_old():
            return
        directory = read()
        raise_if_renamed(plan, directory, "A new run begins with what MI has now.")
        read_at = directory.read_at
        places = frozenset(overtaken(enumerate(left), directory))
        for place in sorted(places):
            yield left_alone(left[place])
        plan = replace(plan, changes=tuple(change for place, change in enumerate(left) if place not in places))
