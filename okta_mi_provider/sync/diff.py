"""What a sync would have to write: `diff(snapshot, settings) -> Plan`. Pure; does no input or output at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter

from okta_mi_provider.garbage import nothing_collected
from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.sync.comparison import Comparison
from okta_mi_provider.sync.fetch import target_name
from okta_mi_provider.sync.leavers import added_by_hand, deactivated, leavers, left_and_staying
from okta_mi_provider.sync.limits import fingerprint, too_many_users, unusual
from okta_mi_provider.sync.match import Pair, match
from okta_mi_provider.sync.memory import Link
from okta_mi_provider.sync.model import Source, SourceGroup, TargetGroup
from okta_mi_provider.sync.only import Only
from okta_mi_provider.sync.people import people
from okta_mi_provider.sync.plan import GROUP_MISSING, REMOVALS, Change, ChangeKind, Finding, Plan
from okta_mi_provider.sync.scope import by_profile, by_status
from okta_mi_provider.sync.snapshot import Snapshot
from okta_mi_provider.sync.text import plural, quoted
from okta_mi_provider.sync.user_changes import UserChanges


@nothing_collected()
def diff(snapshot: Snapshot, settings: SyncSettings) -> Plan:
    """Compares both sides of a sync.

    The plan is sorted: the same snapshot gives the same plan and digest, in whatever order it was read.
    """
    source, target = snapshot.source, snapshot.target
    name = target_name(source, settings)
    group = target.group_named(name)
    found = _compared(snapshot, settings, group, name)
    if settings.only_user:
        found = Only(settings.only_user, snapshot).of(found)
    # A single user is no share of anything.
    members = 0 if settings.only_user else len(target.members.get(group.id, ())) if group else 0
    last = None if settings.only_user else snapshot.memory.last
    now = fingerprint(settings, source.groups, name)
    looks_unusual = unusual(
        settings,
        group=name,
        members=members,
        removals=len({change.user for change in found.changes if change.kind in REMOVALS}),
        creates=found.count(ChangeKind.CREATE_USER),
        updates=found.count(ChangeKind.UPDATE_USER),
        users_in_scope=found.users_in_scope,
        now=now,
        last=last,
    )
    return Plan(
        org=source.org,
        source_groups=tuple(SourceGroup(each.id, each.name) for each in source.groups),
        host=target.host,
        target_group=group or TargetGroup("", name),
        default_group=None if settings.skip_default_group else target.default_group,
        changes=tuple(sorted(found.changes, key=attrgetter("rank"))),
        findings=tuple(sorted(found.findings, key=lambda each: (each.cls, each.kind, each.user or "", each.message))),
        source_users=found.source_users,
        users_in_scope=found.users_in_scope,
        unchanged=len(found.unchanged),
        skipped=found.skipped,
        conflicts=len(found.conflicts),
        fingerprint=now,
        matched=tuple(sorted(found.matched, key=lambda each: each.source_id)),
        unusual=tuple(looks_unusual) if found.changes else (),
        refusals=tuple(_refusals(source, found.users_in_scope, settings)),
    )


def _compared(snapshot: Snapshot, settings: SyncSettings, group: TargetGroup | None, name: str) -> Comparison:
    """Everything that a diff finds, in no order."""
    source, target, memory = snapshot.source, snapshot.target, snapshot.memory
    inside, findings = by_status(source.users, settings)
    found = Comparison(source_users=len(source.users), users_in_scope=len(inside))
    if group is None and settings.auto_create == "none":
        found.findings.append(_group_missing(name, snapshot))
        return found
    found.findings += [*findings, *_member_count(source)]
    if group is None:
        found.changes.append(Change(ChangeKind.CREATE_GROUP, name))
    if not inside:
        found.findings.append(_empty_source(source))
    valid, invalid = by_profile(inside, settings)
    matching = match(valid, people(target), settings.match_by, links=memory.links, former=memory.former)
    found.findings += [*invalid, *matching.conflicts]
    found.conflicts |= matching.in_conflict
    default_group = None if settings.skip_default_group else target.default_group
    of_user = UserChanges(
        settings=settings,
        group=group or TargetGroup("", name),
        members=target.members.get(group.id, frozenset()) if group else frozenset(),
        default_group=default_group,
        default_members=target.members.get(default_group.id, frozenset()) if default_group else frozenset(),
        snapshot=snapshot,
    )
    _compare_pairs(found, of_user, matching.pairs)
    matched = {pair.target.id for pair in matching.pairs if pair.target}
    off = deactivated(snapshot, of_user.group, settings, matched)
    found.changes += off.changes
    found.findings += off.findings
    if group is not None:
        _compare_members(found, snapshot, settings, group, matched)
    return found


def _compare_pairs(found: Comparison, of_user: UserChanges, pairs: Sequence[Pair]) -> None:
    """Adds what concerns those whom Okta lists."""
    for pair in pairs:
        wanted = list(of_user.changes(pair))
        found.changes += wanted
        found.findings += of_user.notices(pair)
        if pair.target:
            if not any(change.kind is ChangeKind.UPDATE_USER for change in wanted):
                found.unchanged.append(pair.source.id)
            if pair.source.id in of_user.snapshot.memory.unlinked:
                found.matched.append(Link(pair.source.id, pair.target.id, pair.target.username))


def _compare_members(
    found: Comparison, snapshot: Snapshot, settings: SyncSettings, group: TargetGroup, matched: set[str]
) -> None:
    """Adds what concerns members of the MI group whom Okta does not list.

    Args:
        found: What it is added to.
        snapshot: Both sides.
        settings: How to sync.
        group: The MI group.
        matched: MI ids of those whom Okta lists.
    """
    leaving = leavers(snapshot, group, settings, matched)
    found.changes += leaving.changes
    found.findings += leaving.findings
    if settings.mode == "drift":
        removed = {change.after.id for change in leaving.changes if change.after}
        found.findings += added_by_hand(snapshot, group, removed, matched)
        if settings.prune == "off":
            found.findings += left_and_staying(snapshot, group, matched)


def _refusals(source: Source, users_in_scope: int, settings: SyncSettings) -> Iterator[str]:
    """Why a plan is never applied, whoever approves it."""
    subject = f"Okta group {quoted(source.name)} has"
    if too_many := too_many_users(users_in_scope, settings.sync_user_limit, subject):
        yield too_many
    if settings.prune != "off" and not users_in_scope and not settings.only_user:
        yield (
            f"{_empty_source_words(source)} With prune: {settings.prune} everybody would be removed. If that is what "
            "you want, remove them in MI; if not, look at the group in Okta."
        )


def _group_missing(name: str, snapshot: Snapshot) -> Finding:
    near = [group.name for group in snapshot.target.groups if group.name.casefold() == name.casefold()]
    hint = f" (there is {quoted(near[0])}; names are compared exactly)" if near else ""
    return Finding(
        GROUP_MISSING,
        f"MI has no group {quoted(name)}{hint}; nothing was synced for {plural(len(snapshot.source.users), 'user')}. "
        "Create it in MI, or have it created: auto_create 'groups' or 'all'.",
    )


def _member_count(source: Source) -> Iterator[Finding]:
    """Wonders about a list that is far from as long as Okta says the group is.

    No error: Okta does not document what it counts, and counts late.
    """
    for group in source.groups:
        said, listed = group.user_count, group.listed
        if said is not None and listed is not None and abs(said - listed) > max(5, said // 10):
            yield Finding(
                "member_count",
                f"Okta lists {plural(listed, 'member')} of {quoted(group.name)}, but counts {said:,}. The count may "
                "be late; if it stays so, compare with the group in Okta's admin console.",
            )


def _empty_source(source: Source) -> Finding:
    return Finding("empty_source", f"{_empty_source_words(source)} No user is created or changed.")


def _empty_source_words(source: Source) -> str:
    members = len(source.users)
    what = f"has no user to sync among its {plural(members, 'member')}" if members else "has no members"
    return f"Okta group {quoted(source.name)} {what}."
