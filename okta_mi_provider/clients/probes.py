"""The first write of a kind is looked at, once per run: what a server does differently is then known for all others."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum

from okta_mi_provider.clients.errors import BadAnswer, Call, Rejected
from okta_mi_provider.clients.metric_insights import MetricInsightsClient
from okta_mi_provider.clients.metric_insights_http import SYSTEM, RefusedReplay
from okta_mi_provider.clients.metric_insights_wire import as_number
from okta_mi_provider.sync.model import TargetGroup, TargetUser
from okta_mi_provider.sync.text import quoted

log = logging.getLogger(__name__)


class Wish(StrEnum):
    """What a create can ask for besides the user."""

    GROUP = "group"
    DEFAULT_GROUP = "default group"


class ServerSurprise(BadAnswer):
    """MI did something else than it was asked for, and would do so to everybody."""


class CreateProbe:
    """Creates users, and learns from the first of them which memberships the server takes along.

    What is asked for is the dialect's `default_group_method`. What is learnt is about the two wishes that a create can
    express, the group and the Default Group, and so holds for every group of a run.

    Args:
        client: Sends the requests.
    """

    def __init__(self, client: MetricInsightsClient) -> None:
        self._client = client
        self._method = client.dialect.default_group_method
        self._lock = threading.Lock()
        #: What the server leaves out, by whether the Default Group is asked for too.
        self._left_out: dict[bool, frozenset[Wish]] = {}
        self._ids_are_numbers = False

    def create(self, user: TargetUser, wanted: Mapping[Wish, TargetGroup]) -> tuple[str, frozenset[Wish]]:
        """Creates a user; the first one alone, and looks what groups it is in.

        Args:
            user: Without an id.
            wanted: The group to be in, and the Default Group if that is wanted too.

        Returns:
            The user's id, and the wishes that the server has not fulfilled.

        Raises:
            SyncError: If the user could not be created, or is there and nobody can tell in which groups.
        """
        with_default = Wish.DEFAULT_GROUP in wanted
        if self._method == "membership":
            return self._create(user, "", with_default=False), frozenset(wanted)
        group_id = wanted[Wish.GROUP].id if self._method == "adaptive" else ""
        with self._lock:
            if with_default not in self._left_out:
                user_id = self._create(user, group_id, with_default=with_default)
                present = self._client.groups_of(user_id, among=wanted.values())
                left_out = frozenset(wish for wish, group in wanted.items() if group.id not in present)
                self._left_out[with_default] = left_out
                return user_id, left_out
        left_out = self._left_out[with_default]
        if left_out == {Wish.DEFAULT_GROUP}:
            # The server takes one group along. Let it be the Default Group: a run that dies then leaves a gap in the
            # group that the next run looks at, not in the other.
            return self._create(user, "", with_default=True), frozenset({Wish.GROUP})
        return self._create(user, group_id, with_default=with_default), left_out

    def _create(self, user: TargetUser, group_id: str, *, with_default: bool) -> str:
        """Creates a user; with the group's id as a number if the server turns out to insist on that."""
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
        self._lock = threading.Lock()
        self._is_fine = False
        self._surprise: ServerSurprise | None = None

    def write(self, user: TargetUser, before: TargetUser) -> None:
        """Updates a user; the first one alone, and compares it with what was sent.

        Args:
            user: As it shall be.
            before: As it was read.

        Raises:
            ServerSurprise: If they differ. It is raised for every later user too, who is then not written.
            SyncError: If the user could not be written.
        """
        with self._lock:
            if self._surprise:
                raise self._surprise
            if not self._is_fine:
                answered = self._client.update_user(user, before)
                if not same(answered or self._client.user(user.id), user):
                    self._surprise = ServerSurprise(
                        Call(SYSTEM, "PUT", "/api/user/id/...", 200),
                        f"after the first update {quoted(user.username)} is not as it was sent",
                        "No more users were updated. See what differs in MI: docs/compatibility.md has the switches "
                        "for servers that take updates in another way.",
                    )
                    raise self._surprise
                self._is_fine = True
                return
        self._client.update_user(user, before)


def same(actual: TargetUser, wanted: TargetUser) -> bool:
    """Whether a user is as it shall be. A server may keep addresses in lower case."""
    same_address = actual.email.casefold() == wanted.email.casefold()
    return same_address and replace(actual, email=wanted.email) == wanted
