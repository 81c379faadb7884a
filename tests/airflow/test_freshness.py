"""Plans that were true once: tasks that are cleared, or skipped by hand, hours and weeks after both sides were read."""

from __future__ import annotations

from typing import Any

import pytest

from okta_mi_provider.store import Store
from tests.airflow.conftest import SALES, Dags, Failing
from tests.airflow.step_by_step import Run, lists_of_users, planned
from tests.integration.world import World, logins

pytestmark = pytest.mark.airflow

#: A person is asked about every plan.
ASKS = SALES.replace("retries: 0", "approve: always\n        retries: 0")


@pytest.fixture
def silent(world: World, dags: Dags, store: Store) -> Run:
    """A run about which nobody is asked, up to its plan: to add Ana to a group that has nobody yet."""
    world.okta.group("Sales", "ana")
    world.mi.add_group("Sales")
    return planned(dags(SALES), world, store)


@pytest.fixture
def approved(world: World, dags: Dags, store: Store) -> Run:
    """The same, and a person has approved it."""
    world.okta.group("Sales", "ana")
    world.mi.add_group("Sales")
    run = planned(dags(ASKS), world, store)
    run.approved()
    return run


def somebody_works_in_mi(world: World) -> None:
    world.mi.add_user("ana")
    world.mi.forget_requests()


def test_a_run_about_which_nobody_is_asked_reads_mi_once(world: World, silent: Run) -> None:
    silent("create_groups", "upsert_users")

    assert world.mi.members("Sales") == logins("ana")
    assert lists_of_users(world) == 0


def test_an_approved_run_reads_mi_once_more_and_not_twice(world: World, approved: Run) -> None:
    approved("create_groups")
    assert lists_of_users(world) == 1

    approved("upsert_users")

    assert world.mi.members("Sales") == logins("ana")
    assert lists_of_users(world) == 1


def test_an_approved_plan_is_checked_although_create_groups_was_marked_as_a_success(
    world: World, approved: Run, failing: Failing
) -> None:
    somebody_works_in_mi(world)

    with failing("MI has changed since plan .* was made, which was approved.*Trigger a new run"):
        approved("upsert_users")

    assert world.mi.writes() == []


def test_a_look_before_an_answer_says_nothing_about_a_later_one(world: World, approved: Run, failing: Failing) -> None:
    approved("create_groups")
    somebody_works_in_mi(world)
    approved.approved(by="somebody else")

    with failing("MI has changed"):
        approved("upsert_users")

    assert world.mi.writes() == []


@pytest.mark.parametrize("task_id", ["create_groups", "upsert_users"])
def test_what_is_cleared_hours_later_is_checked_where_nobody_was_asked(
    world: World, silent: Run, failing: Failing, task_id: str
) -> None:
    silent.wait(2)
    somebody_works_in_mi(world)

    with failing("MI has changed since plan .* was made. .*or clear task 'fetch' and all after it") as caught:
        silent(task_id)

    assert "approved" not in str(caught.value)
    assert world.mi.writes() == []


def test_hours_later_only_upsert_users_is_cleared_of_an_approved_run(
    world: World, approved: Run, failing: Failing
) -> None:
    approved("create_groups")
    approved.wait(2)
    somebody_works_in_mi(world)

    with failing("MI has changed since plan .* was made, which was approved"):
        approved("upsert_users")

    assert world.mi.writes() == []


@pytest.mark.parametrize("which", ["silent", "approved"])
def test_hours_later_a_plan_is_written_that_mi_still_makes(
    world: World, which: str, request: pytest.FixtureRequest
) -> None:
    run: Run = request.getfixturevalue(which)
    run.wait(2)

    run("create_groups", "upsert_users")

    assert world.mi.members("Sales") == logins("ana")
    assert lists_of_users(world) == 1


def test_the_group_that_the_run_has_created_itself_makes_no_plan_stale(
    world: World, dags: Dags, store: Store, failing: Failing
) -> None:
    world.okta.group("Sales", "ana", "bo")
    run = planned(dags(SALES), world, store)
    run("create_groups")
    run.wait(2)
    world.mi.add_user("cy")
    world.mi.join("Sales", "cy")
    with failing("MI has changed"):
        run("upsert_users")
    world.mi.leave("Sales", "cy")

    run("upsert_users")

    assert world.mi.members("Sales") == logins("ana", "bo")


def test_what_was_begun_is_finished_hours_later(world: World, dags: Dags, store: Store) -> None:
    """What a try of the run has written itself makes its plan stale for nobody."""
    world.okta.group("Sales", "ana", "bo")
    world.mi.add_group("Sales")
    run = planned(dags(ASKS), world, store)
    run.approved()
    world.mi.fault("400", method="POST", route="users", count=1)
    run("create_groups", "upsert_users")
    assert len(world.mi.members("Sales")) == 1
    run.wait(2)

    run("create_groups", "upsert_users")

    assert world.mi.members("Sales") == logins("ana", "bo")


@pytest.mark.parametrize("which", ["silent", "approved"])
def test_a_plan_of_which_mi_has_refused_everything_is_not_begun(
    world: World, which: str, request: pytest.FixtureRequest, failing: Failing
) -> None:
    """Of what was written is nothing to be finished: hours later it has to be what MI makes now."""
    run: Run = request.getfixturevalue(which)
    world.mi.fault("400", method="POST", route="users", count=1)
    run("create_groups", "upsert_users")
    assert not world.mi.members("Sales")
    run.wait(2)
    somebody_works_in_mi(world)

    with failing("MI has changed since plan"):
        run("upsert_users")

    assert world.mi.writes() == []


def test_what_another_try_writes_while_mi_is_read_again_makes_no_plan_stale(
    world: World, silent: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from okta_mi_provider.operators import freshness

    silent.wait(2)
    read, readers = freshness.fetch_directory, []

    def read_late(*arguments: Any) -> Any:
        readers.append(arguments)
        if len(readers) == 1:
            silent("upsert_users")
        return read(*arguments)

    monkeypatch.setattr(freshness, "fetch_directory", read_late)

    silent("upsert_users")

    assert len(readers) == 2
    assert world.mi.members("Sales") == logins("ana")


def test_a_clock_that_is_hours_behind_makes_no_plan_fresh(world: World, silent: Run, failing: Failing) -> None:
    silent.wait(-5)
    somebody_works_in_mi(world)

    with failing("MI has changed since plan"):
        silent("create_groups")


@pytest.mark.parametrize("begun", [False, True])
def test_a_week_later_nothing_is_written_of_what_okta_has_said_then(
    world: World, silent: Run, failing: Failing, begun: bool
) -> None:
    """Ana has left meanwhile, which nobody sees who only looks at MI."""
    if begun:
        world.mi.fault("400", method="POST", route="users", count=1)
        silent("create_groups", "upsert_users")
        world.mi.forget_requests()
    world.okta.leave("Sales", "ana")
    silent.wait(7 * 24)

    for task_id in ("create_groups", "upsert_users"):
        with failing("may be written for 24 hours.*or clear task 'fetch' and all after it"):
            silent(task_id)

    assert world.mi.writes() == []


def test_an_answer_that_comes_days_later_is_one(world: World, dags: Dags, store: Store) -> None:
    world.okta.group("Sales", "ana")
    world.mi.add_group("Sales")
    run = planned(dags(ASKS), world, store)
    run.wait(3 * 24)
    run.approved()

    run("create_groups", "upsert_users")

    assert world.mi.members("Sales") == logins("ana")


def test_an_answer_is_good_for_a_day(world: World, approved: Run, failing: Failing) -> None:
    approved.wait(25)

    with failing("may be written for 24 hours.*Trigger a new run"):
        approved("create_groups")

    assert world.mi.writes() == []
