"""What the tasks log: groups that close, aligned tables, and names that can do neither harm nor mischief."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import pytest

from okta_mi_provider.operators.logs import (
    folded,
    log_changes,
    log_failure,
    log_plan,
    log_requests,
    log_settings,
    log_summary,
    log_table,
    plan_rows,
    plan_title,
)
from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.sync.diff import diff
from okta_mi_provider.sync.outcome import Outcome, Status
from okta_mi_provider.sync.report import Report
from okta_mi_provider.sync.text import aligned, one_line
from okta_mi_provider.sync.traffic import Traffic
from tests.log_groups import groups_of
from tests.unit.worlds import mi_user, okta_user, settings, snapshot

MARKS = ("::group::", "::endgroup::")
#: Each would open or close a group, or begin a line of its own, if it got into a log as it is.
HOSTILE = (
    "::endgroup::",
    "::group::Everything is fine",
    "::group::group::x",
    "a::endgroup::endgroup::b",
    "first\n::endgroup::\nsecond",
    "first\r\u2028[2026-01-01] INFO - all done",
    "\x1b[2Jgone",
    ":::group::",
)


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], list[str]]]:
    with caplog.at_level(logging.INFO, "okta_mi_provider"):
        yield lambda: caplog.messages


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_opens_or_closes_a_group_or_begins_a_line(name: str) -> None:
    shown = one_line(name)

    assert not any(mark in shown for mark in MARKS)
    assert shown.isprintable()
    # As it stands in sentences that are made safe once more.
    assert one_line(f"user '{shown}'") == f"user '{shown}'"


def test_what_only_looks_like_a_mark_stays_as_it_is() -> None:
    for name in ("group::x", ":group::", "::group", "a::b", "::groups::"):
        assert one_line(name) == name


def test_a_plan_full_of_hostile_names_is_folded_and_its_numbers_are_in_the_open(
    lines: Callable[[], list[str]],
) -> None:
    source = [okta_user(name, id=f"00u{number}", first_name=name) for number, name in enumerate(HOSTILE)]
    twins = [okta_user("twin", id=f"00uT{number}") for number in range(2)]
    full = settings(auto_create="all", summary="full")
    plan = diff(snapshot([*source, *twins], [mi_user("former")], members={"id-former"}, group=None), full)

    log_plan(plan, full)
    log_table(plan_title(plan, "0123456789abcdef"), plan_rows(plan))
    failure = Outcome(plan.changes[1], Status.FAILED, "MI says: \n::endgroup:: no")
    log_failure(failure)
    log_summary(Report.of_plan(plan, [failure], dry_run=False), full)

    found = groups_of(lines())
    assert all(line.isprintable() for line in lines())
    everybody = next(title for title in found if title.startswith("Every affected user and group"))
    assert len(found[f"The plan: {len(plan.changes)} changes"]) == len(plan.changes)
    assert len(found[everybody]) >= len(plan.changes)
    table = found[""][found[""].index("Plan 0123456789ab for MI group 'Sales':") :]
    assert table[1:4] == ["  groups to create  1", f"  users to create   {len(HOSTILE)}", "  conflicts         2"]


def test_many_conflicts_do_not_bury_the_table(lines: Callable[[], list[str]]) -> None:
    twins = [okta_user(f"twin{number // 2:02}", id=f"00u{number}") for number in range(60)]
    some = settings(auto_create="all")
    plan = diff(snapshot(twins), some)

    log_plan(plan, some)

    found = groups_of(lines())
    assert plan.conflicts == 60
    assert sum(line.startswith("Conflict: ") for line in found[""]) == 10
    assert len(found["More findings: 50"]) == 50


def test_without_anything_to_fold_there_is_no_group(lines: Callable[[], list[str]]) -> None:
    plan = diff(snapshot([]), settings())

    log_plan(plan, settings())
    log_changes("The plan", [])
    log_requests([])
    log_table("Nothing:", plan_rows(plan))

    assert groups_of(lines()) == {
        "": [
            "Notice: Okta group 'Sales' has no members. No user is created or changed.",
            "Nothing:",
            "  changes    none",
            "  conflicts     0",
        ]
    }


def test_a_group_is_closed_whatever_happens_in_it(lines: Callable[[], list[str]]) -> None:
    with pytest.raises(KeyError), folded("::endgroup::\n x"):
        raise KeyError

    assert list(groups_of(lines())) == ["", r"\u003a:endgroup::\u000a x"]


def test_the_settings_are_a_table_of_their_own(lines: Callable[[], list[str]]) -> None:
    log_settings(SyncSettings(target_group="::endgroup::\n", max_removals=None, force=True))

    found = groups_of(lines())["Settings"]
    assert "force                   true" in found
    assert r"target_group            \u003a:endgroup::\u000a" in found
    assert "max_removals            -" in found
    assert "match_by                username" in found


def test_requests_are_told_by_kind_and_without_ids(lines: Callable[[], list[str]]) -> None:
    traffic = Traffic()
    for number in range(3):
        traffic.request("Okta", "GET", f"/api/v1/groups/00g{number}/users", 200, 0.25)
    traffic.request("Okta", "GET", "/api/v1/groups/00gA/users", 429, 0.05)
    traffic.request("Okta", "GET", "/api/v1/users/ana.silva@example.com", 404, 0.1)
    for number in (118, 120):
        traffic.request("Metric Insights", "PUT", f"/mi/api/user/id/{number}", 200, 1.0)
    traffic.request("Metric Insights", "PUT", "/mi/api/user/id/119", None, 30.0)

    log_requests(traffic.taken().asked)

    assert groups_of(lines())["Requests: 8"] == [
        "Okta             GET  /api/v1/groups/{id}/users  4  200 x 3, 429 x 1; 0.80 s, the longest 0.25 s",
        "Okta             GET  /api/v1/users/{id}         1  404; 0.10 s",
        "Metric Insights  PUT  /mi/api/user/id/{id}       3  200 x 2, no answer x 1; 32.00 s, the longest 30.00 s",
    ]
    assert traffic.taken().asked == []


def test_a_table_is_aligned() -> None:
    assert aligned([("members", 1_234_567), ("of the MI group", "not there yet")]) == [
        "  members              1,234,567",
        "  of the MI group  not there yet",
    ]
    assert aligned([]) == []
