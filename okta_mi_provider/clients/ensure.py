"""Writes to Metric Insights as *ensures*: what is so already, or became so although the answer was lost, is no failure.

The server's refusals of duplicates have no published form, and an answer can get lost after the write. So
neither is judged by its words: what MI has is read, and decides.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from okta_mi_provider.clients.errors import BadAnswer, Call, Rejected, Unavailable
from okta_mi_provider.clients.metric_insights import MetricInsightsClient
from okta_mi_provider.clients.metric_insights_http import SYSTEM
from okta_mi_provider.sync.apply import Written
from okta_mi_provider.sync.errors import SyncError
from okta_mi_provider.sync.model import TargetGroup, TargetUser
from okta_mi_provider.sync.text import quoted

log = logging.getLogger(__name__)

#: How often a write is tried whose answers get lost.
_ATTEMPTS = 4
#: Pause before a write is tried again, in seconds, times the number of the attempt.
_PAUSE_S = 0.5


class ServerSurprise(BadAnswer):
    """MI did something else than it was asked for, and would do so to everybody."""


class EnsuringWriter:
    """Makes sure that things are as they shall be in one MI server. May be used by several threads at once.

    Args:
        client: Sends the requests.
    """

    def __init__(self, client: MetricInsightsClient) -> None:
        self._client = client
        self._directory = _Directory(client)
        self._creates = _CreateProbe(client)
        self._updates = _UpdateProbe(client)

    def create_group(self, name: str) -> Written:
        """Makes sure that a group of this name exists.

        Raises:
            SyncError: If it does not exist and could not be created.
        """

        def found() -> Written | None:
            existing = next((group for group in self._client.groups() if group.name == name), None)
            return Written(existing.id, already=True) if existing else None

        return self._ensure(lambda: Written(self._client.create_group(name)), found)

    def create_user(self, user: TargetUser, group: TargetGroup, default_group: TargetGroup | None) -> Written:
        """Makes sure that the user exists and is a member of the group, and of the Default Group if it is given.

        One write, unless the server turns out not to take memberships along.

        Raises:
            SyncError: If it does not exist and could not be created, or is somebody else.
        """
        wanted = tuple({each.id: each for each in (group, default_group) if each}.values())

        def create() -> Written:
            user_id, left_out = self._creates.create(user, wanted)
            self._join(user_id, left_out)
            return Written(user_id, joined=True)

        def found() -> Written | None:
            existing = self._directory.user_named(user.username)
            if existing is None:
                return None
            if existing.email.casefold() != user.email.casefold():
                raise BadAnswer(
                    Call(SYSTEM, "POST", "/api/user", 400),
                    f"a user {quoted(user.username)} with another e-mail address has appeared meanwhile",
                    "The next run compares the two.",
                )
            present = self._client.groups_of(existing.id)
            self._join(existing.id, (each for each in wanted if each.id not in present))
            return Written(existing.id, already=True, joined=group.id not in present)

        return self._ensure(create, found, joins=True)

    def update_user(self, user: TargetUser) -> Written:
        """Makes sure that the user's attributes are these.

        Raises:
            SyncError: If they could not be written.
        """

        def update() -> Written:
            self._updates.write(user)
            return Written(user.id)

        def found() -> Written | None:
            return Written(user.id, already=True) if _same(self._client.user(user.id), user) else None

        return self._ensure(update, found)

    def add_member(self, user: TargetUser, group: TargetGroup) -> Written:
        """Makes sure that the user is a member of the group.

        Raises:
            SyncError: If the user is none and could not be made one.
        """

        def add() -> Written:
            self._client.add_member(user.id, group.id)
            return Written(user.id, joined=True)

        def found() -> Written | None:
            return Written(user.id, already=True) if group.id in self._client.groups_of(user.id) else None

        return self._ensure(add, found, joins=True)

    def _join(self, user_id: str, groups: Iterable[TargetGroup]) -> None:
        for group in groups:
            self.add_member(TargetUser(user_id, "", "", "", "", ""), group)

    def _ensure(
        self, write: Callable[[], Written], found: Callable[[], Written | None], *, joins: bool = False
    ) -> Written:
        """Writes, and reads when the write was refused or its fate is unknown.

        A write that is found to be done after its answer was lost counts as ours.

        Args:
            write: Writes.
            found: Reads, and gives None if it is not so.
            joins: Whether the write makes somebody a member of the group.
        """
        answer_lost = False
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return write()
            except (Rejected, Unavailable) as error:
                answer_lost = answer_lost or error.passing
                if so_now := found():
                    return so_now._replace(already=not answer_lost, joined=so_now.joined or (joins and answer_lost))
                if not error.passing or attempt == _ATTEMPTS:
                    raise
                log.info("%s Trying again.", error)
                time.sleep(_PAUSE_S * attempt)
        raise AssertionError("the last attempt returns or raises")


class _Directory:
    """MI's users by name, read again only when what was read does not answer the question."""

    def __init__(self, client: MetricInsightsClient) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._users: dict[str, TargetUser] = {}
        self._read_at = 0.0

    def user_named(self, username: str) -> TargetUser | None:
        """The user of this name, ignoring case; None only if a read that began after this call has none."""
        asked_at, key = time.monotonic(), username.casefold()
        with self._lock:
            if key not in self._users and self._read_at < asked_at:
                began = time.monotonic()
                self._users = {user.username.casefold(): user for user in self._client.users()}
                self._read_at = began
            return self._users.get(key)


class _CreateProbe:
    """Creates users, and learns from the first of them which memberships the server takes along."""

    def __init__(self, client: MetricInsightsClient) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._left_out: frozenset[str] | None = None

    def create(self, user: TargetUser, wanted: tuple[TargetGroup, ...]) -> tuple[str, tuple[TargetGroup, ...]]:
        """Creates a user; the first one alone, and looks what groups it is in.

        Args:
            user: Without an id.
            wanted: The group to be in, and the Default Group behind it if that is wanted too.

        Returns:
            The user's id, and those of the wanted groups that it is not in.

        Raises:
            SyncError: If the user could not be created.
        """
        group, with_default = wanted[0], len(wanted) > 1
        with self._lock:
            if self._left_out is None:
                user_id = self._client.create_user(user, group_id=group.id, default_group=with_default)
                present = self._groups_of(user_id, wanted)
                self._left_out = frozenset(each.id for each in wanted if each.id not in present)
                return user_id, self._of(wanted)
        if with_default and self._left_out == {wanted[1].id}:
            # The server takes one group along. Let it be the Default Group: a run that dies then leaves a gap in the
            # group that the next run looks at, not in the other.
            return self._client.create_user(user, group_id="", default_group=True), (group,)
        return self._client.create_user(user, group_id=group.id, default_group=with_default), self._of(wanted)

    def _of(self, wanted: tuple[TargetGroup, ...]) -> tuple[TargetGroup, ...]:
        return tuple(each for each in wanted if each.id in (self._left_out or ()))

    def _groups_of(self, user_id: str, wanted: tuple[TargetGroup, ...]) -> frozenset[str]:
        """Looks, in one way or the other. Without an answer the server is believed: the user was created, after all."""
        try:
            return self._client.groups_of(user_id)
        except SyncError as error:
            if error.fatal:
                raise
            log.info("%s Asking for the members of the groups instead.", error)
        try:
            return frozenset(group.id for group in wanted if user_id in self._client.members(group))
        except SyncError as error:
            if error.fatal:
                raise
            log.warning("Whether created users are members of their groups could not be checked: %s", error)
            return frozenset(group.id for group in wanted)


class _UpdateProbe:
    """Looks at what the first update has done, so that a surprise happens to one user and not to all."""

    def __init__(self, client: MetricInsightsClient) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._is_fine = False
        self._surprise: ServerSurprise | None = None

    def write(self, user: TargetUser) -> None:
        """Updates a user; the first one alone, and compares it with what was sent.

        Raises:
            ServerSurprise: If they differ. It is raised for every later user too, who is then not written.
            SyncError: If the user could not be written.
        """
        with self._lock:
            if self._surprise:
                raise self._surprise
            if not self._is_fine:
                answered = self._client.update_user(user)
                if not _same(answered or self._client.user(user.id), user):
                    self._surprise = ServerSurprise(
                        Call(SYSTEM, "PUT", "/api/user/id/...", 200),
                        f"after the first update {quoted(user.username)} is not as it was sent",
                        "No more users were updated. See what differs in MI, and report it with its version.",
                    )
                    raise self._surprise
                self._is_fine = True
                return
        self._client.update_user(user)


def _same(actual: TargetUser, wanted: TargetUser) -> bool:
    """Whether a user is as it shall be. A server may keep addresses in lower case."""
    same_address = actual.email.casefold() == wanted.email.casefold()
    return same_address and replace(actual, email=wanted.email) == wanted
