"""Which plans wait for a person, and what is written without one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.sync.approval import (
    APPROVED,
    REJECTED,
    TIMED_OUT,
    needs_approval,
    raise_if_not_approved,
    raise_if_stale,
    refusal,
)
from okta_mi_provider.sync.diff import diff
from okta_mi_provider.sync.errors import PlanRefused, PlanStale, PlanUnusual
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
def test_nobody_is_asked_about_a_plan_that_whoever_triggered_the_run_has_approved(approve: str) -> None:
    how = settings(approve=approve, approve_plan=UNUSUAL.digest[:12])
    assert not needs_approval(UNUSUAL, how)
    raise_if_not_approved(UNUSUAL, how, None)
    assert needs_approval(plan(removals=3), how)


@pytest.mark.parametrize(("which", "approve"), [(UNUSUAL, "never"), (UNUSUAL, "unusual"), (ORDINARY, "always")])
@pytest.mark.parametrize("answer", [None, REJECTED, TIMED_OUT])
def test_a_plan_that_nobody_has_approved_is_not_written(which: Plan, approve: str, answer: str | None) -> None:
    approval = answered(which, answer) if answer else None
    with pytest.raises(PlanUnusual, match=which.digest[:12]):
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
    raise_if_stale(UNUSUAL, plan(removals=2))


def test_a_stale_plan_is_refused_with_both_digests_and_what_differs() -> None:
    now = plan(removals=3)
    with pytest.raises(PlanStale) as caught:
        raise_if_stale(UNUSUAL, now)
    assert UNUSUAL.digest[:12] in str(caught.value)
    assert now.digest[:12] in str(caught.value)
    assert "1 other change would be made" in str(caught.value)
    with pytest.raises(PlanStale, match="1 change of it is not wanted any more"):
        raise_if_stale(now, UNUSUAL)


def test_what_a_plan_found_counts_as_well() -> None:
    with pytest.raises(PlanStale, match="its changes are the same"):
        raise_if_stale(ORDINARY, replace(ORDINARY, source_users=5))


def test_the_report_says_who_did_not_want_it() -> None:
    assert refusal(None) is None
    assert refusal(answered(UNUSUAL)) is None
    assert refusal(answered(UNUSUAL, REJECTED)) == (
        f"boss has rejected plan {UNUSUAL.digest[:12]}. Nothing was written."
    )
    assert "Nobody has answered in time" in (refusal(replace(answered(UNUSUAL, TIMED_OUT), by=None)) or "")
