"""The first write of a kind is looked at, once per run: what a server does differently is then known for all others."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import StrEnum
from typing import TypeVar

from okta_mi_provider.clients.errors import BadAnswer, Call, Rejected, Unavailable
from okta_mi_provider.clients.metric_insights import MetricInsightsClient
from okta_mi_provider.clients.metric_insights_http import SYSTEM, RefusedReplay
from okta_mi_provider.clients.metric_insights_wire import as_number
from okta_mi_provider.sync.errors import SyncError
from okta_mi_provider.sync.model import TargetGroup, TargetUser
from okta_mi_provider.sync.text import quoted

log = logging.getLogger(__name__)

_Answer = TypeVar("_Answer")


class Wish(StrEnum):
    """What a create can ask for besides the user."""

    GROUP = "group"
    DEFAULT_GROUP = "default group"


_Wishes = frozenset[Wish]
_NOTHING: _Wishes = frozenset()
_DEFAULT_GROUP = frozenset({Wish.DEFAULT_GROUP})

_ONE_AT_A_TIME = (
    "Metric Insights takes only one group along with a user that it creates, so users are created in the Default Group "
    "and put into theirs then. Set 'default_group_method' of the connection to 'indicator': no run tries the other way "
    "again."
)


class ServerSurprise(BadAnswer):
    """MI did something else than it was asked for, and would do so to everybody."""


class CreateProbe:
    """Creates users, and learns from the first of them which memberships the server takes along.

    What is asked for is the dialect's `default_group_method`. What is learnt is about wishes, not about groups, and so
    holds for every group of a run.

    Somebody in the group who is not in the Default Group is, to a run that knows of no earlier one, one whom a person
    has made so. So both are asked for at once only while that is seen to work, and a single time to see it. Otherwise
    users are created in the Default Group and put into the group last: who is not there yet is missed by the next run.

    Args:
        client: Sends the requests.
    """

    def __init__(self, client: MetricInsightsClient) -> None:
        self._client = client
        self._method = client.dialect.default_group_method
        self._lock = threading.Lock()
        #: What has been seen to come of asking for these.
        self._granted: dict[_Wishes, _Wishes] = {}
        self._both_at_once = True
        self._ids_are_numbers = False

    def create(self, user: TargetUser, wanted: Mapping[Wish, TargetGroup]) -> tuple[str, _Wishes]:
        """Creates a user; the first who asks for the same alone, and looks what groups it is in.

        Args:
            user: Without an id.
            wanted: The group to be in, and the Default Group if that is wanted too.

        Returns:
            The user's id, and the wishes that the server has not been seen to fulfil.

        Raises:
            SyncError: If the user could not be created.
        """
        wishes = frozenset(wanted)
        with self._lock:
            asked = self._asked(wishes)
            granted = self._granted.get(asked, None if asked else _NOTHING)
            if granted is None:
                user_id, granted = self._first(user, wanted, asked)
                return user_id, wishes - granted
        return self._create(user, wanted, asked), wishes - granted

    def _asked(self, wishes: _Wishes) -> _Wishes:
        """Which of the wishes a create expresses."""
        if self._method == "membership":
            return _NOTHING
        if self._method == "indicator" or (Wish.DEFAULT_GROUP in wishes and not self._both_at_once):
            return wishes & _DEFAULT_GROUP
        return wishes

    def _first(self, user: TargetUser, wanted: Mapping[Wish, TargetGroup], asked: _Wishes) -> tuple[str, _Wishes]:
        """Creates a user and looks at it. When nobody can tell what it got, it got nothing, and nothing is learnt."""
        try:
            user_id = self._create(user, wanted, asked)
        except (Unavailable, RefusedReplay):
            # It may have worked, but who looks then cannot tell by whose doing.
            self._learn(asked, None)
            raise
        granted = self._seen(user_id, wanted)
        self._learn(asked, granted)
        return user_id, granted or _NOTHING

    def _learn(self, asked: _Wishes, granted: _Wishes | None) -> None:
        if granted is not None:
            self._granted[asked] = granted
        if asked == {*Wish} and Wish.DEFAULT_GROUP not in (granted or _NOTHING):
            self._both_at_once = False
            if granted is not None:
                log.warning(_ONE_AT_A_TIME)

    def _seen(self, user_id: str, wanted: Mapping[Wish, TargetGroup]) -> _Wishes | None:
        """Which wishes have come true; None if nobody can tell."""
        try:
            present = self._client.groups_of(user_id, among=wanted.values())
        except SyncError as error:
            if error.fatal:
                raise
            log.info("%s The created user is put into each group, in it already or not.", error)
            return None
        return frozenset(wish for wish, group in wanted.items() if group.id in present)

    def _create(self, user: TargetUser, wanted: Mapping[Wish, TargetGroup], asked: _Wishes) -> str:
        """Creates a user; with the group's id as a number if the server turns out to insist on that."""
        group_id = wanted[Wish.GROUP].id if Wish.GROUP in asked else ""
        with_default = Wish.DEFAULT_GROUP in asked
        number = as_number(group_id)
        known = number if self._ids_are_numbers else group_id
        try:
            return self._client.create_user(user, group_id=known, default_group=with_default)
        except RefusedReplay:
            raise
        except Rejected as error:
            if known == number or "in_group_id" not in error.detail.casefold():
                raise
            log.info("%s Sending the group's id as a number instead.", error)
        user_id = self._client.create_user(user, group_id=number, default_group=with_default)
        self._ids_are_numbers = True
        return user_id


class UpdateProbe:
    """Looks at what the first update has done, so that a surprise happens to one user and not to all.

    Args:
        client: Sends the requests.
    """

    def __init__(self, client: MetricInsightsClient) -> None:
        self._client = client
        self._first = FirstLook()

    def write(self, user: TargetUser, before: TargetUser) -> None:
        """Updates a user; the first one alone, and compares it with what was sent.

        Args:
            user: As it shall be.
            before: As it was read.

        Raises:
            ServerSurprise: If they differ. It is raised for every later user too, who is then not written.
            SyncError: If the user could not be written.
        """

        def surprise(answered: TargetUser | None) -> ServerSurprise | None:
            if same(answered or self._client.user(user.id), user):
                return None
            return ServerSurprise(
                Call(SYSTEM, "PUT", "/api/user/id/...", 200),
                f"after the first update {quoted(user.username)} is not as it was sent",
                "No more users were updated. See what differs in MI: docs/compatibility.md has the switches "
                "for servers that take updates in another way.",
            )

        self._first.write(lambda: self._client.update_user(user, before), surprise)


class FirstLook:
    """Lets the first write of a kind be made alone and looked at; the others once it was what was asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_fine = False
        self._surprise: ServerSurprise | None = None

    def write(self, write: Callable[[], _Answer], surprise: Callable[[_Answer], ServerSurprise | None]) -> None:
        """Writes, unless an earlier write has surprised.

        Args:
            write: Writes.
            surprise: Looks at what was written, given what the write has returned; None if that is as it should be.

        Raises:
            ServerSurprise: If it is not. It is raised for every later write too, which is then not made.
            SyncError: If it could not be written, or not be looked at.
        """
        with self._lock:
            if self._surprise:
                raise self._surprise
            if not self._is_fine:
                self._surprise = surprise(write())
                if self._surprise:
                    raise self._surprise
                self._is_fine = True
                return
        write()


def same(actual: TargetUser, wanted: TargetUser) -> bool:
    """Whether a user is as it shall be. A server may keep addresses in lower case."""
    same_address = actual.email.casefold() == wanted.email.casefold()
    return same_address and replace(actual, email=wanted.email) == wanted
