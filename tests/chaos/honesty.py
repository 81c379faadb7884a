"""The check that reports are true: what they say was done is so, and what went wrong is said in a way that helps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.chaos.oracle import MI
from tests.chaos.play import Player
from tests.chaos.record import Record, Sync
from tests.chaos.world import DEFAULT_GROUP

#: One of these a message must name: a system, or what a person has to look at.
_SUBJECTS = ("Okta", "Metric Insights", "MI", "the store", "sync_user_limit", "conflict", "change")
_DONE = ("done", "already")


def reports_are_true(record: Record) -> Iterator[str]:
    """Reports say what is so, count right, and each error is a line that helps."""
    for sync in record.syncs:
        for what in _of_sync(record, sync):
            yield f"sync {sync.number}: {what}"
    yield from _totals(record)


def _of_sync(record: Record, sync: Sync) -> Iterator[str]:
    expected = len(Player.oracle(record.scenario).unions())
    if sync.code == 0 and record.scenario.mode in {"provision", "rooms"} and len(sync.reports) != expected:
        yield f"{len(sync.reports)} reports for {expected} groups"
    for report in sync.reports:
        yield from _numbers(report)
        yield from _errors(report)
        if not report["dry_run"]:
            yield from _claims(report, MI.of(sync.after), record.scenario.world.settings)
            yield from _success(record, report, sync)
    for sentence in sync.result["errors"] if sync.result else []:
        yield from _sentence(sentence)
    if sync.result and sync.result.get("exit_code") == 0 and any(each["state"] != "done" for each in sync.reports):
        yield "exit code 0, but not everything is done"


def _numbers(report: dict[str, Any]) -> Iterator[str]:
    """The counts are those of the changes."""
    counts = report["counts"]
    status = "planned" if report["dry_run"] else "done"
    done = Counter(change["kind"] for change in report["changes"] if change["status"] == status)
    for kind, part, name in (
        ("create_user", "users", "created"),
        ("update_user", "users", "updated"),
        ("create_group", "groups", "created"),
        ("disable_user", "users", "disabled"),
        ("remove_member", "memberships", "removed"),
    ):
        if counts[part][name] != done[kind]:
            yield f"{name} {part} is {counts[part][name]}, of {done[kind]} {kind} {status}"
    failed = {change["user"] for change in report["changes"] if change["status"] == "failed" and change["user"]}
    if counts["users"]["failed"] != len(failed):
        yield f"{counts['users']['failed']} users failed, of {len(failed)}"
    users = counts["users"]
    all_tried = all(change["status"] in (*_DONE, status) for change in report["changes"])
    parts = sum(users[name] for name in ("created", "updated", "unchanged", "skipped", "conflicts"))
    if report["plan_digest"] and all_tried and not failed and parts != users["source"]:
        yield f"{users['source']} users of Okta, but {parts} accounted for: {users}"
    if report["state"] == "done" and (failed or users["conflicts"] or report["error"]):
        yield "done, in spite of failures or conflicts"
    if report["state"] == "done" and not report["dry_run"] and not all_tried:
        yield "done, but not everything was tried"
    if report["state"] == "refused" and any(change["status"] != "planned" for change in report["changes"]):
        yield "refused, but something was written"


def _errors(report: dict[str, Any]) -> Iterator[str]:
    if report["state"] == "failed" and not (
        report["error"]
        or any(change["status"] == "failed" for change in report["changes"])
        or any(finding["class"] == "conflict" for finding in report["findings"])
    ):
        yield "failed, and does not say why"
    if report["error"]:
        yield from _sentence(report["error"])
    for change in report["changes"]:
        if change["status"] == "failed":
            yield from _sentence(change["error"] or "")


def _sentence(text: str) -> Iterator[str]:
    """A message is one line, names a system, and is no traceback."""
    if not text.strip() or len(text.splitlines()) != 1 or "Traceback" in text or "object at 0x" in text:
        yield f"not a sentence for people: {text!r}"
    elif not any(word in text for word in _SUBJECTS):
        yield f"it does not say who is meant: {text!r}"


def _claims(report: dict[str, Any], now: MI, settings: Any) -> Iterator[str]:
    """Whatever is reported as done is so."""
    for change in report["changes"]:
        if change["status"] not in _DONE:
            continue
        kind, name, group = change["kind"], change["user"], change["group"]
        if kind == "create_group":
            if group not in now.members:
                yield f"group {group!r} is said to be created, and is not there"
            continue
        user = now.users.get(name)
        if user is None:
            spelt = next((each for each in now.users if each.casefold() == name.casefold()), None)
            user, name = now.users.get(spelt or ""), spelt
        if user is None:
            yield f"{kind} of {change['user']!r} is said to be done, and there is no such user"
            continue
        if kind == "remove_member" and name in now.members[group]:
            yield f"{kind} of {name!r} is said to be done, but is in {group!r}"
        homes = {"create_user": [group], "add_member": [group]}.get(kind, [])
        if kind == "create_user" and not settings["skip_default_group"]:
            homes = [*homes, DEFAULT_GROUP]
        for home in homes:
            if name not in now.members[home]:
                yield f"{kind} of {name!r} is said to be done, but is not in {home!r}"
        for field, (_, new) in change["fields"].items() if kind != "add_member" else ():
            shall = {"power_user": "power"}.get(new, new) if field == "type" else new
            if user[field].casefold() != shall.casefold():
                yield f"{kind} of {name!r} is said to be done, but {field} is {user[field]!r}, not {shall!r}"


def _success(record: Record, report: dict[str, Any], sync: Sync) -> Iterator[str]:
    """A group that is reported as done needs nothing more."""
    if report["state"] != "done":
        return
    source, oracle = report["source"], Player.oracle(record.scenario)
    now, then = MI.of(sync.after), MI.of(sync.after)
    oracle.sync(then, oracle.union_named([group["name"] for group in source.get("groups", [source["group"]])]))
    for what in then.differences(now):
        yield f"reported as done, but still to do: {what}"


def _totals(record: Record) -> Iterator[str]:
    """What was created is claimed once; without any trouble, all of it.

    Who has asked for something, was told nothing, and then finds it there, may take it for its own, although an earlier
    sync has made it in the same way.
    """
    if record.scenario.mode == "operator":
        return
    for kind, part, key in (("create_user", "users", "username"), ("create_group", "groups", "name")):
        before = {row["id"] for row in record.start[part]}
        made = Counter(row[key].casefold() for row in record.end[part] if row["id"] not in before)
        claims = [(name, sync.number) for sync in record.syncs for name in _claimed(sync, kind)]
        claimed = Counter(name for name, _ in claims)
        in_doubt = Counter(name for name, number in claims if _is_in_doubt(record, number, key, name))
        for name, times in (claimed - made - in_doubt).items():
            yield f"{kind} of {name!r} is claimed {times} times too often"
        if record.undisturbed and made - claimed:
            yield f"{kind} is claimed by nobody: {sorted(made - claimed)}"


def _claimed(sync: Sync, kind: str) -> Iterator[str]:
    """Whom or what the reports of a sync say it has created."""
    for report in sync.reports:
        for change in report["changes"]:
            if change["kind"] == kind and change["status"] == "done":
                yield (change["user"] or change["group"]).casefold()


def _is_in_doubt(record: Record, sync: int, key: str, name: str) -> bool:
    """Whether somebody has tried to create it in this sync, and was not told what became of that."""
    return any(
        not write.shown
        for write in record.writes
        if write.sync == sync and write.method == "POST" and str((write.body or {}).get(key, "")).casefold() == name
    )
