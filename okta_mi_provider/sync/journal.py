"""What keeps account of syncs: who did what, and which memberships are of our making."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Protocol

from okta_mi_provider.sync.memory import Memory

if TYPE_CHECKING:
    from okta_mi_provider.sync.model import Source, Target, TargetGroup
    from okta_mi_provider.sync.outcome import Outcome
    from okta_mi_provider.sync.plan import Change, ChangeKey, Plan
    from okta_mi_provider.sync.report import Report


class Announcements(Protocol):
    """Hears of changes before they are sent, so that after a crash only those that were announced are in doubt."""

    def begin(self, changes: Sequence[Change]) -> Collection[ChangeKey]:
        """Notes that these are about to be sent: from now on their fate is in doubt.

        Returns:
            The keys of those that another try has settled meanwhile. They need not be sent.

        Raises:
            SyncError: If it cannot be noted. None of them is sent then.
        """

    def withdraw(self, changes: Sequence[Change]) -> None:
        """Notes that these have begun, but were not sent, and will not be. Never raises: they stay in doubt then."""


class Journal(Announcements, Protocol):
    """Keeps account of one sync, and knows what earlier ones have done.

    Every other method raises a `SyncError` when it cannot do its part: a sync of which no account can be kept does not
    write.
    """

    def recall(self, source: Source, target: Target, group: TargetGroup | None) -> Memory:
        """What is remembered that matters here. First finds out what became of writes that a crash left in doubt.

        Args:
            source: Okta as it was read.
            target: MI as it was read.
            group: The target group; None if it does not exist.
        """

    def planned(self, plan: Plan) -> None:
        """Notes every change of a plan that is going to be written. Doing it twice does no harm."""

    def note(self, outcome: Outcome) -> None:
        """Notes what became of a change."""

    def close(self, report: Report) -> None:
        """Notes how the sync ended."""


class NoJournal:
    """Keeps nothing, and remembers nothing: no membership is of our making then, and nobody is removed for it."""

    def recall(self, source: Source, target: Target, group: TargetGroup | None) -> Memory:  # noqa: ARG002
        """Nothing."""
        return Memory(unlinked=frozenset(user.id for user in source.users))

    def planned(self, plan: Plan) -> None:
        """Nothing is noted."""

    def begin(self, changes: Sequence[Change]) -> Collection[ChangeKey]:  # noqa: ARG002
        """Nothing is noted."""
        return ()

    def withdraw(self, changes: Sequence[Change]) -> None:
        """Nothing is noted."""

    def note(self, outcome: Outcome) -> None:
        """Nothing is noted."""

    def close(self, report: Report) -> None:
        """Nothing is noted."""
