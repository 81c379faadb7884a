"""What Metric Insights does with the body of a write: checks, defaults, effects."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from okta_mi_provider.simulators.knobs import MIKnobs
from okta_mi_provider.simulators.mi_errors import MIError
from okta_mi_provider.simulators.mi_state import Mail, Membership, MIGroup, MIState, MIUser

Body = Mapping[str, Any]

USER_TYPES = ("regular", "power", "administrator")
_USER_FIELDS = ("username", "first_name", "last_name", "email", "type", "enabled")
_CREATE_FIELDS = {
    *_USER_FIELDS, "password", "copy_from_user_id", "in_group_id", "user_preference_template", "default_group_ind",
}  # fmt: skip
_READ_ONLY_USER_FIELDS = {"id", "ldap"}
_GROUP_FIELDS = ("name", "all_access_group", "description", "external_group_id")
_MAX_NAME = 100
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_ID = re.compile(r"[0-9]{1,18}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_PASSWORD_RULES = (re.compile(r"[0-9]"), re.compile(r"[A-Z]"), re.compile(r"[a-z]"), re.compile(r".{6}", re.DOTALL))


class MIRules:
    """The writes of the API on `state`. Every method checks everything before it changes anything.

    All of them raise :class:`MIError` with status 400 for a body that is refused.
    """

    def __init__(self, state: MIState) -> None:
        self._state = state

    def create_user(self, body: Body, knobs: MIKnobs) -> MIUser:
        """Create a user with the memberships that the body asks for, and mail the credentials."""
        self._check_keys(body, _CREATE_FIELDS, knobs)
        required = ["username", "email", "type", "first_name", "last_name"]
        fields = _texts(body, [*required, "enabled"])
        _require(fields, required)
        self._check_user_fields(fields, knobs, own_id=None)
        _check_password(body, knobs)
        groups = self._groups_of_new_user(body, knobs)
        if not _blank(body.get("copy_from_user_id")):
            self._existing(body["copy_from_user_id"], self._state.users, "copy_from_user_id")
        user = self._state.add_user(**fields)
        for group_id in groups:
            self._state.add_membership(user.id, group_id)
        if knobs.mail_on_create:
            sent_at = datetime.now(UTC).isoformat(timespec="seconds")
            self._state.outbox.append(Mail(user.email, user.username, sent_at))
        return user

    def update_user(self, user_id: int, body: Body, knobs: MIKnobs) -> MIUser:
        """Change a user; what happens to fields that are not sent is a knob."""
        self._check_keys(body, _CREATE_FIELDS | _READ_ONLY_USER_FIELDS, knobs)
        fields = _texts(body, _USER_FIELDS)
        if knobs.user_update_body == "replace":
            _require(fields, ["username", "email", "type"])
            fields = {"first_name": "", "last_name": "", "enabled": "Y", **fields}
        if knobs.disable_method == "ignored":
            fields.pop("enabled", None)
        before = self._state.users[user_id]
        if before.ldap == "Y" and fields.get("username", before.username) != before.username:
            raise MIError(400, "username of an externally managed user cannot be changed")
        self._check_user_fields(fields, knobs, own_id=user_id)
        if body.get("password"):
            _check_password(body, knobs)
        return self._state.update_user(user_id, **fields)

    def create_group(self, body: Body, knobs: MIKnobs) -> MIGroup:
        """Create a group."""
        fields = self._group_fields(body, knobs)
        _require(fields, ["name"])
        self._check_group_name(fields, knobs, own_id=None)
        return self._state.add_group(**fields)

    def update_group(self, group_id: int, body: Body, knobs: MIKnobs) -> MIGroup:
        """Change a group; what happens to fields that are not sent is a knob."""
        fields = self._group_fields(body, knobs)
        if knobs.group_update == "replace":
            _require(fields, ["name"])
            fields = {"description": "", "all_access_group": "N", "external_group_id": None, **fields}
        self._check_group_name(fields, knobs, own_id=group_id)
        return self._state.update_group(group_id, **fields)

    def delete_group(self, group_id: int, knobs: MIKnobs) -> None:
        """Delete a group; the Default Group cannot be."""
        if group_id == knobs.default_group_id:
            raise MIError(400, "Default Group cannot be deleted")
        self._state.delete_group(group_id)

    def create_membership(self, body: Body, knobs: MIKnobs) -> Membership:
        """Put a user into a group."""
        for name in ("user", "group"):
            if _blank(body.get(name)):
                raise MIError(400, f"{name} is required")
        user_id = self._existing(body["user"], self._state.users, "user")
        group_id = self._existing(body["group"], self._state.groups, "group")
        if self._state.is_member(user_id, group_id):
            raise _duplicate("Membership", knobs)
        return self._state.add_membership(user_id, group_id)

    def _groups_of_new_user(self, body: Body, knobs: MIKnobs) -> list[int]:
        """Return the groups of `in_group_id` and `default_group_ind`.

        An empty `in_group_id` means the Default Group unless the indicator is "N".
        """
        indicator = _texts(body, ["default_group_ind"]).get("default_group_ind", "")
        if indicator not in {"", "Y", "N"}:
            raise MIError(400, "default_group_ind must be Y or N")
        named = body.get("in_group_id")
        groups = []
        if not _blank(named):
            group_id = self._existing(named, self._state.groups, "in_group_id")
            groups = [group_id] if knobs.in_group_method == "honoured" else []
        if knobs.default_group_method == "ignored":
            indicator = ""
        wants_default = indicator == "Y" and knobs.default_group_method == "added" if groups else indicator != "N"
        if wants_default and knobs.default_group_id in self._state.groups and knobs.default_group_id not in groups:
            groups.append(knobs.default_group_id)
        return groups

    def _check_user_fields(self, fields: Mapping[str, str], knobs: MIKnobs, *, own_id: int | None) -> None:
        for name in ("username", "email"):
            if name in fields and not fields[name].strip():
                raise MIError(400, f"{name} must not be empty")
        for name in ("username", "first_name", "last_name"):
            if len(fields.get(name, "")) > _MAX_NAME:
                raise MIError(400, f"{name} is longer than {_MAX_NAME} characters")
        if "type" in fields and fields["type"] not in USER_TYPES:
            raise MIError(400, f"type must be one of {', '.join(USER_TYPES)}")
        if fields.get("enabled", "Y") not in {"Y", "N"}:
            raise MIError(400, "enabled must be Y or N")
        if "email" in fields and not _EMAIL.fullmatch(fields["email"]):
            raise MIError(400, "email is not valid")
        before = None if own_id is None else self._state.users[own_id]
        if "username" in fields:
            namesakes = self._state.users_named(fields["username"], ignore_case=knobs.username_casefold)
            if any(user.id != own_id for user in namesakes):
                raise _duplicate("Username", knobs)
        changes_email = "email" in fields and (before is None or before.email.casefold() != fields["email"].casefold())
        if knobs.unique_email and changes_email and self._state.users_mailed_at(fields["email"]):
            raise _duplicate("Email", knobs)

    def _group_fields(self, body: Body, knobs: MIKnobs) -> dict[str, Any]:
        fields: dict[str, Any] = _texts(body, _GROUP_FIELDS)
        if "all_access_group" in fields:
            try:
                fields["all_access_group"] = {"yes": "Y", "no": "N"}[fields["all_access_group"]]
            except KeyError:
                raise MIError(400, "all_access_group must be yes or no") from None
        if knobs.external_group_id == "ignored":
            fields.pop("external_group_id", None)
        return fields

    def _check_group_name(self, fields: Mapping[str, Any], knobs: MIKnobs, *, own_id: int | None) -> None:
        if "name" not in fields:
            return
        name = fields["name"]
        if not name.strip() or len(name) > _MAX_NAME:
            raise MIError(400, f"name must have 1 to {_MAX_NAME} characters")
        for group in self._state.groups.values():
            same = group.name.casefold() == name.casefold() if knobs.group_name_casefold else group.name == name
            if same and group.id != own_id:
                raise _duplicate("User Group", knobs)

    @staticmethod
    def _check_keys(body: Body, known: set[str], knobs: MIKnobs) -> None:
        unknown = sorted(body.keys() - known)
        if unknown and knobs.extra_user_create_fields == "rejected":
            raise MIError(400, f"unknown field {unknown[0]}")

    @staticmethod
    def _existing(value: Any, rows: Mapping[int, object], name: str) -> int:
        row_id = as_id(value)
        if row_id is None or row_id not in rows:
            raise MIError(400, f"{name} does not exist")
        return row_id


def as_id(value: Any) -> int | None:
    """Return the id that a number or text of digits means, or None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and _ID.fullmatch(value) else None


def _duplicate(what: str, knobs: MIKnobs) -> MIError:
    return MIError(400, knobs.duplicate_message.replace("{what}", what))


def _blank(value: Any) -> bool:
    return value is None or value == ""


def _texts(body: Body, names: tuple[str, ...] | list[str]) -> dict[str, str]:
    fields = {name: body[name] for name in names if body.get(name) is not None}
    for name, value in fields.items():
        if not isinstance(value, str) or _LONE_SURROGATE.search(value):
            raise MIError(400, f"{name} must be text")
    return fields


def _require(fields: Mapping[str, Any], names: list[str]) -> None:
    for name in names:
        if name not in fields:
            raise MIError(400, f"{name} is required")


def _check_password(body: Body, knobs: MIKnobs) -> None:
    password = body.get("password")
    if _blank(password):
        if knobs.password_mode == "required":  # noqa: S105 - a mode, not a password
            raise MIError(400, "password is required")
        return
    if not isinstance(password, str) or not all(rule.search(password) for rule in _PASSWORD_RULES):
        raise MIError(400, "password needs 6 characters with a digit, an upper and a lower case letter")
