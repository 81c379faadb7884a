"""Single tasks, run again or in a strange order: what is cleared in the UI, killed, or run by the wrong worker."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select, update

from okta_mi_provider.store import ArtifactKind, History, RunKey, Store
from okta_mi_provider.store.schema import ARTIFACTS, MEMBERSHIPS, RUNS
from okta_mi_provider.sync.outcome import Status
from okta_mi_provider.sync.pauses import Pauses
from tests.airflow.conftest import DAG_ID, SALES, Ended, Failing, Instance, runnable
from tests.integration.world import World, logins

pytestmark = pytest.mark.airflow

Execute = Callable[..., Any]


@pytest.fixture
def execute(dags: Callable[[str], Any], world: World) -> Execute:
    """Runs one task of a run, as after it was cleared; the XComs are those of `ended` if there is one."""

    def run(task_id: str, run: Ended | str, *, run_type: str = "manual", **more: Any) -> Any:
        dag = dags(SALES).dags[DAG_ID]
        known = {"run_id": run} if isinstance(run, str) else {"run_id": run.run_id, "returned": run.returned}
        context = {
            "ti": Instance(**{**known, **more}),
            "params": dag.params.dump(),
            "dag_run": SimpleNamespace(run_type=run_type),
        }
        return runnable(dag, task_id).execute(context)

    return run


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


def test_a_killed_task_finishes_what_is_in_flight_and_leaves_the_rest_to_the_next_try(
    world: World, execute: Execute, monkeypatch: pytest.MonkeyPatch, store: Store
) -> None:
    from airflow.sdk.exceptions import AirflowException, AirflowFailException

    from okta_mi_provider.clients.ensure import EnsuringWriter

    world.okta.group("Sales")
    world.okta.crowd("Sales", 50)
    for task_id in ("fetch", "diff", "create_groups"):
        execute(task_id, "run1")
    original = EnsuringWriter.create_user
    with monkeypatch.context() as patch:

        def create(self: EnsuringWriter, *arguments: Any) -> Any:
            # As when SIGTERM comes in while the first user is written.
            self._client.transport.pauses.stop()
            return original(self, *arguments)

        patch.setattr(EnsuringWriter, "create_user", create)
        with pytest.raises(AirflowException, match="told to stop") as caught:
            execute("upsert_users", "run1")
    assert not isinstance(caught.value, AirflowFailException)
    first = len(world.mi.members("Sales"))
    assert 0 < first < 20
    world.mi.forget_requests()

    execute("upsert_users", "run1")

    assert len(world.mi.members("Sales")) == 50
    assert world.mi.writes().count("POST /api/user") == 50 - first


UPSERT = """
from types import SimpleNamespace
from okta_mi_provider.operators.upsert_users import UpsertUsersOperator
from okta_mi_provider.settings import SyncSettings
task = UpsertUsersOperator(task_id="upsert_users", group="Sales", settings=SyncSettings(auto_create="all"))
instance = SimpleNamespace(dag_id="okta_mi__Sales", run_id="run1", xcom_pull=lambda task_ids: None)
task.execute({"ti": instance})
"""


def kill_in_the_middle(world: World, *, after: int) -> None:
    """Writes, and is killed when MI has done so many writes and some more, without an answer to these."""
    world.mi.fault("hang_after", method="POST", route="users", after=after, count=None, seconds=3_600)
    process = subprocess.Popen([sys.executable, "-c", UPSERT])
    while not world.mi.faults_fired():
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.wait()
    world.mi.heal()


def test_after_kill_9_the_next_try_finishes_without_a_duplicate(world: World, execute: Execute, store: Store) -> None:
    world.okta.group("Sales")
    world.okta.crowd("Sales", 200)
    for task_id in ("fetch", "diff", "create_groups"):
        execute(task_id, "run1")
    kill_in_the_middle(world, after=60)
    first = len(world.mi.members("Sales"))
    assert 60 <= first < 200
    world.mi.forget_requests()

    execute("upsert_users", "run1")

    members = world.mi.members("Sales")
    assert len(members) == len(set(members)) == 200
    # Not tried again is what was noted: all but the last few.
    assert world.mi.writes().count("POST /api/user") <= 200 - first + 20 + 2 * 4
    report = execute("report", "run1")
    assert report["state"] == "done"
    assert report["users"]["created"] == 200, "also those whom the killed try has created without noting it"
    with store.reading() as connection:
        assert len(connection.execute(select(MEMBERSHIPS)).all()) == 200
    (run,) = History(store).runs()
    assert {each.status for each in History(store).changes_of_run(run.id)} == {Status.DONE}


def test_two_tries_that_write_at_the_same_time_do_no_harm(world: World, execute: Execute, store: Store) -> None:
    """Airflow has given one up that goes on, as an orphan, and has begun the next."""
    world.okta.group("Sales")
    world.okta.crowd("Sales", 200)
    for task_id in ("fetch", "diff", "create_groups"):
        execute(task_id, "run1")
    world.mi.knobs(latency_ms=10)
    processes = [subprocess.Popen([sys.executable, "-c", UPSERT]) for _ in range(2)]

    assert [process.wait() for process in processes] == [0, 0]

    assert len(world.mi.members("Sales")) == len(set(world.mi.members("Sales"))) == 200
    report = execute("report", "run1")
    assert (report["state"], report["users"]["created"], report["memberships"]["added"]) == ("done", 200, 200)
    with store.reading() as connection:
        assert len(connection.execute(select(MEMBERSHIPS)).all()) == 200


def test_what_a_killed_run_has_left_in_doubt_is_settled_by_the_next_run(
    world: World, execute: Execute, store: Store
) -> None:
    world.okta.group("Sales")
    world.okta.crowd("Sales", 40)
    for task_id in ("fetch", "diff", "create_groups"):
        execute(task_id, "run1")
    kill_in_the_middle(world, after=10)
    # What was in flight when it died may arrive a little later.
    there: set[str] = set()
    while there != (now := set(world.mi.members("Sales"))):
        there = now
        time.sleep(0.3)

    execute("fetch", "run2")

    _, killed = History(store).runs()
    changes = History(store).changes_of_run(killed.id)
    assert {each.username for each in changes if each.joined} == there
    assert {each.status for each in changes} == {Status.DONE, Status.FAILED}
    with store.reading() as connection:
        assert {row.username for row in connection.execute(select(MEMBERSHIPS))} == there


@pytest.fixture
def killed_while_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever waits is told to stop meanwhile."""
    monkeypatch.setattr(Pauses, "sleep", lambda pauses, seconds: pauses.stop())


@pytest.mark.parametrize("task_id", ["fetch", "create_groups", "upsert_users"])
def test_on_kill_is_what_stops_it(dags: Callable[[str], Any], task_id: str) -> None:
    task = runnable(dags(SALES).dags[DAG_ID], task_id)

    assert not task.pauses.stopped
    task.on_kill()
    assert task.pauses.stopped


@pytest.mark.usefixtures("killed_while_waiting")
def test_a_fetch_that_is_killed_while_it_waits_does_not_ask_again(world: World, execute: Execute) -> None:
    from airflow.sdk.exceptions import AirflowException, AirflowFailException

    world.okta.group("Sales", "ana")
    world.okta.fault("429", route="list_members", seconds=60, count=None)

    with pytest.raises(AirflowException, match="Okta group 'Sales': Told to stop") as caught:
        execute("fetch", "run1")

    assert not isinstance(caught.value, AirflowFailException), "the next try goes on"
    assert world.okta.faults_fired() == 1


@pytest.mark.usefixtures("killed_while_waiting")
def test_an_operator_that_is_killed_while_it_waits_writes_nothing(world: World, migrated: None) -> None:
    from airflow.sdk.exceptions import AirflowException, AirflowFailException

    from okta_mi_provider.operators.provision import ProvisionOperator

    world.okta.group("Sales", "ana")
    world.okta.fault("429", route="list_members", seconds=60)

    with pytest.raises(AirflowException, match="Told to stop") as caught:
        ProvisionOperator(task_id="sync", group="Sales", auto_create="all").execute(
            {"ti": Instance("run1"), "params": {}}
        )

    assert not isinstance(caught.value, AirflowFailException)
    assert world.mi.writes() == []


def test_a_task_that_is_killed_before_it_has_begun_creates_no_group(
    world: World, sync: Callable[..., Ended], dags: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk.exceptions import AirflowException

    world.okta.group("Sales", "ana")
    run = sync(dry_run=True)
    dag = dags(SALES).dags[DAG_ID]
    context = {"params": dag.params.dump(), "dag_run": SimpleNamespace(run_type="manual")}
    for task_id in ("fetch", "diff"):
        run.returned[task_id] = dag.get_task(task_id).execute(
            {**context, "ti": Instance(run_id=run.run_id, returned=run.returned)}
        )
    task = dag.get_task("create_groups")
    task.on_kill()

    with pytest.raises(AirflowException, match="The next try creates what is missing"):
        task.execute({**context, "ti": Instance(run_id=run.run_id, returned=run.returned)})
    assert world.mi.writes() == []


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
