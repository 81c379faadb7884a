"""What happens to a request before and around its handler: latency, faults, limits, the log."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections import deque

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from okta_mi_provider.simulators.faults import DEFAULT_HANG_S, FaultRule
from okta_mi_provider.simulators.system import CONTROL_PREFIX, SimulatedSystem
from okta_mi_provider.simulators.traffic import Exchange

_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})
_PIECES = 20

GARBLED = {
    b"date": b"yesterday",
    b"link": b"<<>; rel=",
    b"retry-after": b"later",
    b"x-rate-limit-limit": b"many",
    b"x-rate-limit-remaining": b"-",
    b"x-rate-limit-reset": b"soon",
}
"""What the fault ``garbled_headers`` makes of the headers that an answer has."""

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class TrafficMiddleware:
    """Puts a simulated system between the wire and the handlers; control calls pass untouched."""

    def __init__(self, app: ASGIApp, system: SimulatedSystem) -> None:
        self._app = app
        self._system = system

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI)."""
        path = scope.get("path", "")
        if scope["type"] != "http" or path.startswith(CONTROL_PREFIX):
            await self._app(scope, receive, send)
            return
        system, method = self._system, scope["method"]
        exchange = system.traffic.begin(
            method, path, scope["query_string"].decode("latin-1"), write=system.is_write(method, path)
        )
        try:
            if method not in _WITHOUT_BODY:
                receive, body = await _read_body(receive)
                if exchange.write and system.knobs.log_bodies:
                    exchange.note_body(body)
            await self._serve(exchange, scope, receive, send)
        finally:
            system.traffic.end(exchange)

    async def _serve(self, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        system = self._system
        if system.knobs.latency_ms:
            await _wait_until(exchange.started + system.knobs.latency_ms / 1000)

        rule = system.faults.take(exchange.method, exchange.path, exchange.query)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                headers = system.headers(exchange.path, message["headers"])
                if rule is not None and rule.fault == "garbled_headers":
                    headers = [(name, GARBLED.get(name.lower(), value)) for name, value in headers]
                message = {**message, "headers": headers}
            await send(message)

        if rule is None:
            refusal = system.admit(exchange.method, exchange.path, exchange.in_flight)
            await (refusal or self._app)(scope, receive, answer)
        else:
            exchange.fault = rule.fault
            await self._fail(rule, scope, receive, answer)

    async def _fail(self, rule: FaultRule, scope: Scope, receive: Receive, send: Send) -> None:
        match rule.fault:
            case "hang":
                await asyncio.sleep(DEFAULT_HANG_S if rule.seconds is None else rule.seconds)
                await self._app(scope, receive, send)
            case "hang_after":
                messages = await self._carry_out(scope, receive)
                await asyncio.sleep(DEFAULT_HANG_S if rule.seconds is None else rule.seconds)
                for message in messages:
                    await send(message)
            case "garbled_headers":
                await self._app(scope, receive, send)
            case "truncated":
                await _send_half(await self._carry_out(scope, receive), send)
            case "cut_json":
                await _send_cut(await self._carry_out(scope, receive), send)
            case "trickle":
                seconds = DEFAULT_HANG_S if rule.seconds is None else rule.seconds
                await _send_slowly(await self._carry_out(scope, receive), send, seconds)
            case "reset_before":
                await _reset_connection(scope, receive)
            case "reset_after":
                await self._carry_out(scope, receive)
                await _reset_connection(scope, receive)
            case _:
                if rule.after_effect:
                    await self._carry_out(scope, receive)
                await self._system.fault_answer(rule)(scope, receive, send)

    async def _carry_out(self, scope: Scope, receive: Receive) -> list[Message]:
        """Run the handler and keep its answer back."""
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await self._app(scope, receive, keep)
        return messages


async def _wait_until(due: float) -> None:
    """Wait until `time.perf_counter` says so. The timers of an event loop may ring up to a millisecond early."""
    while (left := due - time.perf_counter()) > 0:
        await asyncio.sleep(left)


async def _read_body(receive: Receive) -> tuple[Receive, bytes]:
    """Read the whole body now, so that a client that leaves during a wait cannot take its request back.

    Returns:
        A channel that delivers what was read, then what is still to come; and the body.
    """
    read: deque[Message] = deque()
    while not read or read[-1].get("more_body", False):
        read.append(await receive())
    body = b"".join(message.get("body", b"") for message in read)

    async def replay() -> Message:
        return read.popleft() if read else await receive()

    return replay, body


async def _send_half(messages: list[Message], send: Send) -> None:
    """Promise the whole body, send half of it and leave: the server then closes the connection."""
    body = b"".join(message.get("body", b"") for message in messages[1:])
    await send(messages[0])
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})


async def _send_cut(messages: list[Message], send: Send) -> None:
    """Send half of the body as if it were the whole: a complete answer that is not JSON any more."""
    body = b"".join(message.get("body", b"") for message in messages[1:])
    half = body[: len(body) // 2]
    headers = [(name, value) for name, value in messages[0]["headers"] if name.lower() != b"content-length"]
    await send({**messages[0], "headers": [*headers, (b"content-length", b"%d" % len(half))]})
    await send({"type": "http.response.body", "body": half})


async def _send_slowly(messages: list[Message], send: Send, seconds: float) -> None:
    """Send the body piece by piece over `seconds`, so that no single wait is long."""
    body = b"".join(message.get("body", b"") for message in messages[1:])
    size = max(1, -(-len(body) // _PIECES))
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    await send(messages[0])
    for piece in pieces:
        await asyncio.sleep(seconds / len(pieces))
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _reset_connection(scope: Scope, receive: Receive) -> None:
    """Break the connection without a byte of an answer (TCP reset)."""
    transport: asyncio.Transport = scope["state"]["transport"]
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass
