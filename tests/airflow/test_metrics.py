"""Metrics as a StatsD server hears them. Each process is one of its own, for Airflow makes its client once in each."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.airflow.conftest import DAGS, SALES
from tests.airflow.runs import DAG_ID
from tests.integration.world import World, login

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

pytestmark = pytest.mark.airflow

# One API for all tasks, as in `run_dag`.
_RUNS = """
import functools, sys
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.execution_time import supervisor
supervisor.in_process_api_server = functools.cache(supervisor.in_process_api_server)
for _ in range(2):
    (dag,) = DagBag(sys.argv[1]).dags.values()
    dag.test()
"""
_TELLS = """
from datetime import timedelta
import airflow.sdk.serde
from okta_mi_provider import metrics
metrics.send_run(metrics.State.FAILED, conflicts=2, lasted=timedelta(seconds=3), dag_id="d")
print("went on")
"""


class Listener:
    """A StatsD server that remembers."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._lines: list[str] = []
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def ours(self) -> dict[str, list[str]]:
        """What came of ours so far, by name: values with their kinds, in their order; and ends."""
        self._socket.sendto(b"end", ("127.0.0.1", self.port))
        self._thread.join(30)
        self._socket.close()
        found: dict[str, list[str]] = {}
        for line in self._lines:
            name, _, value = line.partition(":")
            if "okta_mi." in name:
                found.setdefault(name, []).append(value)
        return found

    def _listen(self) -> None:
        while (packet := self._socket.recv(65536)) != b"end":
            self._lines += packet.decode().splitlines()


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Listener:
    heard = Listener()
    for name, value in {
        "STATSD_ON": "True", "STATSD_HOST": "127.0.0.1", "STATSD_PORT": str(heard.port), "STATSD_PREFIX": "airflow",
        "STATSD_INFLUXDB_ENABLED": "True",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"AIRFLOW__METRICS__{name}", value)
    return heard


def python(code: str, *arguments: str, **environment: str) -> str:
    """Output of a process that ends well."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        # Airflow 3.2 takes seconds to begin each task.
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_statsd_server_hears_what_runs_have_done_and_nobodys_name(
    world: World, dags: Callable[[str], DagBag], listener: Listener
) -> None:
    dags(SALES)
    world.okta.group("Sales", "ana", "bo", "cy")
    world.mi.add_user("other", email=login("bo"))
    world.mi.fault("400", method="POST", route="users", count=1)
    world.okta.fault("429", count=1, seconds=1)

    python(_RUNS, str(DAGS))

    heard = listener.ours()
    tag = f",dag_id={DAG_ID}"
    assert all(name.startswith("airflow.okta_mi.") and name.endswith(tag) for name in heard)
    assert "acme" not in str(heard)
    named = {name.removeprefix("airflow.okta_mi.").removesuffix(tag): values for name, values in heard.items()}
    times = named.pop("run.duration")
    answered = {name: named.pop(f"requests.{name}.answered") for name in ("okta", "metric_insights")}
    waited = named.pop("wait_seconds.okta")
    # The first run creates one of two users, the second one the other; bo's address is somebody else's in both.
    assert named == {
        "changes.create_group": ["1|c"],
        "changes.create_user": ["1|c", "1|c"],
        "failures": ["1|c"],
        "requests.metric_insights.refused": ["1|c"],
        "requests.okta.rate_limited": ["1|c"],
        "run.conflicts": ["1|g", "1|g"],
        "run.state": ["1|g", "1|g"],
        "runs.failed": ["1|c", "1|c"],
    }
    assert len(times) == 2
    assert all(value.endswith("|ms") and float(value.removesuffix("|ms")) > 0 for value in times)
    assert all(float(value.removesuffix("|c")) > 0 for values in [*answered.values(), waited] for value in values)


def test_without_the_package_for_statsd_nothing_is_sent_and_nothing_fails(listener: Listener, tmp_path: Path) -> None:
    (tmp_path / "statsd.py").write_text("raise ImportError('no statsd here')\n", encoding="utf-8")

    said = python(_TELLS, PYTHONPATH=f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")

    assert "went on" in said
    assert listener.ours() == {}


def test_a_backend_that_raises_fails_nobody_and_is_told_of(
    monkeypatch: pytest.MonkeyPatch, logged: Callable[[], str]
) -> None:
    from datetime import timedelta

    from airflow.sdk.observability.stats import Stats

    from okta_mi_provider import metrics

    def broken(*_: object, **__: object) -> None:
        raise OSError("no route")

    monkeypatch.setattr(Stats, "incr", broken)

    metrics.send_run(metrics.State.FAILED, conflicts=0, lasted=timedelta(), dag_id="d")

    assert "Metric okta_mi.runs.failed was not sent: OSError: no route" in logged()


def test_dry_runs_tell_nothing_of_the_sync(
    world: World, dags: Callable[[str], DagBag], monkeypatch: pytest.MonkeyPatch
) -> None:
    from okta_mi_provider import metrics
    from tests.airflow.conftest import run_dag

    sent: list[str] = []
    monkeypatch.setattr(metrics, "_send", lambda metric, *_: sent.append(metric.name))
    (dag,) = dags(SALES).dags.values()
    world.okta.group("Sales", "ana")

    run_dag(dag, dry_run=True)

    assert set(sent) == {metrics.REQUESTS.name}
