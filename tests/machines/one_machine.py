"""An Airflow on one machine, as people begin: LocalExecutor, and SQLite for Airflow and for the store."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from demo.airflow_api import AirflowApi
from demo.airflow_stack import AirflowStack
from demo.processes import StartError
from tests.machines.cluster import DAG_FILE
from tests.machines.runs import Task, tasks_among

PARTS = ("api-server", "scheduler", "dag-processor")


@dataclass
class OneMachine:
    """Airflow's parts, what they run, and their databases."""

    stack: AirflowStack
    _wanted: set[str] = field(default_factory=lambda: set(PARTS))

    @property
    def api(self) -> AirflowApi:
        """A client, logged in."""
        return self.stack.api

    @property
    def store_url(self) -> str:
        """Where the store is by default."""
        return f"sqlite:///{self.stack.home / 'okta_mi.db'}"

    def tasks(self) -> dict[str, Task]:
        """The processes in which tasks run just now, by the ids of the task instances."""
        return tasks_among("scheduler", self.stack.program("scheduler").family())

    def kill(self, part: str) -> None:
        """SIGKILL for the main process of a part, and for nothing that it has started. Nobody starts it again yet."""
        self._wanted.discard(part)
        main = self.stack.program(part).session()
        assert main is not None
        psutil.Process(main).kill()

    def restart(self, part: str) -> None:
        """Starts a part again that was killed."""
        self.stack.restart(part)
        self._wanted.add(part)

    def ensure_running(self) -> None:
        """Starts what has ended by itself."""
        for part in sorted(self._wanted):
            try:
                self.stack.program(part).ensure_running()
            except StartError:
                self.stack.restart(part)

    @contextlib.contextmanager
    def locked_databases(self, least_s: float) -> Iterator[None]:
        """Somebody else has both databases for themselves, as a backup that does not do it right.

        Args:
            least_s: For how many seconds at least.
        """
        with contextlib.ExitStack() as stack:
            for name in ("airflow.db", "okta_mi.db"):
                connection = stack.enter_context(
                    contextlib.closing(sqlite3.connect(self.stack.home / name, timeout=60, isolation_level=None))
                )
                connection.execute("BEGIN EXCLUSIVE")
            until = time.monotonic() + least_s
            yield
            time.sleep(max(0.0, until - time.monotonic()))


@contextlib.contextmanager
def one_machine(folder: Path, groups_file: str, settings: Mapping[str, str], *, waits_s: int) -> Iterator[OneMachine]:
    """Starts everything, and ends it.

    Args:
        folder: Where to write.
        groups_file: Content of the groups file.
        settings: Further environment variables of all parts.
        waits_s: How long Airflow waits for a lock on its database, in seconds.

    Raises:
        StartError: If a part does not come up.
    """
    home, dags = folder / "home", folder / "dags"
    dags.mkdir(parents=True)
    shutil.copy(DAG_FILE, dags)
    (dags / "okta_groups.yaml").write_text(groups_file, encoding="utf-8")
    stack = AirflowStack(
        home=home,
        dags_folder=dags,
        settings={
            "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home.resolve() / 'airflow.db'}?timeout={waits_s}",
            **settings,
        },
        parts=PARTS,
        grace=1,
    )
    with stack:
        yield OneMachine(stack)
