"""Which plans wait for a person, and what is written without one."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.settings_error import SettingsError
from okta_mi_provider.sync.approval import (
    APPROVED,
    ASKED,
    REJECTED,
    TIMED_OUT,
    VALID_FOR,
    as_triggered,
    departures,
    is_let_through,
    needs_approval,
    raise_if_nobody_is_asked,
    raise_if_not_approved,
    raise_if_stale,
    raise_if_too_old,
    refusal,
    stricter,
)
from okta_mi_provider.sync.diff import diff
from okta_mi_provider.sync.errors import PlanRefused, PlanStale, PlanUnusual, SyncError
from okta_mi_provider.sync.plan import Plan
from okta_mi_provider.sync.report import Approval
from okta_mi_provider.sync.snapshot import Snapshot
from tests.unit.worlds import any_settings, mi_user, okta_user, settings, snapshot, worlds

_AT = "2026-11-24T10:00:00+00:00"


def plan(*, removals: int = 0, **values: Any) -> Plan:
    """A plan that creates a user and removes some."""
    world = snapshot(
        [okta_user("new")],
        [mi_user(f"u{number}") for number in range(removals)],
        members={f"id-u{number}" for number in range(removals)},
    )
    return diff(world, settings(auto_create="all", prune="all", max_removals=0, **values))


def answered(plan: Plan, answer: str = APPROVED) -> Approval:
    return Approval(answer, "boss", _AT, plan.digest)


ORDINARY, UNUSUAL = plan(), plan(removals=2)


@pytest.mark.parametrize(
    ("approve", "which", "asked"),
    [
        ("never", ORDINARY, False),
        ("never", UNUSUAL, False),
        ("unusual", ORDINARY, False),
        ("unusual", UNUSUAL, True),
        ("always", ORDINARY, True),
        ("always", UNUSUAL, True),
    ],
)
def test_who_is_asked(approve: str, which: Plan, asked: bool) -> None:
    assert needs_approval(which, settings(approve=approve)) is asked


@pytest.mark.parametrize("looking", [{"dry_run": True}, {"mode": "drift"}])
def test_nobody_is_asked_who_only_looks(looking: dict[str, Any]) -> None:
    how = settings(approve="always", **looking)
    assert not needs_approval(UNUSUAL, how)
    raise_if_not_approved(UNUSUAL, how, None)


def test_nobody_is_asked_about_a_plan_without_changes() -> None:
    assert not needs_approval(diff(snapshot([]), settings()), settings(approve="always"))


@pytest.mark.parametrize("approve", ["unusual", "always"])
def test_whoever_triggers_a_run_approves_nothing_where_a_person_is_asked(approve: str) -> None:
    with pytest.raises(SettingsError, match=rf"approve_plan: a person is asked here \(approve: {approve}\)"):
        settings(approve=approve, approve_plan=UNUSUAL.digest)
    # Whatever way it may have come in.
    how = replace(settings(approve=approve), approve_plan=UNUSUAL.digest)
    assert needs_approval(UNUSUAL, how)
    assert not is_let_through(UNUSUAL, how)
    with pytest.raises(PlanUnusual, match="nobody has approved"):
        raise_if_not_approved(UNUSUAL, how, None)


def test_where_nobody_is_asked_whoever_triggers_a_run_can_let_one_plan_through() -> None:
    how = settings(approve_plan=UNUSUAL.digest[:12])
    raise_if_nobody_is_asked(UNUSUAL, how)
    raise_if_not_approved(UNUSUAL, how, None)
    assert is_let_through(UNUSUAL, how)
    with pytest.raises(PlanUnusual):
        raise_if_nobody_is_asked(plan(removals=3), how)


def test_a_plan_that_is_written_anyway_is_let_through_by_nobody() -> None:
    assert not is_let_through(ORDINARY, settings(approve_plan=ORDINARY.digest))


@pytest.mark.parametrize(
    "form",
    [
        {"user_type": "administrator"},
        {"force": True},
        {"auto_create": "all"},
        {"sync_user_limit": 20_000},
        {"only_user": "ana"},
    ],
)
def test_every_plan_is_asked_about_of_a_run_with_other_settings_than_its_dag(form: dict[str, Any]) -> None:
    of_dag = settings(approve="unusual")
    how = as_triggered(settings(approve="unusual", **form), of_dag)
    assert needs_approval(ORDINARY, how)
    assert departures(how, of_dag) == form
    assert as_triggered(settings(**form), settings()).approve == "never"


@pytest.mark.parametrize("read_only", [{"dry_run": True}, {"mode": "drift"}])
def test_a_dag_that_only_looks_is_not_made_to_write_without_asking(read_only: dict[str, Any]) -> None:
    how = as_triggered(settings(approve="unusual"), settings(approve="unusual", **read_only))
    assert needs_approval(ORDINARY, how)


def test_how_much_is_told_in_the_end_is_no_matter_for_an_approval() -> None:
    how = settings(approve="unusual", summary="full")
    assert as_triggered(how, settings(approve="unusual")) == how


@given(st.permutations(["never", "unusual", "always"]))
def test_the_stricter_one_is_that_with_which_people_are_asked_more_often(order: list[str]) -> None:
    assert reduce(stricter, order) == "always"
    assert reduce(stricter, [each for each in order if each != "always"]) == "unusual"


@pytest.mark.parametrize(("which", "approve"), [(UNUSUAL, "never"), (UNUSUAL, "unusual"), (ORDINARY, "always")])
@pytest.mark.parametrize("answer", [None, REJECTED, TIMED_OUT])
def test_a_plan_that_nobody_has_approved_is_not_written(which: Plan, approve: str, answer: str | None) -> None:
    approval = answered(which, answer) if answer else None
    with pytest.raises(PlanRefused, match=which.digest[:12]):
        raise_if_not_approved(which, settings(approve=approve), approval)


@pytest.mark.parametrize(("which", "approve"), [(UNUSUAL, "never"), (UNUSUAL, "unusual"), (ORDINARY, "always")])
def test_an_approval_is_for_one_plan(which: Plan, approve: str) -> None:
    raise_if_not_approved(which, settings(approve=approve), answered(which))
    with pytest.raises(PlanUnusual):
        raise_if_not_approved(which, settings(approve=approve), answered(plan(removals=3)))


def test_what_is_refused_always_no_approval_lets_through() -> None:
    empty = diff(snapshot([], [mi_user("ana")], members={"id-ana"}), settings(prune="all"))
    with pytest.raises(PlanRefused, match="everybody would be removed"):
        raise_if_not_approved(empty, settings(approve="always", prune="all"), answered(empty))


def test_what_a_person_has_rejected_is_not_written_however_ordinary_it_is() -> None:
    with pytest.raises(PlanRefused, match="boss has rejected plan"):
        raise_if_not_approved(ORDINARY, settings(), answered(ORDINARY, REJECTED))


@given(worlds(), any_settings(), st.sampled_from(["never", "unusual", "always"]))
def test_what_needs_an_approval_is_not_written_without_and_is_with(
    world: Snapshot, how: SyncSettings, approve: str
) -> None:
    how = replace(how, approve=approve)
    found = diff(world, how)
    if found.refusals or how.only_looks:
        return
    if needs_approval(found, how) or found.unusual:
        with pytest.raises(PlanUnusual):
            raise_if_not_approved(found, how, None)
    else:
        raise_if_not_approved(found, how, None)
    raise_if_not_approved(found, how, answered(found))


def test_the_same_plan_is_not_stale() -> None:
    raise_if_stale(UNUSUAL, plan(removals=2), approved=True, advice="")


def test_a_stale_plan_is_refused_with_both_digests_and_what_differs() -> None:
    now = plan(removals=3)
    with pytest.raises(PlanStale) as caught:
        raise_if_stale(UNUSUAL, now, approved=True, advice="Trigger a new run.")
    assert "which was approved" in str(caught.value)
    assert str(caught.value).endswith("So it is not written. Trigger a new run.")
    assert UNUSUAL.digest[:12] in str(caught.value)
    assert now.digest[:12] in str(caught.value)
    assert "1 other change would be made" in str(caught.value)
    with pytest.raises(PlanStale, match="1 change of it is not wanted any more"):
        raise_if_stale(now, UNUSUAL, approved=False, advice="")


def test_what_a_plan_found_counts_as_well() -> None:
    with pytest.raises(PlanStale, match="its changes are the same"):
        raise_if_stale(ORDINARY, replace(ORDINARY, source_users=5), approved=False, advice="")


@given(st.timedeltas(timedelta(0), timedelta(days=60)), st.none() | st.timedeltas(timedelta(0), timedelta(days=60)))
def test_a_plan_is_written_within_a_day_after_it_was_made_or_approved(age: timedelta, waited: timedelta | None) -> None:
    now = datetime.fromisoformat(_AT)
    approval = None if waited is None else replace(answered(UNUSUAL), at=(now - age + min(waited, age)).isoformat())
    since_approval = age if waited is None else age - min(waited, age)
    may = since_approval <= VALID_FOR
    with nullcontext() if may else pytest.raises(SyncError, match=r"may be written for 24 hours.*Clear it"):
        raise_if_too_old(UNUSUAL, read_at=now - age, approval=approval, now=now, advice="Clear it.")


def test_a_clock_that_was_days_ahead_makes_no_plan_younger() -> None:
    now = datetime.fromisoformat(_AT)
    with pytest.raises(SyncError, match="may be written for 24 hours"):
        raise_if_too_old(UNUSUAL, read_at=now + VALID_FOR * 2, approval=None, now=now, advice="")


def test_a_question_that_nobody_has_answered_makes_no_plan_younger() -> None:
    now = datetime.fromisoformat(_AT)
    asked = replace(answered(UNUSUAL, ASKED), at=_AT)
    with pytest.raises(SyncError):
        raise_if_too_old(UNUSUAL, read_at=now - VALID_FOR * 2, approval=asked, now=now, advice="")


def test_the_report_says_who_did_not_want_it() -> None:
    assert refusal(None) is None
    assert refusal(answered(UNUSUAL)) is None
    assert refusal(answered(UNUSUAL, REJECTED)) == (
        f"boss has rejected plan {UNUSUAL.digest[:12]}. Nothing was written."
    )
    assert "Nobody has answered in time" in (refusal(replace(answered(UNUSUAL, TIMED_OUT), by=None)) or "")
