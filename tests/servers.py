"""Throwaway servers: PostgreSQL and Redis, from Debian's packages, on free ports of the loopback interface."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
from sqlalchemy.engine import URL

from demo.processes import LOOPBACK, free_port

_USER = "okta_mi"
_LIBC, _PR_SET_PDEATHSIG = ctypes.CDLL(None), 1
#: How long the server may take to answer, in seconds.
_PATIENCE_S = 60.0
#: Whom it runs as when we are root, which it refuses.
_SERVANTS = ("postgres", "nobody")


class Postgres:
    """A running server, on which each caller gets a database of its own."""

    def __init__(self, port: int, password: str, start: Callable[[], subprocess.Popen[bytes]]) -> None:
        self._port, self._password = port, password
        self._numbers = itertools.count(1)
        self._start = start
        self._process = start()

    def restart(self) -> None:
        """As for an update: everybody loses the connection, and what was not committed. Returns when it answers."""
        self.stop()
        self._process = self._start()
        self.wait()

    def stop(self) -> None:
        """Ends the sessions that are open, and then itself."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(_PATIENCE_S)

    def wait(self) -> None:
        """Until it answers.

        Raises:
            RuntimeError: If it does not.
        """
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            try:
                self.connect("postgres").close()
            except psycopg2.OperationalError as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"PostgreSQL does not start: {error}") from None
                time.sleep(0.1)
            else:
                return

    def new_database(self) -> str:
        """The URL of a new and empty database."""
        name = f"okta_mi_{next(self._numbers)}"
        connection = self.connect("postgres")
        try:
            # Not in a transaction, where PostgreSQL makes none.
            connection.autocommit = True
            connection.cursor().execute(f'CREATE DATABASE "{name}"')
        finally:
            connection.close()
        url = URL.create("postgresql+psycopg2", _USER, self._password, LOOPBACK, self._port, name)
        return url.render_as_string(hide_password=False)

    def connect(self, database: str) -> psycopg2.extensions.connection:
        """A connection by the driver alone."""
        return psycopg2.connect(
            host=LOOPBACK, port=self._port, user=_USER, password=self._password, dbname=database, connect_timeout=5
        )


@contextmanager
def redis() -> Iterator[str]:
    """Starts a server that keeps nothing, and ends it. Yields its URL.

    Raises:
        RuntimeError: If the program is missing, or the server does not start.
    """
    program = shutil.which("redis-server")
    if program is None:
        raise RuntimeError("Redis is not installed. Install the package redis-server, or run scripts/need_redis.sh.")
    port, password = free_port(), secrets.token_urlsafe(16)
    with tempfile.TemporaryDirectory(prefix="okta-mi-redis-") as folder:
        settings = Path(folder, "redis.conf")
        settings.write_text(f'bind {LOOPBACK}\nport {port}\nsave ""\nrequirepass {password}\n')
        server = subprocess.Popen(
            [program, settings], cwd=folder, stdout=subprocess.DEVNULL, start_new_session=True,
            preexec_fn=_end_with_us,  # noqa: PLW1509
        )  # fmt: skip
        try:
            _until_it_listens(server, port)
            yield f"redis://:{password}@{LOOPBACK}:{port}/0"
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(_PATIENCE_S)


def _until_it_listens(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while server.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"Redis does not listen on port {port} (exit code {server.poll()}).")


@contextmanager
def postgres(*, connections: int = 50) -> Iterator[Postgres]:
    """Starts a server, and ends it with all it has written.

    Args:
        connections: How many it takes at once.

    Raises:
        RuntimeError: If the programs are missing, or the server does not start; never skipped silently.
    """
    programs, servant = _programs(), _servant()
    folder = Path(tempfile.mkdtemp(prefix="okta-mi-postgres-"))
    password, port = secrets.token_urlsafe(16), free_port()
    try:
        secret = folder / "password"
        secret.write_text(password)
        if servant:
            for path in (folder, secret):
                shutil.chown(path, servant)
        data = folder / "data"
        _run(
            [programs / "initdb", "-D", data, "-U", _USER, "--auth=scram-sha-256", f"--pwfile={secret}",
             "--locale=C.UTF-8", "-E", "UTF8", "--no-sync"],
            servant,
            folder,
        )  # fmt: skip

        def start() -> subprocess.Popen[bytes]:
            with (folder / "log").open("ab") as log:
                return subprocess.Popen(
                    [programs / "postgres", "-D", data, "-p", str(port), "-h", LOOPBACK,
                     "-c", "unix_socket_directories=", "-c", "fsync=off", "-c", f"max_connections={connections}"],
                    user=servant, cwd=folder, stdout=log, stderr=log, start_new_session=True,
                    preexec_fn=_end_with_us,  # noqa: PLW1509
                )  # fmt: skip

        running = Postgres(port, password, start)
        try:
            try:
                running.wait()
            except RuntimeError as error:
                raise RuntimeError(f"{error}\n{(folder / 'log').read_text()}") from None
            yield running
        finally:
            running.stop()
    finally:
        shutil.rmtree(folder)


def _end_with_us() -> None:
    """Has the system end the server should we be killed. Runs between fork and exec: one call, of what is loaded."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


def _programs() -> Path:
    """Where Debian puts what is in no PATH, the newest version first."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    if not folders:
        raise RuntimeError(
            "PostgreSQL is not installed. Install the package postgresql, or run scripts/need_postgresql.sh."
        )
    return folders[0]


def _servant() -> str | None:
    """Whom the server runs as; None for whoever we are."""
    if os.getuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in _SERVANTS if name in known)


def _run(command: list[object], user: str | None, folder: Path) -> None:
    done = subprocess.run(
        [str(word) for word in command], user=user, cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{done.stdout}{done.stderr}")
