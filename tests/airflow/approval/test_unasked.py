"""Runs about which nobody is asked: where nothing is unusual, where nobody is to be, or where it would be too late."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from okta_mi_provider.store import ArtifactKind, History, Store
from tests.airflow.approval.conftest import ALWAYS, NEEDS_A_PERSON, NEVER, UNUSUAL, WRITERS, Ask, plan_digest
from tests.airflow.person import Person, clear, end
from tests.airflow.runs import stored_report
from tests.integration.world import World, logins

pytestmark = NEEDS_A_PERSON


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
