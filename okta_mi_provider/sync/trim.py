"""A snapshot without those users of MI that no diff looks at: what is handed from task to task, and stored. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.sync.fetch import target_name
from okta_mi_provider.sync.model import TargetUser
from okta_mi_provider.sync.only import Only
from okta_mi_provider.sync.snapshot import Snapshot


def trim(snapshot: Snapshot, settings: SyncSettings) -> Snapshot:
    """The same snapshot for a diff with these settings, as small as the group and not as large as MI.

    Of MI's users stay all who have the username or the e-mail address of anybody whom Okta lists, be it that they are
    the same person or that an address belongs to somebody else; whoever is linked with one of them; the members of the
    MI group, who may have left; and the one person that a sync is about. Of other groups, only these are kept as
    members.

    Args:
        snapshot: Both sides as they were read, with what is remembered.
        settings: How to sync.
    """
    source, target = snapshot.source, snapshot.target
    group = target.group_named(target_name(source, settings))
    users = tuple(_needed(snapshot, settings, target.members.get(group.id, frozenset()) if group else frozenset()))
    ids = frozenset(user.id for user in users)
    members = {
        group_id: user_ids if group and group_id == group.id else user_ids & ids
        for group_id, user_ids in target.members.items()
    }
    return replace(snapshot, target=replace(target, users=users, members=members))


def _needed(snapshot: Snapshot, settings: SyncSettings, members: frozenset[str]) -> Iterator[TargetUser]:
    # Also where capitals count: who is kept without need does no harm.
    names = {user.username.casefold() for user in snapshot.source.users if user.username}
    # Nobody is found by a blank address, and many users of MI may have one.
    emails = {user.email.casefold() for user in snapshot.source.users if user.email}
    ids = members | set(snapshot.memory.links.values())
    if settings.only_user:
        ids |= {user.id for user in Only(settings.only_user, snapshot).accounts}
    for user in snapshot.target.users:
        if user.id in ids or user.username.casefold() in names or user.email.casefold() in emails:
            yield user
