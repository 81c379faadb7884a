"""What a sync would change of a single user, and what is worth saying of one. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.sync.match import Pair
from okta_mi_provider.sync.model import ADMINISTRATOR, SourceUser, TargetGroup, TargetUser
from okta_mi_provider.sync.plan import Change, ChangeKind, Finding
from okta_mi_provider.sync.snapshot import Snapshot
from okta_mi_provider.sync.text import one_line, quoted


@dataclass(frozen=True, slots=True)
class UserChanges:
    """What the changes of a single user depend on, whoever it is."""

    settings: SyncSettings
    group: TargetGroup
    members: frozenset[str]
    default_group: TargetGroup | None
    default_members: frozenset[str]
    snapshot: Snapshot

    def changes(self, pair: Pair) -> Iterator[Change]:
        """What would be written for the two to be the same."""
        source, existing = pair.source, pair.target
        if existing is None:
            if self.settings.auto_create != "groups":
                yield Change(ChangeKind.CREATE_USER, self.group.name, source.id, after=self._new(source))
            return
        wanted = self._wanted(source, existing)
        if wanted is not existing:
            yield Change(ChangeKind.UPDATE_USER, self.group.name, source.id, existing, wanted)
        if existing.id not in self.members:
            yield Change(ChangeKind.ADD_MEMBER, self.group.name, source.id, wanted, wanted)
        default = self.default_group
        into_default = self.settings.force or existing.id in self.snapshot.memory.half_made
        if into_default and default and default != self.group and existing.id not in self.default_members:
            yield Change(ChangeKind.ADD_MEMBER, default.name, source.id, wanted, wanted)

    def notices(self, pair: Pair) -> Iterator[Finding]:
        """What is worth saying, and is not written."""
        source, existing = pair.source, pair.target
        if existing is None:
            if self.settings.auto_create == "groups":
                yield self._notice(
                    "not_created",
                    source,
                    "does not exist in MI and is not created: auto_create is 'groups'; 'all' creates users too.",
                )
            return
        memory = self.snapshot.memory
        if pair.by == "link" and not self._matched_by_email(source, existing):
            yield self._notice(
                "renamed",
                source,
                f"is the new login in Okta of {quoted(existing.username)}, who keeps that username in MI.",
            )
        if other := memory.former.get(existing.id):
            yield self._notice(
                "relinked",
                source,
                f"has in MI the account, and the e-mail address, that were those of the Okta user {one_line(other)}.",
            )
        yield from self._changed_by_hand(source, existing)
        if not existing.enabled:
            by_us = ", since a sync found the user deactivated in Okta," if existing.id in memory.disabled else ""
            yield self._notice(
                "disabled_in_mi",
                source,
                f"is disabled in MI{by_us} and stays so. Enable the user there if that is not intended.",
            )
        if self._retyped(existing) and self.snapshot.target.acts_as(existing):
            yield self._notice(
                "own_account",
                source,
                f"is the account that this sync acts for in MI, and stays {one_line(existing.type)}, although force "
                f"would set the type {self.settings.user_type}: nothing could be synced any more.",
            )
        elif self._protected(existing):
            yield self._notice(
                "protected",
                source,
                f"is an administrator of MI and stays one, although force would set the type "
                f"{self.settings.user_type}. With protect_administrators: false it would.",
            )

    def _matched_by_email(self, source: SourceUser, existing: TargetUser) -> bool:
        """Whether the address would find the user without the link too, whose username then tells nothing."""
        return "email" in self.settings.match_by and source.email.casefold() == existing.email.casefold()

    def _changed_by_hand(self, source: SourceUser, existing: TargetUser) -> Iterator[Finding]:
        """What is neither what a sync has written last, nor what Okta says now."""
        if not (all_written := self.snapshot.memory.written.get(existing.id)):
            return
        wanted = self._wanted(source, existing)
        for name, written in all_written.items():
            now = getattr(existing, name, written)
            if now not in {written, getattr(wanted, name, now)}:
                yield self._notice(
                    "changed_by_hand",
                    source,
                    f"has the {name} {quoted(now)} in MI, where a sync has written {quoted(written)}.",
                )

    def _notice(self, kind: str, source: SourceUser, message: str) -> Finding:
        return Finding(kind, f"{quoted(source.username)} {message}", source.username)

    def _new(self, source: SourceUser) -> TargetUser:
        return TargetUser(
            id="",
            username=source.username,
            email=source.email,
            first_name=source.first_name,
            last_name=source.last_name,
            type=self.settings.user_type,
        )

    def _wanted(self, source: SourceUser, existing: TargetUser) -> TargetUser:
        email, kind = source.email, existing.type
        # A server may keep addresses in lower case: another spelling is no difference.
        if email != existing.email and email.casefold() == existing.email.casefold():
            email = existing.email
        if self._retyped(existing) and not (self._protected(existing) or self.snapshot.target.acts_as(existing)):
            kind = self.settings.user_type
        wanted = (email, source.first_name, source.last_name, kind)
        if wanted == (existing.email, existing.first_name, existing.last_name, existing.type):
            return existing
        return TargetUser(existing.id, existing.username, *wanted, existing.enabled)

    def _retyped(self, existing: TargetUser) -> bool:
        """Whether force would set another type."""
        return self.settings.force and existing.type != self.settings.user_type

    def _protected(self, existing: TargetUser) -> bool:
        demoted = self._retyped(existing) and existing.type == ADMINISTRATOR
        return demoted and self.settings.protect_administrators
