"""A small Metric Insights that bears only so many requests at once, for what the simulators do not do."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.integration.local_server import QuietHandler, serving

#: What it answers to what is too much.
REFUSALS: dict[str, tuple[int, dict[str, Any], dict[str, str]]] = {
    "deadlock": (500, {"message": "Deadlock found when trying to get lock; try restarting transaction"}, {}),
    "429": (429, {"message": "Too Many Requests"}, {}),
    "429_after": (429, {"message": "Too Many Requests"}, {"Retry-After": "2"}),
    "503": (503, {"message": "Service Unavailable"}, {}),
    "503_after": (503, {"message": "Service Unavailable"}, {"Retry-After": "2"}),
}


class Crowded:
    """Users and memberships, and how it went.

    Attributes:
        bears: How many requests it works on at a time; those above are refused.
        token_uses: How many requests a session token is good for; None for ever.
    """

    def __init__(self, bears: int, refusal: str, token_uses: int | None) -> None:
        self.bears, self.refusal, self.token_uses = bears, refusal, token_uses
        self.users: dict[str, dict[str, Any]] = {}
        self.members: set[tuple[int, int]] = set()
        self.refused = self.logins = self.requests = 0
        self.url = ""
        self._tokens: dict[str, int] = {}
        self._working = 0
        self._lock = threading.Lock()

    def answer(self, method: str, path: str, query: Mapping[str, list[str]], body: Any, token: str) -> Any:
        """Status, body and headers."""
        with self._lock:
            self.requests += 1
            if path == "/api/get_token":
                self.logins += 1
                token = f"token-{self.logins}"
                self._tokens[token] = self.token_uses or 10**9
                return 200, {"token": token}, {}
            if not self._tokens.get(token):
                return 412, {"status": "ERROR", "message": "Session expired"}, {}
            self._tokens[token] -= 1
            if self._working >= self.bears:
                self.refused += 1
                return REFUSALS[self.refusal]
            self._working += 1
        time.sleep(0.005)
        with self._lock:
            self._working -= 1
            return (*self._work(method, path, query, body), {})

    def _work(self, method: str, path: str, query: Mapping[str, list[str]], body: Any) -> tuple[int, Any]:
        if path == "/api/user_group":
            return 200, {"user_groups": [{"id": 1, "name": "Default Group"}, {"id": 5, "name": "Finance"}]}
        if path == "/api/user_group_member":
            rows = [{"id": 1, "user": user, "group": group} for user, group in self.members]
            wanted = {key: int(values[0]) for key, values in query.items()}
            return 200, {"user_group_members": [row for row in rows if wanted.items() <= row.items()]}
        if method == "GET":
            return 200, {"users": list(self.users.values())}
        if body["username"] in self.users:
            return 400, {"status": "ERROR", "message": "Username already exists"}
        user_id = len(self.users) + 100
        self.users[body["username"]] = {
            "id": user_id, **{key: body[key] for key in ("username", "email", "first_name", "last_name", "type")},
        }  # fmt: skip
        self.members |= {(user_id, int(body["in_group_id"])), (user_id, 1)}
        return 201, {"user": {"id": user_id}}


@contextmanager
def crowded(bears: int, refusal: str = "deadlock", *, token_uses: int | None = None) -> Iterator[Crowded]:
    """Serves a small MI on a free port of this machine."""
    mi = Crowded(bears, refusal, token_uses)

    class Handler(QuietHandler):
        def reply(self) -> None:
            content, url = self.content(), urlsplit(self.path)
            status, body, headers = mi.answer(
                self.command,
                url.path.rstrip("/"),
                parse_qs(url.query),
                json.loads(content) if content else None,
                self.headers.get("Token", ""),
            )
            text = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    with serving(Handler) as url:
        mi.url = url
        yield mi
