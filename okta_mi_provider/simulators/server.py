"""Running simulators: on a thread for tests, or both in the foreground for ``okta-mi simulate``."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from okta_mi_provider.simulators.knobs import MIKnobs, OktaKnobs
from okta_mi_provider.simulators.metric_insights import create_metric_insights_app
from okta_mi_provider.simulators.mi_seed import seed_metric_insights
from okta_mi_provider.simulators.okta import create_okta_app
from okta_mi_provider.simulators.seed import seed_org

LOOPBACK = "127.0.0.1"
_START_TIMEOUT_S = 10
_BACKLOG = 2048


class _Protocol(AutoHTTPProtocol):  # type: ignore[misc,valid-type]
    """The HTTP protocol of uvicorn that also tells the application its transport, so that it can break it."""

    app_state: dict[str, Any]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the transport of a new connection."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class _Server(uvicorn.Server):
    """A server that leaves signals to its caller."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Install no signal handlers."""
        yield


def bind(port: int = 0, host: str = LOOPBACK) -> socket.socket:
    """Return a socket that listens on `port` of the IPv4 address `host`; 0 is any free port.

    Raises:
        OSError: the port is in use or not allowed, or the address is not of this machine.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def base_url(listener: socket.socket) -> str:
    """Return the URL of the server behind `listener`, without a last slash."""
    host, port = listener.getsockname()
    return f"http://{host}:{port}"


def _server(app: FastAPI) -> _Server:
    config = uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        date_header=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
    )
    return _Server(config)


class RunningServer:
    """One application served on a thread, between :meth:`start` and :meth:`stop`.

    Attributes:
        url: base URL such as ``http://127.0.0.1:40123``, without a last slash.
    """

    def __init__(self, app: FastAPI, port: int = 0) -> None:
        self._listener = bind(port)
        self.url = base_url(self._listener)
        self._server = _server(app)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._listener]}, name=self.url, daemon=True
        )

    def start(self) -> None:
        """Start the thread and wait until requests are served.

        Raises:
            RuntimeError: the server did not start within 10 seconds.
        """
        self._thread.start()
        try:
            with socket.create_connection(self._listener.getsockname(), _START_TIMEOUT_S) as probe:
                probe.sendall(b"GET /_sim/stats HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                started = bool(probe.recv(1))
        except TimeoutError:
            started = False
        if not started:
            raise RuntimeError(f"the simulator at {self.url} did not start")

    def stop(self) -> None:
        """Stop the server and wait for its thread; requests in flight get a second to end."""
        self._server.should_exit = True
        self._thread.join()
        self._listener.close()


@contextlib.contextmanager
def serve(app: FastAPI, port: int = 0) -> Iterator[str]:
    """Serve `app` on 127.0.0.1 while the block runs, and yield its base URL.

    Raises:
        OSError: the port is in use.
        RuntimeError: the server did not start.
    """
    server = RunningServer(app, port)
    server.start()
    try:
        yield server.url
    finally:
        server.stop()


class PortUnavailableError(RuntimeError):
    """The command cannot listen at an address; the message says which option helps."""


def run_simulators(
    *,
    users: int = 1200,
    seed: int = 7,
    host: str = LOOPBACK,
    okta_port: int = 8081,
    mi_port: int = 8082,
    latency_ms: float = 0,
    on_ready: Callable[[str, str], None] = lambda okta_url, mi_url: None,  # noqa: ARG005 - names are the interface
) -> None:
    """Serve a seeded Okta org and Metric Insights server until SIGINT or SIGTERM; main thread only.

    Args:
        users: users in the Okta org.
        seed: of names and ids.
        host: IPv4 address to listen at.
        okta_port: port of Okta; 0 is any free one.
        mi_port: port of Metric Insights; 0 is any free one.
        latency_ms: the knob of that name, on both servers.
        on_ready: called with both base URLs when the ports are open, before requests are served.

    Raises:
        PortUnavailableError: a port is in use, or the address is not of this machine.
    """
    okta_listener = _bind_or_explain(host, okta_port, "--okta-port")
    with okta_listener, _bind_or_explain(host, mi_port, "--mi-port") as mi_listener:
        org = seed_org(users, seed)
        okta = create_okta_app(org, knobs=OktaKnobs(latency_ms=latency_ms))
        mi = create_metric_insights_app(seed_metric_insights(org), knobs=MIKnobs(latency_ms=latency_ms))
        urls = base_url(okta_listener), base_url(mi_listener)
        servers = [(_server(okta), okta_listener), (_server(mi), mi_listener)]
        with asyncio.Runner(loop_factory=servers[0][0].config.get_loop_factory()) as runner:
            runner.run(_serve_until_signalled(servers, lambda: on_ready(*urls)))


def _bind_or_explain(host: str, port: int, option: str) -> socket.socket:
    try:
        return bind(port, host)
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno == errno.EADDRNOTAVAIL:
            raise PortUnavailableError(
                f"cannot listen on {host} ({reason}); choose an address of this machine with --host"
            ) from error
        raise PortUnavailableError(
            f"cannot listen on {host}:{port} ({reason}); choose another port with {option}, or 0 for a free one"
        ) from error


async def _serve_until_signalled(
    servers: Sequence[tuple[_Server, socket.socket]], on_ready: Callable[[], None]
) -> None:
    def stop() -> None:
        for server, _ in servers:
            server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    on_ready()
    await asyncio.gather(*(server.serve(sockets=[listener]) for server, listener in servers))
