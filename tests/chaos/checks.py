"""The invariants: what must hold after a run, whatever went wrong in it. Each check yields what it finds broken."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from sqlite3 import connect

from tests.chaos.honesty import reports_are_true
from tests.chaos.oracle import MI
from tests.chaos.permission import Permission
from tests.chaos.play import Player
from tests.chaos.record import Record
from tests.chaos.world import DEFAULT_GROUP


def violations(record: Record) -> list[str]:
    """Everything that is broken, the name of the check in front of it."""
    return [f"{check.__name__}: {what}" for check in CHECKS for what in check(record)]


def ends_in_time(record: Record) -> Iterator[str]:
    """No sync hangs, and none dies of its own."""
    for sync in record.syncs:
        if sync.code is None:
            yield f"sync {sync.number} was still running after {sync.seconds:.0f} s"
        elif sync.code != 0 and not (sync.was_killed and sync.trouble.kill):
            said = record.folder / f"sync-{sync.number}" / "stderr.txt"
            yield f"sync {sync.number} crashed with {sync.code}: {said.read_text('utf-8', 'replace')[-2000:]}"


def comes_right(record: Record) -> Iterator[str]:
    """In the end MI is exactly what the oracle says."""
    scenario, start, end = record.scenario, MI.of(record.start), MI.of(record.end)
    wanted, _ = Player.oracle(scenario).end(start, scenario.by_id)
    if scenario.hopeless:
        wanted = start
    if record.needed is None:
        yield f"not right after {record.allowed} syncs of healed servers"
    for what in end.differences(wanted):
        yield f"is against shall be: {what}"


def nobody_twice(record: Record) -> Iterator[str]:
    """No user, no group and no membership is there twice; those that were so from the start may stay."""
    state = record.end
    counted = {
        "username": Counter(user["username"].casefold() for user in state["users"]),
        "group": Counter(group["name"] for group in state["groups"]),
        "membership": Counter((row["user"], row["group"]) for row in state["memberships"]),
    }
    before = Counter(user["username"].casefold() for user in record.start["users"])
    for what, counts in counted.items():
        for key, number in counts.items():
            if number > max(1, before[key] if what == "username" else 1):
                yield f"{what} {key!r} is there {number} times"


def nobody_lost(record: Record) -> Iterator[str]:
    """Every user, group and membership of the start is still there, under the same id; but for planned removals."""
    permission = _permission(record)
    for sync in record.syncs:
        for plan in sync.plans:
            permission.grant(plan)
    for kind in ("users", "groups", "memberships"):
        here = {row["id"]: row for row in record.end[kind]}
        for row in record.start[kind]:
            now = here.get(row["id"])
            same = ("username",) if kind == "users" else ("name",) if kind == "groups" else ("user", "group")
            if now is None and kind == "memberships" and permission.may_leave(row):
                continue
            if now is None or any(now[key] != row[key] for key in same):
                yield f"{kind}: {row} is {now} now"


def others_untouched(record: Record) -> Iterator[str]:
    """Groups that are not synced, and users whom no plan names, are as they were."""
    settings = record.scenario.world.settings
    targets = {settings.get("target_group"), *record.scenario.world.groups, DEFAULT_GROUP}
    before, after = MI.of(record.start), MI.of(record.end)
    for name, members in before.members.items():
        if name not in targets and after.members.get(name) != members:
            yield f"group {name!r} is not synced, and has changed"
    named = {
        change["after"]["username"]
        for sync in record.syncs
        for plan in sync.plans
        for change in plan["changes"]
        if change["after"]
    }
    for name, user in before.users.items():
        if name not in named and after.users.get(name) != user:
            yield f"no plan names user {name!r}, who has changed"


def nothing_unplanned(record: Record) -> Iterator[str]:
    """Every write that MI saw is one that a plan contains, made in this sync or an earlier one; none in a dry run."""
    if record.scenario.world.settings["dry_run"]:
        yield from (f"a dry run has written: {write}" for write in record.writes)
    permission = _permission(record)
    waiting = list(record.writes)
    for sync in record.syncs:
        for plan in sync.plans:
            permission.grant(plan)
        while waiting and waiting[0].sync <= sync.number:
            write = waiting.pop(0)
            if not permission.covers(write):
                yield f"no plan contains: {write} (sync {write.sync})"
    yield from (f"forbidden call: {call}" for call in record.end["forbidden_calls"])
    yield from (f"unplanned in MI: {what}" for what in permission.unplanned(record.start, record.end))


def _permission(record: Record) -> Permission:
    return Permission([record.start, *(state for sync in record.syncs for state in (sync.before, sync.after))])


def plans_are_of_whole_lists(record: Record) -> Iterator[str]:
    """A plan was made from all members of the Okta group, and from everything that MI had."""
    oracle = Player.oracle(record.scenario)
    for sync in record.syncs:
        there = {user["username"].casefold() for user in sync.before["users"]}
        groups = {group["name"] for group in sync.before["groups"]}
        for plan in sync.plans:
            members = oracle.members(oracle.union_named([group["name"] for group in plan["source_groups"]]))
            if plan["source_users"] != members:
                yield f"sync {sync.number} has read {plan['source_users']} of {members} members"
            for change in plan["changes"]:
                if change["kind"] == "create_user" and change["after"]["username"].casefold() in there:
                    yield f"sync {sync.number} wanted to create {change['after']['username']!r}, who was there"
                if change["kind"] == "create_group" and change["group"] in groups:
                    yield f"sync {sync.number} wanted to create group {change['group']!r}, which was there"


def rests(record: Record) -> Iterator[str]:
    """The last sync changes nothing. What the server refuses to anybody may be tried again."""
    sync = record.syncs[record.resting]
    if sync.before != sync.after:
        yield "the last sync has changed MI"
    failed = any(change["status"] == "failed" for report in sync.reports for change in report["changes"])
    if record.scenario.mode == "operator" and sync.result:
        failed = bool((sync.result["counts"] or {}).get("users", {}).get("failed") or sync.result["errors"])
    ignoring = record.scenario.world.mi_knobs["disable_method"] == "ignored"
    for write in record.writes:
        # An MI that takes no notice of it says that it has.
        in_vain = ignoring and write.method == "PUT" and write.body["enabled"] == "N"
        if write.sync == record.resting and not (failed and write.status and (write.status >= 400 or in_vain)):
            yield f"the last sync has written: {write} ({write.status})"


def no_secret_anywhere(record: Record) -> Iterator[str]:
    """No token, key or password is in any log, text, report, representation or store."""
    for path in sorted(record.folder.rglob("*")):
        if not path.is_file():
            continue
        content = path.read_bytes()
        if path.name == "store.db":
            with connect(path) as database:
                rows = database.execute("SELECT body FROM okta_mi_artifacts").fetchall()
            database.close()
            content += b"\n".join(zlib.decompress(body) for (body,) in rows)
        for secret, what in record.secrets.items():
            if (at := content.find(secret.encode())) >= 0:
                line = content[max(0, at - 120) : at].decode("utf-8", "replace").replace(secret, "***")
                yield f"a {what} is in {path.relative_to(record.folder)}, behind {line!r}"


def token_stays_at_home(record: Record) -> Iterator[str]:
    """Nobody follows a link to a host that is not the configured one."""
    if record.trapped:
        yield "a link to another host was followed"


CHECKS: tuple[Callable[[Record], Iterator[str]], ...] = (
    ends_in_time,
    comes_right,
    nobody_twice,
    nobody_lost,
    others_untouched,
    nothing_unplanned,
    plans_are_of_whole_lists,
    rests,
    no_secret_anywhere,
    token_stays_at_home,
    reports_are_true,
)
