"""Single tasks, run again or in a strange order: what is cleared in the UI, killed, or run by the wrong worker."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import update

from okta_mi_provider.store import ArtifactKind, History, RunKey, Store
from okta_mi_provider.store.schema import ARTIFACTS, RUNS
from tests.airflow.conftest import SALES, Execute, Failing
from tests.airflow.runs import DAG_ID, Ended, Instance
from tests.integration.world import World, logins

pytestmark = pytest.mark.airflow


@pytest.mark.parametrize("task_id", ["create_groups", "upsert_users"])
def test_a_cleared_task_of_the_newest_run_does_no_harm(
    world: World, sync: Callable[..., Ended], execute: Execute, task_id: str, store: Store
) -> None:
    world.okta.group("Sales", "ana", "bo")
    run = sync()
    before = world.mi.content()

    execute(task_id, run)

    assert world.mi.content() == before
    assert execute("report", run) == run.report


@pytest.mark.parametrize("task_id", ["create_groups", "upsert_users"])
def test_a_cleared_task_of_an_old_run_does_not_write_its_stale_plan(
    world: World, sync: Callable[..., Ended], execute: Execute, failing: Failing, task_id: str, store: Store
) -> None:
    world.okta.group("Sales", "ana")
    old = sync()
    world.okta.user("bo", "Sales")
    new = sync()
    world.mi.delete_user("ana")
    world.mi.forget_requests()

    with failing(re.escape(new.run_id) + "' has read Okta after this one.*Trigger a new run"):
        execute(task_id, old)

    assert world.mi.writes() == []
    execute(task_id, new)


def test_an_old_run_whose_fetch_is_run_again_is_the_newest(
    world: World, sync: Callable[..., Ended], execute: Execute, failing: Failing
) -> None:
    world.okta.group("Sales", "ana")
    old = sync()
    new = sync()
    world.okta.user("bo", "Sales")

    for task_id in ("fetch", "diff", "create_groups", "upsert_users"):
        execute(task_id, old.run_id)

    assert world.mi.members("Sales") == logins("ana", "bo")
    with failing(re.escape(old.run_id) + "' has read Okta after this one"):
        execute("upsert_users", new)


def test_a_task_on_a_worker_that_does_not_share_the_store_says_so(
    world: World,
    sync: Callable[..., Ended],
    execute: Execute,
    failing: Failing,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Any,
) -> None:
    world.okta.group("Sales", "ana")
    run = sync()
    monkeypatch.setenv("AIRFLOW__OKTA_MI__STORE", f"sqlite:///{tmp_path / 'of_another_worker.db'}")

    for task_id in ("diff", "create_groups", "upsert_users"):
        with failing(r"the workers do not share the store: set \[okta_mi\] store"):
            execute(task_id, run)


def test_a_plan_that_diff_has_not_handed_over_is_not_written(
    world: World, sync: Callable[..., Ended], execute: Execute, failing: Failing, store: Store
) -> None:
    world.okta.group("Sales", "ana")
    run = sync()
    plan = store.load_plan(run.key, made_by="diff")
    store.save_plan(run.key, replace(plan, host="https://another.example.org"))

    with failing("not the one that task 'diff' has handed over"):
        execute("upsert_users", run)


def test_users_get_into_a_group_whose_creation_was_not_noted(
    world: World, sync: Callable[..., Ended], execute: Execute, failing: Failing
) -> None:
    world.okta.group("Sales", "ana")
    execute("fetch", "run1")
    execute("diff", "run1")

    with failing("MI has no group 'Sales'.*Clear task 'create_groups'"):
        execute("upsert_users", "run1")

    world.mi.add_group("Sales")
    execute("upsert_users", "run1")
    assert world.mi.members("Sales") == logins("ana")


def test_a_report_of_a_backfill_says_that_okta_has_no_history(
    world: World, sync: Callable[..., Ended], execute: Execute, store: Store
) -> None:
    world.okta.group("Sales", "ana")
    run = sync()

    assert execute("report", run, run_type="backfill")["state"] == "done"

    found = store.find(run.key, ArtifactKind.REPORT)
    assert found is not None
    (finding,) = found.data["findings"]
    assert (finding["kind"], finding["class"]) == ("backfill", "notice")
    assert "no history" in finding["message"]


def test_a_run_of_a_backfill_leaves_the_writing_to_a_newer_one(
    world: World, sync: Callable[..., Ended], execute: Execute, store: Store
) -> None:
    world.okta.group("Sales", "ana")
    for task_id in ("fetch", "diff"):
        execute(task_id, "older", run_type="backfill")
    sync()
    world.mi.forget_requests()

    for task_id in ("create_groups", "upsert_users"):
        execute(task_id, "older", run_type="backfill")

    assert world.mi.writes() == []
    assert execute("report", "older", run_type="backfill")["state"] == "done"
    found = store.find(RunKey(DAG_ID, "older"), ArtifactKind.REPORT)
    assert found is not None
    assert {each["kind"] for each in found.data["findings"]} == {"backfill", "superseded"}


@pytest.mark.parametrize("conf", [{"dry_run": True}, {"mode": "drift"}])
def test_a_run_of_a_backfill_leaves_nothing_to_one_that_only_looks(
    world: World, sync: Callable[..., Ended], execute: Execute, conf: dict[str, Any]
) -> None:
    world.okta.group("Sales", "ana")
    for task_id in ("fetch", "diff"):
        execute(task_id, "older", run_type="backfill")
    sync(**conf)

    for task_id in ("create_groups", "upsert_users"):
        execute(task_id, "older", run_type="backfill")

    assert world.mi.members("Sales") == logins("ana")


def test_a_run_of_a_backfill_does_not_take_the_sync_of_one_user_for_that_of_all(
    world: World, sync: Callable[..., Ended], execute: Execute, failing: Failing
) -> None:
    world.okta.group("Sales", "ana", "bo")
    for task_id in ("fetch", "diff"):
        execute(task_id, "older", run_type="backfill")
    newer = sync(only_user="ana@acme.example")

    with failing(re.escape(newer.run_id) + "' has read Okta after this one"):
        execute("create_groups", "older", run_type="backfill")

    with failing("3 changes of the plan not tried"):
        execute("report", "older", run_type="backfill")


@pytest.mark.parametrize("task_id", ["create_groups", "upsert_users"])
def test_a_refused_plan_is_not_written_although_diff_was_marked_a_success(
    world: World, sync: Callable[..., Ended], execute: Execute, failing: Failing, task_id: str
) -> None:
    world.okta.group("Sales", "ana", "bo")
    refused = sync(sync_user_limit=1)
    assert refused.state == "failed"

    with failing("more than sync_user_limit allows"):
        execute(task_id, refused)

    assert world.mi.writes() == []


def test_what_was_planned_before_fetch_was_cleared_is_not_written(
    world: World, sync: Callable[..., Ended], execute: Execute, failing: Failing
) -> None:
    world.okta.group("Sales", "ana")
    run = sync()
    execute("fetch", run)
    world.mi.forget_requests()

    with failing("Clear task 'diff' and all after it"):
        execute("upsert_users", run)

    assert world.mi.writes() == []


def test_a_report_without_a_plan_fails_although_every_task_was_marked_a_success(
    world: World, execute: Execute, failing: Failing
) -> None:
    with failing("There is no plan, although no task has failed"):
        execute("report", "run1", states=dict.fromkeys(["fetch", "diff", "create_groups", "upsert_users"], "success"))


def test_a_report_of_a_plan_that_nobody_has_written_fails(world: World, execute: Execute, failing: Failing) -> None:
    world.okta.group("Sales", "ana")
    execute("fetch", "run1")
    execute("diff", "run1")

    with failing("2 changes of the plan not tried, although no task has failed"):
        execute("report", "run1")


def test_a_task_that_died_without_a_word_is_named(world: World, execute: Execute, failing: Failing) -> None:
    with failing("Failed without leaving a reason: fetch"):
        execute("report", "run1", states={"fetch": "failed", "diff": "upstream_failed"})


def test_a_report_pushes_its_counts_before_it_fails(world: World, dags: Callable[[str], Any], failing: Failing) -> None:
    instance = Instance("run1", states={"fetch": "failed"})
    task = dags(SALES).dags[DAG_ID].get_task("report")

    with failing("fetch"):
        task.execute({"ti": instance, "params": {}, "dag_run": SimpleNamespace(run_type="manual")})

    assert instance.pushed["return_value"]["state"] == "failed"


def test_fetch_forgets_runs_that_are_too_old(
    world: World, execute: Execute, monkeypatch: pytest.MonkeyPatch, store: Store
) -> None:
    world.okta.group("Sales", "ana")
    execute("fetch", "run1")
    long_ago = datetime.now(UTC) - timedelta(days=500)
    with store.writing() as connection:
        connection.execute(update(RUNS).values(started_at=long_ago))
        connection.execute(update(ARTIFACTS).values(created_at=long_ago))

    execute("fetch", "run2")

    assert store.find(RunKey(DAG_ID, "run1"), ArtifactKind.SNAPSHOT) is None
    assert [run.run_id for run in History(store).runs()] == ["run2"]
    assert store.find(RunKey(DAG_ID, "run2"), ArtifactKind.SNAPSHOT) is not None
