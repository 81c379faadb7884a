"""The simulated Okta org as an application: the read calls of groups and users, and the token endpoint.

Sources of its behaviour: Okta's Management API reference and specification 2026.06.3, and traffic
recorded by Okta's own SDKs. ``docs/simulators.md`` lists what can be switched.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.routing import Route

from okta_mi_provider.simulators import credentials
from okta_mi_provider.simulators.control import simulator_app
from okta_mi_provider.simulators.knobs import OktaKnobs
from okta_mi_provider.simulators.okta_control import okta_control_routes
from okta_mi_provider.simulators.okta_cursors import SortKey
from okta_mi_provider.simulators.okta_errors import OAuthError, OktaError, invalid_search, not_found, okta_error
from okta_mi_provider.simulators.okta_oauth import TOKEN_PATH
from okta_mi_provider.simulators.okta_oauth_control import oauth_control_routes
from okta_mi_provider.simulators.okta_org import OktaOrg
from okta_mi_provider.simulators.okta_pages import Page, SortedIds, cut_page, link_headers, read_limit
from okta_mi_provider.simulators.okta_search import (
    GROUP_FILTER,
    GROUP_SEARCH,
    USER_FILTER,
    USER_SEARCH,
    Dialect,
    Predicate,
    parse,
    property_value,
)
from okta_mi_provider.simulators.okta_system import OktaSystem
from okta_mi_provider.simulators.okta_values import UnknownIdError

Handler = Callable[[Request], Awaitable[Response]]

_Q_USERS_DEFAULT = 10
_GROUPS_READ, _USERS_READ = "okta.groups.read", "okta.users.read"


def create_okta_app(
    org: OktaOrg, *, knobs: OktaKnobs | None = None, token: str = credentials.OKTA_API_TOKEN
) -> FastAPI:
    """Return the application that serves `org`.

    The state of `org` as it is now is what ``POST /_sim/reset`` brings back. ``app.state.system`` is
    the :class:`OktaSystem`, for tests in the same process.

    Args:
        org: the users and groups to serve.
        knobs: behaviour at the start and after a reset.
        token: the API token that is accepted.
    """
    system = OktaSystem(org, knobs or OktaKnobs(), token)
    calls = _Calls(system)
    by_path = {
        "/api/v1/groups": (calls.list_groups, _GROUPS_READ),
        "/api/v1/groups/{group_id}": (calls.get_group, _GROUPS_READ),
        "/api/v1/groups/{group_id}/users": (calls.list_members, _GROUPS_READ),
        "/api/v1/users": (calls.list_users, _USERS_READ),
        "/api/v1/users/{user}": (calls.get_user, _USERS_READ),
        "/api/v1/users/{user}/groups": (calls.list_groups_of_user, _USERS_READ),
    }
    routes = [Route(path, _answering(_authenticated(system, call, scope))) for path, (call, scope) in by_path.items()]
    routes.append(Route("/.well-known/okta-organization", _answering(calls.organization)))
    routes.append(Route(TOKEN_PATH, calls.issue_token, methods=["POST"]))
    control = okta_control_routes(system)
    control.include_router(oauth_control_routes(system))
    app = simulator_app(system, "Simulated Okta org", routes, control)
    app.add_exception_handler(404, _unknown_path)
    app.add_exception_handler(405, _wrong_method)
    return app


def _answering(call: Callable[[Request], Response]) -> Handler:
    async def handler(request: Request) -> Response:
        try:
            return call(request)
        except (OktaError, OAuthError) as error:
            return error.answer()

    return handler


def _authenticated(
    system: OktaSystem, call: Callable[[Request], Response], scope: str
) -> Callable[[Request], Response]:
    def checked(request: Request) -> Response:
        caller = system.authenticate(request, scope)
        if caller == "service_app":
            if system.knobs.missing_admin_role == "empty":
                return _nothing_visible(request)
            if request.path_params.get("user") == "me":
                raise not_found("me (User)")  # an app is no user
        return call(request)

    return checked


def _nothing_visible(request: Request) -> Response:
    """Answer as if the org had neither groups nor users: what an app without an admin role may see."""
    if request.path_params:
        kind = "User" if "user" in request.path_params else "UserGroup"
        raise not_found(f"{next(iter(request.path_params.values()))} ({kind})")
    return Response(b"[]", media_type="application/json")


async def _unknown_path(request: Request, error: Exception) -> Response:
    if request.url.path.startswith("/_sim/") and isinstance(error, HTTPException):
        return Response(str(error.detail), 404, media_type="text/plain")
    return okta_error(404, "E0000008", "The requested path was not found")


async def _wrong_method(_request: Request, _error: Exception) -> Response:
    return okta_error(405, "E0000022", "The endpoint does not support the provided HTTP method")


class _Calls:
    """The calls of the API: each takes a request and returns its answer or raises :class:`OktaError`."""

    def __init__(self, system: OktaSystem) -> None:
        self._system = system
        self._org = system.org

    def organization(self, request: Request) -> Response:
        """GET /.well-known/okta-organization: who this org is; needs no token."""
        return self._system.render(request).organization()

    async def issue_token(self, request: Request) -> Response:
        """POST /oauth2/v1/token: an access token for a service app."""
        return self._system.issue_token(request, await request.body())

    def list_groups(self, request: Request) -> Response:
        """GET /api/v1/groups: all groups, or those that `search`, `filter` or `q` find."""
        knobs, query = self._system.knobs, request.query_params
        mode, predicate = _criteria(request, GROUP_SEARCH, GROUP_FILTER)
        q = query.get("q")
        lag = knobs.search_lag_s if mode != "list" else 0
        found = [
            group_id
            for group_id, group in self._org.groups.items()
            if predicate(group)
            and (q is None or group["profile"]["name"].casefold().startswith(q.casefold()))
            and self._org.found_by_search(group_id, lag)
        ]
        render = self._system.render(request)
        expand_stats = "stats" in query.get("expand", "").split(",")
        if q is not None:
            limit = min(read_limit(request, knobs.q_max_rows, knobs.groups_max_limit, knobs), knobs.q_max_rows)
            return render.groups(sorted(found)[:limit], [], expand_stats=expand_stats)
        limit = read_limit(request, 10_000, knobs.groups_max_limit, knobs)
        rows, descending = self._sorted(found, request, mode)
        page = cut_page(
            rows, mode=f"groups:{mode}", cursor=query.get("after"), limit=limit, knobs=knobs, descending=descending
        )
        kept = ("search", "filter", "expand", "sortBy", "sortOrder")
        return render.groups(
            page.ids, link_headers(request, render.base_url, page, knobs, kept=kept), expand_stats=expand_stats
        )

    def get_group(self, request: Request) -> Response:
        """GET /api/v1/groups/{groupId}: one group by its id."""
        group_id = request.path_params["group_id"]
        if group_id not in self._org.groups:
            raise not_found(f"{group_id} (UserGroup)")
        return self._system.render(request).group(group_id)

    def list_members(self, request: Request) -> Response:
        """GET /api/v1/groups/{groupId}/users: members of any status; knows only `limit` and `after`."""
        knobs = self._system.knobs
        try:
            members = self._org.member_ids(request.path_params["group_id"], knobs.member_lag_s)
        except UnknownIdError as error:
            raise not_found(str(error)) from error
        limit = read_limit(request, 1000, knobs.members_max_limit, knobs)
        return self._users(request, members, "members", limit, kept=())

    def list_users(self, request: Request) -> Response:
        """GET /api/v1/users: users; those of status DEPROVISIONED only by `search` or `filter`."""
        knobs = self._system.knobs
        mode, predicate = _criteria(request, USER_SEARCH, USER_FILTER)
        q = request.query_params.get("q")
        users = self._org.users
        if mode == "list":
            found = [user_id for user_id in self._org.user_ids() if users[user_id]["status"] != "DEPROVISIONED"]
        else:
            found = [user_id for user_id in self._org.user_ids() if predicate(users[user_id])]
        if q is not None:
            wanted = q.casefold()
            keys = ("firstName", "lastName", "email")
            found = [
                user_id
                for user_id in found
                if any(str(users[user_id]["profile"].get(key) or "").casefold().startswith(wanted) for key in keys)
            ]
            limit = read_limit(request, _Q_USERS_DEFAULT, knobs.users_max_limit, knobs)
            return self._system.render(request).users(found[:limit], [])
        limit = read_limit(request, 200, knobs.users_max_limit, knobs)
        return self._users(request, found, f"users:{mode}", limit, kept=("search", "filter"))

    def get_user(self, request: Request) -> Response:
        """GET /api/v1/users/{id}: one user by id or login, or the token's owner as `me`."""
        return self._system.render(request).user(self._user_id(request))

    def list_groups_of_user(self, request: Request) -> Response:
        """GET /api/v1/users/{id}/groups: the groups a user is in, on one page."""
        render = self._system.render(request)
        page = Page(self._org.group_ids_of(self._user_id(request)), 10_000, None)
        links = link_headers(request, render.base_url, page, self._system.knobs, kept=())
        return render.groups(page.ids, links, expand_stats=False)

    def _user_id(self, request: Request) -> str:
        key = request.path_params["user"]
        try:
            user_id: str = self._org.user_by_id_or_login(self._org.owner_id if key == "me" else key)["id"]
        except UnknownIdError as error:
            raise not_found(str(error)) from error
        return user_id

    def _users(
        self, request: Request, user_ids: list[str], mode: str, limit: int, *, kept: tuple[str, ...]
    ) -> Response:
        knobs = self._system.knobs
        rows, cursor = SortedIds(user_ids), request.query_params.get("after")
        page = cut_page(rows, mode=mode, cursor=cursor, limit=limit, knobs=knobs)
        render = self._system.render(request)
        return render.users(page.ids, link_headers(request, render.base_url, page, knobs, kept=kept))

    def _sorted(self, group_ids: list[str], request: Request, mode: str) -> tuple[list[SortKey], bool]:
        sort_by = request.query_params.get("sortBy")
        descending = request.query_params.get("sortOrder", "asc").casefold() == "desc"
        if sort_by is None or mode != "search":  # Okta sorts only what it searched
            return sorted(("", group_id) for group_id in group_ids), False
        if not GROUP_SEARCH.allows(sort_by):
            raise invalid_search(f"The property {sort_by!r} is not supported.")
        rows = [(str(property_value(self._org.groups[key], sort_by) or ""), key) for key in group_ids]
        return sorted(rows, reverse=descending), descending


def _criteria(request: Request, search: Dialect, filters: Dialect) -> tuple[str, Predicate]:
    """Return how the list was asked for (list, search, filter, q) and which rows it may hold."""
    query = request.query_params
    parts = [
        parse(query[name], dialect) for name, dialect in (("search", search), ("filter", filters)) if name in query
    ]
    mode = next((name for name in ("search", "filter", "q") if name in query), "list")
    return mode, lambda document: all(part(document) for part in parts)
