"""The example DAGs: each parses on its own where nothing is set up, and does what it says."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.airflow.conftest import DAGS, REPOSITORY, airflow_environment
from tests.airflow.runs import run_dag
from tests.integration.world import World, logins

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

pytestmark = pytest.mark.airflow

FOLDER = REPOSITORY / "okta_mi_provider" / "example_dags"
EXAMPLES = sorted(FOLDER.glob("example_*.py"))

#: Parses a file as a DAG processor does, and dies of whatever goes out of this process, and of what costs time.
PARSE = """
import runpy, sys

def refuse(event, arguments):
    if event in {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "sqlite3.connect"}:
        raise AssertionError(f"{event} while parsing: {arguments}")

sys.addaudithook(refuse)
runpy.run_path(sys.argv[1], run_name="example")
print(*sorted({name.partition(".")[0] for name in sys.modules} & {"requests", "urllib3"}))
"""


@pytest.fixture
def examples(migrated: None) -> DagBag:
    from airflow.dag_processing.dagbag import DagBag

    shutil.rmtree(DAGS)
    shutil.copytree(FOLDER, DAGS)
    bag = DagBag(str(DAGS))
    assert not bag.import_errors
    return bag


class Parsed(NamedTuple):
    """What became of an example in a process and an Airflow home of its own."""

    code: int
    printed: str
    complaints: str


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Parsed]:
    processes = {}
    for example in EXAMPLES:
        home = tmp_path_factory.mktemp("home")
        environment = {
            name: value for name, value in airflow_environment(home).items() if not name.startswith("AIRFLOW_")
        }
        processes[example] = subprocess.Popen(
            [sys.executable, "-W", "always", "-c", PARSE, example],
            cwd=home,
            env={**environment, "AIRFLOW_HOME": str(home), "PYTHONPATH": str(REPOSITORY)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    found = {}
    for example, process in processes.items():
        printed, complaints = process.communicate(timeout=240)
        found[example] = Parsed(process.returncode, printed, complaints)
    return found


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: each.stem)
def test_it_parses_where_nothing_is_set_up(parsed: dict[Path, Parsed], example: Path) -> None:
    assert parsed[example] == Parsed(0, "\n", "")


def test_every_dag_waits_for_somebody_or_is_of_the_groups_file(examples: DagBag) -> None:
    assert {dag_id: dag.schedule for dag_id, dag in examples.dags.items()} == {
        "example_okta_mi_provision": None,
        "example_okta_mi_result": None,
        "okta_mi__BI-Readers-fd4a2c7e": None,
        "okta_mi__BI-Authors-1c66ed3a": "@hourly",
        "okta_mi__Sales": "15 5 * * *",
    }


def test_no_entry_of_the_groups_file_is_a_mistake(examples: DagBag) -> None:
    assert [dag_id for dag_id, dag in examples.dags.items() if "config-error" in dag.tags] == []


def test_the_groups_go_one_after_the_other_within_the_larger_dag(examples: DagBag, world: World) -> None:
    world.okta.group("BI Readers", "ana")
    world.okta.group("BI Authors", "bo")

    ended = run_dag(examples.dags["example_okta_mi_provision"])

    assert ended.state == "success"
    assert ended.returned["readers"]["users"]["created"] == 1
    assert world.mi.writes() == [], "an example that is tried out must not write"


def test_the_result_is_told_and_acted_upon(examples: DagBag, world: World, logged: Callable[[], str]) -> None:
    world.okta.group("BI Readers", "ana", "bo")

    ended = run_dag(examples.dags["example_okta_mi_result"])

    assert ended.tasks == dict.fromkeys(["sync", "tell", "rebuild_access_report"], "success")
    assert "done: 2 created, 0 updated, 0 failed; 2 have joined the group, 0 have left it." in logged()
    assert not any(login in str(ended.returned) for login in logins("ana", "bo"))


def test_the_result_is_told_after_a_failure_too(examples: DagBag, world: World, logged: Callable[[], str]) -> None:
    ended = run_dag(examples.dags["example_okta_mi_result"])

    assert ended.tasks == {"sync": "failed", "tell": "success", "rebuild_access_report": "upstream_failed"}
    assert "failed: 0 created" in logged()
