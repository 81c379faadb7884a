"""What a diff gathers while it compares, before it becomes a plan."""

from __future__ import annotations

from dataclasses import dataclass, field

from okta_mi_provider.sync.memory import Link
from okta_mi_provider.sync.plan import Change, ChangeKind, Finding


@dataclass(slots=True)
class Comparison:
    """Changes and findings, in no order, and who has which situation.

    Attributes:
        source_users: How many members Okta lists.
        users_in_scope: How many of them have a status to sync.
        unchanged: Okta ids, each once, of those whose record in MI is as it shall be.
        conflicts: Okta ids of those for whom a person has to decide.
        matched: Users whose counterpart has become known.
    """

    source_users: int
    users_in_scope: int
    changes: list[Change] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    conflicts: set[str] = field(default_factory=set)
    matched: list[Link] = field(default_factory=list)

    def count(self, kind: ChangeKind) -> int:
        """How many changes there are of a kind."""
        return sum(change.kind is kind for change in self.changes)

    @property
    def skipped(self) -> int:
        """How many members are left alone."""
        written = self.count(ChangeKind.CREATE_USER) + self.count(ChangeKind.UPDATE_USER)
        return self.source_users - len(self.conflicts) - written - len(self.unchanged)
