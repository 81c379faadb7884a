"""Large plans in chunks: whole runs, by `dag.test()`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from okta_mi_provider.clients.ensure import EnsuringWriter
from okta_mi_provider.store import Store
from tests.airflow.conftest import BY_TWO, MANAGED, Connection, Sync
from tests.airflow.runs import Ended, stored_report
from tests.integration.world import World

pytestmark = pytest.mark.airflow

BY_TWENTY = BY_TWO.replace("chunk_size: 2", "chunk_size: 20")


def states(run: Ended) -> dict[str, str]:
    """Of the chunks only."""
    return {task: state for task, state in run.tasks.items() if task.startswith("upsert_users")}


@pytest.fixture
def third_in_trouble(
    world: World, connection: Connection, quick_retries: None, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """Of five users, the third meets a server in trouble until the task gives up. Returns who is sent, in order."""
    world.okta.group("Sales")
    world.okta.crowd("Sales", 5)
    connection("metric_insights_default", extra={"max_concurrency": 1})
    original, sent = EnsuringWriter.create_user, []

    def create(self: EnsuringWriter, *arguments: Any) -> Any:
        sent.append(arguments[0].username)
        if len(sent) == 3:
            world.mi.fault("503", method="POST", route="users", count=4)
        return original(self, *arguments)

    monkeypatch.setattr(EnsuringWriter, "create_user", create)
    return sent


def test_without_changes_there_is_no_chunk_and_the_report_is_right(world: World, sync: Sync) -> None:
    world.okta.group("Sales", "ana", "bo")
    sync(BY_TWO)
    world.mi.forget_requests()

    run = sync(BY_TWO)

    assert run.state == "success"
    assert run.tasks == {
        **dict.fromkeys(["fetch", "diff", "create_groups", "report"], "success"),
        "upsert_users": "skipped",
    }
    assert run.returned["create_groups"] == []
    assert (run.report["state"], run.report["users"]["unchanged"]) == ("done", 2)
    assert world.mi.writes() == []


def test_a_group_alone_is_created_without_a_chunk(world: World, sync: Sync) -> None:
    world.okta.group("Sales", "ana")

    run = sync(BY_TWO.replace("auto_create: all", "auto_create: groups"))

    assert (run.state, run.tasks["upsert_users"]) == ("success", "skipped")
    assert run.report["groups"] == {"created": 1}
    assert "Sales" in world.mi.groups()


def test_a_plan_that_fits_is_written_by_a_single_task(world: World, sync: Sync) -> None:
    world.okta.group("Sales", "ana", "bo")

    run = sync(BY_TWO)

    assert states(run) == {"upsert_users": "success"}
    assert run.labels == {"upsert_users": "1 to 2 of 2"}
    assert run.report["users"]["created"] == 2


def test_a_larger_plan_is_written_by_several_and_told_as_one(world: World, sync: Sync, store: Store) -> None:
    world.okta.group("Sales")
    world.okta.crowd("Sales", 5)

    run = sync(BY_TWO)

    assert run.state == "success"
    assert states(run) == dict.fromkeys(["upsert_users_0", "upsert_users_1", "upsert_users_2"], "success")
    assert run.labels == {
        "upsert_users_0": "1 to 2 of 5", "upsert_users_1": "3 to 4 of 5", "upsert_users_2": "5 to 5 of 5",
    }  # fmt: skip
    assert [run.returned[f"upsert_users_{number}"]["done"] for number in range(3)] == [2, 2, 1]
    assert run.report["users"]["created"] == run.report["memberships"]["added"] == 5
    assert len(world.mi.members("Sales")) == 5
    statuses = [change["status"] for change in stored_report(store, run)["changes"]]
    assert statuses == ["done"] * 6


def test_xcoms_name_nobody(world: World, sync: Sync) -> None:
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    world.okta.group("Sales", "ana", "bo", "cy")

    run = sync(BY_TWO)

    assert run.returned["create_groups"] == [
        {"start": 0, "end": 2, "total": 3}, {"start": 2, "end": 3, "total": 3},
    ]  # fmt: skip
    with create_session() as session:
        rows = session.execute(select(XComModel.value).where(XComModel.run_id == run.run_id)).scalars().all()
    assert "acme.example" not in json.dumps([str(row) for row in rows])


def test_a_dry_run_shows_each_part_and_writes_nothing(world: World, sync: Sync, logged: Callable[[], str]) -> None:
    world.okta.group("Sales", "ana", "bo", "cy")

    run = sync(BY_TWO, dry_run=True)

    assert run.state == "success"
    assert len(states(run)) == 2
    assert world.mi.writes() == []
    assert logged().count("would create user 'cy@acme.example'") == 2, "by its chunk, and by the report"


def test_a_chunk_that_fails_is_tried_again_alone(world: World, sync: Sync, third_in_trouble: list[str]) -> None:
    run = sync(BY_TWO.replace("retries: 0", "retries: 1"))

    assert run.state == "success"
    assert sorted(run.tries[task] for task in states(run)) == [1, 1, 2]
    assert len(third_in_trouble) == 6, "nobody is sent again but the one who failed"
    assert third_in_trouble.count(third_in_trouble[2]) == 2
    assert run.report["users"]["created"] == 5
    assert len(world.mi.members("Sales")) == 5


@pytest.mark.usefixtures("third_in_trouble")
def test_a_chunk_that_fails_after_its_last_try_leaves_a_report_with_all_the_others(
    world: World, sync: Sync, store: Store
) -> None:
    run = sync(BY_TWO)

    assert run.state == "failed"
    (unlucky,) = [task for task, state in states(run).items() if state == "failed"]
    assert len(states(run)) == 3
    report = stored_report(store, run)
    assert report["error"].startswith(f"Changes {run.labels[unlucky]}: 1 change of ")
    assert (run.report["users"]["created"], run.report["users"]["failed"]) == (4, 1)
    assert sorted(change["status"] for change in report["changes"]) == [*["done"] * 5, "failed"]
    assert len(world.mi.members("Sales")) == 4

    again = sync(BY_TWO)
    assert (again.state, again.report["users"]["created"]) == ("success", 1)


def test_a_user_who_is_refused_in_any_chunk_is_in_the_report(world: World, sync: Sync, store: Store) -> None:
    world.okta.group("Sales")
    world.okta.crowd("Sales", 5)
    world.mi.fault("400", method="POST", route="users", count=1)

    run = sync(BY_TWO)

    assert run.state == "failed"
    assert set(states(run).values()) == {"success"}
    assert (run.report["users"]["created"], run.report["users"]["failed"]) == (4, 1)
    (failed,) = [each for each in stored_report(store, run)["changes"] if each["status"] == "failed"]
    assert "400" in failed["error"]


def test_where_one_chunk_has_failed_too_often_the_next_is_not_begun(world: World, sync: Sync, store: Store) -> None:
    world.okta.group("Sales")
    world.okta.crowd("Sales", 60)
    world.mi.fault("400", method="POST", route="users", count=None)

    run = sync(BY_TWENTY)

    assert run.state == "failed"
    assert sorted(states(run).values()) == ["failed", "failed", "success"], "the first one has tried all of its users"
    assert world.mi.writes().count("POST /api/user") == 20
    report = stored_report(store, run)
    assert re.fullmatch(
        "Changes [0-9]+ to [0-9]+ of 60; changes [0-9]+ to [0-9]+ of 60: 20 of 20 writes of other parts of the plan "
        "failed, more than 40%, so this part was not tried.",
        report["error"],
    )
    assert [each["status"] for each in report["changes"]].count("failed") == 20


def test_leavers_are_a_chunk_of_their_own_after_all_others(
    world: World, sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In whatever order Airflow starts them."""
    monkeypatch.setattr("okta_mi_provider.operators.upsert_users._LOOK_AGAIN", timedelta(0))
    world.okta.group("Sales", "ana", "bo")
    sync(MANAGED)
    world.okta.leave("Sales", "ana")
    world.okta.user("cy", "Sales")
    world.okta.user("dan", "Sales")
    world.okta.user("eve", "Sales")

    run = sync(MANAGED)

    assert run.state == "success"
    assert sorted(run.labels.values()) == ["1 to 2 of 4", "3 to 3 of 4", "4 to 4 of 4"]
    assert run.report["memberships"] == {"added": 3, "removed": 1}
    assert [request.split()[0] for request in world.mi.writes()][-1] == "DELETE"
