"""Reports: the JSON that people script on, and the texts that people read."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okta_mi_provider.sync.diff import diff
from okta_mi_provider.sync.model import SourceGroup, TargetGroup
from okta_mi_provider.sync.outcome import Outcome, Status
from okta_mi_provider.sync.plan import Change, ChangeKind, Plan
from okta_mi_provider.sync.render import COLUMNS, as_csv, as_markdown, as_text
from okta_mi_provider.sync.report import Report, State
from tests.unit.worlds import mi_user, okta_user, settings, snapshot

_HOSTILE = "<img src=x>|`x`\n# *a* [b](javascript:c) \x1b[31m\u202e"


def _plan() -> Plan:
    world = snapshot(
        [okta_user("ana"), okta_user("bob", last_name="Costa"), okta_user("cy"), okta_user("dee", status="SUSPENDED")],
        [mi_user("bob"), mi_user("x", email="cy@example.com")],
        group=None,
    )
    return diff(world, settings(auto_create="all"))


def _outcome(change: Change, status: Status) -> Outcome:
    joins = change.kind in {ChangeKind.CREATE_USER, ChangeKind.ADD_MEMBER}
    error = "why" if status is Status.FAILED else None
    return Outcome(change, status, error, target_id="9", joined=joins and status is Status.DONE)


def _outcomes(plan: Plan, **statuses: Status) -> list[Outcome]:
    return [_outcome(change, statuses.get(change.kind.value, Status.DONE)) for change in plan.changes]


def _report(**statuses: Status) -> Report:
    plan = _plan()
    return Report.of_plan(plan, _outcomes(plan, **statuses), dry_run=False)


def test_the_json_report_has_exactly_the_documented_keys() -> None:
    document = json.loads(json.dumps(_report().to_json()))
    assert list(document) == [
        "schema", "source", "target", "dry_run", "state", "plan_digest", "counts", "changes", "findings", "error",
    ]  # fmt: skip
    assert document["schema"] == 1
    assert document["source"] == {"org": "https://acme.okta.com", "group": {"id": "00gSALES", "name": "Sales"}}
    assert document["target"] == {"host": "https://mi.example.org", "group": {"id": "9", "name": "Sales"}}
    assert list(document["counts"]["users"]) == [
        "source", "created", "updated", "unchanged", "skipped", "conflicts", "failed", "disabled",
    ]  # fmt: skip
    assert list(document["counts"]["groups"]) == ["created"]
    assert list(document["counts"]["memberships"]) == ["added", "removed"]
    assert {tuple(change) for change in document["changes"]} == {("kind", "user", "group", "fields", "status", "error")}
    assert {tuple(finding) for finding in document["findings"]} == {("class", "kind", "user", "message")}


def test_counts_of_a_run_are_what_was_done() -> None:
    counts = _report().counts()
    assert counts["users"] == {
        "source": 4, "created": 1, "updated": 1, "unchanged": 0, "skipped": 1, "conflicts": 1, "failed": 0,
        "disabled": 0,
    }  # fmt: skip
    assert counts["groups"] == {"created": 1}
    assert counts["memberships"] == {"added": 2, "removed": 0}


def test_counts_of_a_dry_run_are_what_would_be_done() -> None:
    report = Report.of_plan(_plan(), dry_run=True)
    assert report.counts() == _report().counts()
    assert {change["status"] for change in report.to_json()["changes"]} == {"planned"}


def test_what_somebody_else_has_done_is_not_counted_as_ours() -> None:
    counts = _report(create_user=Status.ALREADY, add_member=Status.ALREADY).counts()
    assert (counts["users"]["created"], counts["users"]["unchanged"], counts["memberships"]["added"]) == (0, 1, 0)


def test_a_user_whom_another_sync_created_first_is_no_creation_but_a_new_member() -> None:
    plan = _plan()
    outcomes = [
        replace(each, status=Status.ALREADY) if each.change.kind is ChangeKind.CREATE_USER else each
        for each in _outcomes(plan)
    ]
    counts = Report.of_plan(plan, outcomes, dry_run=False).counts()
    assert (counts["users"]["created"], counts["users"]["unchanged"], counts["memberships"]["added"]) == (0, 1, 2)


def test_a_failed_change_has_its_reason_and_makes_the_state_failed() -> None:
    report = _report(create_user=Status.FAILED)
    assert report.state is State.FAILED
    assert report.counts()["users"]["failed"] == 1
    (failed,) = [change for change in report.to_json()["changes"] if change["status"] == "failed"]
    assert (failed["user"], failed["error"]) == ("ana", "why")


def test_a_conflict_alone_makes_the_state_failed_and_a_notice_does_not() -> None:
    conflict = diff(snapshot([okta_user("ana")], [mi_user("x", email="ana@example.com")]), settings())
    notice = diff(snapshot([okta_user("ana", status="SUSPENDED")]), settings())
    assert Report.of_plan(conflict, dry_run=False).state is State.FAILED
    assert Report.of_plan(notice, dry_run=False).state is State.DONE


def test_a_refused_plan_counts_nothing_as_done() -> None:
    report = Report.of_plan(_plan(), dry_run=False, error="too many", refused=True)
    assert report.state is State.REFUSED
    assert report.counts()["users"]["created"] == 0
    assert {change["status"] for change in report.to_json()["changes"]} == {"planned"}


def test_the_numbers_of_a_sync_that_was_cut_short_add_up() -> None:
    plan = _plan()
    cut = Report.of_plan(plan, _outcomes(plan)[:2], dry_run=False, error="Stopped.")
    assert cut.untried == len(plan.changes) - 2
    (line,) = [line for line in as_text(cut, full=False).splitlines() if "not tried" in line]
    assert line.split() == ["changes", "not", "tried", str(cut.untried)]
    assert f"| changes not tried | {cut.untried} |" in as_markdown(cut, full=False)
    begun = [Outcome(change, Status.BEGUN) for change in plan.changes[2:]]
    assert replace(cut, outcomes={**cut.outcomes, **{each.change.key: each for each in begun}}).untried == cut.untried


@pytest.mark.parametrize(
    "whole",
    [
        _report(),
        Report.of_plan(_plan(), dry_run=True),
        Report.of_plan(_plan(), dry_run=False, mode="drift"),
        Report.of_plan(_plan(), dry_run=False, refused=True),
    ],
)
def test_where_nothing_was_cut_short_nothing_is_said_of_it(whole: Report) -> None:
    assert whole.untried == 0
    assert "not tried" not in as_text(whole, full=False)


def test_the_headline_says_what_was_found_and_not_that_looking_has_failed() -> None:
    def headline(report: Report) -> str:
        return as_text(report, full=False).partition("\n")[0].rpartition(": ")[2]

    none = replace(_plan(), changes=(), findings=())

    assert headline(Report.of_plan(_plan(), dry_run=False, mode="drift")) == "different"
    assert headline(Report.of_plan(none, dry_run=False, mode="drift")) == "the same"
    assert headline(replace(Report.of_plan(none, dry_run=False, mode="drift"), plan=None)) == "FAILED"
    assert headline(Report.of_plan(_plan(), dry_run=False, mode="drift", refused=True)).startswith("REFUSED")
    assert headline(Report.of_plan(none, dry_run=True, mode="undo")) == "nothing to take back"
    assert headline(Report.of_plan(_plan(), dry_run=False)) == "FAILED"


def test_without_a_plan_there_is_a_report_too() -> None:
    report = Report("o", (SourceGroup("", "Sales"),), "h", TargetGroup("", "Sales"), dry_run=False, error="401")
    document = report.to_json()
    assert (document["state"], document["plan_digest"], document["error"]) == ("failed", None, "401")
    assert document["source"]["group"] == {"id": None, "name": "Sales"}
    assert "401" in as_text(report, full=False)


def test_the_full_summary_names_everybody_with_old_and_new() -> None:
    text = as_text(_report(), full=True)
    assert "created group 'Sales'" in text
    assert "created user 'ana'" in text
    assert "last_name 'Doe' -> 'Costa'" in text
    assert "'dee' (00u-dee) is SUSPENDED" in text


def test_the_brief_summary_names_conflicts_and_failures_only() -> None:
    text = as_text(_report(create_user=Status.FAILED), full=False)
    assert "'cy'" in text
    assert "'ana' (create user): why" in text
    assert "Costa" not in text
    assert "dee" not in text


def test_the_brief_summary_does_not_flood() -> None:
    world = snapshot(
        [okta_user(f"u{n}") for n in range(50)], [mi_user(f"x{n}", email=f"u{n}@example.com") for n in range(50)]
    )
    text = as_text(Report.of_plan(diff(world, settings()), dry_run=False), full=False)
    assert "... and 40 more" in text
    assert len(text.splitlines()) < 30


@pytest.mark.parametrize(
    "render", [lambda r: as_text(r, full=True), lambda r: as_markdown(r, full=True), lambda r: as_csv([r])]
)
def test_hostile_names_stay_text(render: object) -> None:
    world = snapshot([okta_user("ana", username=_HOSTILE, first_name="=cmd()")])
    text = render(Report.of_plan(diff(world, settings()), dry_run=True))  # type: ignore[operator]
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\n# *a*" not in text


def test_markdown_has_no_markup_from_names() -> None:
    text = as_markdown(
        Report.of_plan(diff(snapshot([okta_user("ana", username=_HOSTILE)]), settings()), dry_run=True), full=True
    )
    assert "<img" not in text
    assert "](javascript" not in text


@given(st.text())
def test_csv_cells_are_never_formulas(name: str) -> None:
    world = snapshot([okta_user("ana", username=name or "x")])
    rows = list(csv.DictReader(io.StringIO(as_csv([Report.of_plan(diff(world, settings()), dry_run=True)]))))
    assert len(rows) == 1
    assert not rows[0]["user"].startswith(("=", "+", "-", "@", "\t", "\r"))


def test_no_csv_has_more_than_its_heading_if_there_is_nothing() -> None:
    assert as_csv([]) == ",".join(COLUMNS) + "\r\n"


@given(st.text())
def test_an_error_is_no_markup_and_no_formula(said: str) -> None:
    report = Report(
        "o", (SourceGroup("", "Sales"),), "h", TargetGroup("", "Sales"), dry_run=False, error=f"={said}\n# x"
    )
    (row,) = csv.DictReader(io.StringIO(as_csv([report])))
    assert (row["source"], row["class"], row["kind"]) == ("Sales", "error", "failed")
    assert row["message"].startswith("'=")
    assert len(as_markdown(report, full=True).splitlines()) == 3
