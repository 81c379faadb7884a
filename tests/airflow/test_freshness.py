"""Plans that were true once: tasks that are cleared, or skipped by hand, hours and weeks after both sides were read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import update

from okta_mi_provider.store import ArtifactKind, RunKey, Store
from okta_mi_provider.store.schema import ARTIFACTS, RUNS
from okta_mi_provider.sync.report import Approval
from tests.airflow.conftest import DAG_ID, SALES, Failing, Instance, runnable
from tests.integration.world import World, logins

pytestmark = pytest.mark.airflow

KEY = RunKey(DAG_ID, "run1")
ASKS = SALES.replace("retries: 0", "approve: always\n        retries: 0")


@dataclass
class Run:
    """One run, whose tasks are executed one by one."""

    dag: Any
    store: Store
    returned: dict[str, Any] = field(default_factory=dict)

    def __call__(self, *task_ids: str) -> None:
        for task_id in task_ids:
            context = {
                "ti": Instance(KEY.run_id, self.returned),
                "params": self.dag.params.dump(),
                "dag_run": SimpleNamespace(run_type="manual"),
            }
            self.returned[task_id] = runnable(self.dag, task_id).execute(context)

    def approved(self, by: str = "boss") -> None:
        """A person says yes, just now."""
        at = datetime.now(UTC).isoformat()
        approval = Approval("approved", by, at, self.returned["diff"]["plan"])
        self.store.save(KEY, ArtifactKind.APPROVAL, approval.to_json())

    def wait(self, hours: float) -> None:
        """Lets everything that has happened be so much longer ago."""
        ago = timedelta(hours=hours)
        with self.store.writing() as connection:
            for table, column in ((RUNS, RUNS.c.started_at), (ARTIFACTS, ARTIFACTS.c.created_at)):
                for (value,) in connection.execute(table.select().with_only_columns(column).distinct()).all():
                    connection.execute(update(table).where(column == value).values({column.name: value - ago}))
        if found := self.store.find(KEY, ArtifactKind.APPROVAL):
            at = datetime.fromisoformat(found.data["at"]) - ago
            changed = {**found.data, "at": at.isoformat()}
            self.store.save(KEY, ArtifactKind.APPROVAL, changed)


@pytest.fixture
def silent(world: World, dags: Callable[[str], Any], store: Store) -> Run:
    """A run about which nobody is asked, up to its plan: to add Ana to a group that has nobody yet."""
    world.okta.group("Sales", "ana")
    world.mi.add_group("Sales")
    return _planned(dags(SALES), world, store)


@pytest.fixture
def approved(world: World, dags: Callable[[str], Any], store: Store) -> Run:
    """The same, and a person has approved it."""
    world.okta.group("Sales", "ana")
    world.mi.add_group("Sales")
    run = _planned(dags(ASKS), world, store)
    run.approved()
    return run


def _planned(bag: Any, world: World, store: Store) -> Run:
    run = Run(bag.dags[DAG_ID], store)
    run("fetch", "diff")
    world.mi.forget_requests()
    return run


def somebody_works_in_mi(world: World) -> None:
    world.mi.add_user("ana")
    world.mi.forget_requests()


def lists_of_users(world: World) -> int:
    """How often all users of MI were read."""
    return len(world.mi.requests("GET", "/api/user"))


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
    world: World, dags: Callable[[str], Any], store: Store, failing: Failing
) -> None:
    world.okta.group("Sales", "ana", "bo")
    run = _planned(dags(SALES), world, store)
    run("create_groups")
    run.wait(2)
    world.mi.add_user("cy")
    world.mi.join("Sales", "cy")
    with failing("MI has changed"):
        run("upsert_users")
    world.mi.leave("Sales", "cy")

    run("upsert_users")

    assert world.mi.members("Sales") == logins("ana", "bo")


def test_what_was_begun_is_finished_hours_later(world: World, dags: Callable[[str], Any], store: Store) -> None:
    """What a try of the run has written itself makes its plan stale for nobody."""
    world.okta.group("Sales", "ana", "bo")
    world.mi.add_group("Sales")
    run = _planned(dags(ASKS), world, store)
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


def test_of_several_chunks_the_first_one_looks_and_the_others_go_on(
    world: World, dags: Callable[[str], Any], store: Store, failing: Failing
) -> None:
    world.okta.group("Sales", "ana", "bo")
    world.mi.add_group("Sales")
    run = _planned(dags(SALES), world, store)
    run.wait(2)

    world.mi.add_user("bo")
    with failing("MI has changed since plan"):
        _chunk(run, 1, 2)
    world.mi.delete_user("bo")
    assert _chunk(run, 0, 2)["done"] == 1
    assert _chunk(run, 1, 2)["done"] == 1, "what the first one has written makes nothing stale"
    assert world.mi.members("Sales") == logins("ana", "bo")


@pytest.fixture
def half_written(world: World, dags: Callable[[str], Any], store: Store) -> Run:
    """A run of two chunks, the first of which was written 20 hours ago: Ana has got another name, and Bo shall."""
    world.okta.group("Sales", "ana", "bo")
    world.mi.add_group("Sales")
    for name in ("ana", "bo"):
        world.mi.add_user(name, "Sales", last_name="Old")
    run = _planned(dags(SALES), world, store)
    run("create_groups")
    assert _chunk(run, 0, 2)["done"] == 1
    run.wait(20)
    world.mi.forget_requests()
    return run


def _chunk(run: Run, number: int, of: int, *, changes: int = 1) -> Any:
    """Writes the change at a place, or several from there on."""
    chunk = {"start": number, "end": number + changes, "total": of}
    task: Any = run.dag.get_task("upsert_users").unmap({"chunk": chunk})
    instance = Instance(KEY.run_id, run.returned, map_index=number)
    return task.execute({"ti": instance, "dag_run": SimpleNamespace(run_type="manual")})


@pytest.mark.parametrize(("field", "value"), [("enabled", "N"), ("type", "power"), ("first_name", "Bob")])
def test_hours_later_the_rest_leaves_alone_whom_somebody_has_changed_by_hand(
    world: World, half_written: Run, store: Store, field: str, value: str
) -> None:
    """An update sends all that was read: it would enable again whom somebody has locked out."""
    world.mi.add_user("bo", **{"last_name": "Old", field: value})
    world.mi.forget_requests()

    assert _chunk(half_written, 1, 2)["failed"] == 1

    assert world.mi.writes() == []
    assert world.mi.user("bo")[field] == value
    found = store.outcomes(KEY, store.load_plan(KEY, made_by="diff"))
    assert [(each.status, each.passing) for each in found.values()] == [("done", False), ("failed", False)]
    assert "Somebody has changed this user in MI since the plan was made" in str([*found.values()][1].error)
    assert lists_of_users(world) == 1
    assert _chunk(half_written, 1, 2)["failed"] == 1
    assert lists_of_users(world) == 1, "what one look has found is good for half an hour"


def test_hours_later_the_rest_is_written_also_if_somebody_has_changed_most_of_it_by_hand(
    world: World, dags: Callable[[str], Any], store: Store
) -> None:
    """Whom we leave alone is no write that has failed: MI is not in trouble."""
    names = [f"u{number:02}" for number in range(22)]
    world.okta.group("Sales", *names)
    world.mi.add_group("Sales")
    for name in names:
        world.mi.add_user(name, "Sales", last_name="Old")
    run = _planned(dags(SALES), world, store)
    run("create_groups")
    assert _chunk(run, 0, 22)["done"] == 1
    run.wait(20)
    for name in names[1:21]:
        world.mi.add_user(name, last_name="Old", enabled="N")

    assert _chunk(run, 1, 22, changes=20)["failed"] == 20
    assert _chunk(run, 21, 22)["done"] == 1

    assert world.mi.user("u21")["last_name"] == "Doe"
    assert {world.mi.user(name)["enabled"] for name in names[1:21]} == {"N"}


def test_hours_later_the_rest_is_written_of_whom_nobody_has_changed(world: World, half_written: Run) -> None:
    world.mi.add_user("cy", enabled="N")

    assert _chunk(half_written, 1, 2)["done"] == 1

    assert world.mi.user("bo")["last_name"] == "Doe"
    assert lists_of_users(world) == 1
    world.mi.forget_requests()
    assert _chunk(half_written, 1, 2) == {"plan": half_written.returned["diff"]["plan"]}
    assert lists_of_users(world) == 0, "one look is good for half an hour"


def test_hours_later_nobody_is_let_into_a_group_that_has_got_another_name(
    world: World, dags: Callable[[str], Any], store: Store, failing: Failing
) -> None:
    """Whoever has renamed it may want it for others; and a restored server gives its id to another one."""
    world.okta.group("Sales", "ana", "bo")
    for name in ("ana", "bo"):
        world.mi.add_user(name)
    run = _planned(dags(SALES), world, store)
    run("create_groups")
    assert _chunk(run, 0, 2)["done"] == 1
    run.wait(20)
    groups = world.mi.system.state.groups
    groups.update({key: replace(each, name="Board") for key, each in groups.items() if each.name == "Sales"})
    world.mi.forget_requests()

    with failing("What was MI group 'Sales' when plan .* was made is 'Board' by now.*Trigger a new run, or clear"):
        _chunk(run, 1, 2)

    assert world.mi.writes() == []


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


def test_an_answer_that_comes_days_later_is_one(world: World, dags: Callable[[str], Any], store: Store) -> None:
    world.okta.group("Sales", "ana")
    world.mi.add_group("Sales")
    run = _planned(dags(ASKS), world, store)
    run.wait(3 * 24)
    run.approved()

    run("create_groups", "upsert_users")

    assert world.mi.members("Sales") == logins("ana")


def test_an_answer_is_good_for_a_day(world: World, approved: Run, failing: Failing) -> None:
    approved.wait(25)

    with failing("may be written for 24 hours.*Trigger a new run"):
        approved("create_groups")

    assert world.mi.writes() == []
