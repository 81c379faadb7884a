"""What the tasks write into their logs: long parts in groups that Airflow's log viewer folds, and a table after them.

Every name in it is made safe by those who render it: `one_line` leaves no line, and no mark of a group, to a name.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.sync.outcome import Outcome, Status
from okta_mi_provider.sync.plan import SHORT_DIGEST, Change, ChangeKind, FindingClass, Plan
from okta_mi_provider.sync.render import BRIEF, as_text, describe
from okta_mi_provider.sync.report import Report
from okta_mi_provider.sync.text import aligned, one_line, plural, quoted

if TYPE_CHECKING:
    from okta_mi_provider.sync.traffic import Asked

log = logging.getLogger(__name__)

#: Of a table: what stands before a number, or a word.
Row = tuple[str, int | str]

_LABELS = {
    ChangeKind.CREATE_GROUP: "groups to create",
    ChangeKind.CREATE_USER: "users to create",
    ChangeKind.UPDATE_USER: "users to update",
    ChangeKind.ADD_MEMBER: "memberships to add",
    ChangeKind.REMOVE_MEMBER: "memberships to take away",
    ChangeKind.DISABLE_USER: "users to disable",
    ChangeKind.ENABLE_USER: "users to enable",
}


@contextmanager
def folded(title: str) -> Iterator[None]:
    """Lines that Airflow's log viewer folds under a title. Groups in groups are not for every Airflow."""
    log.info("::group::%s", one_line(title))
    try:
        yield
    finally:
        log.info("::endgroup::")


def log_folded(title: str, lines: Sequence[str]) -> None:
    """Lines in a group of their own, if there are any."""
    if lines:
        with folded(title):
            for line in lines:
                log.info("%s", line)


def log_table(title: str, rows: Sequence[Row]) -> None:
    """The sum of a task, in the open."""
    for line in (title, *aligned(rows)):
        log.info("%s", line)


def log_settings(settings: SyncSettings) -> None:
    """Every setting as it holds in this run."""
    values = settings.to_mapping()
    width = max(map(len, values))
    log_folded("Settings", [f"{key:<{width}}  {_as_words(value)}" for key, value in values.items()])


def log_requests(kinds: Sequence[Asked]) -> None:
    """What was asked of both systems, each kind of request once."""
    if not kinds:
        return
    cells = [(each.system, each.method, one_line(each.path), f"{each.times:,}", _answers(each)) for each in kinds]
    widths = [max(len(row[column]) for row in cells) for column in range(4)]
    log_folded(
        f"Requests: {sum(each.times for each in kinds):,}",
        [
            f"{system:<{widths[0]}}  {method:<{widths[1]}}  {path:<{widths[2]}}  {times:>{widths[3]}}  {answers}"
            for system, method, path, times, answers in cells
        ],
    )


def log_plan(plan: Plan, settings: SyncSettings) -> None:
    """What there is to say of a plan: limits and conflicts in the open; in full, if asked for, with everybody."""
    for sentence in plan.refusals:
        log.warning("Not to be written: %s", one_line(sentence, 1000))
    for sentence in plan.unusual:
        log.warning("Unusual: %s", one_line(sentence, 1000))
    conflicts = [one_line(each.message, 1000) for each in plan.findings if each.cls is FindingClass.CONFLICT]
    notices = [each for each in plan.findings if each.cls is FindingClass.NOTICE]
    people = [one_line(each.message, 1000) for each in notices if each.user is not None and settings.summary == "full"]
    for conflict in conflicts[:BRIEF]:
        log.warning("Conflict: %s", conflict)
    for notice in notices:
        if notice.user is None:
            log.info("Notice: %s", one_line(notice.message, 1000))
    lines = [*(f"Conflict: {each}" for each in conflicts[BRIEF:]), *(f"Notice: {each}" for each in people)]
    log_folded(f"More findings: {len(lines):,}", lines)
    if settings.summary == "full":
        log_changes("The plan", plan.changes)


def plan_rows(plan: Plan) -> list[Row]:
    """A plan in numbers."""
    rows: list[Row] = [(label, plan.count(kind)) for kind, label in _LABELS.items() if plan.count(kind)]
    return [*(rows or [("changes", "none")]), ("conflicts", plan.conflicts)]


def plan_title(plan: Plan, digest: str) -> str:
    """How a table about a plan begins."""
    return f"Plan {digest[:SHORT_DIGEST]} for MI group {quoted(plan.target_group.name)}:"


def log_dry_run(changes: Iterable[Change]) -> None:
    """What would be written: a dry run is there to be read."""
    everything = list(changes)
    log_changes("Dry run", everything)
    if not everything:
        log.info("would write nothing")


def log_changes(title: str, changes: Iterable[Change]) -> None:
    """One line for each change, folded."""
    lines = [describe(change, Status.PLANNED) for change in changes]
    log_folded(f"{title}: {plural(len(lines), 'change')}", lines)


def log_failure(outcome: Outcome) -> None:
    """A change that failed, with the reason."""
    log.error("%s - %s", describe(outcome.change, outcome.status), one_line(outcome.error or "", 500))


def log_summary(report: Report, settings: SyncSettings) -> None:
    """The summary as the settings ask for it: none; numbers, with the first conflicts and failures; or everybody.

    What names everybody is folded, and stands before the numbers.
    """
    if settings.summary == "none":
        return
    # A dry run is there to be read.
    if settings.summary == "full" or settings.dry_run:
        lines = [one_line(finding.message, 1000) for finding in report.findings]
        lines += [describe(change, report.status(change)) for change in report.changes]
        log_folded(f"Every affected user and group: {plural(len(lines), 'line')}", lines)
    for line in as_text(report, full=False).splitlines():
        log.info("%s", line)


def _as_words(value: object) -> str:
    if isinstance(value, list):
        return one_line(", ".join(map(str, value)), 500)
    if value is None:
        return "-"
    return one_line(str(value).lower() if isinstance(value, bool) else str(value))


def _answers(asked: Asked) -> str:
    """Statuses, and how long the requests took: `200 x 9, 429 x 1; 0.42 s, the longest 0.21 s`."""
    statuses = ", ".join(
        ("no answer" if status is None else str(status)) + (f" x {number:,}" if number < asked.times else "")
        for status, number in asked.answers.most_common()
    )
    longest = f", the longest {asked.longest_s:.2f} s" if asked.times > 1 else ""
    return f"{statuses}; {asked.seconds:.2f} s{longest}"
