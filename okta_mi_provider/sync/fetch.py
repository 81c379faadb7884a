"""Reads both sides of a sync, at the same time, through whoever can read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from okta_mi_provider.garbage import nothing_collected
from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.sync.errors import SyncError, about
from okta_mi_provider.sync.model import (
    Source,
    SourceGroup,
    SourceUser,
    Target,
    TargetGroup,
    TargetUser,
)
from okta_mi_provider.sync.snapshot import Snapshot
from okta_mi_provider.sync.text import one_line, quoted
from okta_mi_provider.sync.wakeful import beside


class Attributes(NamedTuple):
    """Which Okta profile attributes make up a user.

    Attributes:
        groups: That which names the user's MI groups; None if none does.
    """

    username: str
    email: str
    first_name: str
    last_name: str
    groups: str | None = None

    @classmethod
    def of(cls, settings: SyncSettings) -> Attributes:
        """The attributes that the settings name."""
        return cls(
            settings.username_attr,
            settings.email_attr,
            settings.first_name_attr,
            settings.last_name_attr,
            settings.map_attr_to_group,
        )


@dataclass(frozen=True, slots=True)
class GroupSelector:
    """How a group of Okta is named: by its exact name, or by its id."""

    name: str | None = None
    id: str | None = None

    def __str__(self) -> str:
        return self.name or self.id or ""


class SourceReader(Protocol):
    """Whoever can read groups of Okta. Every method raises a `SyncError` rather than return a part."""

    @property
    def org(self) -> str:
        """Which org it reads, for people."""

    def find_group(self, selector: GroupSelector) -> SourceGroup:
        """The one group that is meant."""

    def members(self, group: SourceGroup, attributes: Attributes) -> tuple[SourceUser, ...]:
        """All members of the group, each once."""


class TargetReader(Protocol):
    """Whoever can read MI. Every method raises a `SyncError` rather than return a part."""

    @property
    def host(self) -> str:
        """Which server it reads, for people."""

    @property
    def username_casefold(self) -> bool:
        """Whether usernames that differ only in case are one user."""

    @property
    def acts_for(self) -> str | None:
        """Username of the account that everything is done as; None if nobody has said it."""

    def users(self) -> tuple[TargetUser, ...]:
        """All users."""

    def groups(self) -> tuple[TargetGroup, ...]:
        """All groups."""

    def members(self, group: TargetGroup) -> frozenset[str]:
        """The ids of all users of a group."""

    def default_group(self, groups: tuple[TargetGroup, ...]) -> TargetGroup:
        """The group that MI puts new users into, among all groups."""

    def find_default_group(self, groups: tuple[TargetGroup, ...]) -> TargetGroup | None:
        """The same; None if there is none."""


@nothing_collected()
def fetch(
    source: SourceReader,
    target: TargetReader,
    selectors: Sequence[GroupSelector],
    settings: SyncSettings,
    *,
    known: Source | None = None,
) -> Snapshot:
    """Reads both sides of one sync completely.

    Args:
        source: Okta.
        target: MI.
        selectors: The groups of Okta whose union is synced, at least one.
        settings: How to sync.
        known: The groups with their members, if they need not be read.

    Raises:
        SyncError: If a part of either side could not be read.
    """
    with beside(lambda: known or fetch_source(source, selectors, settings), "okta-read") as okta_side:
        directory = fetch_directory(target, settings)
        found = okta_side()
    return Snapshot(found, with_members(directory, target, found, settings))


@nothing_collected()
def fetch_source(source: SourceReader, selectors: Sequence[GroupSelector], settings: SyncSettings) -> Source:
    """Reads groups of Okta and all of their members, each of them once."""
    groups: list[SourceGroup] = []
    users: dict[str, SourceUser] = {}
    for selector in selectors:
        with about("Okta group", str(selector)):
            group = source.find_group(selector)
        if group.id in {each.id for each in groups}:
            continue
        with about("Okta group", group.name):
            members = source.members(group, Attributes.of(settings))
        groups.append(replace(group, listed=len(members)))
        users.update((user.id, user) for user in members)
    stamps = [group.stamp for group in groups if group.stamp]
    checked_at = max(stamp.seen_at for stamp in stamps) if stamps else None
    return Source(source.org, tuple(groups), tuple(users.values()), checked_at)


@nothing_collected()
def fetch_directory(target: TargetReader, settings: SyncSettings) -> Target:
    """Reads all users and groups of MI, but nobody's membership."""
    read_at = datetime.now(UTC)
    groups = target.groups()
    # Also where nobody is put into it: it has to be known to be spared.
    default_group = target.find_default_group if settings.skip_default_group else target.default_group
    return Target(
        target.host,
        target.users(),
        groups,
        default_group=default_group(groups),
        username_casefold=target.username_casefold,
        acts_for=target.acts_for,
        read_at=read_at,
    )


@nothing_collected()
def with_members(directory: Target, target: TargetReader, source: Source, settings: SyncSettings) -> Target:
    """Adds the members of those MI groups that a sync of this source looks at.

    Raises:
        SyncError: If they could not be read, or MI has several groups of the name: whoever is put into the wrong one
            sees what others are to see.
    """
    name = target_name(source, settings)
    twins = [group for group in directory.groups if group.name == name]
    if len(twins) > 1:
        ids = ", ".join(one_line(group.id) for group in twins)
        raise SyncError(
            f"MI has {len(twins)} groups named {quoted(name)} (ids {ids}), and nobody can tell which one is meant. "
            "Rename or delete the wrong ones in MI."
        )
    wanted = twins
    if directory.default_group and settings.force and not settings.skip_default_group:
        wanted.append(directory.default_group)
    members = dict(directory.members)
    for each in wanted:
        if each.id not in members:
            with about("MI group", each.name):
                members[each.id] = target.members(each)
    return replace(directory, members=members)


def target_name(source: Source, settings: SyncSettings) -> str:
    """Name of the MI group that the source is synced into."""
    return settings.target_group or source.named or source.name
