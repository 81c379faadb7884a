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


#: Groups of Okta that are synced as one, by their places.
Places = tuple[int, ...]

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
            union
            for union in self.unions()
            if all(place in named_by_id or place not in self._world.twins for place in union)
        ]
        too_many = self._too_many({id(person) for union in readable for person in self._in_scope(union)})
        for union in readable:
            alone = self._too_many({id(person) for person in self._in_scope(union)})
            if not (alone if self._separately else too_many):
                self.sync(now, union)
        return now

    def unions(self) -> list[Places]:
        """The groups that are synced as one: each by itself; or all, where they have one target that is pruned."""
        places = tuple(range(len(self._world.groups)))
        together = self._settings.get("target_group") and self._settings["prune"] != "off"
        return [places] if together else [(place,) for place in places]

    def union_named(self, names: list[str]) -> Places:
        """The places of groups."""
        return tuple(self._world.groups.index(name) for name in names)

    def sync(self, now: MI, union: Places) -> None:
        """Syncs one group, or several as one."""
        settings = self._settings
        if settings["prune"] != "off" and not self._in_scope(union):
            return
        target = settings.get("target_group") or self._world.groups[union[0]]
        if target not in now.members and settings["auto_create"] == "none":
            return
        people = [self._attributes(person) for person in self._in_scope(union)]
        people = [person for person in people if person["username"] and person["email"]]
        # Who is who is settled before anything is written.
        pairs = [(person, self._counterpart(now, person, people)) for person in people]
        taken = {found for _, found in pairs if found and found is not _CONFLICT}
        leaving = self._leaving(now, union, target)
        disabled = self._deactivated(now, union, taken)
        if self._over_the_limit(len(leaving | disabled), len(now.members.get(target, ()))):
            return
        if target not in now.members:
            if self._group_refused(now, target):
                return
            now.members[target] = set()
        for person, found in pairs:
            if found is None:
                self._create(now, person, target)
            elif found is not _CONFLICT:
                self._update(now, person, found, target)
        now.members[target] -= leaving
        for name in disabled:
            unwritable = self._knobs.get("user_update_body") == "off" or now.users[name]["system_admin"]
            if not unwritable and self._knobs.get("disable_method") != "ignored":
                now.users[name]["enabled"] = "N"

    def _leaving(self, now: MI, union: Places, target: str) -> set[str]:
        """Members whom nobody in the Okta group could be, whatever the status, and whom nothing protects."""
        if self._settings["prune"] == "off" or target == DEFAULT_GROUP:
            return set()
        listed = [self._attributes(person) for person in self._listed(union)]
        names = {person["username"].casefold() for person in listed if person["username"]}
        addresses = {person["email"].casefold() for person in listed if person["email"]}
        return {
            name
            for name in now.members.get(target, ())
            if name.casefold() not in names
            and now.users[name]["email"].casefold() not in addresses
            and not self._protected(now.users[name])
        }

    def _deactivated(self, now: MI, union: Places, taken: set[str]) -> set[str]:
        """Users who are to be disabled: of those who are deactivated in Okta, and of nobody else in the group."""
        found = set()
        for person in self._listed(union) if self._settings["deprovision"] == "disable" else ():
            username = self._attributes(person)["username"].casefold()
            accounts = [name for name in now.users if username and name.casefold() == username]
            if person.status == "DEPROVISIONED" and len(accounts) == 1 and accounts[0] not in taken:
                user = now.users[accounts[0]]
                if user["enabled"] == "Y" and not self._protected(user):
                    found.add(accounts[0])
        return found

    def _over_the_limit(self, removals: int, members: int) -> bool:
        limit = self._settings.get("max_removals", "20%")
        if isinstance(limit, int):
            return removals > limit
        return max(members, removals) >= 10 and removals * 100 > int(limit[:-1]) * members

    def _protected(self, user: dict[str, Any]) -> bool:
        return bool(user["type"] == "administrator" and self._settings["protect_administrators"])

    def _listed(self, union: Places) -> list[Any]:
        return [person for person in self._world.people if set(union) & set(person.groups)]

    def _in_scope(self, union: Places) -> list[Any]:
        statuses = self._settings.get("statuses", MEMBERS)
        return [person for person in self._listed(union) if person.status in statuses]

    def members(self, union: Places) -> int:
        """How many members the Okta groups have together, whatever their status."""
        return len(self._listed(union))

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
        retyped = settings["force"] and not self._protected(user)
        wanted["type"] = _mi_type(settings["user_type"]) if retyped else user["type"]
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
