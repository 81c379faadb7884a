"""The links that Airflow shows at each task, as its worker stores them and its API server reads them."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from airflow.sdk.exceptions import AirflowFailException

from okta_mi_provider.operators.job import Job
from okta_mi_provider.operators.links import LINKS, Links, MetricInsightsGroupLink, noted
from okta_mi_provider.store import ArtifactKind, RunKey, Store
from okta_mi_provider.store.syncs import SyncKey, Syncs, stored_dag_ids
from okta_mi_provider.version_compat import AIRFLOW_VERSION
from tests.airflow.conftest import SALES, Connection, Sync
from tests.airflow.person import Person
from tests.airflow.runs import DAG_ID, Ended, Instance, run_dag
from tests.integration.world import World

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

pytestmark = pytest.mark.airflow

CONSOLE = "https://acme-admin.okta.com"
NOTHING = {"Metric Insights group": None, "Okta group": None, "Plan": None}


@pytest.fixture(autouse=True)
def console(world: World, connection: Connection) -> None:
    connection("okta_default", extra={"admin_url": CONSOLE})


@pytest.fixture
def shown(logged: Callable[[], str]) -> Callable[[Ended], dict[str, dict[str, str | None]]]:
    """What Airflow's API server answers about the links of each task of a run, by task and by name."""

    def of(run: Ended) -> dict[str, dict[str, str | None]]:
        from airflow.dag_processing.dagbag import DagBag
        from airflow.models.taskinstance import TaskInstance
        from airflow.serialization.serialized_objects import DagSerialization
        from airflow.utils.session import create_session
        from sqlalchemy import select

        from tests.airflow.conftest import DAGS

        # The server knows the serialised DAG only.
        dag = DagSerialization.from_dict(DagSerialization.to_dict(DagBag(str(DAGS)).dags[run.dag_id]))
        with create_session() as session:
            query = select(TaskInstance).where(TaskInstance.dag_id == run.dag_id, TaskInstance.run_id == run.run_id)
            instances = list(session.scalars(query))
            session.expunge_all()
        assert "Failed to push an xcom" not in logged()
        return {
            f"{each.task_id}_{each.map_index}" if each.map_index >= 0 else each.task_id: {
                name: dag.get_task(each.task_id).get_extra_links(each, name) or None
                for name in sorted(dag.get_task(each.task_id).extra_links)
            }
            for each in instances
        }

    return of


def tab(run: Ended) -> str:
    return f"/dags/{run.dag_id}/runs/{quote(run.run_id, safe='')}/plugin/okta-sync-run"


def page(world: World, group: str) -> str:
    (found,) = [each["id"] for each in world.mi.state()["groups"] if each["name"] == group]
    return f"{world.mi.url}/editor/group/{found}"


def test_each_task_leads_to_both_groups_and_to_the_plan(
    world: World, sync: Sync, shown: Callable[[Ended], Any]
) -> None:
    group_id = world.okta.group("Sales", "ana", "bo", "cy")
    by_two = SALES.replace("retries: 0", "retries: 0\n        chunk_size: 2")

    first = shown(run := sync(by_two))

    assert set(run.tasks.values()) == {"success"}
    everything = {
        "Okta group": f"{CONSOLE}/admin/group/{group_id}",
        "Metric Insights group": page(world, "Sales"),
        "Plan": tab(run),
    }
    assert first["upsert_users_0"] == first["upsert_users_1"] == first["create_groups"] == first["report"] == everything
    # The group was not there yet.
    assert first["fetch"] == first["diff"] == {**everything, "Metric Insights group": None}

    second = shown(again := sync(by_two))

    assert second["fetch"] == second["report"] == {**everything, "Plan": tab(again)}


def test_what_an_earlier_try_of_fetch_has_found_is_found_again(
    world: World, dags: Callable[[str], DagBag], store: Store
) -> None:
    (dag,) = dags(SALES).dags.values()
    group_id = world.okta.group("Sales", "ana")
    world.mi.add_group("Sales")

    def fetched() -> tuple[Links, Links]:
        fetch: Any = dag.get_task("fetch")
        context: Any = {"ti": Instance("run1"), "params": {}, "dag_run": SimpleNamespace(run_type="manual", conf={})}
        with contextlib.suppress(AirflowFailException):
            fetch.execute(context)
        return fetch.links, noted(Job(context, store, RunKey(DAG_ID, "run1")))

    first = fetched()

    assert first[0] == first[1]
    assert (first[0].okta, first[0].metric_insights) == (f"{CONSOLE}/admin/group/{group_id}", page(world, "Sales"))
    assert fetched() == first
    world.okta.control("DELETE", f"groups/{group_id}")
    mine, handed_over = fetched()
    assert mine == handed_over == Links(plan=first[0].plan)


@pytest.mark.skipif(AIRFLOW_VERSION.startswith("3.2."), reason="Airflow 3.2 waits in its triggerer")
def test_whoever_is_asked_gets_the_links_with_the_question(
    world: World, dags: Callable[[str], DagBag], shown: Callable[[Ended], Any], store: Store
) -> None:
    group_id = world.okta.group("Sales", "ana")
    asked: list[Any] = []

    def look() -> None:
        (run,) = Syncs(store, [DAG_ID]).runs(SyncKey(DAG_ID))
        asked.append(shown(Ended(DAG_ID, run.run_id, "", {}, {}, {}, {})))

    groups = SALES.replace("retries: 0", "approve: always\n        retries: 0")
    run = run_dag(dags(groups).dags[DAG_ID], Person([look, "Approve"]))

    assert run.state == "success"
    known = {**NOTHING, "Okta group": f"{CONSOLE}/admin/group/{group_id}", "Plan": tab(run)}
    assert asked[0]["approve"] == shown(run)["approve"] == known


def test_what_is_not_known_is_no_link(
    world: World, sync: Sync, shown: Callable[[Ended], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = shown(run := sync())

    # Okta has no such group: there is a run to look at all the same.
    assert run.tasks["fetch"] == "failed"
    assert found["fetch"] == found["report"] == {**NOTHING, "Plan": tab(run)}

    monkeypatch.setenv("AIRFLOW__OKTA_MI__STORE", "nonsense://")

    found = shown(run := sync())

    assert run.tasks["fetch"] == "failed"
    assert found["fetch"] == found["report"] == NOTHING


def test_a_custom_domain_and_a_switch_leave_the_links_out(
    world: World, connection: Connection, sync: Sync, shown: Callable[[Ended], Any]
) -> None:
    world.okta.group("Sales", "ana")
    connection("okta_default", extra={"admin_url": ""})
    connection("metric_insights_default", extra={"group_page": "off"})

    found = shown(run := sync())

    assert found["report"] == {**NOTHING, "Plan": tab(run)}


def test_a_hostile_name_is_in_no_link(world: World, sync: Sync, shown: Callable[[Ended], Any]) -> None:
    name = "javascript:alert(1)//evil.example/?<script>#"
    group_id = world.okta.group(name, "ana")

    found = shown(run := sync(f"groups: [{{name: '{name}', auto_create: all}}]"))

    assert run.state == "success"
    assert found["upsert_users_0"] == {
        "Okta group": f"{CONSOLE}/admin/group/{group_id}",
        "Metric Insights group": page(world, name),
        "Plan": tab(run),
    }


def test_several_groups_lead_to_the_list_of_groups(world: World, sync: Sync, shown: Callable[[Ended], Any]) -> None:
    world.okta.group("Sales EU", "ana")
    world.okta.group("Sales US", "bo")

    found = shown(sync("groups: [{groups: [Sales EU, Sales US], target_group: Sales, auto_create: all}]"))

    assert found["report"]["Okta group"] == f"{CONSOLE}/admin/groups"
    assert found["report"]["Metric Insights group"] == page(world, "Sales")


def test_the_single_task_of_a_mapped_attribute_leads_to_its_plans(
    world: World, sync: Sync, shown: Callable[[Ended], Any]
) -> None:
    world.okta.user("ana", group_id := world.okta.group("Staff"), department="Finance")

    found = shown(run := sync("groups: [{name: Staff, map_attr_to_group: department, auto_create: all}]"))

    assert found == {
        "sync": {**NOTHING, "Okta group": f"{CONSOLE}/admin/group/{group_id}", "Plan": tab(run)},
    }  # fmt: skip


def test_below_the_path_of_airflow_s_address(
    world: World, sync: Sync, shown: Callable[[Ended], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.org/tools/airflow/")
    world.okta.group("Sales")

    found = shown(run := sync())

    assert found["report"]["Plan"] == f"/tools/airflow{tab(run)}"


def test_a_stand_in_has_none(dags: Callable[[str], DagBag], shown: Callable[[Ended], Any]) -> None:
    run = run_dag(dags("groups: [{name: Sales, force: 1}]").dags[DAG_ID])

    assert shown(run) == {"config_error": {}}


def test_the_operator_of_somebody_s_own_dag(world: World, migrated: None, store: Store) -> None:
    from okta_mi_provider.operators.provision import ProvisionOperator

    group_id = world.okta.group("Sales", "ana")

    def links(**arguments: Any) -> list[str]:
        task = ProvisionOperator(task_id="provision", group="Sales", **arguments)
        task.execute({"ti": Instance("run1"), "params": {}})
        return [each.get_link(task, ti_key=None) for each in task.operator_extra_links]

    before = links(auto_create="all", dry_run=True)
    after = links(auto_create="all")

    (run,) = Syncs(store, stored_dag_ids(store)).latest().values()
    assert before == [f"{CONSOLE}/admin/group/{group_id}", "", f"/okta-mi/run?id={run.id - 1}"]
    assert after == [f"{CONSOLE}/admin/group/{group_id}", page(world, "Sales"), f"/okta-mi/run?id={run.id}"]


def test_what_is_noted_and_cannot_be_read_costs_the_links_only(
    world: World, sync: Sync, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    job: Any = SimpleNamespace(run=RunKey(DAG_ID, "run1"), store=store)
    store.save(job.run, ArtifactKind.LINKS, {"of another version": "x"})

    with caplog.at_level(logging.WARNING):
        assert noted(job) == Links()
    assert "The links of this task are not known" in caplog.text
    assert [each.get_link(object(), ti_key=None) for each in LINKS] == ["", "", ""]  # type: ignore[arg-type]
    assert MetricInsightsGroupLink().xcom_key == "_link_MetricInsightsGroupLink"
