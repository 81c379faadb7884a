"""Groups file to DAGs: as Airflow's DAG processor, its workers and its serialisation see them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.airflow.conftest import DAGS, Dags
from tests.airflow.runs import run_dag

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

pytestmark = pytest.mark.airflow

TASKS = ["fetch", "diff", "create_groups", "upsert_users", "report"]

MIXED = """
    defaults: {auto_create: all}
    groups:
      - Sales
      - {name: Wrong, force: 1}
      - Twin
      - Twin
    """


def only_error(bag: DagBag) -> str:
    assert not bag.dags
    (error,) = bag.import_errors.values()
    return error


def python(code: str, *arguments: str, **environment: str) -> str:
    """Runs code in a process of its own, as every parse is one."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_one_dag_for_each_group_in_the_users_file(dags: Dags) -> None:
    bag = dags("""
        defaults: {auto_create: all, tags: [z, a]}
        groups:
          - Sales
          - name: "R&D <b>{{ 1/0 }}</b> 数据"
            schedule: "30 6 * * *"
            owner: bi-team
            retries: 5
            pool: okta_api
        """)

    assert not bag.import_errors
    assert sorted(bag.dags) == ["okta_mi__R-D-b-1-0-b-08fa286a", "okta_mi__Sales"]
    odd, sales = (bag.dags[each] for each in sorted(bag.dags))
    assert [task.task_id for task in sales.topological_sort()] == TASKS
    assert all(sales.get_task(task).downstream_task_ids == {after} for task, after in pairwise(TASKS))
    assert {Path(dag.fileloc) for dag in bag.dags.values()} == {DAGS / "okta_mi_sync.py"}
    assert (sales.max_active_runs, sales.catchup, sales.schedule) == (1, False, None)
    assert (odd.schedule, odd.owner, odd.dag_display_name) == ("30 6 * * *", "bi-team", "R&D <b>{{ 1/0 }}</b> 数据")
    assert {(task.retries, task.pool) for task in odd.tasks} == {(5, "okta_api")}
    assert sales.tags == {"a", "okta_mi", "z"}
    assert sales.doc_md is not None
    assert "(`auto_create`) | `all`: create missing groups and users | defaults of the file |" in sales.doc_md


def test_the_run_form_offers_what_the_entry_says(dags: Dags) -> None:
    bag = dags("groups: [{name: Sales, user_type: power_user, sync_user_limit: 50}]")

    params = bag.dags["okta_mi__Sales"].params
    assert params.dump() == {
        "auto_create": "none",
        "user_type": "power_user",
        "dry_run": False,
        "force": False,
        "sync_user_limit": 50,
        "summary": "counts",
        "mode": "sync",
        "only_user": None,
        "approve_plan": None,
    }
    schemas = {name: params.get_param(name).schema for name in params}
    assert schemas["user_type"]["enum"] == ["regular", "administrator", "power_user"]
    assert schemas["sync_user_limit"]["minimum"] == 1
    assert [name for name, schema in schemas.items() if "section" in schema] == ["force", "approve_plan"]
    assert schemas["only_user"]["type"] == ["string", "null"]
    assert all(schema["title"] and schema["description_md"] for schema in schemas.values())


def test_each_value_of_the_run_form_fits_its_schema(dags: Dags) -> None:
    # Airflow checks that when it triggers a run. At each parse it would cost more than all the rest.
    bag = dags("""
        groups:
          - Plain
          - {name: Scheduled, schedule: "@daily", auto_create: all, summary: none, mode: drift, sync_user_limit: 1}
        """)

    for dag in bag.dags.values():
        assert dag.params.validate() == dag.params.dump()
        assert not any(task.params for task in dag.tasks), "no task has a copy of the form"


@pytest.mark.parametrize("approve", ["unusual", "always"])
def test_where_a_person_is_asked_the_run_form_offers_no_other_way_to_approve(dags: Dags, approve: str) -> None:
    bag = dags(f"groups: [{{name: Sales, approve: {approve}}}]")

    params = bag.dags["okta_mi__Sales"].params
    assert "approve_plan" not in params
    assert "only_user" in params


def test_a_person_is_asked_where_the_entry_says_so(dags: Dags) -> None:
    bag = dags("""
        defaults: {approvers: [carol, bob], approval_timeout: 3}
        groups: [Silent, {name: Unusual, approve: unusual}, {name: Always, approve: always, approvers: []}]
        """)

    silent, unusual, always = (bag.dags[f"okta_mi__{each}"] for each in ("Silent", "Unusual", "Always"))
    assert [task.task_id for task in silent.topological_sort()] == TASKS
    with_approve = ["fetch", "diff", "approve", "create_groups", "upsert_users", "report"]
    assert [task.task_id for task in unusual.topological_sort()] == with_approve
    assert all(unusual.get_task(task).downstream_task_ids == {after} for task, after in pairwise(with_approve))
    asks = unusual.get_task("approve")
    assert asks.assigned_users == [{"id": "bob", "name": "bob"}, {"id": "carol", "name": "carol"}]
    assert (asks.response_timeout.total_seconds(), asks.defaults) == (3 * 3600, ["Reject"])
    assert always.get_task("approve").assigned_users == []


def test_several_groups_of_okta_are_one_dag(dags: Dags) -> None:
    bag = dags("groups: [{groups: [Sales EU, Sales US], target_group: Sales, prune: all}]")

    (dag,) = bag.dags.values()
    assert (dag.dag_id, dag.dag_display_name) == ("okta_mi__Sales", "Sales")
    assert [each.name for each in dag.get_task("fetch").selectors] == ["Sales EU", "Sales US"]


def test_names_are_never_templates(dags: Dags) -> None:
    dag = dags("groups: [{name: '{{ 1/0 }}', approve: always}]").dags["okta_mi__1-0-9ce2610d"]

    assert all(not task.template_fields for task in dag.tasks)


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ("groups: [Sales", "not YAML"),
        ("- Sales", "must be a mapping"),
        ("groups: []", "at least one group"),
        (
            "defaults: {auto_create: x}\ngroups: [A, {name: B, force: 1}]",
            "okta_groups.yaml:2:30: force: 1 is not allowed",
        ),
        ("default: {}\ngroups: [2024, {name: B, force: 1}]", "okta_groups.yaml:2:33: force: 1 is not allowed"),
    ],
)
def test_a_file_that_is_wrong_as_a_whole_is_one_import_error(dags: Dags, groups: str, expected: str) -> None:
    error = only_error(dags(groups))

    assert expected in error
    assert str(DAGS / "okta_groups.yaml") in error


def test_a_missing_groups_file_is_an_import_error_that_names_it(
    dags: Dags, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AIRFLOW__OKTA_MI__GROUPS_FILE", str(tmp_path / "elsewhere.yaml"))

    assert f"{tmp_path / 'elsewhere.yaml'}: No such file" in only_error(dags("groups: [Sales]"))


def test_the_groups_file_can_be_elsewhere(dags: Dags, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.yaml").write_text("groups: [Finance]")
    monkeypatch.setenv("AIRFLOW__OKTA_MI__GROUPS_FILE", str(tmp_path / "elsewhere.yaml"))

    assert list(dags("groups: [Sales]").dags) == ["okta_mi__Finance"]


def test_a_wrong_entry_keeps_its_place_and_takes_nobody_down(dags: Dags) -> None:
    bag = dags(MIXED)

    assert not bag.import_errors
    assert sorted(bag.dags) == ["okta_mi__Sales", "okta_mi__Twin", "okta_mi__Wrong"]
    assert [task.task_id for task in bag.dags["okta_mi__Sales"].tasks] == TASKS
    for name in ("Twin", "Wrong"):
        stand_in = bag.dags[f"okta_mi__{name}"]
        assert stand_in.schedule is None
        assert "config-error" in stand_in.tags
        assert [task.task_id for task in stand_in.tasks] == ["config_error"]
        assert stand_in.dag_display_name == name


def test_a_stand_in_fails_with_the_mistakes(dags: Dags, logged: Callable[[], str]) -> None:
    run = run_dag(dags(MIXED).dags["okta_mi__Wrong"])

    assert run.state == "failed"
    assert "okta_groups.yaml:5:26: force: 1 is not allowed; allowed: true, false" in logged()


def test_every_dag_can_be_serialised(dags: Dags) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    for dag in dags(MIXED).dags.values():
        DagSerialization.to_dict(dag)


def test_a_worker_gets_only_the_dag_it_wants(dags: Dags, monkeypatch: pytest.MonkeyPatch) -> None:
    for wanted in ("okta_mi__Sales", "okta_mi__Wrong"):
        monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", wanted)
        bag = dags(MIXED)
        assert list(bag.dags) == [wanted]
        assert not bag.import_errors


def test_an_entry_without_a_name_takes_nobody_down_and_does_not_vanish(dags: Dags) -> None:
    bag = dags("groups: [Sales, 2024, {name: Broken, force: 1}, {auto_create: all}]")

    assert not bag.import_errors
    stand_ins = {each for each, dag in bag.dags.items() if "config-error" in dag.tags}
    assert {"okta_mi__2024", "okta_mi__Broken"} < stand_ins
    assert len(stand_ins) == 3
    assert set(bag.dags) - stand_ins == {"okta_mi__Sales"}


SERIALISED = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
from airflow.models.serialized_dag import SerializedDagModel
from airflow.serialization.serialized_objects import DagSerialization
bag = DagBag(sys.argv[1])
assert not bag.import_errors, bag.import_errors
# The hash by which Airflow tells whether a DAG has a new version.
hashes = {each: SerializedDagModel.hash(DagSerialization.to_dict(dag)) for each, dag in sorted(bag.dags.items())}
print("RESULT" + json.dumps(hashes))
"""


def test_two_parses_give_equal_dags_whatever_the_hash_seed(dags: Dags) -> None:
    more = "approve: always, approvers: [b, a], tags: [c, b, a, d], schedule: '@hourly'"
    dags(MIXED.replace("auto_create: all", f"auto_create: all, {more}"))

    first, second = (python(SERIALISED, str(DAGS), PYTHONHASHSEED=seed).split("RESULT")[1] for seed in "12")

    assert first == second
    assert len(json.loads(first)) == 3


LOADED = """
import sys, time
import airflow.sdk, yaml, pendulum
from airflow.dag_processing.dagbag import DagBag
import airflow.serialization.serialized_objects
before = set(sys.modules)
bag = DagBag(sys.argv[1])
assert not bag.import_errors, bag.import_errors
print("RESULT" + " ".join([str(len(bag.dags)), *sorted(set(sys.modules) - before)]))
"""


@pytest.mark.parametrize("approve", ["never", "always"])
def test_parsing_200_groups_imports_no_client_no_store_and_no_simulator(dags: Dags, approve: str) -> None:
    names = ", ".join(f"'Group {number}'" for number in range(200))
    dags(f"defaults: {{approve: {approve}}}\ngroups: [{names}]")

    count, *loaded = python(LOADED, str(DAGS)).split("RESULT")[1].split()

    assert count == "200"
    assert "okta_mi_provider.dag_factory" in loaded
    assert ("airflow.providers.standard.operators.hitl" in loaded) is (approve == "always")
    ours = [name for name in loaded if name.startswith("okta_mi_provider.")]
    rooms = {name.split(".")[1] for name in ours}
    assert rooms <= {
        "addresses", "assets", "contradictions", "dag_doc", "dag_factory", "entry", "entry_options", "garbage",
        "groups_file", "idle_token", "kinds", "metrics", "okta_pool", "operators", "settings", "settings_error", "sync",
        "version_compat", "write_pools", "yaml_nodes", "yaml_slips",
    }  # fmt: skip
    assert not {name.split(".")[0] for name in loaded} & {"requests", "urllib3", "sqlalchemy", "fastapi", "uvicorn"}


def test_the_dag_file_is_found_by_airflow_s_safe_mode() -> None:
    from airflow.utils.file import might_contain_dag

    folder = Path(__file__).resolve().parents[2] / "dags"
    assert might_contain_dag(str(folder / "okta_mi_sync.py"), safe_mode=True)


def test_the_dags_of_this_repository_parse() -> None:
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(str(Path(__file__).resolve().parents[2] / "dags"))

    assert not bag.import_errors
    assert list(bag.dags) == ["okta_mi__my_new_group"]
