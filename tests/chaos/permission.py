"""Which writes the plans of a run contain."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from tests.chaos.tap import Write

_TYPES = {"power_user": "power"}


class Permission:
    """Grows with each plan that is made.

    Args:
        states: MI at several times, the last one at the end, for the names behind ids, which never change.
    """

    def __init__(self, states: Sequence[dict[str, Any]]) -> None:
        self._users = {str(user["id"]): user["username"] for user in states[-1]["users"]}
        self._groups = {str(group["id"]): group["name"] for group in states[-1]["groups"]}
        self._memberships = {str(row["id"]): row for state in states for row in state["memberships"]}
        self._new_groups: set[str] = set()
        self._creates: list[dict[str, Any]] = []
        self._updates: list[dict[str, Any]] = []
        self._joins: set[tuple[str, str]] = set()
        self._leaves: set[tuple[str, str]] = set()

    def grant(self, plan: dict[str, Any]) -> None:
        """From now on everything in this plan may be written."""
        default = plan["default_group"]
        for change in plan["changes"]:
            user = change["after"]
            if change["kind"] == "create_group":
                self._new_groups.add(change["group"])
            elif change["kind"] == "create_user":
                homes = {change["group"], *([default["name"]] if default else [])}
                self._creates.append({"fields": _fields(user), "group": change["group"], "default": bool(default)})
                self._joins |= {(user["username"].casefold(), home) for home in homes}
            elif change["kind"] == "remove_member":
                self._leaves.add((user["username"].casefold(), change["group"]))
            elif change["kind"] in {"update_user", "disable_user"}:
                self._updates.append({"id": user["id"], "fields": _fields(user)})
            else:
                self._joins.add((user["username"].casefold(), change["group"]))

    def covers(self, write: Write) -> bool:
        """Whether a request is part of a plan."""
        path, body = write.path.rstrip("/"), write.body
        removed = re.fullmatch(r"/api/user_group_member/id/(\d+)", path) if write.method == "DELETE" else None
        if removed:
            return removed[1] in self._memberships and self.may_leave(self._memberships[removed[1]])
        if not isinstance(body, dict):
            return False
        if (write.method, path) == ("POST", "/api/user_group"):
            return body["name"] in self._new_groups and body["all_access_group"] == "no"
        if (write.method, path) == ("POST", "/api/user"):
            return any(self._creates_this(each, body) for each in self._creates)
        if (write.method, path) == ("POST", "/api/user_group_member"):
            return self._may_join(str(body["user"]), str(body["group"]))
        changed = re.fullmatch(r"/api/user/id/(\d+)", path) if write.method == "PUT" else None
        if changed:
            return any(each["id"] == changed[1] and each["fields"] == body for each in self._updates)
        return False

    def unplanned(self, start: dict[str, Any], end: dict[str, Any]) -> Iterator[str]:
        """What has become of MI without a plan."""
        before = {user["id"]: user for user in start["users"]}
        creates = {each["fields"]["username"] for each in self._creates}
        updates = {each["id"] for each in self._updates}
        for user in end["users"]:
            if user["id"] not in before:
                if user["username"] not in creates:
                    yield f"new user {user}"
            elif user != before[user["id"]] and str(user["id"]) not in updates:
                yield f"changed user {user}"
        known = {(row["user"], row["group"]) for row in start["memberships"]}
        for row in end["memberships"]:
            if (row["user"], row["group"]) not in known and not self._may_join(str(row["user"]), str(row["group"])):
                yield f"new member {self._users[str(row['user'])]!r} of {self._groups[str(row['group'])]!r}"
        there = {group["id"] for group in start["groups"]}
        for group in end["groups"]:
            if group["id"] not in there and (group["name"] not in self._new_groups or group["all_access_group"] != "N"):
                yield f"new group {group}"

    def may_leave(self, membership: dict[str, Any]) -> bool:
        """Whether a plan takes this user out of this group."""
        username, group = self._users.get(str(membership["user"]), ""), self._groups.get(str(membership["group"]), "")
        return (username.casefold(), group) in self._leaves

    def _creates_this(self, planned: dict[str, Any], body: dict[str, Any]) -> bool:
        fields = {key: value for key, value in body.items() if key in planned["fields"]}
        group = self._groups.get(str(body["in_group_id"]))
        home = str(body["in_group_id"]) == "" or group == planned["group"]
        default = body["default_group_ind"] == "N" or planned["default"]
        return fields == planned["fields"] and home and default and body["copy_from_user_id"] == ""

    def _may_join(self, user_id: str, group_id: str) -> bool:
        username, group = self._users.get(user_id, ""), self._groups.get(group_id, "")
        return (username.casefold(), group) in self._joins


def _fields(user: dict[str, Any]) -> dict[str, str]:
    """What is sent of a user."""
    fields = {key: user[key] for key in ("username", "first_name", "last_name", "email")}
    return {**fields, "type": _TYPES.get(user["type"], user["type"]), "enabled": "Y" if user["enabled"] else "N"}
