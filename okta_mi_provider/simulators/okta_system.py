"""The simulated Okta org behind its routes: access, limits, headers, knobs, reset."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from email.utils import formatdate
from typing import Any, ClassVar

from fastapi import Request
from fastapi.responses import Response

from okta_mi_provider.simulators.knobs import OktaKnobs
from okta_mi_provider.simulators.okta_access import Access, Caller
from okta_mi_provider.simulators.okta_apps import AppRegistry, published_app
from okta_mi_provider.simulators.okta_errors import OktaError, fault_answers, rate_limited
from okta_mi_provider.simulators.okta_limits import RateLimiter
from okta_mi_provider.simulators.okta_oauth import TOKEN_PATH, TokenEndpoint
from okta_mi_provider.simulators.okta_org import OktaOrg
from okta_mi_provider.simulators.okta_render import OktaRenderer
from okta_mi_provider.simulators.system import SimulatedSystem

_HOST = re.compile(r"[A-Za-z0-9._:\[\]-]{1,300}")


class OktaSystem(SimulatedSystem):
    """An :class:`OktaOrg` with everything around it that is not an answer's content.

    Attributes:
        org: users, groups and memberships.
        apps: the service apps that may ask for access tokens.
        endpoint: the token endpoint of OAuth.
        access: the check of the credentials of API calls.
        limiter: the rate limits.
    """

    routes: ClassVar[dict[str, str]] = {
        "token": rf"^{TOKEN_PATH}$",
        "organization": r"^/\.well-known/okta-organization$",
        "list_groups": r"^/api/v1/groups$",
        "get_group": r"^/api/v1/groups/[^/]+$",
        "list_members": r"^/api/v1/groups/[^/]+/users$",
        "list_users": r"^/api/v1/users$",
        "get_user": r"^/api/v1/users/[^/]+$",
        "list_groups_of_user": r"^/api/v1/users/[^/]+/groups$",
    }

    def __init__(self, org: OktaOrg, knobs: OktaKnobs, token: str) -> None:
        super().__init__(fault_answers(self.now))
        self.org = org
        self.limiter = RateLimiter(self.now)
        self.apps = AppRegistry((published_app(),))
        self.endpoint = TokenEndpoint(self.apps)
        self.access = Access(token, self.endpoint)
        self._first_knobs = self._knobs = knobs
        self._renderer = OktaRenderer(org, "")
        org.save()

    @property
    def knobs(self) -> OktaKnobs:
        """The knobs as they are now."""
        return self._knobs

    def turn_knobs(self, changes: dict[str, Any]) -> None:
        """Change the knobs named in `changes`."""
        self._knobs = self._knobs.changed(changes)

    def authenticate(self, request: Request, scope: str) -> Caller:
        """Check the credentials, of which access tokens need `scope`, and the ``Accept`` header.

        Raises:
            OktaError: 401 E0000011, 403 E0000006, or 400 E0000019.
            OAuthError: 401, the proof of possession needs a nonce.
        """
        caller = self.access.check(request, scope, base_url(request), self.now(), self._knobs)
        accept = request.headers.get("accept", "*/*")
        if "*/*" not in accept and "application/json" not in accept and "application/*" not in accept:
            raise OktaError(400, "E0000019", "Bad request. Accept and/or Content-Type headers are not supported.")
        if caller == "service_app" and self._knobs.missing_admin_role == "forbidden":
            raise OktaError(403, "E0000006", "You do not have permission to perform the requested action")
        return caller

    def issue_token(self, request: Request, body: bytes) -> Response:
        """Answer a token request, whose body was read."""
        return self.endpoint.answer(request, body, base_url(request), self.now(), self._knobs)

    def render(self, request: Request) -> OktaRenderer:
        """Return the renderer for the URL by which the client reached this server."""
        own_url = base_url(request)
        if self._renderer.base_url != own_url:
            self._renderer = OktaRenderer(self.org, own_url)
        self._renderer.membership_stamp_lag_s = self._knobs.membership_stamp_lag_s
        self._renderer.null_description = self._knobs.null_description
        return self._renderer

    def admit(self, method: str, path: str, in_flight: int) -> Response | None:  # noqa: ARG002 - interface
        """Refuse what is above the concurrency limit or its bucket's budget."""
        limit = self._knobs.concurrency_limit
        if limit is not None and in_flight > limit:
            return rate_limited(self.now(), concurrency=True)
        return None if self.limiter.allow(path, self._knobs) else rate_limited(self.now())

    def answer_headers(self, path: str, headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Add date, request id and the rate-limit headers that the answer does not have yet."""
        own = list(headers)
        present = {name.lower() for name, _ in own}
        added = {
            "date": formatdate(self.now(), usegmt=True),
            "x-okta-request-id": secrets.token_urlsafe(20),
            **self.limiter.headers(path, self._knobs),
        }
        return own + [(name.encode(), value.encode()) for name, value in added.items() if name.encode() not in present]

    def is_write(self, method: str, path: str) -> bool:
        """Whether the method is one that changes something; none of the routes does, asking for a token included."""
        return method not in {"GET", "HEAD", "OPTIONS"} and path != TOKEN_PATH

    def export(self) -> dict[str, Any]:
        """Return the users and groups of the org."""
        return self.org.export()

    def restore(self) -> None:
        """Bring back org and knobs; give back all rate-limit budgets."""
        self.org.restore()
        self.limiter.clear()
        self.apps.restore()
        self.endpoint.reset()
        self.access.reset()
        self._knobs = self._first_knobs


def base_url(request: Request) -> str:
    """Return the origin under which the client addressed this server; a host that is none counts as 127.0.0.1."""
    host = request.headers.get("host", "")
    return f"{request.url.scheme}://{host if _HOST.fullmatch(host) else '127.0.0.1'}"
