"""Tasks that are killed, told to stop, or given up while they go on: the next try finishes what they have left."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select

from okta_mi_provider.store import History, Store
from okta_mi_provider.store.schema import MEMBERSHIPS
from okta_mi_provider.sync.outcome import Status
from okta_mi_provider.sync.pauses import Pauses
from tests.airflow.conftest import SALES, Execute
from tests.airflow.runs import DAG_ID, Ended, Instance, runnable
from tests.integration.world import World
from tests.store.kept import an_hour_passes

pytestmark = pytest.mark.airflow


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
    # What was in flight when it died arrives a little later.
    there: set[str] = set()
    while there != (now := set(world.mi.members("Sales"))):
        there = now
        time.sleep(0.3)

    execute("fetch", "run2")

    _, killed = History(store).runs()
    changes = History(store).changes_of_run(killed.id)
    assert {each.username for each in changes if each.joined} == there
    assert {each.status for each in changes} == {Status.DONE, Status.BEGUN}, "what is not there may be on its way"
    with store.reading() as connection:
        assert {row.username for row in connection.execute(select(MEMBERSHIPS))} == there

    an_hour_passes(store)
    execute("fetch", "run3")

    assert {each.status for each in History(store).changes_of_run(killed.id)} == {Status.DONE, Status.FAILED}


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
