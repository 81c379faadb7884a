"""Who is calling the simulated Metric Insights server: session tokens and personal tokens."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from okta_mi_provider.simulators.knobs import MIKnobs
from okta_mi_provider.simulators.mi_errors import NO_USER_MANAGEMENT, MIError
from okta_mi_provider.simulators.mi_state import MIState, MIUser


@dataclass(frozen=True, slots=True)
class _Session:
    username: str
    can_manage_users: bool
    expires_at: float


class MIAuth:
    """Issues session tokens and checks the credentials of a call.

    Args:
        state: users, applications and personal tokens.
        clock: UTC epoch seconds.
    """

    def __init__(self, state: MIState, clock: Callable[[], float] = time.time) -> None:
        self._state = state
        self._clock = clock
        self._sessions: dict[str, _Session] = {}
        self._dead_personal_tokens: set[str] = set()
        self._calls: Counter[str] = Counter()

    def log_in(self, body: Mapping[str, Any], knobs: MIKnobs) -> dict[str, str] | None:
        """Return a session token for an application and a user, or None if the credentials are wrong."""
        application = self._state.applications.get(str(body.get("application_id")))
        key, username = body.get("application_key"), body.get("user")
        if application is None or not isinstance(key, str) or not isinstance(username, str):
            return None
        if not secrets.compare_digest(key.encode(), application.key.encode()) or self._user(username, knobs) is None:
            return None
        return self._issue(username, knobs, can_manage_users=application.can_manage_users)

    def renew(self, request: Request, knobs: MIKnobs) -> dict[str, str] | None:
        """Return a new token for a live one, or None if the request has no session token.

        Raises:
            MIError: 412, the token is dead.
        """
        token = request.headers.get("token")
        if token is None:
            return None
        session = self._session(token)
        return self._issue(session.username, knobs, can_manage_users=session.can_manage_users)

    def authenticate(self, request: Request, knobs: MIKnobs, *, managing_users: bool) -> MIUser:
        """Return the administrator in whose name the call is made.

        Raises:
            MIError: 401 without credentials or without the right to manage users, 412 for a dead token
                (401 by knob for a personal one), 403 if the user is no administrator.
        """
        token, authorization = request.headers.get("token"), request.headers.get("authorization", "")
        if token is not None:
            session = self._session(token)
            self._calls[token] += 1
            if knobs.session_requests is not None and self._calls[token] > knobs.session_requests:
                raise MIError(412, "Session expired")
            username, can_manage_users = session.username, session.can_manage_users
        elif authorization[:7].casefold() == "bearer ":
            username = self._represented_by(authorization[7:].strip(), knobs)
            can_manage_users = knobs.personal_token_can_manage_users
        else:
            raise MIError(401, "Unauthorized")
        if managing_users and not can_manage_users:
            raise MIError(401, NO_USER_MANAGEMENT)
        user = self._user(username, knobs)
        if user is None:
            raise MIError(401, "Unauthorized")
        if user.type != "administrator":
            raise MIError(403, "User has no permission to perform this action")
        return user

    def expire_all(self) -> int:
        """End every session; return how many there were."""
        ended = len(self._sessions)
        self._sessions.clear()
        self._calls.clear()
        return ended

    def expire_personal_token(self, token: str) -> bool:
        """End a personal token; False if there is no such token."""
        self._dead_personal_tokens.add(token)
        return token in self._state.personal_tokens

    def reset(self) -> None:
        """End every session and bring back the personal tokens."""
        self.expire_all()
        self._dead_personal_tokens.clear()

    def _issue(self, username: str, knobs: MIKnobs, *, can_manage_users: bool) -> dict[str, str]:
        token = secrets.token_hex(16)
        expires_at = self._clock() + knobs.token_lifetime_s
        self._sessions[token] = _Session(username, can_manage_users, expires_at)
        answer = {"token": token}
        if knobs.expires_in_answer:
            answer["expires"] = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(expires_at))
        return answer

    def _session(self, token: str) -> _Session:
        session = self._sessions.get(token)
        if session is None or session.expires_at <= self._clock():
            self._sessions.pop(token, None)
            raise MIError(412, "Session expired")
        return session

    def _represented_by(self, token: str, knobs: MIKnobs) -> str:
        username = self._state.personal_tokens.get(token)
        if username is None or token in self._dead_personal_tokens:
            status = knobs.dead_bearer_status
            raise MIError(status, "Session expired" if status == 412 else "Unauthorized")
        return username

    def _user(self, username: str, knobs: MIKnobs) -> MIUser | None:
        users = self._state.users_named(username, ignore_case=knobs.username_casefold)
        return users[0] if len(users) == 1 and users[0].enabled == "Y" else None
