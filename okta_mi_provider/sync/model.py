"""What the two sides look like to a sync. Plain values; how they are read is the clients' business."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

#: The type of an MI user who may do everything.
ADMINISTRATOR = "administrator"


class Stamp(NamedTuple):
    """When a group has changed, by Okta's clock.

    Attributes:
        members: When somebody has joined or left last, as far as Okta tells; it is late with that.
        group: When the group itself was changed.
        seen_at: When Okta said so.
    """

    members: datetime
    group: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class SourceGroup:
    """A group of Okta.

    Attributes:
        id: Never changes.
        user_count: How many users Okta says it has, some time ago; None if it does not say.
        listed: How many members its list has had; None as long as it was not read.
        stamp: When it has changed; None if Okta has not said so, or in a way that nobody understands.
    """

    id: str
    name: str
    user_count: int | None = None
    listed: int | None = None
    stamp: Stamp | None = None


@dataclass(frozen=True, slots=True)
class SourceUser:
    """A member of an Okta group, with the profile attributes that were asked for, as texts.

    An attribute that Okta does not have, or that is not a text or a number, is "".

    Attributes:
        groups: What the attribute says that names the user's MI groups, if one does; see `by_attribute`.
    """

    id: str
    status: str
    username: str
    email: str
    first_name: str
    last_name: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TargetGroup:
    """A group of MI. The id is "" as long as the group does not exist."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class TargetUser:
    """A user of MI. The id is "" as long as the user does not exist."""

    id: str
    username: str
    email: str
    first_name: str
    last_name: str
    type: str
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Source:
    """One or several groups of an Okta org with all of their members, each once, whatever their status.

    Attributes:
        named: The MI group that an attribute of these users names, where they are only those; see `by_attribute`.
        checked_at: When Okta was asked last whether they have changed, by its clock; None if that is not known.
    """

    org: str
    groups: tuple[SourceGroup, ...]
    users: tuple[SourceUser, ...]
    checked_at: datetime | None = None
    named: str | None = None

    @property
    def name(self) -> str:
        """What people call it."""
        return joined_name(self.groups)


@dataclass(frozen=True, slots=True)
class Target:
    """An MI server: all users and groups, and the members of those groups that a sync looks at.

    Attributes:
        users: A `people.Register` where many syncs look into them.
        members: User ids by group id, for the groups that were read.
        default_group: The group that MI puts new users into, if the server has one.
        username_casefold: Usernames that differ only in case are one user.
        acts_for: Username of the account that everything is read and written as; None if nobody has said it.
        read_at: When the reading of the users has begun; None if that is not known.
    """

    host: str
    users: Collection[TargetUser] = ()
    groups: tuple[TargetGroup, ...] = ()
    members: Mapping[str, frozenset[str]] = field(default_factory=dict)
    default_group: TargetGroup | None = None
    username_casefold: bool = True
    acts_for: str | None = None
    read_at: datetime | None = field(default=None, compare=False)

    def group_named(self, name: str) -> TargetGroup | None:
        """The group with exactly this name."""
        return next((group for group in self.groups if group.name == name), None)

    def acts_as(self, user: TargetUser) -> bool:
        """Whether a user is the account that everything is written as: who disables or demotes it is locked out.

        Capitals never count here: one account too many is spared rather than the only one lost.
        """
        return self.acts_for is not None and user.username.casefold() == self.acts_for.casefold()


def joined_name(groups: Iterable[SourceGroup]) -> str:
    """The names of groups that are synced as one."""
    return " + ".join(group.name or group.id for group in groups)
