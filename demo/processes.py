"""Programs that run beside us, and end with us: all of each, whatever it has started itself."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

Answer = TypeVar("Answer")
LOOPBACK = "127.0.0.1"


class StartError(RuntimeError):
    """A program did not come up, or went down again; the message ends with the tail of its log."""


def free_port(preferred: int = 0) -> int:
    """A port of the loopback interface nobody listens on: the preferred one if it is free."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind((LOOPBACK, port))
                return int(probe.getsockname()[1])
    raise StartError(f"no free port on {LOOPBACK}")


def clean_environment(additions: Mapping[str, str]) -> dict[str, str]:
    """Our environment without its Airflow settings, and with no proxy between this machine and itself."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    for name in ("NO_PROXY", "no_proxy"):
        environment[name] = ",".join(filter(None, [environment.get(name), LOOPBACK, "localhost"]))
    return environment | dict(additions)


def tail(log: Path, lines: int = 25) -> str:
    """The last lines of a log file, indented, for an error message."""
    if not log.exists():
        return "  (no log)"
    text = log.read_text(encoding="utf-8", errors="replace").rstrip().splitlines()
    return "\n".join(f"  {line}" for line in text[-lines:]) or "  (empty log)"


@dataclass(slots=True)
class Program:
    """One program, started in a session of its own so that everything it starts can be found again.

    Attributes:
        folder: Its working directory; None for ours.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    folder: Path | None = None
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Starts it, writing what it prints to a fresh log file."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 - commands of ours, no shell
                self.command,
                cwd=self.folder,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def run(self, *, timeout: float) -> None:
        """Starts it and waits for its end; raises `StartError` when that is not a success."""
        self.start()
        assert self._process is not None  # noqa: S101 - start() has just set it
        try:
            code = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise StartError(self._story(f"did not end within {timeout:.0f} s")) from None
        finally:
            end_programs([self])
        if code:
            raise StartError(self._story(f"failed with exit code {code}"))

    def ensure_running(self) -> None:
        """Raises `StartError` if it has ended, which none of them does unasked."""
        if self._process is None:
            raise StartError(f"{self.name} was not started")
        code = self._process.poll()
        if code is not None:
            raise StartError(self._story(f"ended with exit code {code}"))

    def family(self) -> set[psutil.Process]:
        """Every living process of its session, and what these have started in sessions of their own."""
        return _families_of([self])

    def session(self) -> int | None:
        """The id of its session; None if it was never started."""
        if self._process is None:
            return None
        self._process.poll()  # takes its exit code, so that it does not stay behind as a zombie
        return self._process.pid

    def _story(self, what: str) -> str:
        return f"{self.name} {what}. The end of {self.log}:\n{tail(self.log)}"


def _families(sessions: Iterable[int]) -> set[psutil.Process]:
    """Every living process of some sessions, and their descendants, by one look at all processes of this machine."""
    everybody = list(psutil.process_iter())
    wanted = set(sessions)
    found = {process for process in everybody if _session_of(process) in wanted}
    parents = {process: _parent_of(process) for process in everybody}
    more = found
    while more:
        pids = {process.pid for process in more}
        more = {process for process in everybody if parents[process] in pids} - found
        found |= more
    return {process for process in found if _lives(process)}


def _session_of(process: psutil.Process) -> int | None:
    try:
        return os.getsid(process.pid)
    except ProcessLookupError:
        return None


def _parent_of(process: psutil.Process) -> int | None:
    try:
        return process.ppid()
    except psutil.NoSuchProcess:
        return None


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def end_programs(programs: Iterable[Program], *, grace: float = 10) -> None:
    """Ends programs with all they have started: SIGTERM, `grace` seconds to tidy up, then SIGKILL.

    Returns when none of them is left; a second Ctrl-C does not cut it short. It remembers who
    belonged to them, for a process whose parent is gone cannot be told from a stranger's.
    """
    programs = list(programs)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        family = _families_of(programs)
        _signal(family, signal.SIGTERM)
        deadline = time.monotonic() + grace
        while family := {process for process in family | _families_of(programs) if _lives(process)}:
            if time.monotonic() > deadline:
                _signal(family, signal.SIGKILL)
            time.sleep(0.1)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _families_of(programs: Iterable[Program]) -> set[psutil.Process]:
    return _families(pid for program in programs if (pid := program.session()) is not None)


def _signal(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def wait_until(
    check: Callable[[], Answer | None],
    *,
    what: str,
    timeout: float,
    programs: Iterable[Program] = (),
    pause: float = 0.2,
) -> Answer:
    """Asks every `pause` seconds until the answer is true and returns it.

    Raises:
        StartError: When `timeout` seconds are over, or a program has ended.
    """
    programs = list(programs)
    deadline = time.monotonic() + timeout
    while not (answer := check()):
        for program in programs:
            program.ensure_running()
        if time.monotonic() > deadline:
            logs = "\n".join(f"The end of {program.log}:\n{tail(program.log)}" for program in programs)
            raise StartError(f"After {timeout:.0f} s still waiting for {what}. {logs}")
        time.sleep(pause)
    return answer
