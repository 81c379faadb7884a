"""One Airflow for all tests in here: a temporary home and a migrated SQLite database, and no running server.

The environment is set before anything imports Airflow, which reads it once.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from demo.connections import simulator_connections
from okta_mi_provider.store import Store
from tests.airflow.runs import DAG_ID, Ended, Instance, execute_task, run_dag
from tests.integration.running import running
from tests.integration.world import World

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

REPOSITORY = Path(__file__).resolve().parents[2]

#: A groups file for one group, whose failures are not tried again.
SALES = """
    groups:
      - name: Sales
        auto_create: all
        retries: 0
    """
#: The same, in parts of two changes.
BY_TWO = SALES.replace("retries: 0", "retries: 0\n        chunk_size: 2")
#: And whoever leaves loses access, even if it is everybody.
MANAGED = BY_TWO.replace("auto_create: all", "auto_create: all\n        prune: managed\n        max_removals: 100%")

#: Parses the DAGs of a groups file.
Dags = Callable[[str], "DagBag"]
#: Runs one task of a run.
Execute = Callable[..., Any]
#: Changes fields of a connection of Airflow.
Connection = Callable[..., None]

HOME = Path(tempfile.mkdtemp(prefix="okta-mi-airflow-"))
DAGS = HOME / "dags"
DAGS.mkdir()


def airflow_environment(home: Path) -> dict[str, str]:
    """The variables that make a process use this Airflow and no other."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "OKTA_", "MI_"))}
    direct = {
        name: ",".join(filter(None, [kept.get(name), "127.0.0.1", "localhost"])) for name in ("NO_PROXY", "no_proxy")
    }
    return {
        **kept,
        **direct,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__UNIT_TEST_MODE": "True",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }


if "airflow" in sys.modules:
    raise RuntimeError("Airflow was imported before its environment was set; run these tests first, or alone")
_ENVIRONMENT = airflow_environment(HOME)
for _name in set(os.environ) - set(_ENVIRONMENT):
    del os.environ[_name]
os.environ.update(_ENVIRONMENT)


@pytest.fixture(scope="session")
def migrated() -> Iterator[None]:
    """The tables of Airflow's own database."""
    command = [sys.executable, "-m", "airflow", "db", "migrate"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    yield
    shutil.rmtree(HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def servers() -> Iterator[World]:
    """An empty Okta org, and Metric Insights as seeded without one."""
    with running() as world:
        yield world


@pytest.fixture
def world(servers: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    """Both servers as new, the connections to them, and a store of this test only."""
    servers.okta.reset()
    servers.mi.reset()
    for name, value in simulator_connections(servers.okta.url, servers.mi.url).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AIRFLOW__OKTA_MI__STORE", f"sqlite:///{tmp_path / 'store.db'}")
    return servers


@pytest.fixture
def everyone(world: World) -> None:
    """The group that every org has."""
    world.okta.group("Everyone", kind="BUILT_IN")


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> Connection:
    """Changes fields of a connection; those that are None are taken away. `extra` is changed key by key."""

    def change(conn_id: str, **fields: Any) -> None:
        variable = f"AIRFLOW_CONN_{conn_id.upper()}"
        value = json.loads(os.environ.get(variable, "{}"))
        if isinstance(fields.get("extra"), dict):
            fields["extra"] = {**value.get("extra", {}), **fields["extra"]}
        value.update(fields)
        monkeypatch.setenv(variable, json.dumps({key: each for key, each in value.items() if each is not None}))

    return change


@pytest.fixture
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pauses: neither between requests nor between the tries of a task."""
    monkeypatch.setattr("okta_mi_provider.operators.retry._RETRY_DELAY", timedelta(0))
    monkeypatch.setattr("okta_mi_provider.operators.retry._MAX_RETRY_DELAY", timedelta(0))
    monkeypatch.setattr("okta_mi_provider.clients.ensure._PAUSE_S", 0.0)
    monkeypatch.setattr("okta_mi_provider.clients.http._BACK_OFF", lambda _: 0.001)


#: Runs the DAG of the group `Sales`, with values of its form.
Sync = Callable[..., Ended]


@pytest.fixture
def dags(migrated: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dags:
    """Parses the generated DAGs of a groups file."""
    from airflow.dag_processing.dagbag import DagBag

    def parse(groups: str) -> DagBag:
        shutil.rmtree(DAGS)
        DAGS.mkdir()
        shutil.copy(REPOSITORY / "dags" / "okta_mi_sync.py", DAGS)
        (DAGS / "okta_groups.yaml").write_text(textwrap.dedent(groups), encoding="utf-8")
        return DagBag(str(DAGS))

    return parse


@pytest.fixture
def sync(world: World, dags: Dags) -> Sync:
    """Syncs the group `Sales` by its generated DAG."""

    def run(groups: str = SALES, **conf: Any) -> Ended:
        bag = dags(groups)
        assert not bag.import_errors
        (dag,) = bag.dags.values()
        return run_dag(dag, **conf)

    return run


@pytest.fixture
def store(world: World) -> Iterator[Store]:
    opened = Store(os.environ["AIRFLOW__OKTA_MI__STORE"])
    yield opened
    opened.close()


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """Everything that was logged and printed since the test began."""
    caplog.set_level(logging.DEBUG)
    return lambda: "\n".join([caplog.text, *capsys.readouterr()])


Failing = Callable[[str], Any]


@pytest.fixture
def failing() -> Failing:
    """Expects a failure that is not tried again, with a message."""
    from airflow.sdk.exceptions import AirflowFailException

    return lambda match: pytest.raises(AirflowFailException, match=match)


@pytest.fixture
def execute(dags: Dags, world: World) -> Execute:
    """Runs one task of a run, as after it was cleared; the XComs are those of the run if it has ended."""

    def run(task_id: str, run: Ended | str, *, run_type: str = "manual", **more: Any) -> Any:
        dag = dags(SALES).dags[DAG_ID]
        known = {"run_id": run} if isinstance(run, str) else {"run_id": run.run_id, "returned": run.returned}
        return execute_task(dag, task_id, Instance(**{**known, **more}), run_type=run_type)

    return run
