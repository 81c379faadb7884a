"""What a sync would have to write: `diff(snapshot, settings) -> Plan`. Pure; does no input or output at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from okta_mi_provider.settings import OKTA_STATUSES, SyncSettings
from okta_mi_provider.sync.match import Pair, match
from okta_mi_provider.sync.model import (
    ADMINISTRATOR,
    Snapshot,
    Source,
    SourceGroup,
    SourceUser,
    TargetGroup,
    TargetUser,
)
from okta_mi_provider.sync.plan import Change, ChangeKind, Finding, Plan
from okta_mi_provider.sync.text import one_line, plural, quoted


def diff(snapshot: Snapshot, settings: SyncSettings) -> Plan:
    """Compares both sides of a sync.

    The plan is sorted: the same snapshot gives the same plan and digest, in whatever order it was read.
    """
    source, target = snapshot.source, snapshot.target
    name = settings.target_group or source.group.name
    group = target.group_named(name)
    inside, findings = _scope(source.users, settings)
    findings += _member_count(source)
    default_group = None if settings.skip_default_group else target.default_group

    changes: list[Change] = []
    unchanged = skipped = conflicts = 0
    if group is None and settings.auto_create == "none":
        findings = [_group_missing(name, snapshot)]
        skipped = len(source.users)
    else:
        if group is None:
            changes.append(Change(ChangeKind.CREATE_GROUP, name))
        if not inside:
            findings.append(_empty_source(snapshot))
        valid, invalid = _valid(inside, settings)
        matching = match(valid, target.users, settings.match_by, fold_usernames=target.username_casefold)
        findings += [*invalid, *matching.conflicts]
        conflicts = len(matching.conflicts)
        room = _Room(
            settings=settings,
            group=group or TargetGroup("", name),
            members=target.members.get(group.id, frozenset()) if group else frozenset(),
            default_group=default_group,
            default_members=target.members.get(default_group.id, frozenset()) if default_group else frozenset(),
        )
        for pair in matching.pairs:
            wanted = list(room.changes(pair))
            changes += wanted
            findings += room.notices(pair)
            kinds = {change.kind for change in wanted}
            unchanged += pair.target is not None and ChangeKind.UPDATE_USER not in kinds
        created = sum(change.kind is ChangeKind.CREATE_USER for change in changes)
        updated = sum(change.kind is ChangeKind.UPDATE_USER for change in changes)
        skipped = len(source.users) - conflicts - created - updated - unchanged

    order = {kind: rank for rank, kind in enumerate(ChangeKind)}
    return Plan(
        org=source.org,
        source_group=SourceGroup(source.group.id, source.group.name),
        host=target.host,
        target_group=group or TargetGroup("", name),
        default_group=default_group,
        changes=tuple(sorted(changes, key=lambda each: (order[each.kind], each.user or "", each.group))),
        findings=tuple(sorted(findings, key=lambda each: (each.cls, each.kind, each.user or "", each.message))),
        source_users=len(source.users),
        users_in_scope=len(inside),
        unchanged=unchanged,
        skipped=skipped,
        conflicts=conflicts,
    )


def in_scope(user: SourceUser, settings: SyncSettings) -> bool:
    """Whether a member of the Okta group has a status that is synced."""
    return user.status in settings.statuses


@dataclass(frozen=True, slots=True)
class _Room:
    """What the changes of a single user depend on."""

    settings: SyncSettings
    group: TargetGroup
    members: frozenset[str]
    default_group: TargetGroup | None
    default_members: frozenset[str]

    def changes(self, pair: Pair) -> Iterator[Change]:
        source, existing = pair
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
        if self.settings.force and default and default != self.group and existing.id not in self.default_members:
            yield Change(ChangeKind.ADD_MEMBER, default.name, source.id, wanted, wanted)

    def notices(self, pair: Pair) -> Iterator[Finding]:
        source, existing = pair
        if existing is None:
            if self.settings.auto_create == "groups":
                yield self._notice(
                    "not_created",
                    source,
                    "does not exist in MI and is not created: auto_create is 'groups'; 'all' creates users too.",
                )
            return
        if not existing.enabled:
            yield self._notice(
                "disabled_in_mi",
                source,
                "is disabled in MI and stays so. Enable the user there if that is not intended.",
            )
        if self._protected(existing):
            yield self._notice(
                "protected",
                source,
                f"is an administrator of MI and stays one, although force would set the type "
                f"{self.settings.user_type}. With protect_administrators: false it would.",
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
        retype = self.settings.force and not self._protected(existing)
        # A server may keep addresses in lower case: another spelling is no difference.
        email = existing.email if existing.email.casefold() == source.email.casefold() else source.email
        wanted = (email, source.first_name, source.last_name, self.settings.user_type if retype else existing.type)
        if wanted == (existing.email, existing.first_name, existing.last_name, existing.type):
            return existing
        return TargetUser(existing.id, existing.username, *wanted, existing.enabled)

    def _protected(self, existing: TargetUser) -> bool:
        demoted = self.settings.force and existing.type == ADMINISTRATOR != self.settings.user_type
        return demoted and self.settings.protect_administrators


def _scope(users: Iterable[SourceUser], settings: SyncSettings) -> tuple[list[SourceUser], list[Finding]]:
    """Parts the users with a status to sync from the others, with a finding for each of those."""
    inside: list[SourceUser] = []
    findings: list[Finding] = []
    for user in users:
        if in_scope(user, settings):
            inside.append(user)
        elif user.status in OKTA_STATUSES:
            findings.append(
                Finding(
                    "status",
                    f"{_who(user)} is {user.status} in Okta and is not synced.",
                    user.username or user.id,
                )
            )
        else:
            findings.append(
                Finding(
                    "unknown_status",
                    f"{_who(user)} has the status {quoted(user.status)} in Okta, which this version does not know. "
                    "The user is not synced.",
                    user.username or user.id,
                )
            )
    return inside, findings


def _valid(users: Iterable[SourceUser], settings: SyncSettings) -> tuple[list[SourceUser], list[Finding]]:
    """Parts the users that can be written to MI from those that lack what MI demands."""
    valid: list[SourceUser] = []
    findings: list[Finding] = []
    for user in users:
        lacking = [
            f"no {what} (Okta attribute {quoted(attribute)})"
            for what, attribute, value in (
                ("username", settings.username_attr, user.username),
                ("e-mail address", settings.email_attr, user.email),
            )
            if not value
        ]
        if lacking:
            message = f"{_who(user)} has {' and '.join(lacking)} that is a text, and is not synced."
            findings.append(Finding("invalid", f"{message} Complete the profile in Okta.", user.username or user.id))
        else:
            valid.append(user)
    return valid, findings


def _who(user: SourceUser) -> str:
    return f"{quoted(user.username)} ({one_line(user.id)})" if user.username else f"User {one_line(user.id)}"


def _group_missing(name: str, snapshot: Snapshot) -> Finding:
    near = [group.name for group in snapshot.target.groups if group.name.casefold() == name.casefold()]
    hint = f" (there is {quoted(near[0])}; names are compared exactly)" if near else ""
    return Finding(
        "group_missing",
        f"MI has no group {quoted(name)}{hint}; nothing was synced for {plural(len(snapshot.source.users), 'user')}. "
        "Create it in MI, or have it created: auto_create 'groups' or 'all'.",
    )


def _member_count(source: Source) -> Iterator[Finding]:
    """Wonders about a list that is far from as long as Okta says the group is.

    No error: Okta does not document what it counts, and counts late.
    """
    said, listed = source.group.user_count, len(source.users)
    if said is not None and abs(said - listed) > max(5, said // 10):
        yield Finding(
            "member_count",
            f"Okta lists {plural(listed, 'member')} of {quoted(source.group.name)}, but counts {said:,}. The count may "
            "be late; if it stays so, compare with the group in Okta's admin console.",
        )


def _empty_source(snapshot: Snapshot) -> Finding:
    members = len(snapshot.source.users)
    what = f"has no user to sync among its {plural(members, 'member')}" if members else "has no members"
    return Finding("empty_source", f"Okta group {quoted(snapshot.source.group.name)} {what}; no user is written.")
