"""An Airflow on several machines, as near as one machine can come to it.

PostgreSQL for Airflow and for the store, Redis, API server, scheduler, DAG processor, and Celery workers, each in a
process tree, a working directory and an `AIRFLOW_HOME` of its own: they share nothing but the two servers and the DAG
file. Everything listens on the loopback interface, on free ports.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from demo.airflow_api import AirflowApi
from demo.processes import LOOPBACK, Program, StartError, clean_environment, end_programs, free_port, wait_until
from tests.machines.runs import Task, tasks_among
from tests.servers import Postgres, postgres, redis

WORKERS = ("w1", "w2")
#: Tasks of one worker at the same time.
_SLOTS = 4
_START_TIMEOUT_S = 180.0
DAG_FILE = Path(__file__).with_name("dags_file.py")


@dataclass
class Cluster:
    """Airflow's parts by their names, and the workers among them.

    Attributes:
        folder: Everything that is written.
        database: PostgreSQL.
        store_url: The store, as all machines reach it.
        api: A client, logged in.
    """

    folder: Path
    database: Postgres
    store_url: str
    api: AirflowApi
    _environment: Mapping[str, str]
    _programs: dict[str, Program] = field(default_factory=dict)
    _wanted: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def program(self, name: str) -> Program:
        """A part that runs, or has run."""
        return self._programs[name]

    @property
    def wanted(self) -> frozenset[str]:
        """The parts that are to run."""
        return frozenset(self._wanted)

    def start(self, name: str, *arguments: str) -> None:
        """Starts a part on a machine of its own, or starts it again."""
        home = self.folder / name
        home.mkdir(exist_ok=True)
        with self._lock:
            if name not in self._programs:
                self._programs[name] = Program(
                    name=f"airflow {name}",
                    command=[sys.executable, "-m", "airflow", *arguments],
                    environment={**self._environment, "AIRFLOW_HOME": str(home), "PWD": str(home)},
                    log=home / "log",
                    folder=home,
                )
            self._programs[name].start()
            self._wanted.add(name)

    def start_worker(self, name: str) -> None:
        """A Celery worker."""
        self.start(
            name, "celery", "worker", "--celery-hostname", f"{name}@%h", "--concurrency", str(_SLOTS),
            "--skip-serve-logs", "--without-gossip", "--without-mingle",
        )  # fmt: skip

    def main_process(self, worker: str) -> psutil.Process:
        """The Celery main process of a worker: the first of its session, and the parent of those in which tasks run."""
        return psutil.Process(self._programs[worker].session())

    def tasks(self) -> dict[str, Task]:
        """The processes in which tasks run just now, by the ids of the task instances."""
        workers = [name for name in sorted(self._wanted) if name.startswith("w")]
        return {key: task for name in workers for key, task in tasks_among(name, self._programs[name].family()).items()}

    def ensure_running(self) -> None:
        """Starts what has ended by itself, as a container engine does.

        Airflow's scheduler ends when its database goes away.
        """
        for name in sorted(self._wanted):
            with contextlib.suppress(StartError):
                self._programs[name].ensure_running()
                continue
            self._programs[name].start()

    def forget(self, name: str) -> None:
        """Nobody wants this part to run any more."""
        self._wanted.discard(name)

    def stop(self) -> None:
        """Ends all parts. Nobody needs anything of them any more, so they get little time to tidy up."""
        self._wanted.clear()
        end_programs(self._programs.values(), grace=1)


@contextlib.contextmanager
def cluster(folder: Path, groups_file: str, settings: Mapping[str, str]) -> Iterator[Cluster]:
    """Starts everything, and ends it.

    Args:
        folder: Where to write.
        groups_file: Content of the groups file.
        settings: Further environment variables of all parts.

    Raises:
        StartError: If a part does not come up.
    """
    dags = folder / "dags"
    dags.mkdir(parents=True)
    shutil.copy(DAG_FILE, dags)
    (dags / "okta_groups.yaml").write_text(groups_file, encoding="utf-8")
    with postgres(connections=200) as database, redis() as broker:
        metadata, store = database.new_database(), database.new_database()
        port = free_port()
        url = f"http://{LOOPBACK}:{port}"
        environment = clean_environment(
            {
                "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
                "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
                "AIRFLOW_HOME": str(folder / "setup"),
                "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": metadata,
                "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
                "AIRFLOW__CELERY__BROKER_URL": broker,
                "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{metadata}",
                "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
                "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
                "AIRFLOW__CORE__FERNET_KEY": "",
                "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
                "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
                "AIRFLOW__API__BASE_URL": url,
                "AIRFLOW__API__HOST": LOOPBACK,
                "AIRFLOW__API__PORT": str(port),
                "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(48),
                "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
                "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
                "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
                "AIRFLOW__OKTA_MI__STORE": store,
                **settings,
            }
        )
        made = Cluster(folder, database, store, AirflowApi(url), environment)
        try:
            Program(
                "airflow db", [sys.executable, "-m", "airflow", "db", "migrate"], environment, folder / "migrate.log"
            ).run(timeout=_START_TIMEOUT_S)
            made.start("api-server", "api-server")
            made.start("scheduler", "scheduler", "--skip-serve-logs")
            made.start("dag-processor", "dag-processor")
            for worker in WORKERS:
                made.start_worker(worker)
            _wait_until_healthy(made)
            yield made
        finally:
            made.stop()


def _wait_until_healthy(made: Cluster) -> None:
    parts = [made.program(name) for name in ("api-server", "scheduler", "dag-processor", *WORKERS)]
    wait_until(made.api.is_up, what="Airflow's API server", timeout=_START_TIMEOUT_S, programs=parts)
    made.api.login()

    def healthy() -> bool:
        health = made.api.health()
        return all(health[part]["status"] == "healthy" for part in ("scheduler", "dag_processor"))

    wait_until(healthy, what="scheduler and DAG processor", timeout=_START_TIMEOUT_S, programs=parts)
    for worker in WORKERS:
        log = made.folder / worker / "log"
        wait_until(
            lambda log=log: "ready." in log.read_text(errors="replace"),  # type: ignore[misc]
            what=f"worker {worker}",
            timeout=_START_TIMEOUT_S,
            programs=parts,
        )
