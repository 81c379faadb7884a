"""Reads both sides of a sync, at the same time, through whoever can read them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.sync.errors import about
from okta_mi_provider.sync.model import (
    Snapshot,
    Source,
    SourceGroup,
    SourceUser,
    Target,
    TargetGroup,
    TargetUser,
)


class Attributes(NamedTuple):
    """Which Okta profile attributes make up a user."""

    username: str
    email: str
    first_name: str
    last_name: str

    @classmethod
    def of(cls, settings: SyncSettings) -> Attributes:
        """The attributes that the settings name."""
        return cls(settings.username_attr, settings.email_attr, settings.first_name_attr, settings.last_name_attr)


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

    def users(self) -> tuple[TargetUser, ...]:
        """All users."""

    def groups(self) -> tuple[TargetGroup, ...]:
        """All groups."""

    def members(self, group: TargetGroup) -> frozenset[str]:
        """The ids of all users of a group."""

    def default_group(self, groups: tuple[TargetGroup, ...]) -> TargetGroup:
        """The group that MI puts new users into, among all groups."""


def fetch(source: SourceReader, target: TargetReader, selector: GroupSelector, settings: SyncSettings) -> Snapshot:
    """Reads both sides of one sync completely.

    Raises:
        SyncError: If a part of either side could not be read.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="okta-read") as beside:
        okta_side = beside.submit(fetch_source, source, selector, settings)
        directory = fetch_directory(target, settings)
        found = okta_side.result()
    return Snapshot(found, with_members(directory, target, found.group, settings))


def fetch_source(source: SourceReader, selector: GroupSelector, settings: SyncSettings) -> Source:
    """Reads one group of Okta and all of its members."""
    with about("Okta group", str(selector)):
        group = source.find_group(selector)
    with about("Okta group", group.name):
        return Source(source.org, group, source.members(group, Attributes.of(settings)))


def fetch_directory(target: TargetReader, settings: SyncSettings) -> Target:
    """Reads all users and groups of MI, but nobody's membership."""
    groups = target.groups()
    default_group = None if settings.skip_default_group else target.default_group(groups)
    return Target(
        target.host,
        target.users(),
        groups,
        default_group=default_group,
        username_casefold=target.username_casefold,
    )


def with_members(directory: Target, target: TargetReader, group: SourceGroup, settings: SyncSettings) -> Target:
    """Adds the members of those MI groups that a sync of this Okta group looks at."""
    wanted = [directory.group_named(settings.target_group or group.name)]
    if settings.force:
        wanted.append(directory.default_group)
    members = dict(directory.members)
    for each in wanted:
        if each and each.id not in members:
            with about("MI group", each.name):
                members[each.id] = target.members(each)
    return replace(directory, members=members)
