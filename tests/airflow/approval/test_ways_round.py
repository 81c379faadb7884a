"""Ways round the question: none of them has a plan written that nobody has approved."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from okta_mi_provider.store import Store
from tests.airflow.approval.conftest import ALWAYS, NEEDS_A_PERSON, NEVER, UNUSUAL, WRITERS, Ask, plan_digest
from tests.airflow.conftest import Dags, Failing
from tests.airflow.person import Person, clear, mark_success
from tests.airflow.runs import DAG_ID, Ended, Instance, execute_task, stored_report
from tests.integration.world import World

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

pytestmark = NEEDS_A_PERSON


def execute(bag: DagBag, task_id: str, run: Ended) -> Any:
    """Runs one task of a run again, as after it was cleared."""
    return execute_task(bag.dags[DAG_ID], task_id, Instance(run.run_id, run.returned))


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
    leavers: World, ask: Ask, dags: Dags, failing: Failing
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
    leavers: World, ask: Ask, dags: Dags, failing: Failing
) -> None:
    run = ask(Person(["Reject"]))

    for task_id in WRITERS:
        with failing("boss has rejected plan"):
            execute(dags(UNUSUAL), task_id, run)

    assert leavers.mi.writes() == []


def test_a_person_who_only_marks_the_task_as_a_success_has_approved_nothing(
    leavers: World, ask: Ask, store: Store
) -> None:
    run = ask(Person([lambda: mark_success("approve")]))

    assert run.state == "failed"
    assert leavers.mi.writes() == []
    report = stored_report(store, run)
    assert report["state"] == "refused"
    assert report["approval"]["answer"] == "asked"


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
