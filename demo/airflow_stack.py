"""A complete Airflow on this machine: four parts, SQLite, LocalExecutor, loopback only.

`airflow standalone` would be one command instead of five, but it listens on all interfaces, and
leaves processes behind when it is ended.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Self

from demo.airflow_api import AirflowApi
from demo.processes import (
    LOOPBACK,
    Program,
    StartError,
    clean_environment,
    end_programs,
    free_port,
    wait_until,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

PARTS: Mapping[str, Sequence[str]] = {
    "api-server": (),
    "scheduler": ("--skip-serve-logs",),  # log servers listen on all interfaces; here the files are at hand
    "dag-processor": (),
    "triggerer": ("--skip-serve-logs",),
}
START_TIMEOUT = 180.0


@dataclass(slots=True)
class AirflowStack:
    """One Airflow from `start` to `stop`; as a context manager it does both.

    Everything it writes is in `home`, which can be used again: the database is migrated once for each
    version of Airflow, and the runs of earlier times stay visible.

    Attributes:
        home: AIRFLOW_HOME; created when it is missing.
        dags_folder: Where the DAG files are.
        settings: Further environment variables, such as ``AIRFLOW_CONN_*`` and ``AIRFLOW__SECTION__KEY``.
        port: Port of UI and API; 0 takes a free one.
        parallelism: How many tasks may run at the same time.
        users: Password of each user, who are all administrators; if there are none, whoever comes is one.
        parts: Which of `PARTS` to start; without a scheduler and a triggerer no task runs.
        grace: How long the parts may take to tidy up when they are stopped, in seconds.
        environment: What makes a process a part of this Airflow; also for ``airflow ...`` commands.
        api: A client of its REST API, logged in as soon as the stack has started.
    """

    home: Path
    dags_folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    port: int = 0
    parallelism: int = 4
    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    parts: Collection[str] = tuple(PARTS)
    grace: float = 10
    environment: Mapping[str, str] = field(init=False, repr=False)
    api: AirflowApi = field(init=False)
    _programs: dict[str, Program] = field(default_factory=dict, init=False)
    _earlier: list[Program] = field(default_factory=list, init=False)
    _started: datetime = field(default=datetime.max.replace(tzinfo=UTC), init=False)

    def __post_init__(self) -> None:
        self.home = self.home.resolve()
        self.dags_folder = self.dags_folder.resolve()
        self.port = self.port or free_port()
        self.environment = clean_environment({**self._own_environment(), **self.settings})
        self.api = AirflowApi(self.url, next(iter(self.users.items()), None))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Address of the UI."""
        return f"http://{LOOPBACK}:{self.port}"

    def start(self) -> None:
        """Starts all parts and returns when each of them has reported itself healthy.

        Raises:
            StartError: One did not come up. None is left running.
        """
        try:
            self._migrate()
            if self.users:
                self._passwords.write_text(json.dumps(dict(self.users)), encoding="utf-8")
            self._started = datetime.now(UTC)
            self._programs = {part: self._airflow(part, *PARTS[part]) for part in self.parts}
            for program in self._programs.values():
                program.start()
            self._wait_until_healthy()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Ends all parts and every process they have started; does nothing when nothing runs."""
        end_programs([*self._earlier, *self._programs.values()], grace=self.grace)
        self._programs, self._earlier = {}, []

    def program(self, part: str) -> Program:
        """A part that was started, or the newest of those that were."""
        return self._programs[part]

    def restart(self, part: str) -> None:
        """Starts a part again that has died; returns before it is healthy.

        What the dead one has left running, as a scheduler leaves LocalExecutor's workers, goes on until `stop`.
        """
        self._earlier.append(self._programs[part])
        self._programs[part] = self._airflow(part, *PARTS[part], again=len(self._earlier))
        self._programs[part].start()

    def ensure_running(self) -> None:
        """Raises `StartError`, with the end of its log, if one of the parts has died."""
        for program in self._programs.values():
            program.ensure_running()

    def wait_for_dag(self, name: str, *, timeout: float = 60) -> str:
        """Waits until the DAG with this id or display name has been parsed since the start; returns its id.

        Raises:
            StartError: A DAG file could not be loaded, or the time is over.
        """

        def look() -> str | None:
            for dag in self.api.dags():
                if name in {dag["dag_id"], dag["dag_display_name"]} and self._is_new(dag["last_parsed_time"]):
                    return str(dag["dag_id"])
            for error in self.api.import_errors():
                if self._is_new(error["timestamp"]):
                    raise StartError(f"{error['filename']} cannot be loaded:\n{error['stack_trace']}")
            return None

        return wait_until(
            look,
            what=f"a DAG named {name!r} in {self.dags_folder}",
            timeout=timeout,
            programs=[self._programs["dag-processor"]],
        )

    @property
    def _passwords(self) -> Path:
        return self.home / "passwords.json"

    def _migrate(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        stamp = self.home / "migrated-for"
        wanted = version("apache-airflow")
        if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
            self._airflow("db", "migrate").run(timeout=START_TIMEOUT)
            stamp.write_text(wanted, encoding="utf-8")

    def _wait_until_healthy(self) -> None:
        programs = list(self._programs.values())
        wait_until(
            self.api.is_up,
            what=f"an answer of Airflow's API server on port {self.port}",
            timeout=START_TIMEOUT,
            programs=programs,
        )
        self.api.login()
        wait_until(
            self._all_have_beaten,
            what="a heartbeat of " + ", ".join(self._hearts()),
            timeout=START_TIMEOUT,
            programs=programs,
        )

    def _all_have_beaten(self) -> bool:
        """Whether all are healthy by a heartbeat of now: the database may have some of an earlier start."""
        health = self.api.health()
        return all(self._is_new(health[part][f"latest_{part}_heartbeat"]) for part in self._hearts())

    def _hearts(self) -> list[str]:
        """What Airflow calls the parts that tell it that they are alive; the API server is asked for that."""
        return [part.replace("-", "_") for part in self.parts if part != "api-server"]

    def _is_new(self, moment: str | None) -> bool:
        return moment is not None and datetime.fromisoformat(moment) > self._started

    def _airflow(self, *arguments: str, again: int = 0) -> Program:
        name = f"{arguments[0]}.{again}" if again else arguments[0]
        return Program(
            name=f"airflow {arguments[0]}",
            command=[sys.executable, "-m", "airflow", *arguments],
            environment=self.environment,
            log=self.home / "parts" / f"{name}.log",
        )

    def _who_may_come(self) -> dict[str, str]:
        prefix = "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER"
        if not self.users:
            return {f"{prefix}_ALL_ADMINS": "True"}
        return {
            f"{prefix}_ALL_ADMINS": "False",
            f"{prefix}_USERS": ",".join(f"{name}:admin" for name in self.users),
            f"{prefix}_PASSWORDS_FILE": str(self._passwords),
        }

    def _own_environment(self) -> dict[str, str]:
        return {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
            "AIRFLOW_HOME": str(self.home),
            # The scheduler can hold SQLite's one write lock for more than the 5 s that others wait by default.
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.home / 'airflow.db'}?timeout=60",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": str(self.parallelism),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags_folder),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            **self._who_may_come(),
            # Without these two, tasks look for the API on port 8080 while the UI works on any.
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__API__HOST": LOOPBACK,
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(48),
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
            # New and changed DAG files within seconds instead of minutes; tasks without pauses between them.
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "5",
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        }
