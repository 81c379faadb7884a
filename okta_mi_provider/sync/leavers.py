"""Who loses access: members who have left the Okta group, and users whom Okta has deactivated. Pure.

Nobody is removed for being absent from a list that could be less than everybody: a snapshot is complete, or there is
none. Administrators are spared while they are protected, and the Default Group always is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import NamedTuple

from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.sync.model import ADMINISTRATOR, SourceUser, Target, TargetGroup, TargetUser
from okta_mi_provider.sync.people import people, username_fold
from okta_mi_provider.sync.plan import LEFT, Change, ChangeKind, Finding
from okta_mi_provider.sync.scope import in_scope
from okta_mi_provider.sync.snapshot import Snapshot
from okta_mi_provider.sync.text import quoted

_DEACTIVATED = "DEPROVISIONED"


class Losses(NamedTuple):
    """Who loses access, and what is worth saying of those who do not."""

    changes: list[Change]
    findings: list[Finding]


def leavers(snapshot: Snapshot, group: TargetGroup, settings: SyncSettings, matched: Collection[str]) -> Losses:
    """Members of the MI group who are to be removed from it, as `prune` says.

    Whoever could be somebody that Okta lists, whatever the status there, has not left.

    Args:
        snapshot: Both sides, and what is remembered.
        group: The MI group.
        settings: How to sync.
        matched: MI ids of everybody who was found to be somebody of the Okta group.
    """
    changes: list[Change] = []
    findings: list[Finding] = []
    target = snapshot.target
    if settings.prune == "off":
        return Losses(changes, findings)
    if target.default_group and target.default_group.id == group.id:
        return Losses(changes, [_default_group_spared(group)])
    members = target.members.get(group.id, frozenset())
    made = {each.user_id: each.source_id for each in snapshot.memory.made}
    candidates = members if settings.prune == "all" else members & made.keys()
    listed = _Listed(snapshot, matched)
    for user in people(target).with_ids(candidates):
        if listed.has(user, only_certainly=user.id in made):
            continue
        if _protected(user, settings):
            findings.append(
                Finding(
                    "protected",
                    f"{quoted(user.username)} has left the Okta group, but is an administrator of MI and stays in "
                    f"{quoted(group.name)}. With protect_administrators: false the user would be removed.",
                    user.username,
                )
            )
        else:
            changes.append(Change(ChangeKind.REMOVE_MEMBER, group.name, made.get(user.id), user, user))
    return Losses(changes, findings)


def deactivated(snapshot: Snapshot, group: TargetGroup, settings: SyncSettings, matched: Collection[str]) -> Losses:
    """Users to be disabled in MI because Okta has deactivated them, as `deprovision` says. See `leavers`."""
    changes: list[Change] = []
    findings: list[Finding] = []
    if settings.deprovision == "keep":
        return Losses(changes, findings)
    gone = [each for each in snapshot.source.users if each.status == _DEACTIVATED and not in_scope(each, settings)]
    if not gone:
        return Losses(changes, findings)
    links = snapshot.memory.links
    accounts = _Accounts(snapshot.target, gone, links)
    owners = {**snapshot.memory.former, **{user_id: source_id for source_id, user_id in links.items()}}
    fold = accounts.fold
    taken = {fold(person.username) for person in snapshot.source.users if in_scope(person, settings)}
    seen: set[str] = set()
    for person in sorted(gone, key=attrgetter("id")):
        user = accounts.of(person)
        # Somebody else of the group, who is active, may have the account now, or be in conflict about it.
        if user is None or not user.enabled or user.id in matched or fold(user.username) in taken:
            continue
        # A login can have been somebody else's: the account of a person who has another one now is not this one's.
        if owners.get(user.id, person.id) != person.id:
            continue
        # Two of the deactivated can have one username: whichever of them it is, the account is disabled, and once.
        if user.id in seen:
            continue
        seen.add(user.id)
        if snapshot.target.acts_as(user):
            findings.append(
                Finding(
                    "own_account",
                    f"{quoted(user.username)} is deactivated in Okta, but is the account that this sync acts for in "
                    "MI, and stays enabled: nothing could be synced any more. Have it act for another administrator, "
                    "then the user is disabled.",
                    user.username,
                )
            )
        elif _protected(user, settings):
            findings.append(
                Finding(
                    "protected",
                    f"{quoted(user.username)} is deactivated in Okta, but is an administrator of MI and stays enabled. "
                    "With protect_administrators: false the user would be disabled.",
                    user.username,
                )
            )
        else:
            changes.append(Change(ChangeKind.DISABLE_USER, group.name, person.id, user, replace(user, enabled=False)))
    return Losses(changes, findings)


def added_by_hand(
    snapshot: Snapshot, group: TargetGroup, removed: Collection[str], matched: Collection[str]
) -> list[Finding]:
    """Members of the MI group whom nobody of the Okta group and no sync accounts for, and those whom somebody took out.

    Args:
        snapshot: Both sides, and what is remembered.
        group: The MI group, which exists.
        removed: MI ids of the members who would be removed.
        matched: MI ids of everybody who was found to be somebody of the Okta group.
    """
    members = snapshot.target.members.get(group.id, frozenset())
    listed = _Listed(snapshot, matched)
    made = {each.user_id for each in snapshot.memory.made}
    in_group = f"a member of MI group {quoted(group.name)}"
    found = [
        Finding("added_by_hand", f"{quoted(user.username)} is {in_group}, but not of the Okta group.", user.username)
        for user in people(snapshot.target).with_ids(members - made - set(removed))
        if not listed.has(user, only_certainly=False)
    ]
    found += [
        Finding("removed_by_hand", f"{quoted(each.username)} was {in_group}, and was taken out of it.", each.username)
        for each in snapshot.memory.made
        if each.user_id not in members
    ]
    return found


def left_and_staying(snapshot: Snapshot, group: TargetGroup, matched: Collection[str]) -> list[Finding]:
    """Members of our making who have left the Okta group, for where `prune` is off.

    Args:
        snapshot: Both sides, and what is remembered.
        group: The MI group, which exists.
        matched: MI ids of everybody who was found to be somebody of the Okta group.
    """
    members = snapshot.target.members.get(group.id, frozenset())
    made = {each.user_id for each in snapshot.memory.made}
    listed = _Listed(snapshot, matched)
    return [
        Finding(
            LEFT,
            f"{quoted(user.username)} has left the Okta group, and stays in MI group {quoted(group.name)}: prune is "
            "off.",
            user.username,
        )
        for user in people(snapshot.target).with_ids(members & made)
        if not listed.has(user, only_certainly=True)
    ]


class _Listed:
    """Which MI users are, or could be, somebody whom Okta lists in the group, whatever the status there."""

    def __init__(self, snapshot: Snapshot, matched: Collection[str]) -> None:
        self._fold = username_fold(casefold=snapshot.target.username_casefold)
        self._ids = {*matched, *snapshot.memory.links.values()}
        self._names = {self._fold(user.username) for user in snapshot.source.users if user.username}
        self._emails = {user.email.casefold() for user in snapshot.source.users if user.email}

    def has(self, user: TargetUser, *, only_certainly: bool) -> bool:
        """Whether somebody has this username or is known to be this user; or has the address, if a doubt is enough."""
        if user.id in self._ids or self._fold(user.username) in self._names:
            return True
        return not only_certainly and user.email.casefold() in self._emails


class _Accounts:
    """The MI users of some people, by what tells which one somebody is."""

    def __init__(self, target: Target, persons: Sequence[SourceUser], links: Mapping[str, str]) -> None:
        everybody = people(target)
        self.fold = everybody.fold
        self._links = links
        ids = {links[person.id] for person in persons if person.id in links}
        self._linked = {user.id: user for user in everybody.with_ids(ids)}
        self._having = everybody.by_username({self.fold(person.username) for person in persons})

    def of(self, person: SourceUser) -> TargetUser | None:
        """The MI user who is linked with somebody, or the only one of that username."""
        if (linked_id := self._links.get(person.id)) is not None:
            return self._linked.get(linked_id)
        found = self._having(person.username)
        return found[0] if len(found) == 1 else None


def _protected(user: TargetUser, settings: SyncSettings) -> bool:
    return settings.protect_administrators and user.type == ADMINISTRATOR


def _default_group_spared(group: TargetGroup) -> Finding:
    return Finding(
        "default_group",
        f"{quoted(group.name)} is the Default Group of MI: nobody is removed from it, whatever prune says.",
    )
