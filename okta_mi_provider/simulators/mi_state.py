"""The state of a simulated Metric Insights server: users, groups, memberships and sent mail."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class MIUser:
    """A user. Passwords are checked and then forgotten.

    Attributes:
        type: ``regular``, ``power`` or ``administrator``.
        enabled: ``Y`` or ``N``.
        ldap: ``Y`` if a directory manages the user.
        system_admin: the flag that protects a user from other administrators; not in any answer.
    """

    id: int
    username: str
    email: str
    first_name: str = ""
    last_name: str = ""
    type: str = "regular"
    enabled: str = "Y"
    ldap: str = "N"
    system_admin: bool = False


@dataclass(frozen=True, slots=True)
class MIGroup:
    """A group; `all_access_group` is ``Y`` or ``N``."""

    id: int
    name: str
    description: str = ""
    all_access_group: str = "N"
    ldap_organizational_unit: str | None = None
    external_group_id: str | None = None


@dataclass(frozen=True, slots=True)
class Membership:
    """One user in one group, with an id of its own."""

    id: int
    user: int
    group: int


@dataclass(frozen=True, slots=True)
class Application:
    """An External Application: who may ask for session tokens."""

    id: str
    key: str
    can_manage_users: bool = True


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail with login credentials that a created user was sent."""

    to: str
    username: str
    sent_at: str


@dataclass(slots=True)
class _Saved:
    users: dict[int, MIUser] = field(default_factory=dict)
    groups: dict[int, MIGroup] = field(default_factory=dict)
    memberships: dict[int, Membership] = field(default_factory=dict)
    next_ids: dict[str, int] = field(default_factory=dict)


class MIState:
    """Users, groups and memberships by id, with indexes that keep every operation fast.

    It stores what it is told; what Metric Insights refuses is decided in :mod:`.mi_rules`.

    Attributes:
        applications: External Applications by id.
        personal_tokens: the username each personal API token represents.
        outbox: mails sent.
        forbidden_calls: calls no client should make, as ``METHOD path?query``.
    """

    def __init__(self) -> None:
        self.users: dict[int, MIUser] = {}
        self.groups: dict[int, MIGroup] = {}
        self.memberships: dict[int, Membership] = {}
        self.applications: dict[str, Application] = {}
        self.personal_tokens: dict[str, str] = {}
        self.outbox: list[Mail] = []
        self.forbidden_calls: list[str] = []
        self._next_ids = {"user": 1, "group": 1, "membership": 1}
        self._saved = _Saved()
        self._index()

    # -- Users -----------------------------------------------------------------------------------

    def add_user(self, username: str, email: str, **fields: Any) -> MIUser:
        """Store a new user; `fields` are those of :class:`MIUser`."""
        user = MIUser(self._new_id("user"), username, email, **fields)
        self._put_user(user)
        return user

    def update_user(self, user_id: int, **changes: Any) -> MIUser:
        """Change fields of a user and return it as it is now."""
        before = self.users[user_id]
        self._forget_names(before)
        user = replace(before, **changes)
        self._put_user(user)
        return user

    def delete_user(self, user_id: int) -> None:
        """Delete a user and the memberships."""
        for membership_id in list(self._by_user.pop(user_id, ())):
            self.delete_membership(membership_id)
        self._forget_names(self.users.pop(user_id))

    def users_named(self, username: str, *, ignore_case: bool) -> list[MIUser]:
        """Return the users of this username."""
        users = [self.users[user_id] for user_id in sorted(self._by_username.get(username.casefold(), ()))]
        return users if ignore_case else [user for user in users if user.username == username]

    def users_mailed_at(self, email: str) -> list[MIUser]:
        """Return the users of this e-mail, ignoring case."""
        return [self.users[user_id] for user_id in sorted(self._by_email.get(email.casefold(), ()))]

    # -- Groups ----------------------------------------------------------------------------------

    def add_group(self, name: str, **fields: Any) -> MIGroup:
        """Store a new group; `fields` are those of :class:`MIGroup`."""
        group = MIGroup(self._new_id("group"), name, **fields)
        self.groups[group.id] = group
        return group

    def update_group(self, group_id: int, **changes: Any) -> MIGroup:
        """Change fields of a group and return it as it is now."""
        self.groups[group_id] = replace(self.groups[group_id], **changes)
        return self.groups[group_id]

    def delete_group(self, group_id: int) -> None:
        """Delete a group and its memberships."""
        self.empty_group(group_id)
        self._by_group.pop(group_id, None)
        del self.groups[group_id]

    # -- Memberships -----------------------------------------------------------------------------

    def add_membership(self, user_id: int, group_id: int) -> Membership:
        """Put a user into a group; the membership there is, if there is one."""
        known = self._pairs.get((user_id, group_id))
        if known is not None:
            return self.memberships[known]
        membership = Membership(self._new_id("membership"), user_id, group_id)
        self.memberships[membership.id] = membership
        self._index_membership(membership)
        return membership

    def is_member(self, user_id: int, group_id: int) -> bool:
        """Whether the user is in the group."""
        return (user_id, group_id) in self._pairs

    def delete_membership(self, membership_id: int) -> None:
        """Take a user out of a group, by the id of the membership."""
        membership = self.memberships.pop(membership_id)
        del self._pairs[membership.user, membership.group]
        for index, key in ((self._by_user, membership.user), (self._by_group, membership.group)):
            if key in index:
                del index[key][membership_id]

    def empty_group(self, group_id: int) -> None:
        """Take everybody out of a group."""
        for membership_id in list(self._by_group.get(group_id, ())):
            self.delete_membership(membership_id)

    def memberships_of(self, *, user_id: int | None = None, group_id: int | None = None) -> list[Membership]:
        """Return the memberships of a user, of a group, of both, or all; oldest first."""
        if group_id is not None:
            found: Iterable[int] = self._by_group.get(group_id, {})
        elif user_id is not None:
            found = self._by_user.get(user_id, {})
        else:
            found = self.memberships
        rows = [self.memberships[membership_id] for membership_id in found]
        return rows if user_id is None or group_id is None else [row for row in rows if row.user == user_id]

    # -- The whole -------------------------------------------------------------------------------

    def save(self) -> None:
        """Remember users, groups and memberships for :meth:`restore`."""
        self._saved = _Saved(dict(self.users), dict(self.groups), dict(self.memberships), dict(self._next_ids))

    def restore(self) -> None:
        """Go back to the last :meth:`save`; mails and forbidden calls are forgotten."""
        saved = self._saved
        self.users, self.groups = dict(saved.users), dict(saved.groups)
        self.memberships, self._next_ids = dict(saved.memberships), dict(saved.next_ids)
        self.outbox.clear()
        self.forbidden_calls.clear()
        self._index()

    def export(self) -> dict[str, Any]:
        """Return everything but credentials as JSON values; groups list the usernames of their members too."""
        groups = []
        for group in self.groups.values():
            members = sorted(self.users[row.user].username for row in self.memberships_of(group_id=group.id))
            groups.append({**asdict(group), "members": members})
        return {
            "users": [asdict(user) for user in self.users.values()],
            "groups": groups,
            "memberships": [asdict(membership) for membership in self.memberships.values()],
            "outbox": [asdict(mail) for mail in self.outbox],
            "forbidden_calls": list(self.forbidden_calls),
        }

    def _new_id(self, kind: str) -> int:
        self._next_ids[kind] += 1
        return self._next_ids[kind] - 1

    def _put_user(self, user: MIUser) -> None:
        self.users[user.id] = user
        self._by_username.setdefault(user.username.casefold(), set()).add(user.id)
        self._by_email.setdefault(user.email.casefold(), set()).add(user.id)

    def _forget_names(self, user: MIUser) -> None:
        self._by_username[user.username.casefold()].discard(user.id)
        self._by_email[user.email.casefold()].discard(user.id)

    def _index(self) -> None:
        self._by_username: dict[str, set[int]] = {}
        self._by_email: dict[str, set[int]] = {}
        self._pairs: dict[tuple[int, int], int] = {}
        self._by_user: dict[int, dict[int, None]] = {}
        self._by_group: dict[int, dict[int, None]] = {}
        for user in self.users.values():
            self._put_user(user)
        for membership in self.memberships.values():
            self._index_membership(membership)

    def _index_membership(self, membership: Membership) -> None:
        self._pairs[membership.user, membership.group] = membership.id
        self._by_user.setdefault(membership.user, {})[membership.id] = None
        self._by_group.setdefault(membership.group, {})[membership.id] = None
