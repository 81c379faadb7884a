"""Who is in which group of a simulated Okta org, and who seems to be while the index lags."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Mapping


class Memberships:
    """The members of each group, sorted by id. Groups must be created before they are used.

    Args:
        monotonic: clock, in seconds, behind the lag.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._members: dict[str, list[str]] = {}
        self._changes: dict[str, dict[str, tuple[float, bool]]] = {}

    def create(self, group_id: str) -> None:
        """Begin with an empty group."""
        self._members[group_id] = []

    def drop(self, group_id: str) -> None:
        """Forget a group."""
        del self._members[group_id]
        self._changes.pop(group_id, None)

    def fill(self, group_id: str, user_ids: Iterable[str]) -> None:
        """Set all members of a group at once; a lagging list shows them at once too."""
        self._members[group_id] = sorted(user_ids)

    def add(self, group_id: str, user_id: str) -> bool:
        """Put a user into a group; False if the user was in it."""
        members = self._members[group_id]
        if _holds(members, user_id):
            return False
        insort(members, user_id)
        self._changes.setdefault(group_id, {})[user_id] = (self._monotonic(), True)
        return True

    def remove(self, group_id: str, user_id: str) -> bool:
        """Take a user out of a group; False if the user was not in it."""
        members = self._members[group_id]
        if not _holds(members, user_id):
            return False
        members.remove(user_id)
        self._changes.setdefault(group_id, {})[user_id] = (self._monotonic(), False)
        return True

    def of_group(self, group_id: str, lag_s: float = 0) -> list[str]:
        """Return the sorted ids of the members as a list that is `lag_s` seconds late shows them."""
        members = self._members[group_id]
        if not lag_s or group_id not in self._changes:
            return members
        limit = self._monotonic() - lag_s
        unseen = {user: joined for user, (at, joined) in self._changes[group_id].items() if at > limit}
        still_seen = {user for user, joined in unseen.items() if not joined}
        return sorted({user for user in members if user not in unseen} | still_seen)

    def of_user(self, user_id: str) -> list[str]:
        """Return the sorted ids of the groups a user is in."""
        return sorted(group_id for group_id, members in self._members.items() if _holds(members, user_id))

    def forget_user(self, user_id: str) -> None:
        """Erase the traces of a deleted user, who is in no group any more."""
        for changes in self._changes.values():
            changes.pop(user_id, None)

    def copy(self) -> dict[str, list[str]]:
        """Return the members of all groups."""
        return {group_id: list(members) for group_id, members in self._members.items()}

    def load(self, members: Mapping[str, list[str]]) -> None:
        """Go back to a :meth:`copy`, without lag."""
        self._members = {group_id: list(ids) for group_id, ids in members.items()}
        self._changes = {}


def _holds(sorted_ids: list[str], user_id: str) -> bool:
    position = bisect_left(sorted_ids, user_id)
    return position < len(sorted_ids) and sorted_ids[position] == user_id
