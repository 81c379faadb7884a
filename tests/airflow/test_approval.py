"""A person decides: approves, rejects, does not answer, or answers when it is too late."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from okta_mi_provider.store import ArtifactKind, History, Store
from okta_mi_provider.version_compat import AIRFLOW_VERSION
from tests.airflow.conftest import DAG_ID, Ended, Failing, Instance, run_dag, runnable
from tests.airflow.person import Person, clear, end, let_time_pass, mark_success
from tests.integration.world import World, logins

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.skipif(
        AIRFLOW_VERSION.startswith("3.2."), reason="Airflow 3.2 waits in its triggerer, which needs a server"
    ),
]

Ask = Callable[..., Ended]

UNUSUAL = """
    groups:
      - {name: Sales, auto_create: all, prune: all, max_removals: 1, approve: unusual, retries: 0}
    """
ALWAYS = UNUSUAL.replace("approve: unusual", "approve: always")
NEVER = UNUSUAL.replace("approve: unusual", "approve: never")

WRITERS = ("create_groups", "upsert_users")


def execute(bag: DagBag, task_id: str, run: Ended) -> Any:
    """Runs one task of a run again, as after it was cleared."""
    dag = bag.dags[DAG_ID]
    context = {
        "ti": Instance(run.run_id, run.returned),
        "params": dag.params.dump(),
        "dag_run": SimpleNamespace(run_type="manual"),
    }
    return runnable(dag, task_id).execute(context)


@pytest.fixture
def ask(world: World, dags: Callable[[str], DagBag]) -> Ask:
    """Runs the DAG of the group `Sales` while a person looks on."""

    def run(person: Person | None = None, groups: str = UNUSUAL, **conf: Any) -> Ended:
        bag = dags(groups)
        assert not bag.import_errors
        return run_dag(bag.dags[DAG_ID], person or Person([]), **conf)

    return run


@pytest.fixture
def leavers(world: World) -> World:
    """Ana is new; two others are members in MI, and not of the group of Okta."""
    world.okta.group("Sales", "ana")
    world.mi.add_user("gone1")
    world.mi.add_user("gone2")
    world.mi.add_group("Sales", "gone1", "gone2")
    world.mi.forget_requests()
    return world


def stored_report(store: Store, run: Ended) -> dict[str, Any]:
    found = store.find(run.key, ArtifactKind.REPORT)
    assert found is not None
    return dict(found.data)


def plan_digest(store: Store, run: Ended) -> str:
    return store.load_plan(run.key, made_by="diff").digest


def test_an_approved_plan_is_written(leavers: World, ask: Ask, store: Store) -> None:
    person = Person(["Approve"])

    run = ask(person)

    assert run.state == "success"
    assert leavers.mi.members("Sales") == logins("ana")
    ((subject, body),) = person.questions
    digest = plan_digest(store, run)
    assert subject == f"Remove 2 users and create 1 user of 'Sales'? (plan {digest[:12]})"
    assert "max\\_removals allows 1" in body
    assert body.index("gone1@acme.example") < body.index("ana@acme.example")
    report = stored_report(store, run)
    assert report["state"] == "done"
    assert (report["approval"]["answer"], report["approval"]["by"]) == ("approved", "boss")
    assert report["approval"]["digest"] == digest == report["plan_digest"]
    assert run.returned["approve"] == {"plan": digest, "answer": "approved"}
    with store.reading() as connection:
        for table in ("okta_mi_runs", "okta_mi_changes"):
            assert connection.execute(text(f"SELECT DISTINCT approved_by FROM {table}")).all() == [("boss",)]


def test_a_rejected_plan_is_not_written_and_the_report_says_by_whom(leavers: World, ask: Ask, store: Store) -> None:
    run = ask(Person(["Reject"]))

    assert run.state == "failed"
    assert [run.tasks[task] for task in WRITERS] == ["skipped", "skipped"]
    assert (run.tasks["approve"], run.tasks["report"]) == ("success", "failed")
    assert leavers.mi.writes() == []
    report = stored_report(store, run)
    assert report["state"] == "refused" == run.report["state"]
    assert report["error"] == f"boss has rejected plan {plan_digest(store, run)[:12]}. Nothing was written."
    assert report["approval"]["answer"] == "rejected"


def test_without_an_answer_nothing_is_written(leavers: World, ask: Ask, store: Store) -> None:
    run = ask(Person([let_time_pass]))

    assert run.state == "failed"
    assert leavers.mi.writes() == []
    report = stored_report(store, run)
    assert (report["state"], report["approval"]["answer"], report["approval"]["by"]) == ("refused", "timed out", None)
    assert "Nobody has answered in time" in report["error"]


def test_how_long_an_answer_is_waited_for_is_what_the_entry_says(leavers: World, ask: Ask) -> None:
    waits = []

    def look() -> None:
        from airflow.models.taskinstance import TaskInstance
        from airflow.utils.session import create_session
        from sqlalchemy import select

        with create_session() as session:
            (instance,) = session.scalars(select(TaskInstance).where(TaskInstance.state == "awaiting_input"))
            waits.append(instance.trigger_timeout - instance.start_date)

    person = Person([look, "Reject"])
    ask(person, UNUSUAL.replace("retries: 0", "retries: 0, approval_timeout: 7, approvers: [carol, boss]"))

    assert 6.9 < waits[0].total_seconds() / 3600 < 7.1
    assert person.assigned == ["boss", "carol"]
    assert "within 7 hours" in person.questions[0][1]


def test_a_plan_that_has_become_stale_while_somebody_was_asked_is_not_written(
    leavers: World, ask: Ask, store: Store
) -> None:
    """What is approved must be what is written: MI is read again."""

    def somebody_works_in_mi() -> None:
        leavers.mi.leave("Sales", "gone1")
        leavers.mi.forget_requests()

    run = ask(Person([somebody_works_in_mi, "Approve"]))

    assert run.state == "failed"
    assert run.tasks["create_groups"] == "failed"
    assert leavers.mi.writes() == []
    assert leavers.mi.members("Sales") == logins("gone2")
    report = stored_report(store, run)
    assert report["state"] == "refused"
    assert "MI has changed since plan" in report["error"]
    assert "1 change of it is not wanted any more" in report["error"]
    assert report["approval"]["by"] == "boss"


def test_what_does_not_concern_the_plan_may_change_meanwhile(leavers: World, ask: Ask) -> None:
    run = ask(Person([lambda: leavers.mi.add_user("somebody.else"), "Approve"]))

    assert run.state == "success"
    assert leavers.mi.members("Sales") == logins("ana")


@pytest.mark.usefixtures("quick_retries")
def test_an_approved_plan_that_was_begun_is_finished(world: World, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a dead try has written makes no plan stale."""
    from okta_mi_provider.clients.ensure import EnsuringWriter

    original, calls = EnsuringWriter.create_group, []

    def dying(self: EnsuringWriter, *arguments: Any) -> Any:
        calls.append(arguments)
        made = original(self, *arguments)
        if len(calls) == 1:
            raise MemoryError("the machine is full")
        return made

    monkeypatch.setattr(EnsuringWriter, "create_group", dying)
    world.okta.group("Sales", "ana")

    run = ask(Person(["Approve"]), ALWAYS.replace("retries: 0", "retries: 1"))

    assert run.tries["create_groups"] == 2
    assert run.state == "success"
    assert world.mi.members("Sales") == logins("ana")


@pytest.mark.parametrize("groups", [UNUSUAL, ALWAYS])
def test_nobody_is_asked_when_there_is_nothing_to_write(world: World, ask: Ask, groups: str) -> None:
    world.okta.group("Sales", "ana")
    assert ask(Person(["Approve"]) if groups is ALWAYS else None, groups).state == "success"

    run = ask(None, groups)

    assert run.state == "success"
    assert run.returned["approve"]["asked"] is False


def test_an_ordinary_plan_is_only_asked_about_where_every_plan_is(world: World, ask: Ask) -> None:
    world.okta.group("Sales", "ana")
    person = Person(["Approve"])

    assert ask(person, ALWAYS).state == "success"
    assert person.questions[0][0].startswith("Create 1 user of 'Sales'? (plan ")
    world.okta.join("Sales", world.okta.user("bo"))
    assert ask(None, UNUSUAL).state == "success"
    assert world.mi.members("Sales") == logins("ana", "bo")


@pytest.mark.parametrize("conf", [{"dry_run": True}, {"mode": "drift"}])
def test_nobody_is_asked_who_only_looks(leavers: World, ask: Ask, conf: dict[str, Any]) -> None:
    run = ask(None, ALWAYS, **conf)

    assert run.returned["approve"]["asked"] is False
    assert leavers.mi.writes() == []


def test_without_a_person_an_unusual_plan_fails_and_its_digest_lets_it_pass(
    leavers: World, ask: Ask, store: Store
) -> None:
    refused = ask(None, NEVER)

    assert "approve" not in refused.tasks
    assert (refused.tasks["diff"], refused.state) == ("failed", "failed")
    assert leavers.mi.writes() == []
    report = stored_report(store, refused)
    assert report["state"] == "refused"
    digest = plan_digest(store, refused)
    assert digest[:12] in report["error"]

    assert ask(None, NEVER, approve_plan="0" * 12).state == "failed"
    assert leavers.mi.writes() == []
    assert ask(None, NEVER, approve_plan=digest[:12]).state == "success"
    assert leavers.mi.members("Sales") == logins("ana")


@pytest.mark.parametrize("groups", [UNUSUAL, ALWAYS])
def test_whoever_may_trigger_a_run_cannot_approve_its_plan_by_that(
    leavers: World, ask: Ask, store: Store, logged: Callable[[], str], groups: str
) -> None:
    rejected = ask(Person(["Reject"]), groups)

    run = ask(None, groups, approve_plan=plan_digest(store, rejected))

    assert run.state == "failed"
    assert run.tasks["fetch"] == "failed"
    assert leavers.mi.writes() == []
    assert "only the answer to the task approve lets a plan be written" in logged()


def test_an_approval_that_was_left_empty_is_none(leavers: World, ask: Ask) -> None:
    assert ask(Person(["Approve"]), approve_plan=None).state == "success"


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"force": True, "user_type": "administrator"}, "* user\\_type: `administrator`"),
        ({"only_user": "gone1@acme.example"}, "* only\\_user: `gone1@acme.example`"),
        ({"dry_run": False}, "* dry\\_run: `False`"),
    ],
)
def test_nobody_gets_round_the_question_by_other_settings_than_those_of_the_dag(
    leavers: World, ask: Ask, form: dict[str, Any], told: str
) -> None:
    """None of these plans is over a limit."""
    groups = UNUSUAL.replace("max_removals: 1", "max_removals: 5")
    person = Person(["Reject"])

    run = ask(
        person, groups.replace("retries: 0", "dry_run: true, retries: 0") if "dry_run" in form else groups, **form
    )

    assert run.state == "failed"
    ((_, body),) = person.questions
    assert "triggered with other settings than its DAG has" in body
    assert told in body
    assert leavers.mi.writes() == []


def test_a_run_from_before_people_were_to_be_asked_is_not_finished_without_asking(
    leavers: World, ask: Ask, dags: Callable[[str], DagBag], failing: Failing
) -> None:
    quiet = NEVER.replace("max_removals: 1", "max_removals: 5")
    run = ask(None, quiet, dry_run=True)
    run.returned["fetch"] = execute(dags(quiet), "fetch", run)
    run.returned["diff"] = execute(dags(quiet), "diff", run)

    for task_id in WRITERS:
        with failing("Every plan needs an approval here .approve: always."):
            execute(dags(quiet.replace("approve: never", "approve: always")), task_id, run)

    assert leavers.mi.writes() == []


def test_a_rejected_plan_is_not_written_by_clearing_the_tasks_that_were_skipped(
    leavers: World, ask: Ask, dags: Callable[[str], DagBag], failing: Failing
) -> None:
    run = ask(Person(["Reject"]))

    for task_id in WRITERS:
        with failing("boss has rejected plan"):
            execute(dags(UNUSUAL), task_id, run)

    assert leavers.mi.writes() == []


def test_the_history_names_whoever_has_let_a_plan_through_and_nobody_where_that_was_not_needed(
    leavers: World, ask: Ask, store: Store
) -> None:
    refused = ask(None, NEVER)
    ask(None, NEVER, approve_plan=plan_digest(store, refused))
    through = History(store).runs()[0]
    assert through.approved_by == through.triggered_by

    leavers.okta.user("bo", "Sales")
    digest = plan_digest(store, ask(None, NEVER, dry_run=True))
    ask(None, NEVER, approve_plan=digest)

    ordinary = History(store).runs()[0]
    assert (ordinary.plan_digest, ordinary.approved_by) == (digest, None)


def test_a_person_who_only_marks_the_task_as_a_success_has_approved_nothing(
    leavers: World, ask: Ask, store: Store
) -> None:
    run = ask(Person([lambda: mark_success("approve")]))

    assert run.state == "failed"
    assert leavers.mi.writes() == []
    report = stored_report(store, run)
    assert report["state"] == "refused"
    assert report["approval"]["answer"] == "asked"


def test_a_cleared_question_about_the_same_plan_is_asked_again(leavers: World, ask: Ask) -> None:
    person = Person([lambda: clear("approve"), "Approve"])

    assert ask(person).state == "success"
    assert person.questions[0] == person.questions[1]


@pytest.mark.parametrize("state", ["failed", "success", "skipped"])
def test_nobody_is_asked_when_an_answer_would_come_too_late(
    leavers: World, ask: Ask, store: Store, logged: Callable[[], str], state: str
) -> None:
    """A run goes on with the newest version of its DAG: `approve` may have come into it when the others had ended."""

    def others_have_ended() -> None:
        end(state, *WRITERS, "report")
        clear("approve")

    person = Person([others_have_ended, "Approve"])
    run = ask(person)

    assert len(person.questions) == 1
    assert run.tasks["approve"] == "failed"
    assert leavers.mi.writes() == []
    assert "already ended in this run (create_groups, report, upsert_users)" in logged()
    assert store.find(run.key, ArtifactKind.APPROVAL) is None


def test_whoever_clears_the_others_too_is_asked(leavers: World, ask: Ask) -> None:
    def others_have_failed() -> None:
        end("failed", *WRITERS, "report")
        clear("approve", *WRITERS, "report")

    person = Person([others_have_failed, "Approve"])

    assert ask(person).state == "success"
    assert len(person.questions) == 2
    assert leavers.mi.members("Sales") == logins("ana")


def test_nobody_approves_another_plan_than_the_one_that_airflow_shows(leavers: World, ask: Ask, store: Store) -> None:
    """Before 3.4 Airflow keeps the text of a task's first question for ever."""

    def everything_is_new() -> None:
        leavers.okta.user("bo")
        leavers.mi.add_user("gone3")
        leavers.mi.join("Sales", "gone3")
        leavers.mi.forget_requests()
        clear("fetch", "diff", "approve")

    person = Person([everything_is_new, "Approve"])
    run = ask(person)

    assert len(person.questions) == 1
    assert run.state == "failed"
    assert run.tasks["approve"] == "failed"
    assert leavers.mi.writes() == []
    report = stored_report(store, run)
    assert report["state"] == "refused"
    assert "still shows the question of an earlier try" in report["error"]


def test_an_answer_to_a_plan_that_was_replaced_meanwhile_is_none(leavers: World, ask: Ask, store: Store) -> None:
    """`diff` is run again alone, while the question about its first plan is still open."""

    def another_plan() -> None:
        leavers.mi.add_user("gone3")
        leavers.mi.join("Sales", "gone3")
        leavers.mi.forget_requests()
        clear("fetch", "diff")

    run = ask(Person([another_plan, "Approve"]))

    assert run.tasks["approve"] == "failed"
    assert leavers.mi.writes() == []
    assert "a task before this one was run again" in stored_report(store, run)["error"]


def test_a_second_rejection_needs_a_second_question(leavers: World, ask: Ask, store: Store) -> None:
    """The answers of two runs are not mixed up."""
    first = ask(Person(["Reject"]))
    second = ask(Person(["Approve"]))

    assert (first.state, second.state) == ("failed", "success")
    assert stored_report(store, first)["approval"]["answer"] == "rejected"
    assert stored_report(store, second)["approval"]["answer"] == "approved"


def test_names_in_the_question_are_never_templates_and_no_xcom(world: World, ask: Ask, dags: Any) -> None:
    world.okta.group("Sales")
    world.okta.user("ana", "Sales", firstName="{{ 1/0 }}", lastName="`*x*`")
    person = Person(["Approve"])

    run = ask(person, ALWAYS)

    assert run.state == "success"
    assert "first name `{{ 1/0 }}`, last name `` `*x*` ``" in person.questions[0][1]
    assert "acme.example" not in json.dumps(run.returned)


def test_drift_fails_when_mi_differs_and_writes_nothing(leavers: World, ask: Ask, store: Store) -> None:
    run = ask(None, NEVER, mode="drift")

    assert run.tasks == {**dict.fromkeys(["fetch", "diff", *WRITERS], "success"), "report": "failed"}
    assert leavers.mi.writes() == []
    report = stored_report(store, run)
    assert (report["state"], report["mode"]) == ("failed", "drift")
    assert "MI differs from Okta" in report["error"]


def test_drift_succeeds_when_mi_is_as_okta_says(world: World, ask: Ask) -> None:
    world.okta.group("Sales", "ana")
    assert ask(None, NEVER).state == "success"
    world.mi.forget_requests()

    assert ask(None, NEVER, mode="drift").state == "success"
    assert world.mi.writes() == []


def test_only_user_syncs_that_user_and_nobody_else(leavers: World, ask: Ask) -> None:
    leavers.okta.user("bo", "Sales")

    run = ask(None, NEVER, only_user="bo@acme.example")

    assert run.state == "success"
    assert leavers.mi.members("Sales") == logins("bo", "gone1", "gone2")
