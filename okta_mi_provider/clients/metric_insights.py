"""Reads and writes users, groups and memberships through Metric Insights' REST API; one method, one request.

Every request is told apart by what its failure means (see `errors`); what is to be done about a failed
write is the business of `ensure`. Source: help.metricinsights.com, "User and group API", and the vendor's
published tests; where those are silent, `MIDialect` holds the assumption.
"""

from __future__ import annotations

import secrets
import string
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import requests

from okta_mi_provider.clients.errors import (
    ApiError,
    AuthError,
    BadAnswer,
    Call,
    ConfigurationError,
    Deadlock,
    Forbidden,
    NotFound,
    RateLimited,
    Rejected,
    RightsMissing,
    SessionExpired,
    Unavailable,
)
from okta_mi_provider.clients.http import HttpSession, Transport, redirect_error, words
from okta_mi_provider.clients.metric_insights_auth import Login
from okta_mi_provider.clients.urls import BaseUrl
from okta_mi_provider.sync.errors import SyncError
from okta_mi_provider.sync.model import TargetGroup, TargetUser
from okta_mi_provider.sync.text import quoted

SYSTEM = "Metric Insights"

_USERS, _GROUPS, _MEMBERS = "/api/user", "/api/user_group", "/api/user_group_member"
_DEADLOCK = "Deadlock found when trying to get lock"
_SESSION_EXPIRED = "session expired"
_NO_USER_MANAGEMENT = "no user management access"
#: Keys under which a body could say that there are more rows than it lists.
_TOTALS = ("total", "total_count", "totalCount", "recordsTotal")
#: MI's word for a user type, where it is not ours.
_TYPE_TO_MI = {"power_user": "power"}
_TYPE_FROM_MI = {"power": "power_user"}


@dataclass(frozen=True, slots=True)
class MIDialect:
    """What MI's documentation leaves open, in one place.

    Attributes:
        default_group_id: The group that MI puts new users into, as made by the installer.
        default_group_name: Under which name to look for it when no group has that id.
    """

    default_group_id: str = "1"
    default_group_name: str = "Default Group"


class MetricInsightsClient:
    """Users, groups and memberships of one MI server. May be used by several threads at once.

    Args:
        base: Where the server is.
        login: How to authenticate.
        credentials: What to name when they are refused.
        transport: How to talk to it.
        max_concurrency: Most requests in flight.
        dialect: What is assumed where the documentation is silent.
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
    ) -> None:
        self._http = HttpSession(SYSTEM, base, transport or Transport(), connections=max_concurrency)
        self._login = login
        self._credentials = credentials
        self._dialect = dialect or MIDialect()
        self._in_flight = threading.BoundedSemaphore(max_concurrency)
        self.max_concurrency = max_concurrency

    @property
    def host(self) -> str:
        """The server's URL."""
        return str(self._http.base)

    def check(self) -> str:
        """Makes the request that needs all rights of a sync, and says what it has shown.

        Raises:
            SyncError: If a sync could not read users.
        """
        users = self.users()
        return f"Connected to {self.host}; it has {len(users):,} users, and these credentials may manage them."

    # ------------------------------------------------------------------ reading

    def users(self) -> tuple[TargetUser, ...]:
        """All users (`GET /api/user`)."""
        return tuple(_user(row, call) for call, row in self._list(_USERS, "users", "user"))

    def user(self, user_id: str) -> TargetUser:
        """One user (`GET /api/user/id/{id}`)."""
        for call, row in self._list(f"{_USERS}/id/{_quoted(user_id)}", "users", "user"):
            return _user(row, call)
        raise NotFound(Call(SYSTEM, "GET", _USERS), f"there is no user with the id {quoted(user_id)}")

    def groups(self) -> tuple[TargetGroup, ...]:
        """All groups (`GET /api/user_group`)."""
        return tuple(_group(row, call) for call, row in self._list(_GROUPS, "user_groups", "user_group"))

    def members(self, group: TargetGroup) -> frozenset[str]:
        """Ids of all users of a group (`GET /api/user_group_member?group=`)."""
        pairs = self._memberships("group", group.id)
        return frozenset(user_id for user_id, group_id in pairs if group_id == group.id)

    def groups_of(self, user_id: str) -> frozenset[str]:
        """Ids of all groups that a user is in (`GET /api/user_group_member?user=`)."""
        pairs = self._memberships("user", user_id)
        return frozenset(group_id for member_id, group_id in pairs if member_id == user_id)

    def default_group(self, groups: Sequence[TargetGroup]) -> TargetGroup:
        """The group that MI puts new users into: by its id, else by its name.

        Raises:
            ConfigurationError: If there is neither.
        """
        wanted = self._dialect
        for matches in (
            lambda group: group.id == wanted.default_group_id,
            lambda group: group.name == wanted.default_group_name,
        ):
            if found := next(filter(matches, groups), None):
                return found
        raise ConfigurationError(
            f"Metric Insights has no group with the id {quoted(wanted.default_group_id)} or the name "
            f"{quoted(wanted.default_group_name)}. Set 'default_group_id' of the connection to the Default Group's id, "
            "or keep synced users out of it with skip_default_group."
        )

    # ------------------------------------------------------------------ writing

    def create_group(self, name: str) -> str:
        """Creates a group that sees nothing by itself, and returns its id (`POST /api/user_group/`)."""
        body = {"name": name, "all_access_group": "no", "description": ""}
        return self._written_id("POST", f"{_GROUPS}/", body, "user_group")

    def create_user(self, user: TargetUser, *, group_id: str, default_group: bool) -> str:
        """Creates a user as a member of a group, and returns its id (`POST /api/user/`).

        The password is random and kept nowhere: people sign in through Okta. MI mails it to the user.

        Args:
            user: Without an id.
            group_id: The group to be a member of from the start.
            default_group: Whether to be in the Default Group too.
        """
        password = _random_password()
        body = {
            **_user_body(user),
            "password": password,
            "copy_from_user_id": "",
            "in_group_id": group_id,
            "user_preference_template": "",
            "default_group_ind": "Y" if default_group else "N",
        }
        return self._written_id("POST", f"{_USERS}/", body, "user", password)

    def update_user(self, user: TargetUser) -> TargetUser | None:
        """Writes a user's attributes (`PUT /api/user/id/{id}`).

        All of them are sent, since it is not documented whether the others would be emptied.

        Returns:
            The user as MI has it now, if the answer says so.
        """
        call, body = self._send("PUT", f"{_USERS}/id/{_quoted(user.id)}", body=_user_body(user))
        for row in _rows(body, "users", "user") or ():
            # An answer that repeats only what was sent proves nothing.
            return _user(row, call) if {"id", "username", "email", "type"} <= row.keys() else None
        return None

    def add_member(self, user_id: str, group_id: str) -> None:
        """Puts a user into a group (`POST /api/user_group_member/`)."""
        self._send("POST", f"{_MEMBERS}/", body={"user": _number(user_id), "group": _number(group_id)})

    # ------------------------------------------------------------------ one request

    def _list(self, path: str, plural: str, singular: str, query: str = "") -> list[tuple[Call, Mapping[str, Any]]]:
        call, body = self._send("GET", path, query=query)
        rows = _rows(body, plural, singular)
        if rows is None:
            raise BadAnswer(call, f"there is no list of {plural} in it")
        announced = [body[key] for key in _TOTALS if isinstance(body, dict) and isinstance(body.get(key), int)]
        if announced and max(announced) > len(rows):
            raise BadAnswer(call, f"it lists {len(rows)} of {max(announced)} {plural}, and a part is not enough")
        return [(call, row) for row in rows]

    def _memberships(self, key: str, value: str) -> list[tuple[str, str]]:
        rows = self._list(_MEMBERS, "user_group_members", "user_group_member", urlencode({key: value}))
        return [(_id(row, "user", call), _id(row, "group", call)) for call, row in rows]

    def _written_id(self, method: str, path: str, body: Mapping[str, Any], singular: str, *hidden: str) -> str:
        call, answer = self._send(method, path, body=body, hidden=hidden)
        for row in _rows(answer, f"{singular}s", singular) or ():
            return _id(row, "id", call)
        raise Unavailable(call, f"there is no {singular} in it")

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: str = "",
        body: Mapping[str, Any] | None = None,
        hidden: Sequence[str] = (),
    ) -> tuple[Call, Any]:
        """Sends a request; again with a new session token, after a deadlock, and a read after any passing failure.

        Returns:
            The request, for messages, and the JSON of its answer.
        """

        def once() -> tuple[Call, Any]:
            auth = self._login.auth(self._http)
            try:
                return self._once(method, path, query, body, auth, hidden)
            except SessionExpired as expired:
                if not self._login.renew(self._http, auth):
                    raise self._refused(expired) from None
            try:
                return self._once(method, path, query, body, self._login.auth(self._http), hidden)
            except SessionExpired as expired:
                raise self._refused(expired) from None

        def retry(error: SyncError) -> bool:
            # A write whose fate is unknown is not repeated here: `ensure` reads first.
            return error.passing and (method == "GET" or isinstance(error, Deadlock | RateLimited))

        return self._http.retrying(once, retry=retry)

    def _once(
        self,
        method: str,
        path: str,
        query: str,
        body: Mapping[str, Any] | None,
        auth: Any,
        hidden: Sequence[str],
    ) -> tuple[Call, Any]:
        with self._in_flight:
            response = self._http.send(method, path, query=query, body=body, auth=auth)
        call = self._http.call(response)
        answer = _json(response)
        message = words(_message(answer), *hidden)
        failed_inside = isinstance(answer, dict) and str(answer.get("status", "")).upper() == "ERROR"
        if error := self._error(response, call, message, failed_inside):
            raise error
        if response.status_code != 204 and answer is None:
            raise Unavailable(call, "the answer is not JSON" if response.content else "the answer is empty")
        return call, answer

    def _error(self, response: requests.Response, call: Call, message: str, failed_inside: bool) -> ApiError | None:
        status, text = response.status_code, message.casefold()
        if _DEADLOCK.casefold() in text:
            return Deadlock(call, message, "MI's database is busy with other writes; fewer at a time may help.")
        if _NO_USER_MANAGEMENT in text:
            return RightsMissing(
                call,
                message,
                "Tick 'Application Can Manage Users' for the application under Admin > System > External Applications.",
            )
        looks_like_a_page = "html" in response.headers.get("Content-Type", "") and status < 500
        if status in {401, 412} or looks_like_a_page or (failed_inside and _SESSION_EXPIRED in text):
            return SessionExpired(call, message or ("it is a web page" if looks_like_a_page else ""))
        if status == 429:
            return RateLimited(call, _retry_after(response), message)
        if status >= 500:
            return Unavailable(call, message or words(response.reason or ""))
        if status == 403:
            return Forbidden(call, message, f"The MI user behind {self._credentials} must be an administrator.")
        if status == 404:
            return NotFound(call, message)
        if status == 405:
            return BadAnswer(call, message, "This MI may be older than 7.0, or live under another path.")
        if redirect := redirect_error(response, call):
            return redirect
        return Rejected(call, message) if failed_inside or not response.ok else None

    def _refused(self, expired: SessionExpired) -> AuthError:
        return AuthError(
            expired.call,
            expired.detail,
            f"Metric Insights does not accept the credentials of {self._credentials}. Check host and token; a personal "
            "token may have expired (Admin > System > API Tokens).",
        )


def _json(response: requests.Response) -> Any:
    try:
        return response.json()
    except requests.exceptions.JSONDecodeError:
        return None


def _message(answer: object) -> str:
    if not isinstance(answer, dict):
        return answer if isinstance(answer, str) else ""
    return str(answer.get("message") or answer.get("error") or "")


def _retry_after(response: requests.Response) -> float:
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else 2.0


def _rows(answer: object, plural: str, singular: str) -> list[Mapping[str, Any]] | None:
    """The objects of an envelope: a list or a single one, under either key; None if there is no envelope."""
    if isinstance(answer, dict):
        answer = answer.get(plural, answer.get(singular))
    rows = [answer] if isinstance(answer, dict) else answer
    return rows if isinstance(rows, list) and all(isinstance(row, dict) for row in rows) else None


def _user(row: Mapping[str, Any], call: Call) -> TargetUser:
    kind = str(row.get("type") or "")
    return TargetUser(
        id=_id(row, "id", call),
        username=str(row.get("username") or ""),
        email=str(row.get("email") or ""),
        first_name=str(row.get("first_name") or ""),
        last_name=str(row.get("last_name") or ""),
        type=_TYPE_FROM_MI.get(kind, kind),
        enabled=str(row.get("enabled", "Y")).upper() not in {"N", "NO", "0", "FALSE"},
    )


def _user_body(user: TargetUser) -> dict[str, str]:
    return {
        "username": user.username,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "email": user.email,
        "type": _TYPE_TO_MI.get(user.type, user.type),
        "enabled": "Y" if user.enabled else "N",
    }


def _group(row: Mapping[str, Any], call: Call) -> TargetGroup:
    return TargetGroup(_id(row, "id", call), str(row.get("name") or ""))


def _id(row: Mapping[str, Any], key: str, call: Call) -> str:
    """An id, which MI writes as a text or as a number."""
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise BadAnswer(call, f"it has an entry without '{key}'")
    return str(value)


def _number(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() else text


def _quoted(part: str) -> str:
    return quote(part, safe="")


def _random_password() -> str:
    """32 characters with a digit, an upper and a lower case letter, as MI demands."""
    alphabet = string.ascii_letters + string.digits
    rest = [secrets.choice(alphabet) for _ in range(29)]
    needed = [secrets.choice(group) for group in (string.digits, string.ascii_uppercase, string.ascii_lowercase)]
    return "".join([*needed, *rest])
