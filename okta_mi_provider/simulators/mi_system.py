"""The simulated Metric Insights server behind its routes: authentication, throttle, knobs, reset."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from email.utils import formatdate
from typing import Any, ClassVar

from fastapi.responses import Response

from okta_mi_provider.simulators.faults import FaultRule
from okta_mi_provider.simulators.knobs import MIKnobs
from okta_mi_provider.simulators.mi_auth import MIAuth
from okta_mi_provider.simulators.mi_errors import DEADLOCK, FAULT_ANSWERS, mi_error, reworded, throttled
from okta_mi_provider.simulators.mi_state import MIState
from okta_mi_provider.simulators.system import SimulatedSystem

_THROTTLE_WINDOW_S = 60


class MISystem(SimulatedSystem):
    """A :class:`MIState` with everything around it that is not an answer's content."""

    routes: ClassVar[dict[str, str]] = {
        "get_token": r"^/api/get_token/?$",
        "users": r"^/api/user/?$",
        "user": r"^/api/user/id/[^/]+/?$",
        "groups": r"^/api/user_group/?$",
        "group": r"^/api/user_group/id/[^/]+/?$",
        "members": r"^/api/user_group_member/?$",
        "member": r"^/api/user_group_member/id/[^/]+/?$",
    }

    def __init__(self, state: MIState, knobs: MIKnobs) -> None:
        super().__init__(FAULT_ANSWERS)
        self.state = state
        self.auth = MIAuth(state, self.now)
        self._first_knobs = self._knobs = knobs
        self._recent: deque[float] = deque()
        state.save()

    @property
    def knobs(self) -> MIKnobs:
        """The knobs as they are now."""
        return self._knobs

    def turn_knobs(self, changes: dict[str, Any]) -> None:
        """Change the knobs named in `changes`."""
        self._knobs = self._knobs.changed(changes)

    def admit(self, method: str, path: str, in_flight: int) -> Response | None:
        """Refuse what is above `max_in_flight` or `throttle_per_minute`."""
        refusal = self._overloaded(method, path, in_flight) or self._throttled()
        return None if refusal is None else reworded(refusal, self._knobs.error_key)

    def _overloaded(self, method: str, path: str, in_flight: int) -> Response | None:
        limit = self._knobs.max_in_flight
        if limit is None or in_flight <= limit:
            return None
        match self._knobs.over_in_flight:
            case "429":
                return throttled(1)
            case "503":
                return mi_error(503, "Service Unavailable")
            case "deadlock":
                return mi_error(self._knobs.deadlock_status, DEADLOCK) if self.is_write(method, path) else None

    def _throttled(self) -> Response | None:
        limit = self._knobs.throttle_per_minute
        if limit is None:
            return None
        now = time.monotonic()
        while self._recent and self._recent[0] <= now - _THROTTLE_WINDOW_S:
            self._recent.popleft()
        if len(self._recent) >= limit:
            return throttled(self._recent[0] + _THROTTLE_WINDOW_S - now)
        self._recent.append(now)
        return None

    def answer_headers(
        self,
        path: str,  # noqa: ARG002 - interface
        headers: Iterable[tuple[bytes, bytes]],
    ) -> list[tuple[bytes, bytes]]:
        """Add the date."""
        return [*headers, (b"date", formatdate(self.now(), usegmt=True).encode())]

    def is_write(self, method: str, path: str) -> bool:
        """Whether the request can change something; asking for a token is no write."""
        return method not in {"GET", "HEAD", "OPTIONS"} and path.rstrip("/") != "/api/get_token"

    def fault_answer(self, rule: FaultRule) -> Response:
        """Return the answer for the fault of `rule`; the status of a deadlock is a knob."""
        if rule.fault == "deadlock" and rule.status is None:
            answer = mi_error(self._knobs.deadlock_status, DEADLOCK)
        else:
            answer = super().fault_answer(rule)
        return reworded(answer, self._knobs.error_key)

    def export(self) -> dict[str, Any]:
        """Return users, groups, memberships, mails and forbidden calls."""
        return self.state.export()

    def restore(self) -> None:
        """Bring back state and knobs and end every session."""
        self.state.restore()
        self.auth.reset()
        self._recent.clear()
        self._knobs = self._first_knobs
