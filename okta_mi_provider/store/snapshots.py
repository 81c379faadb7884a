"""Snapshots as plain JSON types: users as columns of rows, without the names of their fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from operator import attrgetter
from typing import Any

from okta_mi_provider.sync.memory import LastSync, Link, Memory
from okta_mi_provider.sync.model import (
    Source,
    SourceGroup,
    SourceUser,
    Stamp,
    Target,
    TargetGroup,
    TargetUser,
)
from okta_mi_provider.sync.snapshot import Snapshot

#: A snapshot is of one MI group: which ones the users name has been decided before.
_SOURCE_USER = tuple(each.name for each in fields(SourceUser) if each.name != "groups")
_TARGET_USER = tuple(each.name for each in fields(TargetUser))


def to_json(snapshot: Snapshot) -> dict[str, Any]:
    """The snapshot as plain JSON types; `from_json` takes it back."""
    source, target, memory = snapshot.source, snapshot.target, snapshot.memory
    return {
        "source": {
            "org": source.org,
            "groups": [
                [group.id, group.name, group.user_count, group.listed, _stamp(group.stamp)] for group in source.groups
            ],
            "columns": _SOURCE_USER,
            "users": list(map(attrgetter(*_SOURCE_USER), source.users)),
            "checked_at": source.checked_at and source.checked_at.isoformat(),
        },
        "target": {
            "host": target.host,
            "username_casefold": target.username_casefold,
            "acts_for": target.acts_for,
            "groups": [_group(group) for group in target.groups],
            "default_group": _group(target.default_group) if target.default_group else None,
            "members": {group_id: sorted(members) for group_id, members in target.members.items()},
            "columns": _TARGET_USER,
            "users": list(map(attrgetter(*_TARGET_USER), target.users)),
        },
        "memory": {
            "links": dict(memory.links),
            "unlinked": sorted(memory.unlinked),
            "former": dict(memory.former),
            "half_made": sorted(memory.half_made),
            "made": [[each.source_id, each.user_id, each.username] for each in memory.made],
            "disabled": sorted(memory.disabled),
            "written": {user_id: dict(values) for user_id, values in memory.written.items()},
            "last": memory.last and [dict(memory.last.fingerprint), memory.last.users_in_scope],
        },
    }


def from_json(data: Mapping[str, Any]) -> Snapshot:
    """A snapshot as `to_json` gave it.

    Raises:
        ValueError: If it was written by a version with other columns.
    """
    target, memory = data["target"], data["memory"]
    _check_columns(target, _TARGET_USER)
    default_group = target["default_group"]
    return Snapshot(
        source_from_json(data),
        Target(
            target["host"],
            tuple(TargetUser(*row) for row in target["users"]),
            tuple(TargetGroup(*group) for group in target["groups"]),
            {group_id: frozenset(members) for group_id, members in target["members"].items()},
            TargetGroup(*default_group) if default_group else None,
            username_casefold=target["username_casefold"],
            acts_for=target.get("acts_for"),
        ),
        Memory(
            links=memory["links"],
            unlinked=frozenset(memory["unlinked"]),
            former=memory["former"],
            half_made=frozenset(memory.get("half_made", ())),
            made=tuple(Link(*each) for each in memory["made"]),
            disabled=frozenset(memory["disabled"]),
            written=memory["written"],
            last=LastSync(*memory["last"]) if memory["last"] else None,
        ),
    )


def source_from_json(data: Mapping[str, Any]) -> Source:
    """What `from_json` gives of Okta, without the rest.

    Raises:
        ValueError: If it was written by a version with other columns.
    """
    source = data["source"]
    _check_columns(source, _SOURCE_USER)
    return Source(
        source["org"],
        tuple(
            SourceGroup(group_id, name, user_count, listed, stamp and Stamp(*map(datetime.fromisoformat, stamp)))
            for group_id, name, user_count, listed, stamp in source["groups"]
        ),
        tuple(SourceUser(*row) for row in source["users"]),
        datetime.fromisoformat(source["checked_at"]) if source["checked_at"] else None,
    )


def _check_columns(side: Mapping[str, Any], expected: tuple[str, ...]) -> None:
    if tuple(side["columns"]) != expected:
        raise ValueError("the snapshot was written by another version of okta-mi-provider")


def _stamp(stamp: Stamp | None) -> list[str] | None:
    return [moment.isoformat() for moment in stamp] if stamp else None


def _group(group: SourceGroup | TargetGroup) -> tuple[str, str]:
    return group.id, group.name
