"""The simulated Okta org behind its routes: token, limits, headers, knobs, reset."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from email.utils import formatdate
from typing import Any, ClassVar

from fastapi import Request
from fastapi.responses import Response

from okta_mi_provider.simulators.knobs import OktaKnobs
from okta_mi_provider.simulators.okta_errors import FAULT_ANSWERS, OktaError, rate_limited
from okta_mi_provider.simulators.okta_limits import RateLimiter
from okta_mi_provider.simulators.okta_org import OktaOrg
from okta_mi_provider.simulators.okta_render import OktaRenderer
from okta_mi_provider.simulators.system import SimulatedSystem


class OktaSystem(SimulatedSystem):
    """An :class:`OktaOrg` with everything around it that is not an answer's content."""

    routes: ClassVar[dict[str, str]] = {
        "organization": r"^/\.well-known/okta-organization$",
        "list_groups": r"^/api/v1/groups$",
        "get_group": r"^/api/v1/groups/[^/]+$",
        "list_members": r"^/api/v1/groups/[^/]+/users$",
        "list_users": r"^/api/v1/users$",
        "get_user": r"^/api/v1/users/[^/]+$",
        "list_groups_of_user": r"^/api/v1/users/[^/]+/groups$",
    }

    def __init__(self, org: OktaOrg, knobs: OktaKnobs, token: str) -> None:
        super().__init__(FAULT_ANSWERS)
        self.org = org
        self.limiter = RateLimiter()
        self._token = token
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

    def authenticate(self, request: Request) -> None:
        """Check the token, which may follow ``SSWS`` with or without a space, and the ``Accept`` header.

        Raises:
            OktaError: 401 E0000011, or 400 E0000019.
        """
        scheme, token = request.headers.get("authorization", "")[:4], request.headers.get("authorization", "")[4:]
        if scheme.upper() != "SSWS" or not secrets.compare_digest(token.strip().encode(), self._token.encode()):
            raise OktaError(401, "E0000011", "Invalid token provided")
        accept = request.headers.get("accept", "*/*")
        if "*/*" not in accept and "application/json" not in accept and "application/*" not in accept:
            raise OktaError(400, "E0000019", "Bad request. Accept and/or Content-Type headers are not supported.")

    def render(self, request: Request) -> OktaRenderer:
        """Return the renderer for the URL by which the client reached this server."""
        base_url = f"{request.url.scheme}://{request.headers.get('host', '127.0.0.1')}"
        if self._renderer.base_url != base_url:
            self._renderer = OktaRenderer(self.org, base_url)
        self._renderer.membership_stamp_lag_s = self._knobs.membership_stamp_lag_s
        self._renderer.null_description = self._knobs.null_description
        return self._renderer

    def admit(self, method: str, path: str, in_flight: int) -> Response | None:  # noqa: ARG002 - interface
        """Refuse what is above the concurrency limit or its bucket's budget."""
        limit = self._knobs.concurrency_limit
        if limit is not None and in_flight > limit:
            return rate_limited(concurrency=True)
        return None if self.limiter.allow(path, self._knobs) else rate_limited()

    def answer_headers(self, path: str, headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Add date, request id and the rate-limit headers that the answer does not have yet."""
        own = list(headers)
        present = {name.lower() for name, _ in own}
        added = {
            "date": formatdate(usegmt=True),
            "x-okta-request-id": secrets.token_urlsafe(20),
            **self.limiter.headers(path, self._knobs),
        }
        own += [(name.encode(), value.encode()) for name, value in added.items() if name.encode() not in present]
        dropped = {name.lower().encode() for name in self._knobs.missing_headers}
        return [(name, value) for name, value in own if name.lower() not in dropped] if dropped else own

    def is_write(self, method: str, path: str) -> bool:  # noqa: ARG002 - interface
        """Whether the method is one that changes something; none of the routes does."""
        return method not in {"GET", "HEAD", "OPTIONS"}

    def export(self) -> dict[str, Any]:
        """Return the users and groups of the org."""
        return self.org.export()

    def restore(self) -> None:
        """Bring back org and knobs; give back all rate-limit budgets."""
        self.org.restore()
        self.limiter.clear()
        self._knobs = self._first_knobs
