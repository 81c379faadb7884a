"""Shows on one user how Okta's attributes become a user of MI, and who that is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from okta_mi_provider.clients.okta import OktaClient
from okta_mi_provider.clients.okta_wire import user_of
from okta_mi_provider.doctor.observation import Observation, Section
from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.sync.errors import SyncError
from okta_mi_provider.sync.fetch import Attributes, GroupSelector
from okta_mi_provider.sync.match import Matching, match
from okta_mi_provider.sync.model import SourceUser, TargetUser
from okta_mi_provider.sync.people import Scanned, username_fold
from okta_mi_provider.sync.scope import in_scope
from okta_mi_provider.sync.text import one_line, quoted

_SECTION = Section("Sample user")
#: How many groups are looked into for one with a member.
_MOST_GROUPS = 5
#: How many names of attributes are listed.
_MOST_NAMES = 30


def examine_mapping(
    client: OktaClient,
    group: str | None,
    users: Sequence[TargetUser] | None,
    settings: SyncSettings,
    *,
    fold_usernames: bool,
) -> Iterator[Observation]:
    """Takes the first member of a group, and maps and matches it as a sync would.

    Args:
        client: Reads Okta.
        group: Exact name or id; None for any group with a member.
        users: All users of MI; None if they could not be read.
        settings: Which attributes, statuses and keys to use.
        fold_usernames: Whether usernames that differ only in case are one user of MI.
    """
    try:
        row = _member(client, group)
    except SyncError as error:
        yield _SECTION.wrong("group", error)
        return
    attributes = Attributes.of(settings)
    if row is None:
        where = f"The group {quoted(group)}" if group else f"None of the first {_MOST_GROUPS} groups"
        yield _SECTION.note("member", f"{where} has no member, so there is nobody to show the mapping on.")
        return
    user = user_of(row, attributes)
    yield from _attributes(user, attributes, row)
    yield _status(user, settings)
    if users is not None and user.username and user.email:
        yield _counterpart(match([user], Scanned(users, username_fold(casefold=fold_usernames)), settings.match_by))


def _member(client: OktaClient, group: str | None) -> Mapping[str, Any] | None:
    """The first member, as Okta tells of it."""
    if group:
        return client.sample_member(client.find_group(GroupSelector(name=group)).id)
    _, rows = client.http.get("/api/v1/groups", {"filter": 'type eq "OKTA_GROUP"', "limit": _MOST_GROUPS})
    ids = [row["id"] for row in rows if isinstance(row, dict) and row.get("id")] if isinstance(rows, list) else []
    return next(filter(None, (client.sample_member(str(group_id)) for group_id in ids)), None)


def _attributes(user: SourceUser, attributes: Attributes, row: Mapping[str, Any]) -> Iterator[Observation]:
    values = (user.username, user.email, user.first_name, user.last_name)
    for field, name, value in zip(Attributes._fields[:4], attributes[:4], values, strict=True):
        subject = field.replace("_", " ")
        if value:
            yield _SECTION.fine(subject, f"{quoted(value)}, from profile.{one_line(name)}.")
        elif field in {"username", "email"}:
            profile = row.get("profile")
            known = sorted(map(one_line, profile))[:_MOST_NAMES] if isinstance(profile, dict) else []
            yield _SECTION.wrong(
                subject,
                f"profile.{one_line(name)} is missing or empty, and nobody without it is synced. Name another "
                f"attribute with {field}_attr; there are: {', '.join(known) or 'none'}.",
            )
        else:
            yield _SECTION.note(subject, f"profile.{one_line(name)} is missing or empty, and stays empty in MI.")


def _status(user: SourceUser, settings: SyncSettings) -> Observation:
    if in_scope(user, settings):
        return _SECTION.fine("status", f"{one_line(user.status)}, which is synced.")
    return _SECTION.note("status", f"{one_line(user.status)}, which is not synced (statuses).")


def _counterpart(matching: Matching) -> Observation:
    if matching.conflicts:
        return _SECTION.note("in MI", f"A conflict: {matching.conflicts[0].message}")
    target = matching.pairs[0].target
    if target is None:
        return _SECTION.fine("in MI", "Nobody; a sync with auto_create: all would create the user.")
    return _SECTION.fine(
        "in MI", f"{quoted(target.username)} (id {one_line(target.id)}, {one_line(target.type) or 'no type'})."
    )
