"""Reads and writes users, groups and memberships through Metric Insights' REST API; one method, one request.

Every request is told apart by what its failure means (see `errors`); what is to be done about a failed
write is the business of `ensure`. Source: help.metricinsights.com, "User and group API", and the vendor's
published tests; where those are silent, `MIDialect` holds the assumption.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from okta_mi_provider.clients.advice import DELETED_MEANWHILE
from okta_mi_provider.clients.default_group import judge
from okta_mi_provider.clients.errors import BadAnswer, Call, ConfigurationError, NotFound, Rejected, Unavailable
from okta_mi_provider.clients.group_pages import metric_insights_group_page
from okta_mi_provider.clients.http import Transport
from okta_mi_provider.clients.metric_insights_auth import Login
from okta_mi_provider.clients.metric_insights_dialect import MIDialect
from okta_mi_provider.clients.metric_insights_http import SYSTEM, MetricInsightsHttp
from okta_mi_provider.clients.metric_insights_lists import GROUPS, MEMBERS, USERS, Lists
from okta_mi_provider.clients.metric_insights_wire import (
    as_number,
    changed_body,
    group_of,
    id_of,
    password_body,
    rows_of,
    user_body,
    user_of,
)
from okta_mi_provider.clients.urls import BaseUrl, path_part
from okta_mi_provider.sync.errors import SyncError
from okta_mi_provider.sync.model import TargetGroup, TargetUser
from okta_mi_provider.sync.text import plural, quoted

log = logging.getLogger(__name__)

#: More requests in flight than any server bears.
MOST_CONCURRENT = 64


class UpdatesOff(SyncError):
    """The connection says that this MI takes no updates of users. Nothing was sent."""


class DisablingOff(SyncError):
    """The connection says that this MI cannot be told to disable or enable a user. Nothing was sent."""


class MetricInsightsClient:
    """Users, groups and memberships of one MI server. May be used by several threads at once.

    Args:
        base: Where the server is.
        login: How to authenticate.
        credentials: Where they are, for messages: "of ...", "in ...".
        transport: How to talk to it.
        max_concurrency: Most requests in flight; fewer while the server cannot bear so many.
        dialect: What is assumed where the documentation is silent.
        remarks: What is odd about where all this comes from, for who examines it.

    Attributes:
        lists: What is read of it, row by row.
    """

    def __init__(
        self,
        base: BaseUrl,
        login: Login,
        *,
        credentials: str,
        transport: Transport | None = None,
        max_concurrency: int = 4,
        dialect: MIDialect | None = None,
        remarks: Sequence[str] = (),
    ) -> None:
        self.remarks = remarks
        self.dialect = dialect or MIDialect()
        #: Which credentials are used, and where they are.
        self.credentials = login.described
        #: Username of the account that everything is done as; None if nobody has said it.
        self.acts_for = login.acts_for
        self.transport = transport or Transport()
        self.max_concurrency = max_concurrency
        self._http = MetricInsightsHttp(
            base,
            login,
            credentials=credentials,
            transport=self.transport,
            max_concurrency=max_concurrency,
            dialect=self.dialect,
        )
        self.lists = Lists(self._http, self.dialect)

    @property
    def host(self) -> str:
        """The server's URL."""
        return str(self._http.base)

    def page_of(self, group: TargetGroup) -> str | None:
        """Where an administrator sees the group; None if it is not known by its id, or has no page."""
        return metric_insights_group_page(self._http.base, self.dialect.group_page, group)

    @property
    def http(self) -> MetricInsightsHttp:
        """Single requests, for who examines the server."""
        return self._http

    @property
    def username_casefold(self) -> bool:
        """Whether usernames that differ only in case are one user."""
        return self.dialect.username_casefold

    @property
    def limit(self) -> int:
        """How many requests may be in flight now: `max_concurrency`, or fewer that the server has shown to bear."""
        return self._http.limit

    def check(self) -> str:
        """Makes the requests that need the rights of a sync, and says what they have shown.

        Raises:
            SyncError: If a sync could not read users and groups, or would find no Default Group.
        """
        users, groups = self.users(), self.groups()
        found = judge(groups, self.dialect)
        if found.group is None:
            raise ConfigurationError(found.doubt)
        # Whether they may be written shows only by writing; reading users needs the right to manage them.
        seen = f"{plural(len(users), 'user')} and {plural(len(groups), 'group')}"
        return f"Connected to {self.host}; these credentials may read its {seen}. {found.doubt}".rstrip()

    # ------------------------------------------------------------------ reading

    def users(self) -> tuple[TargetUser, ...]:
        """All users (`GET /api/user`), each once: the same row twice is not two users."""
        rows = self.lists.whole(USERS, "users", "user", {})
        return tuple(dict.fromkeys(user_of(row, call) for call, row in rows))

    def user(self, user_id: str) -> TargetUser:
        """One user (`GET /api/user/id/{id}`)."""
        for call, row in self.lists.rows(f"{USERS}/id/{path_part(user_id)}", "users", "user", {}):
            return user_of(row, call)
        raise NotFound(
            Call(SYSTEM, "GET", USERS, 200), f"there is no user with the id {quoted(user_id)}", DELETED_MEANWHILE
        )

    def user_named(self, username: str) -> TargetUser | None:
        """A user that the server finds by its name (`GET /api/user?username=`); None does not mean that there is none.

        Which keys the server filters by is not documented: what it answers is compared here.
        """
        wanted = self.dialect.name_key(username)
        try:
            found = self.lists.rows(USERS, "users", "user", {"username": username})
        except NotFound:
            return None
        users = (user_of(row, call) for call, row in found)
        return next((user for user in users if self.dialect.name_key(user.username) == wanted), None)

    def groups(self) -> tuple[TargetGroup, ...]:
        """All groups (`GET /api/user_group`), each once, as `users`: two of one name would be synced by nobody."""
        rows = self.lists.whole(GROUPS, "user_groups", "user_group", {})
        return tuple(dict.fromkeys(group_of(row, call) for call, row in rows))

    def members(self, group: TargetGroup) -> frozenset[str]:
        """Ids of all users of a group (`GET /api/user_group_member?group=`)."""
        pairs = self._memberships("group", group.id)
        return frozenset(user_id for user_id, group_id in pairs if group_id == group.id)

    def groups_of(self, user_id: str, *, among: Iterable[TargetGroup] = ()) -> frozenset[str]:
        """Ids of all groups that a user is in (`GET /api/user_group_member?user=`).

        Args:
            user_id: The user's id.
            among: The groups that matter. Their members are read instead, where the server cannot tell of one user.
        """
        wanted = tuple(among)
        try:
            pairs = list(self._memberships("user", user_id))
        except (Rejected, NotFound, BadAnswer) as error:
            if not wanted:
                raise
            log.info("%s Asking for the members of the groups instead.", error)
            return frozenset(group.id for group in wanted if user_id in self.members(group))
        return frozenset(group_id for member_id, group_id in pairs if member_id == user_id)

    def find_default_group(self, groups: Sequence[TargetGroup]) -> TargetGroup | None:
        """The group that MI puts new users into: by its id, else by its name; None if there is neither."""
        return judge(groups, self.dialect).group

    def default_group(self, groups: Sequence[TargetGroup]) -> TargetGroup:
        """The same, where it is needed.

        Raises:
            ConfigurationError: If there is none.
        """
        found = judge(groups, self.dialect)
        if found.group is None:
            raise ConfigurationError(found.doubt)
        if found.doubt:
            log.warning("%s", found.doubt)
        return found.group

    # ------------------------------------------------------------------ writing

    def create_group(self, name: str, external_id: str | None = None) -> str:
        """Creates a group that sees nothing by itself, and returns its id (`POST /api/user_group/`).

        Args:
            name: Its name.
            external_id: Id of the group that it is made for; sent only if the dialect says so.
        """
        body = {"name": name, "all_access_group": "no", "description": ""}
        if self.dialect.send_external_group_id and external_id:
            body["external_group_id"] = external_id
        return self._written_id("POST", f"{GROUPS}/", body, "user_group")

    def create_user(self, user: TargetUser, *, group_id: str | int, default_group: bool) -> str:
        """Creates a user, perhaps as a member of a group, and returns its id (`POST /api/user/`).

        The password is random and kept nowhere: people sign in through Okta. MI mails it to the user.

        Args:
            user: Without an id.
            group_id: The group to be a member of from the start; "" for none.
            default_group: Whether to be in the Default Group too.
        """
        password = password_body(self.dialect.password_mode)
        body = {
            **self.dialect.extra_user_create_fields,
            **user_body(user),
            **password,
            "copy_from_user_id": "",
            "in_group_id": group_id,
            "user_preference_template": "",
            "default_group_ind": "Y" if default_group else "N",
        }
        return self._written_id("POST", f"{USERS}/", body, "user", *password.values())

    def update_user(self, user: TargetUser, before: TargetUser) -> TargetUser | None:
        """Writes a user's attributes (`PUT /api/user/id/{id}`).

        All of them are sent, since it is not documented whether the others would be emptied, unless the dialect says
        that only those that differ are.

        Args:
            user: As it shall be.
            before: As it was read.

        Returns:
            The user as MI has it now, if the answer says so.

        Raises:
            UpdatesOff: If the dialect says that there are no updates. Nothing was sent.
        """
        path = f"{USERS}/id/{path_part(user.id)}"
        if self.dialect.user_update_body == "off":
            raise UpdatesOff(
                f"{quoted(user.username)} is not in MI as in Okta, and this MI takes no updates: 'user_update_body' of "
                "the connection is 'off'. Change the user in MI by hand, or have updates sent."
            )
        fields = changed_body(user, before) if self.dialect.user_update_body == "changed" else user_body(user)
        call, body = self._http.send("PUT", path, body=fields)
        for row in rows_of(body, "users", "user") or ():
            # An answer that repeats only what was sent proves nothing.
            return user_of(row, call) if {"id", "username", "email", "type", "enabled"} <= row.keys() else None
        return None

    def set_enabled(self, user: TargetUser, before: TargetUser) -> None:
        """Lets a user sign in, or not (`PUT /api/user/id/{id}` with `enabled`; what else is sent see `update_user`).

        Args:
            user: As it shall be.
            before: As it was read.

        Raises:
            DisablingOff: If the dialect says that it cannot be done. Nothing was sent.
        """
        if self.dialect.disable_method == "off":
            shall = "enabled" if user.enabled else "disabled"
            raise DisablingOff(
                f"{quoted(user.username)} should be {shall}, and this MI cannot be told to: 'disable_method' of the "
                f"connection is 'off'. Have it {shall} in MI by hand, or have it sent."
            )
        self.update_user(user, before)

    def add_member(self, user_id: str, group_id: str) -> None:
        """Puts a user into a group (`POST /api/user_group_member/`)."""
        body = {"user": as_number(user_id), "group": as_number(group_id)}
        call, answer = self._http.send("POST", f"{MEMBERS}/", body=body)
        if call.status != 204 and not rows_of(answer, "user_group_members", "user_group_member"):
            raise Unavailable(call, "there is no user_group_member in it")

    def remove_membership(self, membership_id: str) -> None:
        """Takes a user out of a group (`DELETE /api/user_group_member/id/{membershipId}`).

        Never by the group: `DELETE /api/user_group_member?group=` may empty it.

        Args:
            membership_id: Id of the membership, not of the user.

        Raises:
            NotFound: If there is no such membership any more.
        """
        self._http.send("DELETE", f"{MEMBERS}/id/{path_part(membership_id)}")

    # ------------------------------------------------------------------ helpers

    def _memberships(self, key: str, value: str) -> Iterator[tuple[str, str]]:
        """User and group of each membership: of everybody, or of those who are asked for and perhaps of others."""
        for call, row in self.lists.memberships(key, value):
            yield id_of(row, "user", call), id_of(row, "group", call)

    def _written_id(self, method: str, path: str, body: Mapping[str, Any], singular: str, *hidden: str) -> str:
        call, answer = self._http.send(method, path, body=body, hidden=hidden)
        for row in rows_of(answer, f"{singular}s", singular) or ():
            if row.get("id"):
                return id_of(row, "id", call)
        raise Unavailable(call, f"there is no {singular} with an id in it")
