"""A person is asked: approves, rejects, does not answer, or answers when it is too late."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import text

from okta_mi_provider.store import Store
from tests.airflow.approval.conftest import ALWAYS, NEEDS_A_PERSON, UNUSUAL, WRITERS, Ask, plan_digest
from tests.airflow.conftest import Dags
from tests.airflow.person import Person, clear, end, let_time_pass
from tests.airflow.runs import stored_report
from tests.integration.world import World, logins

pytestmark = NEEDS_A_PERSON


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


def test_a_cleared_question_about_the_same_plan_is_asked_again(leavers: World, ask: Ask) -> None:
    person = Person([lambda: clear("approve"), "Approve"])

    assert ask(person).state == "success"
    assert person.questions[0] == person.questions[1]


def test_whoever_clears_the_others_too_is_asked(leavers: World, ask: Ask) -> None:
    def others_have_failed() -> None:
        end("failed", *WRITERS, "report")
        clear("approve", *WRITERS, "report")

    person = Person([others_have_failed, "Approve"])

    assert ask(person).state == "success"
    assert len(person.questions) == 2
    assert leavers.mi.members("Sales") == logins("ana")


def test_a_second_rejection_needs_a_second_question(leavers: World, ask: Ask, store: Store) -> None:
    """The answers of two runs are not mixed up."""
    first = ask(Person(["Reject"]))
    second = ask(Person(["Approve"]))

    assert (first.state, second.state) == ("failed", "success")
    assert stored_report(store, first)["approval"]["answer"] == "rejected"
    assert stored_report(store, second)["approval"]["answer"] == "approved"


def test_names_in_the_question_are_never_templates_and_no_xcom(world: World, ask: Ask, dags: Dags) -> None:
    world.okta.group("Sales")
    world.okta.user("ana", "Sales", firstName="{{ 1/0 }}", lastName="`*x*`")
    person = Person(["Approve"])

    run = ask(person, ALWAYS)

    assert run.state == "success"
    assert "first name `{{ 1/0 }}`, last name `` `*x*` ``" in person.questions[0][1]
    assert "acme.example" not in json.dumps(run.returned)
