"""What the tasks write into their logs. Every name in it is made safe by those who render it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.sync.apply import Outcome, Status
from okta_mi_provider.sync.plan import Change, ChangeKind, FindingClass, Plan
from okta_mi_provider.sync.render import as_text, describe
from okta_mi_provider.sync.report import Report
from okta_mi_provider.sync.text import one_line, plural

log = logging.getLogger(__name__)

_NOUNS = {
    ChangeKind.CREATE_GROUP: ("group to create", "groups to create"),
    ChangeKind.CREATE_USER: ("user to create", "users to create"),
    ChangeKind.UPDATE_USER: ("user to update", "users to update"),
    ChangeKind.ADD_MEMBER: ("membership to add", "memberships to add"),
    ChangeKind.REMOVE_MEMBER: ("membership to take away", "memberships to take away"),
    ChangeKind.DISABLE_USER: ("user to disable", "users to disable"),
    ChangeKind.ENABLE_USER: ("user to enable", "users to enable"),
}


@contextmanager
def folded(title: str) -> Iterator[None]:
    """Lines that Airflow's log viewer folds under a title."""
    log.info("::group::%s", title)
    try:
        yield
    finally:
        log.info("::endgroup::")


def log_plan(plan: Plan, digest: str, settings: SyncSettings) -> None:
    """The plan in numbers; in full, if the settings ask for that, with everybody in it."""
    numbers = [plural(plan.count(kind), *nouns) for kind, nouns in _NOUNS.items() if plan.count(kind)]
    log.info("Plan %s: %s.", digest[:12], ", ".join(numbers) or "nothing to do")
    for sentence in plan.refusals:
        log.warning("Not to be written: %s", one_line(sentence, 1000))
    for sentence in plan.unusual:
        log.warning("Unusual: %s", one_line(sentence, 1000))
    for finding in plan.findings:
        if finding.cls is FindingClass.CONFLICT:
            log.warning("Conflict: %s", one_line(finding.message, 1000))
        elif settings.summary == "full" or finding.user is None:
            log.info("Notice: %s", one_line(finding.message, 1000))
    if settings.summary == "full":
        log_changes("The plan", plan.changes)


def log_dry_run(changes: Iterable[Change]) -> None:
    """What would be written: a dry run is there to be read."""
    everything = list(changes)
    log_changes("Dry run", everything)
    if not everything:
        log.info("would write nothing")


def log_changes(title: str, changes: Iterable[Change]) -> None:
    """One line for each change, folded."""
    lines = [describe(change, Status.PLANNED) for change in changes]
    if lines:
        with folded(f"{title}: {plural(len(lines), 'change')}"):
            for line in lines:
                log.info("%s", line)


def log_failure(outcome: Outcome) -> None:
    """A change that failed, with the reason."""
    log.error("%s - %s", describe(outcome.change, outcome.status), one_line(outcome.error or "", 500))


def log_summary(report: Report, settings: SyncSettings) -> None:
    """The summary as the settings ask for it: none; numbers, with the first conflicts and failures; or everybody."""
    if settings.summary == "none":
        return
    for line in as_text(report, full=False).splitlines():
        log.info("%s", line)
    # A dry run is there to be read.
    if settings.summary == "full" or settings.dry_run:
        lines = [one_line(finding.message, 1000) for finding in report.findings]
        lines += [describe(change, report.status(change)) for change in report.changes]
        if lines:
            with folded("Every affected user and group"):
                for line in lines:
                    log.info("%s", line)
