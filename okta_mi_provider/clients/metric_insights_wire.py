"""Users, groups and memberships as Metric Insights writes them, and as we do."""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping
from typing import Any

from okta_mi_provider.clients.errors import BadAnswer, Call
from okta_mi_provider.sync.model import TargetGroup, TargetUser
from okta_mi_provider.sync.text import same

#: MI's word for a user type, where it is not ours.
_TYPE_TO_MI = {"power_user": "power"}
_TYPE_FROM_MI = {"power": "power_user"}
#: From so many digits on, digits are a text.
_LONGEST_NUMBER = 20
#: Keys under which a body could say that there are more rows than it lists.
_TOTALS = ("total", "total_count", "totalCount", "recordsTotal")


def rows_of(answer: object, plural: str, singular: str) -> list[Mapping[str, Any]] | None:
    """The objects of an envelope, under either key; None if there is no envelope.

    They come as a list, as a single object, or as a mapping by id. Null is none of these: unknown is not absent.
    """
    if isinstance(answer, dict):
        key = plural if plural in answer else singular
        if key not in answer:
            return None
        answer = answer[key]
    if isinstance(answer, dict):
        by_id = "id" not in answer and all(isinstance(row, dict) for row in answer.values())
        answer = list(answer.values()) if by_id else [answer]
    return answer if isinstance(answer, list) and all(isinstance(row, dict) for row in answer) else None


def announced_rows(answer: object) -> int:
    """How many rows an answer says there are; 0 if it does not say."""
    said = [answer.get(key) for key in _TOTALS] if isinstance(answer, dict) else []
    return max((each for each in said if isinstance(each, int)), default=0)


def user_of(row: Mapping[str, Any], call: Call) -> TargetUser:
    """A user.

    Raises:
        BadAnswer: If it has no id.
    """
    kind = str(row.get("type") or "")
    return TargetUser(
        id=id_of(row, "id", call),
        username=same(str(row.get("username") or "")),
        email=same(str(row.get("email") or "")),
        first_name=same(str(row.get("first_name") or "")),
        last_name=same(str(row.get("last_name") or "")),
        type=same(_TYPE_FROM_MI.get(kind, kind)),
        enabled=str(row.get("enabled", "Y")).upper() not in {"N", "NO", "0", "FALSE"},
    )


def user_body(user: TargetUser) -> dict[str, str]:
    """What is sent of a user."""
    return {
        "username": user.username,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "email": user.email,
        "type": _TYPE_TO_MI.get(user.type, user.type),
        "enabled": "Y" if user.enabled else "N",
    }


def changed_body(user: TargetUser, before: TargetUser) -> dict[str, str]:
    """What is sent of a user where it differs from what MI has."""
    known = user_body(before)
    return {key: value for key, value in user_body(user).items() if value != known[key]}


def password_body(mode: str) -> dict[str, str]:
    """The password of a created user, by the dialect's `password_mode`; it is kept nowhere."""
    if mode == "omit":
        return {}
    return {"password": random_password() if mode == "random" else ""}


def group_of(row: Mapping[str, Any], call: Call) -> TargetGroup:
    """A group.

    Raises:
        BadAnswer: If it has no id.
    """
    return TargetGroup(id_of(row, "id", call), str(row.get("name") or ""))


def id_of(row: Mapping[str, Any], key: str, call: Call) -> str:
    """An id, which MI writes as a text or as a number.

    Raises:
        BadAnswer: If there is none.
    """
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise BadAnswer(call, f"it has an entry without '{key}'")
    return str(value)


def as_number(text: str) -> int | str:
    """An id as memberships want it: a number, if it is one that a database can have."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < _LONGEST_NUMBER else text


def random_password() -> str:
    """32 characters with a digit, an upper and a lower case letter, as MI demands."""
    needed = [secrets.choice(group) for group in (string.digits, string.ascii_uppercase, string.ascii_lowercase)]
    # 116 bits; a choice for each of them took longer than writing the request.
    return "".join(needed) + secrets.token_hex(15)[:29]
