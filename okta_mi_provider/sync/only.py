"""The sync of one user: what of everything that a diff finds is about that person. Pure."""

from __future__ import annotations

from dataclasses import replace

from okta_mi_provider.sync.comparison import Comparison
from okta_mi_provider.sync.plan import Change, ChangeKind, Finding, FindingClass
from okta_mi_provider.sync.snapshot import Snapshot
from okta_mi_provider.sync.text import quoted


class Only:
    """One person, named by a login, an e-mail address, an Okta id, or a username of MI; capitals do not count.

    Args:
        who: The name.
        snapshot: Both sides, where the person is looked for.
    """

    def __init__(self, who: str, snapshot: Snapshot) -> None:
        self._who = who
        key = who.strip().casefold()
        #: Who it is among the members of the Okta group.
        self.listed = tuple(
            user
            for user in snapshot.source.users
            if user.id == who.strip() or key in {user.username.casefold(), user.email.casefold()}
        )
        fold = str.casefold if snapshot.target.username_casefold else str
        linked = {snapshot.memory.links.get(user.id) for user in self.listed}
        names = {fold(user.username) for user in self.listed if user.username}
        #: Who it is, or could be, in MI.
        self.accounts = tuple(
            user
            for user in snapshot.target.users
            if fold(user.username) in names
            or key in {user.username.casefold(), user.email.casefold()}
            or user.id in linked
        )
        self._source_ids = {user.id for user in self.listed}
        self._account_ids = {user.id for user in self.accounts}
        self._others = {user.id for user in snapshot.source.users} - self._source_ids
        self._names = {user.username for user in self.listed} | {user.username for user in self.accounts}
        self._scope = snapshot

    @property
    def is_known(self) -> bool:
        """Whether there is such a person on either side."""
        return bool(self.listed or self.accounts)

    def of(self, found: Comparison) -> Comparison:
        """What a comparison has found about that person, and about the group as far as it matters for it."""
        changes = [change for change in found.changes if self._is_meant(change)]
        if changes:
            changes += [change for change in found.changes if change.kind is ChangeKind.CREATE_GROUP]
        known = self._source_ids | self._names
        findings = [each for each in found.findings if each.user is None or each.user in known]
        if not self.is_known:
            findings.append(self._unknown())
        return replace(
            found,
            source_users=len(self.listed),
            changes=changes,
            findings=findings,
            unchanged=[each for each in found.unchanged if each in self._source_ids],
            conflicts=found.conflicts & self._source_ids,
            matched=[link for link in found.matched if link.source_id in self._source_ids],
        )

    def _is_meant(self, change: Change) -> bool:
        """Whether a change is about that person. An account that somebody else of the Okta group has is not."""
        if change.after is None or change.source_id in self._others:
            return False
        return change.source_id in self._source_ids or change.after.id in self._account_ids

    def _unknown(self) -> Finding:
        name = quoted(self._scope.source.name)
        return Finding(
            "unknown_user",
            f"Neither Okta group {name} nor MI has a user {quoted(self._who)}. Give a login, an e-mail address or an "
            "Okta id.",
            self._who,
            FindingClass.CONFLICT,
        )
