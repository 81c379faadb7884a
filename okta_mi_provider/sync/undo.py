"""What would take back what a run has done, as far as it is still as the run left it. Pure.

What has become something else since, what a later run has touched as well, and what the run may have done or not, is a
conflict: it is told, and not overwritten. Users and groups are never deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Any, NamedTuple

from okta_mi_provider.sync.model import SourceGroup, Target, TargetGroup, TargetUser
from okta_mi_provider.sync.outcome import Status
from okta_mi_provider.sync.plan import MOVES, USER_FIELDS, Change, ChangeKey, ChangeKind, Finding, FindingClass, Plan
from okta_mi_provider.sync.text import quoted


@dataclass(frozen=True, slots=True)
class Done:
    """A change that a run has made, or was about to make.

    Attributes:
        group: The MI group that it was about.
        user_id: MI id of the user; "" if it was about the group only, or if it is not known.
        old: The attributes that it has changed, as they were.
        new: The same, as the run left them.
        moved: Whether the membership of the group is of its making, or was taken away by it.
        status: What became of it. Of one that has begun nobody knows; what was so already is not of its making.
        run: Number of the run.
    """

    kind: ChangeKind
    group: TargetGroup
    source_id: str | None
    user_id: str
    username: str
    old: Mapping[str, str] = field(default_factory=dict)
    new: Mapping[str, str] = field(default_factory=dict)
    moved: bool = False
    status: Status = Status.DONE
    run: int = 0

    @property
    def things(self) -> Iterator[Thing]:
        """What it has touched."""
        if self.kind in _MEMBERSHIPS:
            yield Thing(self.user_id, group_id=self.group.id)
        if self.kind in _ACCESS:
            yield Thing(self.user_id, _ENABLED)
        for name in USER_FIELDS:
            if name in self.new:
                yield Thing(self.user_id, name)


class Thing(NamedTuple):
    """What a change can touch: one attribute of a user, or the membership of one group.

    Attributes:
        user_id: MI id of the user.
        attribute: Its name, `enabled` among them; "" if it is a membership.
        group_id: MI id of the group; "" if it is an attribute.
    """

    user_id: str
    attribute: str = ""
    group_id: str = ""


_ENABLED = "enabled"
#: Changes after which somebody is a member of the group, or is not.
_MEMBERSHIPS = MOVES | {ChangeKind.CREATE_USER}
#: Changes after which somebody may sign in, or may not.
_ACCESS = frozenset({ChangeKind.CREATE_USER, ChangeKind.DISABLE_USER, ChangeKind.ENABLE_USER})


def take_back(
    target: Target,
    done: Sequence[Done],
    *,
    org: str,
    source_groups: Sequence[SourceGroup],
    group: TargetGroup,
    disable_created: bool = False,
    later: Iterable[Done] = (),
) -> Plan:
    """The plan that takes back what a run has done.

    Args:
        target: MI as it is now, with the members of the groups that the run was about.
        done: What the run has done, or was about to do.
        org: Okta's URL, for the report.
        source_groups: The groups of Okta that the run was about.
        group: Its MI group.
        disable_created: Also disable the users that it has created.
        later: What later runs have done, or were about to do, to the same users; the latest last.
    """
    back = _Back(target, group, later, disable_created=disable_created)
    changes: dict[ChangeKey, Change] = {}
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

    def __init__(self, target: Target, group: TargetGroup, later: Iterable[Done], *, disable_created: bool) -> None:
        self._target = target
        # As whoever writes the plan finds them.
        self._groups = {each.name: each for each in (target.default_group, group) if each}
        self._fold = str.casefold if target.username_casefold else str
        self._users = {user.id: user for user in target.users}
        self._by_name = {self._fold(user.username): user for user in target.users}
        self._touched_by = {thing: each.run for each in later if self._may_be_so_by(each) for thing in each.things}
        self._disable_created = disable_created

    def of(self, done: Done) -> Iterator[Change | Finding]:
        in_doubt = done.status is Status.BEGUN
        if done.kind is ChangeKind.CREATE_GROUP:
            yield from self._created_group(done)
        elif (user := self._user(done)) is None:
            if not (in_doubt and done.kind is ChangeKind.CREATE_USER):
                yield _conflict(
                    done, "user_gone", "is not in MI any more under this name and id; nothing can be taken back."
                )
        elif in_doubt and done.kind in MOVES and (gone := self._gone(done)):
            yield gone
        elif in_doubt:
            if looks := self._as_wanted(done, user):
                why = "but it is not known whether the run did it: no answer was noted. Decide in MI."
                yield _conflict(done, "not_known", f"{looks}, {why}")
        else:
            if done.kind in _MEMBERSHIPS:
                yield from self._membership(done, user)
            if done.status is Status.DONE:
                yield from self._account(done, user)

    def _may_be_so_by(self, later: Done) -> bool:
        """Whether MI may be as it is by a later change. One that is in doubt and does not look done was not done."""
        user = self._user(later)
        return later.status is not Status.BEGUN or (user is not None and self._as_wanted(later, user) is not None)

    def _user(self, done: Done) -> TargetUser | None:
        """The user it is about. The id of one that was about to be created is not known."""
        name = self._fold(done.username)
        if not done.user_id and done.kind is ChangeKind.CREATE_USER:
            return self._by_name.get(name)
        user = self._users.get(done.user_id)
        return user if user and self._fold(user.username) == name else None

    def _created_group(self, done: Done) -> Iterator[Finding]:
        if done.status is Status.DONE and done.group in self._target.groups:
            yield Finding("group_stays", f"MI group {quoted(done.group.name)}, which the run has created, stays.")

    def _as_wanted(self, done: Done, user: TargetUser) -> str | None:
        """In what a user is as a change that is in doubt was to leave it; None if in nothing."""
        match done.kind:
            case ChangeKind.CREATE_USER:
                # Somebody with another address was there before, or came by himself.
                return "is in MI" if _same("email", user.email, done.new.get("email", "")) else None
            case ChangeKind.ADD_MEMBER | ChangeKind.REMOVE_MEMBER:
                joins = done.kind is ChangeKind.ADD_MEMBER
                return _membership_of(done, is_member=joins) if self._is_member(done, user) is joins else None
            case ChangeKind.UPDATE_USER:
                written = [name for name in done.new if _same(name, getattr(user, name), done.new[name])]
                return f"has the {' and '.join(written)} that the run was to write" if written else None
            case _:
                enabled = done.kind is ChangeKind.ENABLE_USER
                return _access(user) if user.enabled is enabled else None

    def _membership(self, done: Done, user: TargetUser) -> Iterator[Change | Finding]:
        """The membership away again, or back, if it is of the run's making and still as the run left it."""
        joined = done.kind is not ChangeKind.REMOVE_MEMBER
        if not done.moved:
            return
        if blocked := self._unreachable(done):
            yield blocked
        elif self._is_member(done, user) is joined:
            kind = ChangeKind.REMOVE_MEMBER if joined else ChangeKind.ADD_MEMBER
            yield self._touched_later(
                done, Thing(user.id, group_id=done.group.id), _membership_of(done, is_member=joined)
            ) or Change(kind, done.group.name, done.source_id, user, user)

    def _unreachable(self, done: Done) -> Finding | None:
        """A conflict if nothing can be written about the members of a group."""
        name = done.group.name
        if (gone := self._gone(done)) or self._groups.get(name) == done.group:
            return gone
        why = f"{quoted(name)} was the Default Group then, and is not now"
        return _conflict(done, "other_group", f"{_not_moved(done)}: {why}. Do it in MI.")

    def _gone(self, done: Done) -> Finding | None:
        """A conflict if a group is not there any more. A server that was restored gives its id to others."""
        group, groups = done.group, self._target.groups
        if group in groups:
            return None
        why = "".join(
            [f"MI has no group {quoted(group.name)} with the id {quoted(group.id)} any more"]
            + [f"; that id has {quoted(each.name)} now" for each in groups if each.id == group.id]
            + [f"; that name has the id {quoted(each.id)} now" for each in groups if each.name == group.name]
        )
        return _conflict(done, "group_gone", f"{_not_moved(done)}: {why}. Do it in MI.")

    def _account(self, done: Done, user: TargetUser) -> Iterator[Change | Finding]:
        """What is of the user itself."""
        match done.kind:
            case ChangeKind.CREATE_USER if self._disable_created:
                yield from self._switched(done, user, enabled=False)
            case ChangeKind.CREATE_USER:
                yield Finding(
                    "user_stays", f"{quoted(user.username)}, whom the run has created, stays in MI.", user.username
                )
            case ChangeKind.UPDATE_USER:
                yield from self._attributes(done, user)
            case ChangeKind.DISABLE_USER | ChangeKind.ENABLE_USER:
                yield from self._switched(done, user, enabled=done.kind is ChangeKind.DISABLE_USER)

    def _switched(self, done: Done, user: TargetUser, *, enabled: bool) -> Iterator[Change | Finding]:
        if user.enabled is enabled:
            return
        if not enabled and self._target.acts_as(user):
            why = "is the account that this acts for in MI, and stays enabled: nothing could be written any more."
            yield _conflict(done, "own_account", why)
        else:
            kind = ChangeKind.ENABLE_USER if enabled else ChangeKind.DISABLE_USER
            yield self._touched_later(done, Thing(user.id, _ENABLED), _access(user)) or Change(
                kind, done.group.name, done.source_id, user, replace(user, enabled=enabled)
            )

    def _attributes(self, done: Done, user: TargetUser) -> Iterator[Change | Finding]:
        """Each attribute as it was, if it is still as the run left it."""
        back: dict[str, Any] = {}
        for name in USER_FIELDS:
            if name not in done.new:
                continue
            now = getattr(user, name)
            if _same(name, now, done.new[name]):
                looks = f"has the {name} {quoted(now)}"
                if conflict := self._touched_later(done, Thing(user.id, name), looks):
                    yield conflict
                else:
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

    def _touched_later(self, done: Done, thing: Thing, looks: str) -> Finding | None:
        """A conflict if a later run has touched a thing: that it is as this one left it is then not of its making."""
        run = self._touched_by.get(thing)
        if run is None:
            return None
        return _conflict(
            done,
            "changed_later",
            f"{looks}, but run {run}, a later one, was about that too. Undo that one first, or decide in MI.",
        )

    def _is_member(self, done: Done, user: TargetUser) -> bool:
        return user.id in self._target.members.get(done.group.id, frozenset())


def _membership_of(done: Done, *, is_member: bool) -> str:
    return f"is {'a' if is_member else 'no'} member of {quoted(done.group.name)}"


def _not_moved(done: Done) -> str:
    return "cannot be put back" if done.kind is ChangeKind.REMOVE_MEMBER else "cannot be taken out"


def _access(user: TargetUser) -> str:
    return "is enabled" if user.enabled else "is disabled"


def _same(name: str, one: str, other: str) -> bool:
    """A server may keep addresses in lower case."""
    return one.casefold() == other.casefold() if name == "email" else one == other


def _conflict(done: Done, kind: str, message: str) -> Finding:
    return Finding(kind, f"{quoted(done.username)} {message}", done.username, FindingClass.CONFLICT)
