"""Okta's ids, time stamps, statuses and the other small values of the simulated org."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

Document = Mapping[str, Any]
"""A user or group as Okta serves it, without the links. Never changed in place."""

STATUSES = (
    "ACTIVE",
    "PASSWORD_EXPIRED",
    "LOCKED_OUT",
    "RECOVERY",
    "PROVISIONED",
    "STAGED",
    "SUSPENDED",
    "DEPROVISIONED",
)
"""The eight statuses of Okta's specification."""

GROUP_TYPES = ("OKTA_GROUP", "APP_GROUP", "BUILT_IN")

USER_TYPE = "oty9s2d4f6GhJkLm15d7"
"""Id of the only user type of the org."""

_ALPHANUMERIC = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_CELL = "5d7"


class UnknownIdError(LookupError):
    """No user or group has the id."""


def okta_id(prefix: str, chance: random.Random) -> str:
    """Return an id of 20 characters that looks like Okta's: `prefix`, 14 random ones, the org's cell."""
    return prefix + "".join(chance.choices(_ALPHANUMERIC, k=14)) + _CELL


def timestamp(moment: datetime) -> str:
    """Return `moment` as Okta writes it: UTC with milliseconds and a ``Z``."""
    moment = moment.astimezone(UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def now() -> str:
    """Return the time stamp of this moment."""
    return timestamp(datetime.now(UTC))


def login_key(login: object) -> str:
    """Return what must be unique about a login: Okta ignores case and diacritics.

    Raises:
        ValueError: it is no text of 5 to 100 characters.
    """
    if not isinstance(login, str) or not 5 <= len(login) <= 100:
        raise ValueError("login must have 5 to 100 characters")
    decomposed = unicodedata.normalize("NFKD", login)
    return "".join(char for char in decomposed if not unicodedata.combining(char)).casefold()


def check_status(status: str) -> None:
    """Raise :class:`ValueError` if there is no such status."""
    if status not in STATUSES:
        raise ValueError(f"unknown status {status!r}; known: {', '.join(STATUSES)}")


def new_user(user_id: str, status: str, profile: Document, fields: Document) -> Document:
    """Return the document of a user made now; `fields` go before the defaults of other keys."""
    moment = now()
    return {
        "id": user_id,
        "status": status,
        "created": moment,
        "activated": None,
        "statusChanged": moment,
        "lastLogin": None,
        "lastUpdated": moment,
        "passwordChanged": None,
        "type": {"id": USER_TYPE},
        **fields,
        "profile": {"firstName": None, "lastName": None, "mobilePhone": None, "secondEmail": None, **profile},
    }


def new_group(group_id: str, group_type: str, profile: Document, fields: Document) -> Document:
    """Return the document of a group made now; `fields` go before the defaults of other keys."""
    moment = now()
    return {
        "id": group_id,
        "created": moment,
        "lastUpdated": moment,
        "lastMembershipUpdated": moment,
        "objectClass": ["okta:user_group"],
        "type": group_type,
        **fields,
        "profile": profile,
    }
