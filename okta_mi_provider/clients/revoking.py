"""Takes access away in Metric Insights, and gives it back: memberships by their ids, accounts by `enabled`.

The first write of each kind is looked at, once per run. Whether somebody has no access is always decided by a list
that names everybody, never by a single thing that was not found: a wrong address is not found either.
"""

from __future__ import annotations

import threading

from okta_mi_provider.clients.errors import Call, NotFound
from okta_mi_provider.clients.metric_insights import MetricInsightsClient
from okta_mi_provider.clients.metric_insights_http import SYSTEM
from okta_mi_provider.clients.probes import FirstLook, ServerSurprise, same
from okta_mi_provider.sync.model import TargetGroup, TargetUser
from okta_mi_provider.sync.text import quoted


class Removals:
    """Takes users out of groups. May be used by several threads at once.

    MI removes by the id of a membership. Those of a group are read at once, when the first is needed: asking for each
    user's would double the requests. An id can be out of date by then, which MI answers with 404.

    Args:
        client: Sends the requests.
    """

    def __init__(self, client: MetricInsightsClient) -> None:
        self._client = client
        self._first = FirstLook()
        self._lock = threading.Lock()
        self._known: dict[str, dict[str, tuple[str, ...]]] = {}

    def remove(self, user: TargetUser, group: TargetGroup) -> bool:
        """Takes a user out of a group.

        Returns:
            Whether the user was a member until now.

        Raises:
            ServerSurprise: If the first user of a run has stayed a member. Later ones are then not removed.
            NotFound: If the membership is not there any more; there may be another one.
            SyncError: If the user could not be removed.
        """
        ids = self._ids(user.id, group)
        if not ids and not self.is_member(user, group):
            return False

        def remove() -> None:
            for membership_id in self._ids(user.id, group):
                self._client.remove_membership(membership_id)

        def surprise(_: None) -> ServerSurprise | None:
            if not self.is_member(user, group):
                return None
            return ServerSurprise(
                Call(SYSTEM, "DELETE", "/api/user_group_member/id/...", 200),
                f"after the first removal {quoted(user.username)} still is a member of {quoted(group.name)}",
                "Nobody else was removed. Remove them in MI by hand, and report it with MI's version.",
            )

        self._first.write(remove, surprise)
        return True

    def is_member(self, user: TargetUser, group: TargetGroup) -> bool:
        """Whether the user is a member now; reads, and remembers under which ids."""
        ids = self._client.lists.memberships_of(user.id, group)
        with self._lock:
            self._known.setdefault(group.id, {})[user.id] = ids
        return bool(ids)

    def _ids(self, user_id: str, group: TargetGroup) -> tuple[str, ...]:
        with self._lock:
            if group.id not in self._known:
                self._known[group.id] = dict(self._client.lists.memberships_in(group))
            return self._known[group.id].get(user_id, ())


class Accounts:
    """Disables and enables users. May be used by several threads at once.

    Args:
        client: Sends the requests.
    """

    def __init__(self, client: MetricInsightsClient) -> None:
        self._client = client
        self._first = FirstLook()

    def switch(self, user: TargetUser, before: TargetUser) -> None:
        """Lets a user sign in, or not.

        Args:
            user: As it shall be.
            before: As it was read.

        Raises:
            ServerSurprise: If the first user of a run is not as it was sent. Later ones are then not written.
            SyncError: If the user could not be written.
        """

        def surprise(_: None) -> ServerSurprise | None:
            now = self._now(user.id)
            if now and same(now, user):
                return None
            done = "enabled" if user.enabled else "disabled"
            what = "has not become so" if now and now.enabled is not user.enabled else "is not as it was sent"
            return ServerSurprise(
                Call(SYSTEM, "PUT", "/api/user/id/...", 200),
                f"the first user to be {done}, {quoted(user.username)}, {what}",
                f"Nobody else was {done}. Have it done in MI by hand; with 'disable_method': 'off' in the "
                "connection's extra it is not tried (docs/compatibility.md).",
            )

        self._first.write(lambda: self._client.set_enabled(user, before), surprise)

    def is_so(self, user: TargetUser) -> bool:
        """Whether the user can sign in, or cannot, as it shall be. Whoever is not there cannot."""
        now = self._now(user.id)
        return now.enabled is user.enabled if now else not user.enabled

    def _now(self, user_id: str) -> TargetUser | None:
        """A user as MI has it; None only if the list of all has nobody of this id."""
        try:
            found = self._client.user(user_id)
        except NotFound:
            found = None
        if found and found.id == user_id:
            return found
        return next((user for user in self._client.users() if user.id == user_id), None)
