"""A first run of 1,000 users is killed somewhere; the next one finishes it, and the one after that has nothing to do.

To kill at a known place and not at a known time, the simulator holds back the requests from some write on: before
they take effect, or after it. Then the process has nothing left to do but wait, and is killed.
"""

from __future__ import annotations

import os
import random
import subprocess
import threading

import pytest
from sqlalchemy import select

from okta_mi_provider.store import History, Store
from okta_mi_provider.store.schema import LINKS, MEMBERSHIPS
from okta_mi_provider.sync.outcome import Status
from okta_mi_provider.sync.plan import ChangeKind
from tests.integration.conftest import Start
from tests.integration.world import DEFAULT_GROUP, MetricInsights, World

USERS = 1000
IN_FLIGHT = 4
SEEDED = random.Random(20)

#: Writes that are answered before the rest is held back: none, one, some, many, almost all.
PLACES = [
    (0, "hang"),
    (0, "hang_after"),
    (1, "hang_after"),
    (SEEDED.randrange(2, 400), "hang"),
    (SEEDED.randrange(400, 900), "hang_after"),
    (USERS, "hang_after"),
]


@pytest.fixture
def world(slow_world: World) -> World:
    return slow_world


def run(start: Start, *words: str) -> tuple[int, str]:
    process = start("-a", "all", *words, "Everybody")
    out, err = process.communicate()
    return process.returncode, out + err


def kill_when_held(process: subprocess.Popen[str], mi: MetricInsights, held: int) -> None:
    """Waits until so many writes are held back, and kills."""
    pause = threading.Event()
    while mi.faults_fired() < held:
        assert process.poll() is None, "the run has ended before it could be killed"
        pause.wait(0.02)
    process.kill()
    process.communicate()


@pytest.mark.parametrize(("writes", "fault"), PLACES)
def test_a_first_run_that_was_killed_is_finished_by_the_next_one(
    start: Start, world: World, writes: int, fault: str
) -> None:
    world.okta.group("Everybody")
    names = world.okta.crowd("Everybody", USERS)
    world.mi.fault(fault, method="POST", path="^/api/user", after=writes, count=None, seconds=3600)
    # The group is created alone, and so is the first user.
    held = 1 if writes < 2 else min(IN_FLIGHT, USERS + 1 - writes)
    kill_when_held(start("-a", "all", "Everybody"), world.mi, held)
    world.mi.heal()

    assert run(start)[0] == 0
    assert_everybody_is_there_once(world.mi, names)

    world.mi.forget_requests()
    assert run(start)[0] == 0
    assert world.mi.writes() == []
    assert_the_store_knows_that_we_have_done_it_all(names)


def test_a_run_that_is_killed_again_and_again_gets_there_in_the_end(start: Start, world: World) -> None:
    world.okta.group("Everybody")
    names = world.okta.crowd("Everybody", USERS)
    for writes in (150, 350, 250):
        world.mi.fault("hang_after", method="POST", path="^/api/user", after=writes, count=None, seconds=3600)
        kill_when_held(start("-a", "all", "Everybody"), world.mi, IN_FLIGHT)
        world.mi.heal()
    assert run(start)[0] == 0
    assert_everybody_is_there_once(world.mi, names)
    # What a run has not found done may come to be done yet. Only once it is there, it is known by whom.
    assert run(start)[0] == 0
    assert_the_store_knows_that_we_have_done_it_all(names)


def assert_everybody_is_there_once(mi: MetricInsights, names: list[str]) -> None:
    """Each user exists once, and is in the group and the Default Group once; nobody else is new."""
    state = mi.state()
    usernames = [user["username"] for user in state["users"]]
    assert sorted(name for name in usernames if name.startswith("user")) == names
    assert [group["name"] for group in state["groups"]].count("Everybody") == 1
    assert mi.members("Everybody") == names
    assert [name for name in mi.members(DEFAULT_GROUP) if name.startswith("user")] == names
    pairs = [(row["user"], row["group"]) for row in state["memberships"]]
    assert len(set(pairs)) == len(pairs)


def assert_the_store_knows_that_we_have_done_it_all(names: list[str]) -> None:
    """Whatever the run that was killed had noted or not: each membership is ours, each user linked."""
    store = Store(os.environ["AIRFLOW__OKTA_MI__STORE"])
    with store.reading() as connection:
        members = connection.scalars(select(MEMBERSHIPS.c.username)).all()
        linked = connection.scalars(select(LINKS.c.username)).all()
    changes = [each for run in History(store).runs() for each in History(store).changes_of_run(run.id)]
    store.close()
    assert sorted(members) == sorted(linked) == names
    created = [each.username for each in changes if each.kind is ChangeKind.CREATE_USER and each.status is Status.DONE]
    assert sorted(filter(None, created)) == names, "each is told once as created"
    # Whether those whom the killed run was creating have come into the Default Group as well was not known.
    known = [each for each in changes if each.group.name != DEFAULT_GROUP]
    assert {each.status for each in known} <= {Status.DONE, Status.FAILED, Status.PLANNED}
