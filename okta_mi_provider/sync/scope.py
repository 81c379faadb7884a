"""Whom of an Okta group a sync is about: by status, and by what MI demands of a profile. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from okta_mi_provider.settings import OKTA_STATUSES, SyncSettings
from okta_mi_provider.sync.model import SourceUser
from okta_mi_provider.sync.plan import Finding
from okta_mi_provider.sync.text import one_line, quoted


def in_scope(user: SourceUser, settings: SyncSettings) -> bool:
    """Whether a member of the Okta group has a status that is synced."""
    return user.status in settings.statuses


def by_status(users: Iterable[SourceUser], settings: SyncSettings) -> tuple[list[SourceUser], list[Finding]]:
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
                    f"{who(user)} is {user.status} in Okta and is not synced.",
                    user.username or user.id,
                )
            )
        else:
            findings.append(
                Finding(
                    "unknown_status",
                    f"{who(user)} has the status {quoted(user.status)} in Okta, which this version does not know. "
                    "The user is not synced.",
                    user.username or user.id,
                )
            )
    return inside, findings


def by_profile(users: Iterable[SourceUser], settings: SyncSettings) -> tuple[list[SourceUser], list[Finding]]:
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
            message = f"{who(user)} has {' and '.join(lacking)} that is a text, and is not synced."
            findings.append(Finding("invalid", f"{message} Complete the profile in Okta.", user.username or user.id))
        else:
            valid.append(user)
    return valid, findings


def who(user: SourceUser) -> str:
    """A user of Okta inside a sentence."""
    return f"{quoted(user.username)} ({one_line(user.id)})" if user.username else f"User {one_line(user.id)}"
