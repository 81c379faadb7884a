"""A throwaway PostgreSQL: made from Debian's package, on a free port of the loopback interface, gone afterwards."""

from __future__ import annotations

import ctypes
import itertools
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
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

    def __init__(self, port: int, password: str) -> None:
        self._port, self._password = port, password
        self._numbers = itertools.count(1)

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
def postgres() -> Iterator[Postgres]:
    """Starts a server, and ends it with all it has written.

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
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [programs / "postgres", "-D", data, "-p", str(port), "-h", LOOPBACK,
                 "-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "max_connections=50"],
                user=servant, cwd=folder, stdout=log, stderr=log, start_new_session=True,
                preexec_fn=_end_with_us,  # noqa: PLW1509
            )  # fmt: skip
        try:
            running = Postgres(port, password)
            _wait_for(running, server, folder / "log")
            yield running
        finally:
            # Ends the sessions that are open, and then itself.
            server.send_signal(signal.SIGINT)
            server.wait(_PATIENCE_S)
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


def _wait_for(server: Postgres, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            server.connect("postgres").close()
        except psycopg2.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL does not start:\n{log.read_text()}") from None
            time.sleep(0.1)
        else:
            return
