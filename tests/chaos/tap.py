"""Sits between the wire and the simulated Metric Insights server: notes writes and secrets, refuses, and kills."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.chaos.trouble import Kill

_LOGIN = "/api/get_token"


@dataclass(slots=True)
class Write:
    """A request that could change something, in the sync with this number.

    Attributes:
        status: Of the answer; None if there was none.
        shown: Whether the answer has shown what was written.
    """

    sync: int
    method: str
    path: str
    body: Any
    status: int | None = None
    shown: bool = False

    def __str__(self) -> str:
        shown = {key: value for key, value in (self.body or {}).items() if key != "password"}
        return f"{self.method} {self.path} {json.dumps(shown, ensure_ascii=False)}"


class Tap:
    """An ASGI application around another one.

    Attributes:
        writes: What came in, whatever became of it.
        secrets: Session tokens that were given out and passwords that came in, by what they are.
        sync: Number of the sync that is under way.
        pid: The process to kill.
        echoed: How often a write was refused with its own words.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.reset()

    def reset(self) -> None:
        """Forgets everything."""
        self.writes: list[Write] = []
        self.secrets: dict[str, str] = {}
        self.sync = 0
        self.pid: int | None = None
        self.arm(None, 0, 0)

    def arm(self, kill: Kill | None, echo: float, seed: int) -> None:
        """Lets things go wrong from now on."""
        self._kill, self._echo, self._seen = kill, echo, 0
        self._chance = random.Random(seed)
        self.echoed = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request (ASGI)."""
        if scope["type"] != "http" or scope["method"] == "GET" or scope["path"].startswith("/_sim/"):
            await self._app(scope, receive, send)
            return
        content, receive = await _read(receive)
        if content is None:
            # The client has died before it had sent everything. No server acts on a part.
            return
        if scope["path"].rstrip("/") == _LOGIN:
            await self._app(scope, receive, self._noting_token(send))
            return
        body = json.loads(content) if content else None
        write = Write(self.sync, scope["method"], scope["path"], body)
        self.writes.append(write)
        if isinstance(body, dict) and body.get("password"):
            self.secrets[body["password"]] = "password"
        self._seen += 1
        kill = self._kill if self._kill and self._seen == self._kill.writes else None
        # Once the answer begins, another process may be the one to kill.
        victim = self.pid
        if kill and not kill.after_effect:
            self.kill(victim)
        if self._chance.random() < self._echo:
            self.echoed += 1
            await _repeat(scope, content, send, self._chance.choice((400, 500)))
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                write.status = message["status"]
                if kill and kill.after_effect:
                    self.kill(victim)
            elif message.get("body", b"").startswith(b'{"user'):
                write.shown = True
            await send(message)

        await self._app(scope, receive, answer)

    def kill(self, pid: int | None) -> None:
        """Kills a process without a word, as the machine does when it runs out of memory; not one that has ended."""
        if pid is not None and pid == self.pid:
            # It may have ended at this very moment.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            self.pid = None

    def _noting_token(self, send: Send) -> Send:
        async def note(message: Message) -> None:
            if message["type"] == "http.response.body" and message.get("body", b"").startswith(b'{"token"'):
                self.secrets[message["body"].split(b'"')[3].decode()] = "session token"
            await send(message)

        return note


async def _read(receive: Receive) -> tuple[bytes | None, Receive]:
    """The whole body, None if it has not come, and a channel that delivers it again."""
    content, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None, receive
        content += message.get("body", b"")
        more = message.get("more_body", False)
    again: list[Message] = [{"type": "http.request", "body": content, "more_body": False}]

    async def replay() -> Message:
        return again.pop() if again else await receive()

    return content, replay


async def _repeat(scope: Scope, content: bytes, send: Send, status: int) -> None:
    """Refuses a request, with all of it in the message."""
    headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
    message = f"cannot process {content.decode()} with {headers}"
    body = json.dumps({"status": "ERROR", "message": message}).encode()
    fields = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body})
