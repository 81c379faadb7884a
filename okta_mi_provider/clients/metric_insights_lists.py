"""Lists of Metric Insights' REST API: one request, or as many as it takes, and the rows of the answer."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from okta_mi_provider.clients.errors import BadAnswer, Call, NotFound, Rejected
from okta_mi_provider.clients.metric_insights_dialect import MIDialect
from okta_mi_provider.clients.metric_insights_http import MetricInsightsHttp
from okta_mi_provider.clients.metric_insights_pages import Page, whole_list
from okta_mi_provider.clients.metric_insights_wire import announced_rows, id_of, rows_of
from okta_mi_provider.sync.model import TargetGroup

log = logging.getLogger(__name__)

USERS, GROUPS, MEMBERS = "/api/user", "/api/user_group", "/api/user_group_member"

_Query = Mapping[str, str]
#: A row, and the request that it is from, for messages.
Row = tuple[Call, Mapping[str, Any]]


class Lists:
    """Reads lists of one MI server. May be used by several threads at once.

    Args:
        http: Sends the requests.
        dialect: What is assumed where the documentation is silent.
    """

    def __init__(self, http: MetricInsightsHttp, dialect: MIDialect) -> None:
        self._http = http
        self._dialect = dialect

    def whole(self, path: str, plural: str, singular: str, query: _Query) -> list[Row]:
        """A complete list, however many requests it takes.

        Raises:
            SyncError: If it could not be read to its end.
        """
        in_pages = self._dialect.list_paging == "offset"
        return whole_list(
            lambda page: self._answer(path, plural, singular, {**query, **page}), plural, in_pages=in_pages
        )

    def rows(self, path: str, plural: str, singular: str, query: _Query) -> list[Row]:
        """What one request answers.

        Raises:
            SyncError: If it could not be read.
        """
        call, _, rows = self._answer(path, plural, singular, query)
        return [(call, row) for row in rows]

    def memberships(self, key: str, value: str) -> list[Row]:
        """Memberships (`GET /api/user_group_member`): everybody's, or those that are asked for and perhaps others.

        Args:
            key: "user" or "group".
            value: The id of it.
        """
        query = {} if self._dialect.member_list == "all" else {key: value}
        return self.whole(MEMBERS, "user_group_members", "user_group_member", query)

    def memberships_in(self, group: TargetGroup) -> Mapping[str, tuple[str, ...]]:
        """Ids of a group's memberships by the id of the member, who could have several (`?group=`).

        Raises:
            SyncError: If they could not be read, or one has no id.
        """
        return self._membership_ids("group", group.id, group)

    def memberships_of(self, user_id: str, group: TargetGroup) -> tuple[str, ...]:
        """Ids of one user's memberships of a group (`?user=`); none for no member.

        Where the server cannot tell of one user, those of the group are read.

        Raises:
            SyncError: If they could not be read, or one has no id.
        """
        try:
            found = self._membership_ids("user", user_id, group)
        except (Rejected, NotFound, BadAnswer) as error:
            log.info("%s Asking for the members of the group instead.", error)
            found = self.memberships_in(group)
        return found.get(user_id, ())

    def _membership_ids(self, key: str, value: str, group: TargetGroup) -> Mapping[str, tuple[str, ...]]:
        found: dict[str, dict[str, None]] = {}
        for call, row in self.memberships(key, value):
            if id_of(row, "group", call) == group.id:
                # The same row twice is not two memberships.
                found.setdefault(id_of(row, "user", call), {})[id_of(row, "id", call)] = None
        return {user_id: tuple(ids) for user_id, ids in found.items()}

    def _answer(self, path: str, plural: str, singular: str, query: _Query) -> Page:
        call, body = self._http.send("GET", path, query=urlencode(query, errors="surrogatepass"))
        rows = rows_of(body, plural, singular)
        if rows is None:
            hint = f"Is {self._http.base} a Metric Insights server, of version 7.0 or later?"
            raise BadAnswer(call, f"there is no list of {plural} in it", hint)
        return Page(call, announced_rows(body), rows)
