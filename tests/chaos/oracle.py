"""What Metric Insights must be in the end, worked out from the rules of the sync: slow, simple, and on its own.

Written from the specification, with nothing of the product in it. What a server refuses to anybody is refused here
too: it is a rule of that server, not of the sync.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.world import DEFAULT_GROUP, World

MEMBERS = ("ACTIVE", "LOCKED_OUT", "PASSWORD_EXPIRED", "PROVISIONED", "RECOVERY", "STAGED")
#: After so many syncs a world must be at rest.
_MOST_ROUNDS = 20


@dataclass
class MI:
    """Metric Insights: attributes by username, usernames by group.

    Attributes:
        users: Username -> attributes. Usernames never change, and no two are the same.
        members: Name of the group -> usernames.
    """

    users: dict[str, dict[str, str]] = field(default_factory=dict)
    members: dict[str, set[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, state: dict[str, Any]) -> MI:
        """From the simulator's own word."""
        names = {user["id"]: user["username"] for user in state["users"]}
        return cls(
            {user["username"]: {key: user[key] for key in _ATTRIBUTES} for user in state["users"]},
            {
                group["name"]: {names[row["user"]] for row in state["memberships"] if row["group"] == group["id"]}
                for group in state["groups"]
            },
        )

    def differences(self, other: MI) -> Iterator[str]:
        """What is in this one and not in the other, and the other way round."""
        for name in sorted({*self.users, *other.users}):
            if self.users.get(name) != other.users.get(name):
                yield f"user {name!r}: {self.users.get(name)} against {other.users.get(name)}"
        for name in sorted({*self.members, *other.members}):
            mine, theirs = self.members.get(name), other.members.get(name)
            if mine is None or theirs is None:
                yield f"group {name!r}: {'is' if mine is not None else 'is not'} there"
            elif mine != theirs:
                yield f"group {name!r}: has {sorted(mine - theirs)}, lacks {sorted(theirs - mine)}"


_ATTRIBUTES = ("email", "first_name", "last_name", "type", "enabled", "system_admin")


class Oracle:
    """Knows the end of a scenario.

    Args:
        world: Both sides and the settings.
        separately: Whether each group is a sync of its own, with a limit of its own.
    """

    def __init__(self, world: World, *, separately: bool) -> None:
        self._world, self._settings, self._knobs = world, world.settings, world.mi_knobs
        self._separately = separately

    def end(self, start: MI, named_by_id: tuple[int, ...]) -> tuple[MI, int]:
        """The state that no further sync changes, and how many it takes at most to get there."""
        now, rounds = deepcopy(start), 0
        while True:
            after = self.after(now, named_by_id)
            if after == now:
                return now, rounds
            now, rounds = after, rounds + 1
            assert rounds < _MOST_ROUNDS, "the oracle does not come to rest"

    def after(self, before: MI, named_by_id: tuple[int, ...]) -> MI:
        """The state after one sync of all groups."""
        now = deepcopy(before)
        if self._settings["dry_run"]:
            return now
        readable = [
            place for place in range(len(self._world.groups)) if place in named_by_id or place not in self._world.twins
        ]
        too_many = self._too_many({id(person) for place in readable for person in self._in_scope(place)})
        for place in readable:
            alone = self._too_many({id(person) for person in self._in_scope(place)})
            if not (alone if self._separately else too_many):
                self.sync(now, place)
        return now

    def sync(self, now: MI, place: int) -> None:
        """Syncs one group."""
        settings = self._settings
        target = settings.get("target_group") or self._world.groups[place]
        if target not in now.members:
            if settings["auto_create"] == "none" or self._group_refused(now, target):
                return
            now.members[target] = set()
        people = [self._attributes(person) for person in self._in_scope(place)]
        people = [person for person in people if person["username"] and person["email"]]
        # Who is who is settled before anything is written.
        pairs = [(person, self._counterpart(now, person, people)) for person in people]
        for person, found in pairs:
            if found is None:
                self._create(now, person, target)
            elif found is not _CONFLICT:
                self._update(now, person, found, target)

    def _in_scope(self, place: int) -> list[Any]:
        statuses = self._settings.get("statuses", MEMBERS)
        return [person for person in self._world.people if place in person.groups and person.status in statuses]

    def members(self, place: int) -> int:
        """How many members the Okta group has, whatever their status."""
        return sum(place in person.groups for person in self._world.people)

    def _too_many(self, people: set[int]) -> bool:
        return len(people) > self._settings.get("sync_user_limit", 10_000)

    def _attributes(self, person: Any) -> dict[str, str]:
        names = {
            "username": self._settings["username_attr"],
            "email": "email",
            "first_name": "firstName",
            "last_name": "lastName",
        }
        return {ours: _text(person.profile.get(theirs)) for ours, theirs in names.items()}

    def _counterpart(self, now: MI, person: dict[str, str], people: list[dict[str, str]]) -> str | None:
        """The MI username, None if there is nobody yet, or that it is a conflict."""
        for key in ("username", "email"):
            if sum(each[key].casefold() == person[key].casefold() for each in people) > 1:
                return _CONFLICT
        named = [name for name in now.users if name.casefold() == person["username"].casefold()]
        mailed = [name for name, user in now.users.items() if user["email"].casefold() == person["email"].casefold()]
        if len(named) > 1:
            return _CONFLICT
        found = named[0] if named else None
        if found is None and "email" in self._settings["match_by"]:
            if len(mailed) > 1:
                return _CONFLICT
            # Somebody who is another user of the Okta group by name is that one.
            others = {each["username"].casefold() for each in people}
            if mailed and mailed[0].casefold() not in others:
                found = mailed[0]
        return _CONFLICT if set(mailed) - {found} else found

    def _create(self, now: MI, person: dict[str, str], target: str) -> None:
        if self._settings["auto_create"] == "groups" or self.user_refused(person, person["username"]):
            return
        now.users[person["username"]] = {
            **{key: person[key] for key in ("email", "first_name", "last_name")},
            "type": _mi_type(self._settings["user_type"]),
            "enabled": "Y",
            "system_admin": False,
        }
        now.members[target].add(person["username"])
        if not self._settings["skip_default_group"]:
            now.members[DEFAULT_GROUP].add(person["username"])

    def _update(self, now: MI, person: dict[str, str], found: str, target: str) -> None:
        user, settings = now.users[found], self._settings
        wanted = {key: person[key] for key in ("first_name", "last_name")}
        same_address = person["email"].casefold() == user["email"].casefold()
        wanted["email"] = user["email"] if same_address else person["email"]
        protected = user["type"] == "administrator" and settings["protect_administrators"]
        wanted["type"] = _mi_type(settings["user_type"]) if settings["force"] and not protected else user["type"]
        unwritable = self._knobs.get("user_update_body") == "off" or user["system_admin"]
        if not unwritable and not self.user_refused(wanted, found):
            user.update(wanted)
        now.members[target].add(found)
        if settings["force"] and not settings["skip_default_group"]:
            now.members[DEFAULT_GROUP].add(found)

    def _group_refused(self, now: MI, name: str) -> bool:
        twins = any(each.casefold() == name.casefold() for each in now.members)
        return len(name) > 100 or (self._knobs["group_name_casefold"] and twins)

    @staticmethod
    def user_refused(attributes: dict[str, str], username: str) -> bool:
        """Whether the server takes nobody with these attributes."""
        longest = max(len(text) for text in (attributes["first_name"], attributes["last_name"], username))
        return longest > 100 or not re.fullmatch(r"[^@\s]+@[^@\s]+", attributes["email"])


_CONFLICT = "\0conflict"


def _text(value: object) -> str:
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def _mi_type(user_type: str) -> str:
    return {"power_user": "power"}.get(user_type, user_type)
