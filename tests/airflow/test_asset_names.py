"""How assets of MI groups are called, and their aliases, by which the tasks that write tell of them."""

from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.airflow.conftest import REPOSITORY, SALES, Dags
from tests.airflow.runs import DAG_ID, runnable

pytestmark = pytest.mark.airflow

NAMES = ["Sales", "a/b", "ü 😀", "%2F", "..", " ", "x?y#z", "airflow:", "<script>", "a\nb", "\udcff", "x" * 5000]


def test_the_uri_is_what_the_documents_say() -> None:
    from okta_mi_provider.assets import target_group_asset

    asset = target_group_asset("BI Readers")

    assert asset.uri == asset.name == "x-okta-mi://metric_insights_default/BI%20Readers"
    text = (REPOSITORY / "docs" / "watching.md").read_text(encoding="utf-8")
    assert f"`{asset.uri}`" in text


@pytest.mark.parametrize("name", NAMES)
def test_hostile_names_make_valid_uris(name: str) -> None:
    from okta_mi_provider.assets import target_group_asset

    asset = target_group_asset(name, "mi/1")

    assert set(asset.uri) <= set(string.ascii_letters + string.digits + "-._~:/%")
    assert len(asset.uri) <= 1500
    assert asset.uri.startswith("x-okta-mi://mi%2F1/")
    # Airflow takes it as it is, and somebody who writes it out gets the same asset.
    assert type(asset)(asset.uri) == asset


@given(st.sets(st.text(min_size=1), min_size=2, max_size=2), st.sampled_from(["", "y" * 600]))
def test_two_names_never_share_an_asset(names: set[str], beginning: str) -> None:
    from okta_mi_provider.assets import target_group_asset

    one, other = (target_group_asset(beginning + name) for name in names)

    assert one.uri != other.uri


def test_no_name_can_look_like_one_that_was_cut() -> None:
    from okta_mi_provider.assets import target_group_asset

    cut = target_group_asset("é" * 1000)

    assert target_group_asset(cut.uri.split("/", 3)[3]).uri != cut.uri
    assert "%" in cut.uri
    assert all(len(each) >= 2 for each in cut.uri.split("/")[3].split("%")[1:])


def test_the_alias_of_a_single_operator_is_of_its_dag(migrated: None) -> None:
    from airflow.sdk import DAG, TaskGroup

    from okta_mi_provider.operators.provision import ProvisionOperator

    def alias(**arguments: Any) -> str:
        (found,) = ProvisionOperator(task_id="provision", group="Sales", **arguments).outlets
        return str(found.name)

    with DAG("mine", schedule=None):
        assert alias() == "okta_mi/mine:provision"
        with TaskGroup("nightly"):
            assert alias() == "okta_mi/mine:nightly.provision"
    assert alias(dag=DAG("other", schedule=None)) == "okta_mi/other:provision"
    assert alias() == "okta_mi/provision"


def test_tasks_that_write_have_the_outlet(dags: Dags) -> None:
    (dag,) = dags(SALES).dags.values()

    outlets = {task.task_id: [each.name for each in task.outlets] for task in dag.tasks if task.outlets}

    assert outlets == {key: [f"okta_mi/{DAG_ID}"] for key in ("create_groups", "upsert_users")}
    assert [each.name for each in runnable(dag, "upsert_users").outlets] == [f"okta_mi/{DAG_ID}"]
