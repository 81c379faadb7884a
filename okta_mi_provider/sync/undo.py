"""What would take back what a run has done, as far as it is still as the run left it. Pure.

What has become something else since is a conflict: it is told, and not overwritten. Users and groups are never deleted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Any

from okta_mi_provider.sync.model import SourceGroup, Target, TargetGroup, TargetUser
from okta_mi_provider.sync.plan import USER_FIELDS, Change, ChangeKind, Finding, FindingClass, Plan
from okta_mi_provider.sync.text import quoted


@dataclass(frozen=True, slots=True)
class Done:
    """A change that a run has made.

    Attributes:
        group: The MI group that it was about.
        user_id: MI id of the user; "" if it was about the group only.
        old: The attributes that it has changed, as they were.
        new: The same, as the run left them.
        moved: Whether the membership of the group is of its making, or was taken away by it.
    """

    kind: ChangeKind
    group: TargetGroup
    source_id: str | None
    user_id: str
    username: str
    old: Mapping[str, str] = field(default_factory=dict)
    new: Mapping[str, str] = field(default_factory=dict)
    moved: bool = False


def take_back(
    target: Target,
    done: Sequence[Done],
    *,
    org: str,
    source_groups: Sequence[SourceGroup],
    group: TargetGroup,
    disable_created: bool = False,
    touched_later: Collection[str] = (),
) -> Plan:
    """The plan that takes back what a run has done.

    Args:
        target: MI as it is now, with the members of the groups that the run was about.
        done: What the run has done.
        org: Okta's URL, for the report.
        source_groups: The groups of Okta that the run was about.
        group: Its MI group.
        disable_created: Also disable the users that it has created.
        touched_later: MI ids of users whose membership a later run has changed.
    """
    back = _Back(target, frozenset(touched_later), disable_created=disable_created)
    changes: dict[str, Change] = {}
    findings: list[Finding] = []
    for each in done:
        for found in back.of(each):
            if isinstance(found, Finding):
                findings.append(found)
            else:
                changes[found.key] = found
    return Plan(
        org=org,
        source_groups=tuple(source_groups),
        host=target.host,
        target_group=group,
        default_group=target.default_group,
        changes=tuple(sorted(changes.values(), key=attrgetter("rank"))),
        findings=tuple(sorted(findings, key=lambda each: (each.cls, each.kind, each.user or "", each.message))),
        source_users=0,
        users_in_scope=0,
        unchanged=0,
        skipped=0,
        conflicts=sum(finding.cls is FindingClass.CONFLICT for finding in findings),
    )


class _Back:
    """The way back of each kind of change."""

    def __init__(self, target: Target, touched_later: frozenset[str], *, disable_created: bool) -> None:
        self._target = target
        self._users = {user.id: user for user in target.users}
        self._touched_later = touched_later
        self._disable_created = disable_created

    def of(self, done: Done) -> Iterator[Change | Finding]:
        if done.kind is ChangeKind.CREATE_GROUP:
            yield Finding("group_stays", f"MI group {quoted(done.group.name)}, which the run has created, stays.")
            return
        user = self._users.get(done.user_id)
        fold = str.casefold if self._target.username_casefold else str
        if user is None or fold(user.username) != fold(done.username):
            yield _conflict(
                done, "user_gone", "is not in MI any more under this name and id; nothing can be taken back."
            )
            return
        match done.kind:
            case ChangeKind.CREATE_USER:
                yield from self._membership(done, user, joined=True)
                yield from self._created(done, user)
            case ChangeKind.ADD_MEMBER:
                yield from self._membership(done, user, joined=True)
            case ChangeKind.REMOVE_MEMBER:
                yield from self._membership(done, user, joined=False)
            case ChangeKind.UPDATE_USER:
                yield from self._attributes(done, user)
            case ChangeKind.DISABLE_USER | ChangeKind.ENABLE_USER:
                enabled = done.kind is ChangeKind.DISABLE_USER
                if user.enabled is not enabled:
                    yield _switched(done, user, enabled=enabled)

    def _membership(self, done: Done, user: TargetUser, *, joined: bool) -> Iterator[Change | Finding]:
        """The membership away again, or back, if it is of the run's making and still as the run left it."""
        is_member = user.id in self._target.members.get(done.group.id, frozenset())
        if not done.moved or is_member is not joined:
            return
        if user.id in self._touched_later:
            yield _conflict(
                done, "changed_later", f"was put into or taken out of {quoted(done.group.name)} by a later run as well."
            )
            return
        kind = ChangeKind.REMOVE_MEMBER if joined else ChangeKind.ADD_MEMBER
        yield Change(kind, done.group.name, done.source_id, user, user)

    def _created(self, done: Done, user: TargetUser) -> Iterator[Change | Finding]:
        if not self._disable_created:
            yield Finding(
                "user_stays", f"{quoted(user.username)}, whom the run has created, stays in MI.", user.username
            )
        elif user.enabled:
            yield _switched(done, user, enabled=False)

    def _attributes(self, done: Done, user: TargetUser) -> Iterator[Change | Finding]:
        """Each attribute as it was, if it is still as the run left it."""
        back: dict[str, Any] = {}
        for name in USER_FIELDS:
            if name not in done.new:
                continue
            now = getattr(user, name)
            if _same(name, now, done.new[name]):
                back[name] = done.old[name]
            elif not _same(name, now, done.old[name]):
                yield _conflict(
                    done,
                    "changed_later",
                    f"has the {name} {quoted(now)} now, which is neither what the run has written "
                    f"({quoted(done.new[name])}) nor what there was before ({quoted(done.old[name])}).",
                )
        if back:
            yield Change(ChangeKind.UPDATE_USER, done.group.name, done.source_id, user, replace(user, **back))


def _switched(done: Done, user: TargetUser, *, enabled: bool) -> Change:
    kind = ChangeKind.ENABLE_USER if enabled else ChangeKind.DISABLE_USER
    return Change(kind, done.group.name, done.source_id, user, replace(user, enabled=enabled))


def _same(name: str, one: str, other: str) -> bool:
    """A server may keep addresses in lower case."""
    return one.casefold() == other.casefold() if name == "email" else one == other


def _conflict(done: Done, kind: str, message: str) -> Finding:
    return Finding(kind, f"{quoted(done.username)} {message}", done.username, FindingClass.CONFLICT)
