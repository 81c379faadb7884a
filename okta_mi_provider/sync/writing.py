"""Writes a whole plan, and reads MI again whenever that has taken longer than a reading is good for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from okta_mi_provider.sync.apply import apply
from okta_mi_provider.sync.approval import MI_VALID_FOR
from okta_mi_provider.sync.errors import SyncError
from okta_mi_provider.sync.journal import Announcements
from okta_mi_provider.sync.meanwhile import left_alone, overtaken, raise_if_renamed
from okta_mi_provider.sync.model import Target
from okta_mi_provider.sync.outcome import Outcome
from okta_mi_provider.sync.people import Register
from okta_mi_provider.sync.plan import Change, ChangeKey, ChangeKind, Plan
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
    looking = _Looking(plan, journal, read, read_at, now)
    try:
        for outcome in apply(plan, writer, concurrency, journal=looking, stopped=stopped):
            if outcome.change.kind is ChangeKind.CREATE_GROUP:
                looking.made = outcome.target_id
            yield outcome
            yield from looking.given_up()
    except SyncError:
        yield from looking.given_up()
        raise
    yield from looking.given_up()


class _Looking:
    """Announces changes after a look at MI, if the last one was long ago.

    Attributes:
        made: Id of the plan's group, where that was created.
    """

    def __init__(
        self,
        plan: Plan,
        journal: Announcements,
        read: Callable[[], Target],
        read_at: datetime | None,
        now: Callable[[], datetime],
    ) -> None:
        self.made: str | None = None
        self._plan = plan
        self._journal = journal
        self._read, self._read_at, self._now = read, read_at, now
        self._seen: Target | None = None
        self._given_up: list[Outcome] = []

    def begin(self, changes: Sequence[Change]) -> Collection[ChangeKey]:
        """See `Announcements`. What was overtaken is not announced, and not sent."""
        if self._is_old():
            directory = self._read()
            raise_if_renamed(self._plan, directory, "A new run begins with what MI has now.", made=self.made)
            # Looked into for every batch, and indexed once.
            self._seen, self._read_at = replace(directory, users=Register(directory.users)), directory.read_at
        places = frozenset(overtaken(enumerate(changes), self._seen)) if self._seen else frozenset[int]()
        self._given_up += [left_alone(changes[place]) for place in sorted(places)]
        settled = self._journal.begin([change for place, change in enumerate(changes) if place not in places])
        return {*settled, *(changes[place].key for place in places)}

    def withdraw(self, changes: Sequence[Change]) -> None:
        """See `Announcements`."""
        self._journal.withdraw(changes)

    def given_up(self) -> Iterator[Outcome]:
        """What was overtaken, each once."""
        while self._given_up:
            yield self._given_up.pop(0)

    def _is_old(self) -> bool:
        # A clock that was put back makes nothing younger.
        return self._read_at is not None and abs(self._now() - self._read_at) > MI_VALID_FOR
