"""Writes to Metric Insights as *ensures*: what is so already, or became so although the answer was lost, is no failure.

The server's refusals of duplicates have no published form, and an answer can get lost after the write. So
neither is judged by its words: what MI has is read, and decides.
"""

from __future__ import annotations

import logging
import threading
import time
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import replace

from okta_mi_provider.clients.adaptive import is_overload
from okta_mi_provider.clients.advice import about_a_group_alike
from okta_mi_provider.clients.errors import BadAnswer, Call, NotFound, RateLimited, Rejected, Unavailable
from okta_mi_provider.clients.metric_insights import MetricInsightsClient
from okta_mi_provider.clients.metric_insights_http import SYSTEM, RefusedReplay
from okta_mi_provider.clients.probes import CreateProbe, UpdateProbe, Wish, same
from okta_mi_provider.clients.revoking import Accounts, Removals
from okta_mi_provider.sync.model import TargetGroup, TargetUser
from okta_mi_provider.sync.text import quoted
from okta_mi_provider.sync.writer import Written

log = logging.getLogger(__name__)

#: How often a write is tried whose answers get lost; and how often at most while fewer and fewer are in flight.
_ATTEMPTS, _MOST_ATTEMPTS = 4, 12
#: Pause before a write is tried again, in seconds, times the number of the attempt.
_PAUSE_S = 0.5


class EnsuringWriter:
    """Makes sure that things are as they shall be in one MI server. May be used by several threads at once.

    Args:
        client: Sends the requests.
    """

    def __init__(self, client: MetricInsightsClient) -> None:
        self._client = client
        self._directory = _Directory(client)
        self._creates = CreateProbe(client)
        self._updates = UpdateProbe(client)
        self._removals = Removals(client)
        self._accounts = Accounts(client)

    def create_group(self, name: str, source_id: str | None = None) -> Written:
        """Makes sure that a group of this name exists.

        Args:
            name: Its name.
            source_id: Id of the Okta group of this name, if it is made for one.

        Raises:
            SyncError: If it does not exist and could not be created.
        """

        def found() -> Written | None:
            existing = next((group for group in self._client.groups() if group.name == name), None)
            return Written(existing.id, already=True) if existing else None

        try:
            return self._ensure(lambda: Written(self._client.create_group(name, source_id)), found)
        except Rejected as error:
            # A database may hold names for equal that are not: so it refuses a group that nobody finds.
            alike = sorted(quoted(group.name) for group in self._client.groups() if _alike(group.name, name))
            if not alike:
                raise
            raise Rejected(error.call, error.detail, about_a_group_alike("; ".join(alike))) from None

    def create_user(self, user: TargetUser, group: TargetGroup, default_group: TargetGroup | None) -> Written:
        """Makes sure that the user exists and is a member of the group, and of the Default Group if it is given.

        One write, unless the server turns out not to take memberships along.

        Raises:
            SyncError: If it does not exist and could not be created, or is somebody else.
        """
        wanted = {Wish.GROUP: group}
        if default_group and default_group.id != group.id:
            wanted[Wish.DEFAULT_GROUP] = default_group

        ours: set[str] = set()

        def create() -> Written:
            user_id, left_out = self._creates.create(user, wanted)
            ours.add(user_id)
            self._join(user_id, {wish: wanted[wish] for wish in left_out})
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
            present = self._client.groups_of(existing.id, among=wanted.values())
            self._join(existing.id, {wish: each for wish, each in wanted.items() if each.id not in present})
            unlike = not same(existing, replace(user, id=existing.id))
            return Written(existing.id, already=True, joined=group.id not in present, unlike=unlike)

        written = self._ensure(create, found, joins=True)
        if written.target_id not in ours:
            return written
        # MI may have created the user and then refused a membership: who is found then is of our making all the same.
        return written._replace(already=False, joined=True)

    def update_user(self, user: TargetUser, before: TargetUser) -> Written:
        """Makes sure that the user's attributes are these.

        Args:
            user: As it shall be.
            before: As it was read.

        Raises:
            SyncError: If they could not be written.
        """

        def update() -> Written:
            self._updates.write(user, before)
            return Written(user.id)

        def found() -> Written | None:
            return Written(user.id, already=True) if same(self._client.user(user.id), user) else None

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
            present = self._client.groups_of(user.id, among=[group])
            return Written(user.id, already=True) if group.id in present else None

        return self._ensure(add, found, joins=True)

    def remove_member(self, user: TargetUser, group: TargetGroup) -> Written:
        """Makes sure that the user is no member of the group.

        Raises:
            SyncError: If the user is one and could not be removed.
        """

        def remove() -> Written:
            was_member = self._removals.remove(user, group)
            return Written(user.id, already=not was_member, left=was_member)

        def found() -> Written | None:
            return None if self._removals.is_member(user, group) else Written(user.id, already=True)

        return self._ensure(remove, found, leaves=True)

    def set_enabled(self, user: TargetUser, before: TargetUser) -> Written:
        """Makes sure that the user can sign in, or cannot, as the user says.

        Args:
            user: As it shall be.
            before: As it was read.

        Raises:
            SyncError: If it is not so and could not be written.
        """

        def switch() -> Written:
            self._accounts.switch(user, before)
            return Written(user.id)

        def found() -> Written | None:
            return Written(user.id, already=True) if self._accounts.is_so(user) else None

        return self._ensure(switch, found)

    def _join(self, user_id: str, groups: Mapping[Wish, TargetGroup]) -> None:
        """Adds what is missing; the group last, for the next run looks at its members and at nobody else."""
        for wish in (Wish.DEFAULT_GROUP, Wish.GROUP):
            if wish in groups:
                self.add_member(TargetUser(user_id, "", "", "", "", ""), groups[wish])

    def _ensure(
        self,
        write: Callable[[], Written],
        found: Callable[[], Written | None],
        *,
        joins: bool = False,
        leaves: bool = False,
    ) -> Written:
        """Writes, and reads when the write was refused or its fate is unknown.

        A write that is found to be done after its answer was lost counts as ours; so does one that was refused only
        when it was sent again, after its session had died. What is not found may be so already as well: a read decides.

        Args:
            write: Writes.
            found: Reads, and gives None if it is not so.
            joins: Whether the write makes somebody a member of the group.
            leaves: Whether it takes somebody out of the group.

        Raises:
            Stopped: If somebody wants the sync to end instead of another attempt.
            SyncError: If it is not so and could not be made so.
        """
        in_doubt = False
        failures = 0
        for attempt in range(1, _MOST_ATTEMPTS + 1):
            try:
                return write()
            except (Rejected, NotFound, Unavailable) as error:
                in_doubt = in_doubt or error.passing or isinstance(error, RefusedReplay)
                not_found = isinstance(error, NotFound)
                # What words a refusal has tells only of things that shall be there.
                if not (in_doubt or not_found or leaves or self._client.dialect.may_be_there(error.detail)):
                    raise
                if so_now := found():
                    joined = so_now.joined or (joins and in_doubt)
                    return so_now._replace(already=not in_doubt, joined=joined, left=leaves and in_doubt)
                # While the number in flight is still being found out, being one too many is nobody's fault.
                failures += not (is_overload(error) and self._client.limit > 1)
                pause_s = max(_PAUSE_S * attempt, (isinstance(error, RateLimited) and error.wait_s) or 0.0)
                waited_enough = failures == _ATTEMPTS or attempt == _MOST_ATTEMPTS
                # Where one membership was not found, another one has been seen.
                may_help = error.passing or (not_found and leaves)
                if not may_help or waited_enough or pause_s > self._client.transport.max_wait_s:
                    raise
                if isinstance(error, RateLimited):
                    self._client.transport.traffic.wait(error.call.system, pause_s)
                self._client.transport.pauses.wait(pause_s, str(error))
        raise AssertionError("the last attempt returns or raises")


def _alike(one: str, other: str) -> bool:
    """Whether two names differ in capitals, blanks and accents only, which databases like to overlook."""

    def bare(name: str) -> str:
        letters = (each for each in unicodedata.normalize("NFKD", name) if not unicodedata.combining(each))
        return " ".join("".join(letters).casefold().split())

    return bare(one) == bare(other)


class _Directory:
    """MI's users by name, read again only when what was read does not answer the question."""

    def __init__(self, client: MetricInsightsClient) -> None:
        self._client = client
        self._key = client.dialect.name_key
        self._asks_for_one = client.dialect.user_lookup == "query"
        self._lock = threading.Lock()
        self._users: dict[str, TargetUser] = {}
        self._read_at = 0.0

    def user_named(self, username: str) -> TargetUser | None:
        """The user of this name; None only if a list of all that was read after this call has none."""
        if self._asks_for_one and (found := self._client.user_named(username)):
            return found
        asked_at, key = time.monotonic(), self._key(username)
        with self._lock:
            if key not in self._users and self._read_at < asked_at:
                began = time.monotonic()
                self._users = {self._key(user.username): user for user in self._client.users()}
                self._read_at = began
            return self._users.get(key)
