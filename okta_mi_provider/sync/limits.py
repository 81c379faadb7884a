"""What makes a plan one that a person should look at first. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.sync.memory import LastSync
from okta_mi_provider.sync.model import SourceGroup
from okta_mi_provider.sync.text import one_line, plural, quoted

#: A percentage of fewer members than these says nothing: one of three is a third.
PERCENT_FROM = 10
#: The settings that decide who is synced, who is who, and who is removed.
_DECIDING = ("username_attr", "email_attr", "first_name_attr", "last_name_attr", "match_by", "statuses", "prune")


def fingerprint(settings: SyncSettings, groups: Sequence[SourceGroup], target_group: str) -> dict[str, Any]:
    """What decides who is synced whereto, who is who, and who is removed, as plain JSON types.

    Args:
        settings: How to sync.
        groups: The groups of Okta.
        target_group: Name of the MI group.
    """
    values = settings.to_mapping()
    return {
        "groups": sorted(group.id for group in groups),
        "target_group": target_group,
        **{name: values[name] for name in _DECIDING},
        **({"map_attr_to_group": settings.map_attr_to_group} if settings.map_attr_to_group else {}),
    }


def too_many_users(users: int, limit: int, subject: str) -> str | None:
    """Why more users than `sync_user_limit` allows are refused; they are never cut short. None if there are not more.

    Args:
        users: How many there are to sync.
        limit: How many there may be.
        subject: Who has them, with a verb: the beginning of the sentence.
    """
    if users <= limit:
        return None
    return (
        f"{subject} {users:,} users to sync, more than sync_user_limit allows ({limit:,}). "
        f"If the number is right, set sync_user_limit to at least {users}."
    )


def over(limit: int | str | None, number: int, members: int, *, counted: int | None = None) -> str | None:
    """Whether a number of changes is more than a limit allows: what it allows, in words; None if it is not more.

    Args:
        limit: A number, or a percentage such as "20%" of the members; None and "100%" allow everything.
        number: How many changes there are.
        members: How many members the group has in MI.
        counted: What has to be `PERCENT_FROM` for a percentage to count, if that is not the members.
    """
    if limit is None:
        return None
    if isinstance(limit, int):
        return f"{limit:,}" if number > limit else None
    percent = int(limit.removesuffix("%"))
    size = members if counted is None else counted
    # All is no limit, also where there is nobody to take a share of.
    if percent == 100 or size < PERCENT_FROM or number * 100 <= percent * members:
        return None
    return f"{limit}, that is {percent * members // 100:,} of {members:,}"


def unusual(
    settings: SyncSettings,
    *,
    group: str,
    members: int,
    removals: int,
    creates: int,
    updates: int,
    users_in_scope: int,
    now: Mapping[str, Any],
    last: LastSync | None,
) -> Iterator[str]:
    """Why a plan with changes should be looked at, with all numbers.

    Args:
        settings: With the limits.
        group: Name of the MI group.
        members: How many members it has.
        removals: How many of them would be removed or disabled.
        creates: How many users would be created.
        updates: How many users would be changed.
        users_in_scope: How many users there are to sync in Okta.
        now: The fingerprint of this sync.
        last: The last complete sync.
    """
    for name, number, what, counted in (
        # Those who are disabled need not be members.
        ("max_removals", removals, "be removed or disabled", max(members, removals)),
        ("max_creates", creates, "be created", members),
        ("max_updates", updates, "be changed", members),
    ):
        if allowed := over(getattr(settings, name), number, members, counted=counted):
            yield (
                f"{plural(number, 'user')} would {what}, and MI group {quoted(group)} has {plural(members, 'member')}: "
                f"{name} allows {allowed}."
            )
    if last is None:
        return
    lost = last.users_in_scope - users_in_scope
    if settings.prune != "off" and (allowed := over(settings.max_removals, lost, last.users_in_scope)):
        yield (
            f"Okta has {users_in_scope:,} users to sync, {lost:,} fewer than the {last.users_in_scope:,} of the last "
            f"complete sync: max_removals allows {allowed}."
        )
    changed = [
        key for key in now if key in last.fingerprint and _matters(key, last.fingerprint[key], now[key], removals)
    ]
    if changed:
        told = "; ".join(f"{key}: {_words(last.fingerprint[key])} -> {_words(now[key])}" for key in changed)
        yield (
            "The settings that say who is synced, who is who, and who is removed have changed since the last complete "
            f"sync: {told}."
        )


def _matters(key: str, before: object, now: object, removals: int) -> bool:
    """Whether a change of a setting is worth a look.

    To remove leavers whom a sync has put there is what `prune: managed` was switched on for. `prune: all` is another
    thing: it also removes whom somebody has put there by hand.
    """
    if key == "prune":
        return now == "all" and before != now and removals > 0
    return before != now


def _words(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else one_line(str(value))
