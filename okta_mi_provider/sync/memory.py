"""What is remembered of earlier syncs: who in Okta is who in MI, and which memberships are of our making. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from okta_mi_provider.sync.model import Source, Target, TargetGroup
from okta_mi_provider.sync.people import People, people


@dataclass(frozen=True, slots=True)
class Link:
    """A user of Okta and the MI user that is the same person.

    Attributes:
        username: What the MI user was called. An MI that was installed anew gives the id to somebody else.
    """

    source_id: str
    user_id: str
    username: str


class Unfinished(NamedTuple):
    """A user whose creation came to grief, and who may be in MI all the same.

    Attributes:
        source_id: Okta id.
        username: What the MI user was to be called.
        email: Its address.
    """

    source_id: str
    username: str
    email: str


@dataclass(frozen=True, slots=True)
class LastSync:
    """The last sync of the same groups that was complete.

    Attributes:
        fingerprint: The settings that decide who is synced, who is who, and who is removed; see `limits.fingerprint`.
        users_in_scope: How many users there were to sync.
    """

    fingerprint: Mapping[str, Any]
    users_in_scope: int


@dataclass(frozen=True, slots=True)
class Memory:
    """As much of what is remembered as one sync needs.

    Attributes:
        links: MI ids by Okta id, of those whom their username would not find.
        unlinked: Okta ids of the source that are not linked yet.
        former: Okta ids by MI id, of MI users that are linked with somebody else than their username says.
        half_made: MI ids of users whose creation came to grief: they may not be in the Default Group.
        made: Memberships of our making that differ from Okta: the member is not listed there, or is listed and no
            member any more.
        disabled: MI ids of the users whom a sync has disabled, and who still are.
        written: What syncs have written last, by MI id and attribute; only where it matters, which is when drift is
            looked for.
        last: None if there was no sync before.
    """

    links: Mapping[str, str] = field(default_factory=dict)
    unlinked: frozenset[str] = frozenset()
    former: Mapping[str, str] = field(default_factory=dict)
    half_made: frozenset[str] = frozenset()
    made: tuple[Link, ...] = ()
    disabled: frozenset[str] = frozenset()
    written: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    last: LastSync | None = None


def recollect(
    source: Source,
    target: Target,
    group: TargetGroup | None,
    *,
    links: Iterable[Link] = (),
    unfinished: Iterable[Unfinished] = (),
    made: Iterable[Link] = (),
    disabled: Iterable[Link] = (),
    written: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
    last: LastSync | None = None,
) -> Memory:
    """Keeps of everything that is remembered what this sync needs, in one pass over each.

    What was noted of an MI user counts only while the user still has that id and that username: a server that was
    restored or installed anew gives ids to other people.

    Args:
        source: Okta as it was read.
        target: MI as it was read.
        group: The target group; None if it does not exist.
        links: Links between this org and this server, at least those of the source and of users with its usernames.
        unfinished: All users whose creation came to grief.
        made: All memberships of the target group of our making, for this source.
        disabled: All users of this server whom a sync has disabled.
        written: What syncs have written last, by MI id and attribute.
        last: The last complete sync.
    """
    everybody = people(target)
    fold, user_of = everybody.fold, everybody.by_id()
    usernames = {user.id: user.username for user in source.users}
    listed_names = {fold(user.username) for user in source.users if user.username}
    members = target.members.get(group.id, frozenset()) if group else frozenset()

    def still(user_id: str, username: str) -> bool:
        user = user_of(user_id)
        return user is not None and fold(user.username) == fold(username)

    found: dict[str, str] = {}
    former: dict[str, str] = {}
    unlinked = set(usernames)
    for link in links:
        if not still(link.user_id, link.username):
            continue
        if link.source_id in usernames:
            unlinked.discard(link.source_id)
            if fold(usernames[link.source_id]) != fold(link.username):
                found[link.source_id] = link.user_id
        elif fold(link.username) in listed_names:
            former[link.user_id] = link.source_id
    return Memory(
        links=found,
        unlinked=frozenset(unlinked),
        former=former,
        half_made=_half_made(unfinished, everybody),
        made=tuple(
            each
            for each in made
            if still(each.user_id, each.username)
            and (each.source_id not in usernames if each.user_id in members else each.source_id in usernames)
        ),
        disabled=frozenset(
            each.user_id
            for each in disabled
            if still(each.user_id, each.username) and (user := user_of(each.user_id)) and not user.enabled
        ),
        written={user_id: values for user_id, values in written.items() if user_of(user_id)},
        last=last,
    )


def _half_made(unfinished: Iterable[Unfinished], everybody: People) -> frozenset[str]:
    """MI ids of those who are there, and not as somebody else."""
    latest = {everybody.fold(each.username): each for each in unfinished}
    if not latest:
        return frozenset()
    having = everybody.by_username(latest.keys())
    return frozenset(
        user.id
        for each in latest.values()
        for user in having(each.username)
        if user.email.casefold() == each.email.casefold()
    )
