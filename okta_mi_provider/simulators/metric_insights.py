"""The simulated Metric Insights server as an application: tokens, users, groups, memberships.

Sources of its behaviour: the vendor's help site and the client and test code it publishes. Where
those are silent the likeliest behaviour is the default and a knob (``docs/simulators.md``) the rest.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.routing import Route

from okta_mi_provider.simulators.control import simulator_app
from okta_mi_provider.simulators.faults import login_page
from okta_mi_provider.simulators.knobs import MIKnobs
from okta_mi_provider.simulators.mi_control import mi_control_routes
from okta_mi_provider.simulators.mi_errors import MIError, reworded, wrong_method
from okta_mi_provider.simulators.mi_pages import read_window
from okta_mi_provider.simulators.mi_render import MIRenderer, done
from okta_mi_provider.simulators.mi_rules import MIRules, as_id
from okta_mi_provider.simulators.mi_state import MIState, MIUser
from okta_mi_provider.simulators.mi_system import MISystem

Call = Callable[[Request], Awaitable[Response]]


def create_metric_insights_app(state: MIState, *, knobs: MIKnobs | None = None) -> FastAPI:
    """Return the application that serves `state`.

    The state as it is now is what ``POST /_sim/reset`` brings back. ``app.state.system`` is the
    :class:`MISystem`, for tests in the same process.

    Args:
        state: users, groups, memberships and credentials to serve.
        knobs: behaviour at the start and after a reset.
    """
    system = MISystem(state, knobs or MIKnobs())
    calls = _Calls(system)
    by_path: dict[str, dict[str, Call]] = {
        "/api/get_token": {"GET": calls.renew_token, "POST": calls.get_token},
        "/api/user": {"GET": calls.list_users, "POST": calls.create_user},
        "/api/user/id/{id}": {"GET": calls.get_user, "PUT": calls.update_user, "DELETE": calls.delete_user},
        "/api/user_group": {"GET": calls.list_groups, "POST": calls.create_group},
        "/api/user_group/id/{id}": {
            "GET": calls.get_group, "PUT": calls.update_group, "DELETE": calls.delete_group,
        },
        "/api/user_group_member": {
            "GET": calls.list_members, "POST": calls.create_member, "DELETE": calls.empty_group,
        },
        "/api/user_group_member/id/{id}": {"DELETE": calls.delete_member},
    }  # fmt: skip
    routes = [
        Route(path + slash, _answering(system, by_method), methods=list(by_method))
        for path, by_method in by_path.items()
        for slash in ("", "/")
    ]
    app = simulator_app(system, "Simulated Metric Insights", routes, mi_control_routes(system))
    app.add_exception_handler(404, _no_route)
    app.add_exception_handler(405, _wrong_method)
    return app


def _answering(system: MISystem, by_method: Mapping[str, Call]) -> Call:
    async def handler(request: Request) -> Response:
        try:
            return await by_method["GET" if request.method == "HEAD" else request.method](request)
        except MIError as error:
            return reworded(error.answer(), system.knobs.error_key)

    return handler


async def _no_route(request: Request, error: Exception) -> Response:
    path = request.url.path
    if path.startswith("/_sim/") and isinstance(error, HTTPException):
        return Response(str(error.detail), 404, media_type="text/plain")
    if not path.startswith("/api/"):
        return login_page()
    return reworded(wrong_method(allow="GET, POST, PUT, DELETE"), request.app.state.system.knobs.error_key)


async def _wrong_method(request: Request, _error: Exception) -> Response:
    return reworded(wrong_method(), request.app.state.system.knobs.error_key)


class _Calls:
    """The calls of the API.

    A call reads the whole body first; from then on it runs to its end without giving way to another
    request, so that every check and the change it allows are one step.
    """

    def __init__(self, system: MISystem) -> None:
        self._system = system
        self._state = system.state
        self._rules = MIRules(system.state)
        self._render = MIRenderer()

    # -- Tokens ----------------------------------------------------------------------------------

    async def get_token(self, request: Request) -> Response:
        """POST /api/get_token: a session token for application id, application key and user."""
        knobs = self._system.knobs
        answer = self._system.auth.log_in(await _json_object(request), knobs)
        if answer is None and knobs.wrong_credentials == "401":
            raise MIError(401, "Unauthorized")
        return _token(answer)

    async def renew_token(self, request: Request) -> Response:
        """GET /api/get_token: a new token for a live one; 200 and `[]` without one."""
        return _token(self._system.auth.renew(request, self._system.knobs))

    # -- Users -----------------------------------------------------------------------------------

    async def list_users(self, request: Request) -> Response:
        """GET /api/user: all users, or the one of `id`."""
        self._authenticate(request, managing_users=True)
        query, knobs = request.query_params, self._system.knobs
        if "id" in query:
            return self._render.user(self._user(query["id"]), knobs)
        users = list(self._state.users.values())
        if knobs.user_lookup == "query":
            if "username" in query:
                users = self._state.users_named(query["username"], ignore_case=knobs.username_casefold)
            if "email" in query:
                users = [user for user in users if user.email.casefold() == query["email"].casefold()]
        return self._render.users(users, read_window(request, knobs), knobs)

    async def get_user(self, request: Request) -> Response:
        """GET /api/user/id/{id}: one user."""
        self._authenticate(request, managing_users=True)
        return self._render.user(self._user(request.path_params["id"]), self._system.knobs)

    async def create_user(self, request: Request) -> Response:
        """POST /api/user/: a new user, with its first memberships."""
        body = await _json_object(request)
        self._authenticate(request, managing_users=True)
        knobs = self._system.knobs
        return self._render.created_user(self._rules.create_user(body, knobs), knobs)

    async def update_user(self, request: Request) -> Response:
        """PUT /api/user/id/{id}: change a user."""
        body = await _json_object(request)
        actor = self._authenticate(request, managing_users=True)
        knobs = self._system.knobs
        if knobs.user_update_body == "off":
            raise MIError(405, "Method Not Allowed")
        user = self._user(request.path_params["id"])
        self._check_protection(user, actor)
        answer = self._render.user(self._rules.update_user(user.id, body, knobs), knobs)
        answer.status_code = knobs.ok_statuses["PUT"]
        return answer

    async def delete_user(self, request: Request) -> Response:
        """DELETE /api/user/id/{id}: delete a user and the memberships."""
        actor = self._authenticate(request, managing_users=True)
        user = self._user(request.path_params["id"])
        self._check_protection(user, actor)
        self._state.delete_user(user.id)
        return done(self._system.knobs)

    # -- Groups ----------------------------------------------------------------------------------

    async def list_groups(self, request: Request) -> Response:
        """GET /api/user_group: all groups."""
        self._authenticate(request)
        return self._render.groups(
            self._state.groups.values(), read_window(request, self._system.knobs), self._system.knobs
        )

    async def get_group(self, request: Request) -> Response:
        """GET /api/user_group/id/{id}: one group."""
        self._authenticate(request)
        return self._render.group(self._state.groups[self._group_id(request)], self._system.knobs)

    async def create_group(self, request: Request) -> Response:
        """POST /api/user_group/: a new group."""
        body = await _json_object(request)
        self._authenticate(request)
        knobs = self._system.knobs
        return self._render.created_group(self._rules.create_group(body, knobs), knobs)

    async def update_group(self, request: Request) -> Response:
        """PUT /api/user_group/id/{id}: change a group."""
        body = await _json_object(request)
        self._authenticate(request)
        knobs = self._system.knobs
        if knobs.group_update == "off":
            raise MIError(405, "Method Not Allowed")
        answer = self._render.group(self._rules.update_group(self._group_id(request), body, knobs), knobs)
        answer.status_code = knobs.ok_statuses["PUT"]
        return answer

    async def delete_group(self, request: Request) -> Response:
        """DELETE /api/user_group/id/{id}: delete a group and its memberships."""
        self._authenticate(request)
        self._rules.delete_group(self._group_id(request), self._system.knobs)
        return done(self._system.knobs)

    # -- Memberships -----------------------------------------------------------------------------

    async def list_members(self, request: Request) -> Response:
        """GET /api/user_group_member: the memberships of `group`, of `user` or of both."""
        self._authenticate(request, managing_users=True)
        query, knobs = request.query_params, self._system.knobs
        window = read_window(request, knobs)
        if not {"group", "user"} & query.keys() and knobs.member_list == "per_group":
            raise MIError(400, "group or user is required")
        selectors = {f"{name}_id": as_id(query[name]) for name in ("group", "user") if name in query}
        if None in selectors.values():
            return self._render.memberships([], window, knobs)
        return self._render.memberships(self._state.memberships_of(**selectors), window, knobs)

    async def create_member(self, request: Request) -> Response:
        """POST /api/user_group_member/: put a user into a group."""
        body = await _json_object(request)
        self._authenticate(request, managing_users=True)
        knobs = self._system.knobs
        return self._render.created_membership(self._rules.create_membership(body, knobs), knobs)

    async def delete_member(self, request: Request) -> Response:
        """DELETE /api/user_group_member/id/{membershipId}: take a user out of a group."""
        self._authenticate(request, managing_users=True)
        membership_id = as_id(request.path_params["id"])
        if membership_id not in self._state.memberships:
            raise MIError(404, "Not Found")
        self._state.delete_membership(membership_id)
        return done(self._system.knobs)

    async def empty_group(self, request: Request) -> Response:
        """DELETE /api/user_group_member?group={id}: empties the group. No client should call it."""
        self._authenticate(request, managing_users=True)
        self._state.forbidden_calls.append(f"DELETE {request.url.path}?{request.url.query}")
        group_id = as_id(request.query_params.get("group"))
        if group_id not in self._state.groups:
            raise MIError(404, "Not Found")
        self._state.empty_group(group_id)
        return done(self._system.knobs)

    def _authenticate(self, request: Request, *, managing_users: bool = False) -> MIUser:
        return self._system.auth.authenticate(request, self._system.knobs, managing_users=managing_users)

    def _user(self, text: str) -> MIUser:
        user_id = as_id(text)
        if user_id not in self._state.users:
            raise MIError(404, "Not Found")
        return self._state.users[user_id]

    def _group_id(self, request: Request) -> int:
        group_id = as_id(request.path_params["id"])
        if group_id not in self._state.groups:
            raise MIError(404, "Not Found")
        return group_id

    def _check_protection(self, user: MIUser, actor: MIUser) -> None:
        if self._system.knobs.system_admin_protected and user.system_admin and not actor.system_admin:
            raise MIError(403, "You do not have permission to edit a System Admin")


def _token(answer: dict[str, str] | None) -> Response:
    return Response(json.dumps([] if answer is None else answer), media_type="application/json")


async def _json_object(request: Request) -> dict[str, Any]:
    content = await request.body()
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise MIError(400, "The body must be a JSON object")
    return body
