"""Forks a process for each sync, in no time, because everything is imported already.

A process with threads, such as the one with the servers in it, must not fork: the child would keep their sockets
open. So this is a process of its own that has none: `python -m tests.chaos.nursery` reads names of job files, forks,
and says which process it is and how it ended.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Self

REPOSITORY = Path(__file__).resolve().parents[2]


class Nursery:
    """The parent's end.

    Args:
        home: A folder for whatever the processes leave behind.
    """

    def __init__(self, home: Path) -> None:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AIRFLOW", "OKTA_", "MI_")) and not name.lower().endswith("_proxy")
        }
        self._log = home / "nursery.log"
        with self._log.open("wb") as log:
            self._process = self._start(home, kept, log)
        self._read = b""

    @staticmethod
    def _start(home: Path, kept: dict[str, str], log: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.nursery"],
            cwd=REPOSITORY,
            env={
                **kept,
                "AIRFLOW_HOME": str(home),
                "AIRFLOW__CORE__UNIT_TEST_MODE": "True",
                "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
                "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
                "TMPDIR": str(home),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            bufsize=0,
        )

    def run(self, job: Path, *, born: Callable[[int], None], limit_s: float) -> int | None:
        """Has a job done.

        Args:
            job: The file that says what to do.
            born: Is told the process id.
            limit_s: How long it may take, in seconds.

        Returns:
            The exit code, negative if a signal has ended it; None if it was killed because it took too long.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(f"{job}\n".encode())
        pid = int(self._line(60))
        born(pid)
        try:
            return int(self._line(limit_s))
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            self._line(60)
            return None

    def _line(self, limit_s: float) -> bytes:
        assert self._process.stdout is not None
        until = time.monotonic() + limit_s
        while b"\n" not in self._read:
            if not select.select([self._process.stdout], [], [], max(0.0, until - time.monotonic()))[0]:
                raise TimeoutError
            read = os.read(self._process.stdout.fileno(), 4096)
            if not read:
                raise RuntimeError(f"the nursery is gone: {self._log.read_text('utf-8', 'replace')[-2000:]}")
            self._read += read
        line, _, self._read = self._read.partition(b"\n")
        return line

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()


def main() -> None:
    """The child's end: forks for each line of stdin, until there is none."""
    # What is imported may say something; the pipe is for numbers.
    pipe = os.dup(1)
    os.dup2(2, 1)
    from tests.chaos import client
    from tests.chaos.quick import make_quick

    make_quick()
    client.get_ready()
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os.close(pipe)
            client.run_and_exit(Path(line.strip()))
        os.write(pipe, f"{pid}\n".encode())
        _, status = os.waitpid(pid, 0)
        os.write(pipe, f"{os.waitstatus_to_exitcode(status)}\n".encode())


if __name__ == "__main__":
    main()
