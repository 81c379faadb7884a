"""The state of a simulated Okta org: users, groups and who is in which."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from okta_mi_provider.simulators.okta_memberships import Memberships
from okta_mi_provider.simulators.okta_values import (
    GROUP_TYPES,
    Document,
    UnknownIdError,
    check_status,
    login_key,
    new_group,
    new_user,
    now,
    okta_id,
)


@dataclass(frozen=True, slots=True)
class _Saved:
    users: dict[str, Document]
    groups: dict[str, Document]
    members: dict[str, list[str]]
    ids: tuple[Any, ...]


class OktaOrg:
    """Users, groups and memberships; lists are in the order of the ids.

    Documents are replaced, never changed, so a reader may hold on to one.

    Attributes:
        owner_id: the user to whom the API token belongs; empty: nobody.

    Args:
        seed: of the ids made by this org.
        monotonic: clock, in seconds, behind the lags.
    """

    def __init__(self, seed: int = 0, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.users: dict[str, Document] = {}
        self.groups: dict[str, Document] = {}
        self._memberships = Memberships(monotonic)
        self._ids = random.Random(f"{seed}:ids")  # noqa: S311 - repeatable by design
        self._monotonic = monotonic
        self._saved = _Saved({}, {}, {}, self._ids.getstate())
        self.owner_id = ""
        self._user_order: list[str] = []
        self._derive()

    # -- Users -----------------------------------------------------------------------------------

    def add_user(
        self, profile: Mapping[str, Any], *, status: str = "ACTIVE", user_id: str | None = None, **fields: Any
    ) -> str:
        """Add a user and return the id; `fields` are further top-level keys of the document.

        Raises:
            ValueError: the status is unknown, or the login is missing or taken.
        """
        check_status(status)
        login = login_key(profile.get("login"))
        if login in self._logins:
            raise ValueError(f"login {profile['login']!r} is taken")
        user_id = user_id or okta_id("00u", self._ids)
        self.users[user_id] = new_user(user_id, status, profile, fields)
        self._logins[login] = user_id
        self._user_order = []
        return user_id

    def user_by_id_or_login(self, key: str) -> Document:
        """Return the user with this id or login.

        Raises:
            UnknownIdError: there is none.
        """
        if key not in self.users and 5 <= len(key) <= 100:
            return self._user(self._logins.get(login_key(key), key))
        return self._user(key)

    def set_status(self, user_id: str, status: str) -> None:
        """Change a user's status; memberships stay, as they do in Okta.

        Raises:
            UnknownIdError: there is no such user.
            ValueError: the status is unknown.
        """
        check_status(status)
        moment = now()
        changes = {"status": status, "statusChanged": moment, "lastUpdated": moment}
        self.users[user_id] = {**self._user(user_id), **changes}

    def update_profile(self, user_id: str, changes: Mapping[str, Any]) -> None:
        """Set profile attributes; those not named stay.

        Raises:
            UnknownIdError: there is no such user.
            ValueError: the new login is not allowed or is taken.
        """
        user = self._user(user_id)
        profile = {**user["profile"], **changes}
        login = login_key(profile["login"])
        if self._logins.get(login, user_id) != user_id:
            raise ValueError(f"login {profile['login']!r} is taken")
        del self._logins[login_key(user["profile"]["login"])]
        self._logins[login] = user_id
        self.users[user_id] = {**user, "profile": profile, "lastUpdated": now()}

    def delete_user(self, user_id: str) -> None:
        """Delete a user and all memberships.

        Raises:
            UnknownIdError: there is no such user.
        """
        user = self._user(user_id)
        for group_id in self._memberships.of_user(user_id):
            self.remove_member(group_id, user_id)
        self._memberships.forget_user(user_id)
        del self._logins[login_key(user["profile"]["login"])]
        del self.users[user_id]
        self._user_order = []

    def user_ids(self) -> list[str]:
        """Return the ids of all users, sorted."""
        if not self._user_order:
            self._user_order = sorted(self.users)
        return self._user_order

    # -- Groups ----------------------------------------------------------------------------------

    def add_group(
        self,
        name: str,
        *,
        description: str | None = "",
        group_type: str = "OKTA_GROUP",
        group_id: str | None = None,
        profile: Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> str:
        """Add a group and return the id; `profile` and `fields` are further keys of profile and document.

        Raises:
            ValueError: the type is unknown, or the name of a group of type OKTA_GROUP is taken.
        """
        if group_type not in GROUP_TYPES:
            raise ValueError(f"unknown group type {group_type!r}; known: {', '.join(GROUP_TYPES)}")
        if group_type == "OKTA_GROUP":
            self._check_name(name, None)
        group_id = group_id or okta_id("00g", self._ids)
        self.groups[group_id] = new_group(
            group_id, group_type, {"name": name, "description": description, **(profile or {})}, fields
        )
        self._memberships.create(group_id)
        self._named_at[group_id] = self._monotonic()
        return group_id

    def rename_group(self, group_id: str, name: str) -> None:
        """Give a group another name.

        Raises:
            UnknownIdError: there is no such group.
            ValueError: the name is taken.
        """
        group = self._group(group_id)
        if group["type"] == "OKTA_GROUP":
            self._check_name(name, group_id)
        self.groups[group_id] = {
            **group, "profile": {**group["profile"], "name": name}, "lastUpdated": now(),
        }  # fmt: skip
        self._named_at[group_id] = self._monotonic()

    def delete_group(self, group_id: str) -> None:
        """Delete a group and its memberships.

        Raises:
            UnknownIdError: there is no such group.
        """
        self._group(group_id)
        del self.groups[group_id]
        self._memberships.drop(group_id)
        self._stamps.pop(group_id, None)
        self._named_at.pop(group_id, None)

    def found_by_search(self, group_id: str, lag_s: float) -> bool:
        """Whether the search index, `lag_s` seconds late, knows the group under its name."""
        return not lag_s or self._monotonic() - self._named_at.get(group_id, float("-inf")) >= lag_s

    # -- Memberships -----------------------------------------------------------------------------

    def add_member(self, group_id: str, user_id: str) -> bool:
        """Put a user into a group; False if the user was in it.

        Raises:
            UnknownIdError: there is no such group or user.
        """
        self._user(user_id)
        self._group(group_id)
        changed = self._memberships.add(group_id, user_id)
        if changed:
            self._stamp_membership_change(group_id)
        return changed

    def remove_member(self, group_id: str, user_id: str) -> bool:
        """Take a user out of a group; False if the user was not in it.

        Raises:
            UnknownIdError: there is no such group.
        """
        self._group(group_id)
        changed = self._memberships.remove(group_id, user_id)
        if changed:
            self._stamp_membership_change(group_id)
        return changed

    def fill_group(self, group_id: str, user_ids: Iterable[str]) -> None:
        """Set all members of a group at once, without a trace in lags or time stamps: for seeding."""
        self._memberships.fill(group_id, user_ids)

    def member_ids(self, group_id: str, lag_s: float = 0) -> list[str]:
        """Return the sorted ids of a group's members as a list that is `lag_s` seconds late shows them.

        Raises:
            UnknownIdError: there is no such group.
        """
        self._group(group_id)
        return self._memberships.of_group(group_id, lag_s)

    def group_ids_of(self, user_id: str) -> list[str]:
        """Return the sorted ids of the groups a user is in.

        Raises:
            UnknownIdError: there is no such user.
        """
        self._user(user_id)
        return self._memberships.of_user(user_id)

    def membership_stamp(self, group_id: str, lag_s: float) -> str:
        """Return ``lastMembershipUpdated`` of a group as it is seen `lag_s` seconds late."""
        limit = self._monotonic() - lag_s
        unseen = (before for changed_at, before in self._stamps.get(group_id, ()) if changed_at > limit)
        stamp: str = self.groups[group_id]["lastMembershipUpdated"]
        return next(unseen, stamp) if lag_s else stamp

    # -- The whole -------------------------------------------------------------------------------

    def save(self) -> None:
        """Remember this state for :meth:`restore`."""
        ids = self._ids.getstate()
        self._saved = _Saved(dict(self.users), dict(self.groups), self._memberships.copy(), ids)

    def restore(self) -> None:
        """Go back to the state at the last :meth:`save`."""
        self.users, self.groups = dict(self._saved.users), dict(self._saved.groups)
        self._memberships.load(self._saved.members)
        self._ids.setstate(self._saved.ids)
        self._derive()

    def export(self) -> dict[str, Any]:
        """Return users without credentials, and groups with the ids of their members, as JSON values."""
        users = [
            {key: value for key, value in self.users[user_id].items() if key != "credentials"}
            for user_id in self.user_ids()
        ]
        groups = [{**self.groups[key], "members": self.member_ids(key)} for key in sorted(self.groups)]
        return {"users": users, "groups": groups}

    def _derive(self) -> None:
        self._logins = {login_key(user["profile"]["login"]): user_id for user_id, user in self.users.items()}
        self._user_order = []
        self._stamps: dict[str, list[tuple[float, str]]] = {}
        self._named_at: dict[str, float] = {}

    def _stamp_membership_change(self, group_id: str) -> None:
        group = self.groups[group_id]
        self._stamps.setdefault(group_id, []).append((self._monotonic(), group["lastMembershipUpdated"]))
        self.groups[group_id] = {**group, "lastMembershipUpdated": now()}

    def _user(self, user_id: str) -> Document:
        try:
            return self.users[user_id]
        except KeyError:
            raise UnknownIdError(f"{user_id} (User)") from None

    def _group(self, group_id: str) -> Document:
        try:
            return self.groups[group_id]
        except KeyError:
            raise UnknownIdError(f"{group_id} (UserGroup)") from None

    def _check_name(self, name: str, own_id: str | None) -> None:
        for group_id, group in self.groups.items():
            if group_id != own_id and group["type"] == "OKTA_GROUP" and group["profile"]["name"] == name:
                raise ValueError(f"a group is called {name!r} already")
