"""Plans of several chunks that were true once: one was written, and the rest is, hours later."""

from __future__ import annotations

from dataclasses import replace

import pytest

from okta_mi_provider.store import Store
from tests.airflow.conftest import SALES, Dags, Failing
from tests.airflow.step_by_step import KEY, Run, lists_of_users, planned
from tests.integration.world import World, logins

pytestmark = pytest.mark.airflow


def test_of_several_chunks_the_first_one_looks_and_the_others_go_on(
    world: World, dags: Dags, store: Store, failing: Failing
) -> None:
    world.okta.group("Sales", "ana", "bo")
    world.mi.add_group("Sales")
    run = planned(dags(SALES), world, store)
    run.wait(2)

    world.mi.add_user("bo")
    with failing("MI has changed since plan"):
        run.chunk(1, of=2)
    world.mi.delete_user("bo")
    assert run.chunk(0, of=2)["done"] == 1
    assert run.chunk(1, of=2)["done"] == 1, "what the first one has written makes nothing stale"
    assert world.mi.members("Sales") == logins("ana", "bo")


@pytest.fixture
def half_written(world: World, dags: Dags, store: Store) -> Run:
    """A run of two chunks, the first of which was written 20 hours ago: Ana has got another name, and Bo shall."""
    world.okta.group("Sales", "ana", "bo")
    world.mi.add_group("Sales")
    for name in ("ana", "bo"):
        world.mi.add_user(name, "Sales", last_name="Old")
    run = planned(dags(SALES), world, store)
    run("create_groups")
    assert run.chunk(0, of=2)["done"] == 1
    run.wait(20)
    world.mi.forget_requests()
    return run


@pytest.mark.parametrize(("field", "value"), [("enabled", "N"), ("type", "power"), ("first_name", "Bob")])
def test_hours_later_the_rest_leaves_alone_whom_somebody_has_changed_by_hand(
    world: World, half_written: Run, store: Store, field: str, value: str
) -> None:
    """An update sends all that was read: it would enable again whom somebody has locked out."""
    world.mi.add_user("bo", **{"last_name": "Old", field: value})
    world.mi.forget_requests()

    assert half_written.chunk(1, of=2)["failed"] == 1

    assert world.mi.writes() == []
    assert world.mi.user("bo")[field] == value
    found = store.outcomes(KEY, store.load_plan(KEY, made_by="diff"))
    assert [(each.status, each.passing) for each in found.values()] == [("done", False), ("failed", False)]
    assert "Somebody has changed this user in MI since the plan was made" in str([*found.values()][1].error)
    assert lists_of_users(world) == 1
    assert half_written.chunk(1, of=2)["failed"] == 1
    assert lists_of_users(world) == 1, "what one look has found is good for half an hour"


def test_hours_later_the_rest_is_written_also_if_somebody_has_changed_most_of_it_by_hand(
    world: World, dags: Dags, store: Store
) -> None:
    """Whom we leave alone is no write that has failed: MI is not in trouble."""
    names = [f"u{number:02}" for number in range(22)]
    world.okta.group("Sales", *names)
    world.mi.add_group("Sales")
    for name in names:
        world.mi.add_user(name, "Sales", last_name="Old")
    run = planned(dags(SALES), world, store)
    run("create_groups")
    assert run.chunk(0, of=22)["done"] == 1
    run.wait(20)
    for name in names[1:21]:
        world.mi.add_user(name, last_name="Old", enabled="N")

    assert run.chunk(1, of=22, changes=20)["failed"] == 20
    assert run.chunk(21, of=22)["done"] == 1

    assert world.mi.user("u21")["last_name"] == "Doe"
    assert {world.mi.user(name)["enabled"] for name in names[1:21]} == {"N"}


def test_hours_later_the_rest_is_written_of_whom_nobody_has_changed(world: World, half_written: Run) -> None:
    world.mi.add_user("cy", enabled="N")

    assert half_written.chunk(1, of=2)["done"] == 1

    assert world.mi.user("bo")["last_name"] == "Doe"
    assert lists_of_users(world) == 1
    world.mi.forget_requests()
    assert half_written.chunk(1, of=2) == {"plan": half_written.returned["diff"]["plan"]}
    assert lists_of_users(world) == 0, "one look is good for half an hour"


def test_hours_later_nobody_is_let_into_a_group_that_has_got_another_name(
    world: World, dags: Dags, store: Store, failing: Failing
) -> None:
    """Whoever has renamed it may want it for others; and a restored server gives its id to another one."""
    world.okta.group("Sales", "ana", "bo")
    for name in ("ana", "bo"):
        world.mi.add_user(name)
    run = planned(dags(SALES), world, store)
    run("create_groups")
    assert run.chunk(0, of=2)["done"] == 1
    run.wait(20)
    groups = world.mi.system.state.groups
    groups.update({key: replace(each, name="Board") for key, each in groups.items() if each.name == "Sales"})
    world.mi.forget_requests()

    with failing("What was MI group 'Sales' when the plan was made is 'Board' by now.*Trigger a new run, or clear"):
        run.chunk(1, of=2)

    assert world.mi.writes() == []
