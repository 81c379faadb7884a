"""A report for people: as text, as Markdown, as CSV. Every name in it is other people's text, and escaped."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence

from okta_mi_provider.sync.markdown import escaped
from okta_mi_provider.sync.outcome import Outcome, Status
from okta_mi_provider.sync.plan import REMOVALS, SHORT_DIGEST, Change, ChangeKind, FindingClass
from okta_mi_provider.sync.report import Report, State
from okta_mi_provider.sync.text import aligned, one_line, plural, quoted

#: How many changes of a refused plan a summary that is not full names.
_MOST_REFUSED = 50
#: How many conflicts and failures a summary that is not full names, each.
BRIEF = 10
#: The first line of CSV.
COLUMNS = ("source", "class", "kind", "user", "group", "fields", "status", "message")

#: Why users were left alone, behind their number.
_REASONS = {
    "status": "not synced because of the status in Okta",
    "unknown_status": "not synced because of a status that is unknown",
    "invalid": "not synced because the Okta profile has no username or e-mail address",
    "not_created": "not created because auto_create is 'groups'",
    "disabled_in_mi": "disabled in MI, and still so",
    "protected": "spared because they are administrators of MI",
    "own_account": "spared because the sync acts for them in MI",
    "renamed": "with a new login in Okta, and their old username in MI",
    "relinked": "who have the account of a former user of Okta",
    "left": "members of the MI group although they have left the Okta group",
    "added_by_hand": "added to the MI group by hand",
    "removed_by_hand": "taken out of the MI group by hand",
    "changed_by_hand": "changed in MI by hand",
    "no_group_named": "in no group of MI because the Okta profile names none",
    "bad_group_name": "in no group of MI because what the Okta profile names cannot be one",
}
_HEADLINES = {
    State.DONE: "done",
    State.FAILED: "FAILED",
    State.REFUSED: "REFUSED, nothing was written",
}
_DID = {
    ChangeKind.CREATE_GROUP: ("create group", "created group"),
    ChangeKind.CREATE_USER: ("create user", "created user"),
    ChangeKind.UPDATE_USER: ("update user", "updated user"),
    ChangeKind.ADD_MEMBER: ("add to group", "added to group"),
    ChangeKind.REMOVE_MEMBER: ("remove from group", "removed from group"),
    ChangeKind.DISABLE_USER: ("disable user", "disabled user"),
    ChangeKind.ENABLE_USER: ("enable user", "enabled user"),
}


def as_text(report: Report, *, full: bool) -> str:
    """The summary as plain text.

    Args:
        report: What to tell.
        full: Name every affected user and group; otherwise only conflicts and failures, and not all of many.
    """
    return "\n".join(_text_lines(report, full=full)) + "\n"


def as_markdown(report: Report, *, full: bool) -> str:
    """The summary as Markdown, for a page that shows it. Arguments as for `as_text`."""
    rows = [f"| {label} | {number:,} |" for label, number in _numbers(report)]
    lines = [f"### {escaped(_title(report))}"]
    if report.plan:
        lines += ["", "| | |", "|---|---:|", *rows]
    if report.error:
        lines += ["", f"**{escaped(one_line(report.error, 2000))}**"]
    for heading, entries in _sections(report, full=full):
        lines += ["", f"#### {heading}", "", *(f"* {escaped(entry)}" for entry in entries)]
    return "\n".join(lines) + "\n"


def as_csv(reports: Sequence[Report]) -> str:
    """Every change and finding of all reports as a row, and why a sync did not get through, for a spreadsheet."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for report in reports:
        for row in _rows(report):
            writer.writerow(map(spreadsheet_cell, (report.source_name, *row)))
    return out.getvalue()


def conflict_lines(report: Report) -> list[str]:
    """What is said of the conflicts. Twins share one message."""
    return list(dict.fromkeys(one_line(each.message, 1000) for each in report.conflicts))


def describe(change: Change, status: Status) -> str:
    """A change as a line: what was done, to whom, old -> new."""
    would, did = _DID[change.kind]
    verb = {Status.DONE: did, Status.ALREADY: f"{did} already", Status.PLANNED: f"would {would}"}.get(
        status, f"FAILED to {would}"
    )
    if change.kind is ChangeKind.CREATE_GROUP:
        return f"{verb} {quoted(change.group)}"
    if change.kind in {ChangeKind.ADD_MEMBER, ChangeKind.REMOVE_MEMBER}:
        return f"{verb} {quoted(change.group)}: {quoted(change.user or '')}"
    return f"{verb} {quoted(change.user or '')}: {_fields(change)}"


def _rows(report: Report) -> Iterator[tuple[str | None, ...]]:
    """What stands in CSV behind the name of the Okta group."""
    group = report.target_group.name
    if report.error:
        # A group that was not found has nothing else, and a file without it would look like one with nothing to do.
        yield "error", report.state, None, group, None, None, report.error
    for change in report.changes:
        outcome = report.outcomes.get(change.key)
        message = outcome.error if outcome else None
        yield "change", change.kind, change.user, change.group, _fields(change), report.status(change), message
    for finding in report.findings:
        yield finding.cls, finding.kind, finding.user, group, None, None, finding.message


def _text_lines(report: Report, *, full: bool) -> Iterator[str]:
    yield _title(report)
    # Without a plan nothing was counted, and zeros would tell a lie.
    yield from aligned(_numbers(report) if report.plan else [])
    if report.error:
        yield f"  {one_line(report.error, 2000)}"
    for heading, entries in _sections(report, full=full):
        yield f"  {heading}:"
        for entry in entries:
            yield f"    {entry}"


def _title(report: Report) -> str:
    source, name = f"Okta group {quoted(report.source_name)}", report.target_group.name
    target = f"MI group {quoted(name)}" if name else "no group of MI"
    headline = _HEADLINES[report.state]
    if report.mode == "drift":
        return f"Comparison of {source} with {target}: {_comparison(report) or headline}"
    if report.mode == "undo":
        if report.state is State.DONE and not report.changes:
            headline = "nothing to take back"
        what = "What would take back" if report.dry_run else "Taking back"
        return f"{what} a run between {source} and {target}: {headline}"
    return f"{'Dry run' if report.dry_run else 'Sync'} of {source} into {target}: {headline}"


def _comparison(report: Report) -> str | None:
    """What a look for drift has found; None if it did not come to that, or only conflicts are left."""
    if report.state is State.DONE:
        return "the same"
    return "different" if report.state is State.FAILED and report.plan and report.plan.differs else None


def _numbers(report: Report) -> list[tuple[str, int]]:
    counts = report.counts()
    users, would = counts["users"], "would be " if report.only_looks else ""
    numbers = [
        ("users in Okta", users["source"]),
        (f"users {would}created", users["created"]),
        (f"users {would}updated", users["updated"]),
        ("users unchanged", users["unchanged"]),
        ("users skipped", users["skipped"]),
        ("conflicts", users["conflicts"]),
        ("users failed", users["failed"]),
        (f"groups {would}created", counts["groups"]["created"]),
        (f"memberships {would}added", counts["memberships"]["added"]),
        (f"memberships {would}removed", counts["memberships"]["removed"]),
        (f"users {would}disabled", users["disabled"]),
    ]
    if report.mode == "undo":
        done = {Status.PLANNED if report.only_looks else Status.DONE}
        enabled = [each for each in report.changes if each.kind is ChangeKind.ENABLE_USER]
        numbers.append((f"users {would}enabled", sum(report.status(each) in done for each in enabled)))
        # It is not about who is in Okta.
        numbers = [each for each in numbers[1:] if each[1]]
    # So that the numbers of a sync that was cut short add up.
    return [*numbers, ("changes not tried", report.untried)] if report.untried else numbers


def _sections(report: Report, *, full: bool) -> Iterator[tuple[str, list[str]]]:
    failures = [_failure(each) for each in report.failures]
    notices = _notices(report, full=full)
    changes = [
        describe(change, report.status(change))
        for change in report.changes
        if report.status(change) is not Status.FAILED
    ]
    yield from _section("Failed", failures, full=full)
    yield from _section("Conflicts", conflict_lines(report), full=full)
    yield from _section("Notices", notices, full=full)
    if report.only_looks and report.plan and report.plan.unusual:
        digest = report.plan.digest[:SHORT_DIGEST]
        yield "Unusual", [*report.plan.unusual, f"A sync would not write this without an approval of plan {digest}."]
    if full:
        yield from _section("Changes", changes, full=full)
    elif report.refused and changes:
        yield "The plan, with what takes access away first", _refused(report)


def _refused(report: Report) -> list[str]:
    """What was not written: people shall see what they are asked about."""
    dangerous = sorted(report.changes, key=lambda each: each.kind not in REMOVALS)
    lines = [describe(change, Status.PLANNED) for change in dangerous[:_MOST_REFUSED]]
    more = len(dangerous) - len(lines)
    return [*lines, f"... and {more:,} more; the full summary names them"] if more else lines


def _failure(outcome: Outcome) -> str:
    """A change that failed: who, and why."""
    change = outcome.change
    what = _DID[change.kind][0]
    subject = quoted(change.user) if change.user else quoted(change.group)
    return f"{subject} ({what}): {one_line(outcome.error or '', 500)}"


def _notices(report: Report, *, full: bool) -> list[str]:
    """What is worth knowing: everything, or what is about the group and how many users each reason has."""
    notices = [each for each in report.findings if each.cls is FindingClass.NOTICE]
    lines = [one_line(each.message, 1000) for each in notices if full or each.user is None]
    if not full:
        reasons = Counter(each.kind for each in notices if each.user is not None)
        lines += [f"{plural(number, 'user')} {_REASONS.get(kind, kind)}" for kind, number in reasons.items()]
    return lines


def _section(heading: str, entries: list[str], *, full: bool) -> Iterator[tuple[str, list[str]]]:
    if not entries:
        return
    hidden = 0 if full else max(0, len(entries) - BRIEF)
    shown = entries[: len(entries) - hidden]
    if hidden:
        shown = [*shown, f"... and {plural(hidden, 'more', 'more')}; the full summary names them"]
    yield heading, shown


def _fields(change: Change) -> str:
    def both(old: str | None, new: str | None) -> str:
        return quoted(new or "") if old is None else f"{quoted(old)} -> {quoted(new or '')}"

    return ", ".join(f"{name} {both(old, new)}" for name, (old, new) in change.fields.items())


def spreadsheet_cell(value: str | None) -> str:
    """A cell that a spreadsheet takes for a text, never for a formula."""
    text = "" if value is None else one_line(str(value), 1000)
    return f"'{text}" if text[:1] in {"=", "+", "-", "@"} or text[:1].isspace() else text
