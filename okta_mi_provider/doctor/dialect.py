"""Finds out, without writing, which of our assumptions about Metric Insights hold for one server.

The assumptions are the switches of `MIDialect`; docs/compatibility.md explains them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from okta_mi_provider.clients.default_group import judge
from okta_mi_provider.clients.errors import NotFound, Rejected
from okta_mi_provider.clients.metric_insights import MetricInsightsClient
from okta_mi_provider.clients.metric_insights_dialect import switches
from okta_mi_provider.clients.metric_insights_wire import rows_of
from okta_mi_provider.doctor.metric_insights import Directory
from okta_mi_provider.doctor.observation import Observation, Section, Verdict
from okta_mi_provider.sync.errors import SyncError
from okta_mi_provider.sync.text import one_line, quoted

_SECTION = Section("Assumptions about Metric Insights")
_USERS, _MEMBERS = "/api/user", "/api/user_group_member"
_ONLY_WRITING = "Only writing shows."
#: What a sync does about those that only writing shows.
_WATCHED = {
    "default_group_method": "Only writing shows; a sync looks at the first user that it creates.",
    "user_update_body": "Only writing shows; a sync looks at the first user that it updates.",
    "disable_method": "Only writing shows; a sync looks at the first user that it disables.",
    "ok_statuses": "Only writing shows; what is empty takes any success.",
    "group_page": "Only who is signed in to MI sees a page; click on the link of a task.",
    "retry_markers": "Only a busy database shows.",
    "proactive_refresh_s": "How early to renew a session is yours to say; MI does not tell how long one lives.",
    "min_interval_s": "How fast to ask is yours to say; MI does not tell a limit.",
}


class _Found(NamedTuple):
    """What a look has shown of one assumption."""

    verdict: Verdict
    said: str


def examine_dialect(client: MetricInsightsClient, found: Directory) -> Iterator[Observation]:
    """Looks at every switch, and at two more things that a sync relies on when it checks its own writes."""
    looks = _Looks(client, found)
    by_switch: Mapping[str, Callable[[], _Found]] = {
        "default_group_id": looks.default_group,
        "default_group_name": looks.default_group_name,
        "list_paging": looks.list_paging,
        "member_list": looks.member_list,
        "user_lookup": looks.user_lookup,
        "username_casefold": looks.username_casefold,
    }
    for name in switches():
        look = by_switch.get(name, lambda name=name: _Found(Verdict.UNKNOWN, _WATCHED.get(name, _ONLY_WRITING)))
        yield _observed(f"{name} = {_shown(getattr(client.dialect, name))}", look)
    if found.users:
        yield _observed("one user by id", looks.one_user)
        yield _observed("groups of one user", looks.groups_of_one)


def _observed(subject: str, look: Callable[[], _Found]) -> Observation:
    try:
        verdict, said = look()
    except SyncError as error:
        return _SECTION.wrong(subject, error)
    return Observation(_SECTION.name, subject, verdict, said)


class _Looks:
    def __init__(self, client: MetricInsightsClient, found: Directory) -> None:
        self._client, self._found = client, found

    def default_group(self) -> _Found:
        if self._found.groups is None:
            return _Found(Verdict.UNKNOWN, "Groups could not be read.")
        found = judge(self._found.groups, self._client.dialect)
        if found.group is None:
            return _Found(Verdict.WRONG, found.doubt)
        if found.doubt:
            return _Found(Verdict.NOTE, found.doubt)
        name = quoted(found.group.name)
        if found.by_id:
            return _Found(Verdict.FINE, f"There is one with this id, named {name}.")
        return _Found(Verdict.NOTE, f"No group has this id; {name} is found by its name (id {found.group.id}).")

    def default_group_name(self) -> _Found:
        wanted = self._client.dialect
        for group in self._found.groups or ():
            if group.id == wanted.default_group_id:
                return _Found(Verdict.FINE, "Not needed: there is a group with the id.")
            if group.name == wanted.default_group_name:
                return _Found(Verdict.FINE, "There is a group of this name.")
        return _Found(Verdict.NOTE, "There is no group of this name.")

    def list_paging(self) -> _Found:
        if not self._found.users or len(self._found.users) == 1:
            return _Found(Verdict.UNKNOWN, "Too few users to tell.")
        rows = self._rows(_USERS, {"limit": "1", "offset": "0"})
        if rows is not None and len(rows) == 1:
            return self._works("list_paging", "offset", "The server knows ?limit= and ?offset=", Verdict.NOTE)
        if self._client.dialect.list_paging == "none":
            return _Found(Verdict.FINE, "Lists come whole.")
        return _Found(Verdict.NOTE, "The server takes no notice of ?limit=; none would do.")

    def member_list(self) -> _Found:
        rows = self._rows(_MEMBERS, {})
        if rows is not None:
            return self._works("member_list", "all", "The server also lists all memberships at once")
        if self._client.dialect.member_list == "all":
            return _Found(Verdict.WRONG, "The server does not list all memberships at once: set per_group.")
        return _Found(Verdict.FINE, "The server lists memberships only of one group or user.")

    def user_lookup(self) -> _Found:
        users = self._found.users or ()
        if len(users) < 2:
            return _Found(Verdict.UNKNOWN, "Too few users to tell.")
        rows = self._rows(_USERS, {"username": users[0].username})
        filters = rows is not None and [str(row.get("username")) for row in rows] == [users[0].username]
        if filters:
            return self._works("user_lookup", "query", "The server finds a user by ?username=")
        if self._client.dialect.user_lookup == "query":
            return _Found(Verdict.NOTE, "The server takes no notice of ?username=; list would do.")
        return _Found(Verdict.FINE, "The server takes no notice of ?username=.")

    def username_casefold(self) -> _Found:
        names = Counter(user.username.casefold() for user in self._found.users or ())
        doubled = sorted(name for name, number in names.items() if number > 1)
        if not doubled:
            return _Found(Verdict.UNKNOWN, "No two usernames differ only in case. " + _ONLY_WRITING)
        said = f"There are usernames that differ only in case, such as {quoted(doubled[0])}"
        if self._client.dialect.username_casefold:
            return _Found(
                Verdict.NOTE, f"{said}: these users are conflicts. Set it to false if they are different people."
            )
        return _Found(Verdict.FINE, f"{said}.")

    def one_user(self) -> _Found:
        user = (self._found.users or ())[0]
        same = self._client.user(user.id).username == user.username
        if same:
            return _Found(Verdict.FINE, "Is answered as that user.")
        return _Found(Verdict.WRONG, "Is answered as somebody else, so a sync cannot check its first update.")

    def groups_of_one(self) -> _Found:
        groups = self._client.groups_of((self._found.users or ())[0].id)
        return _Found(Verdict.FINE, f"Are told ({len(groups)}).")

    def _works(self, switch: str, value: str, said: str, otherwise: Verdict = Verdict.FINE) -> _Found:
        """What to say of a server that does what a value of a switch needs, be it set or not."""
        if getattr(self._client.dialect, switch) == value:
            return _Found(Verdict.FINE, f"{said}, as {value} needs.")
        return _Found(otherwise, f"{said}: {value} would work too.")

    def _rows(self, path: str, query: Mapping[str, str]) -> list[Mapping[str, Any]] | None:
        """The rows of a list; None if the server does not give them."""
        try:
            _, body = self._client.http.send("GET", path, query=urlencode(query, quote_via=quote))
        except (Rejected, NotFound):
            return None
        plural, singular = ("users", "user") if path == _USERS else ("user_group_members", "user_group_member")
        return rows_of(body, plural, singular)


def _shown(value: object) -> str:
    if value in (None, (), {}):
        return "empty"
    if isinstance(value, tuple):
        return one_line(", ".join(map(str, value)), 60)
    return one_line(str(value).lower() if isinstance(value, bool) else str(value), 60)
