"""What became of changes that a crash has left in doubt: MI as it was read decides. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from okta_mi_provider.store.changes import Noted
from okta_mi_provider.store.doubts import Doubt
from okta_mi_provider.sync.model import Target, TargetGroup, TargetUser
from okta_mi_provider.sync.outcome import Status
from okta_mi_provider.sync.people import people
from okta_mi_provider.sync.plan import ChangeKind

#: Why a change failed that was announced, but is not to be seen in MI.
NOT_DONE = "Interrupted: the process was stopped before the answer came, and MI shows that it was not done."
#: How long a request may be on its way that nobody waits for any more: in a queue of a proxy, or of the server.
_ON_ITS_WAY = timedelta(minutes=5)
#: What makes somebody a member. Taken for not done, and done after all, it would be a membership that nobody ends.
_JOINS = frozenset({ChangeKind.CREATE_USER, ChangeKind.ADD_MEMBER})
_SINCE = "Interrupted: the process was stopped before the answer came, and a later run has done it."
_SOMEBODY_ELSE = "Interrupted: MI has a user of that name, but with another e-mail address."
_UNKNOWN = "Interrupted: whether it was done is not known, for the members of that group were not read since."


class Verdict(NamedTuple):
    """What became of one change.

    Attributes:
        noted: What is to be noted of it.
        user: The MI user it is about, as far as there is one.
    """

    doubt: Doubt
    noted: Noted
    user: TargetUser | None


def settle(doubts: Iterable[Doubt], target: Target, group: TargetGroup | None, name: str) -> Iterator[Verdict]:
    """Finds out what became of changes. What is there is of our making, for we were about to make it.

    What is not there, and was to make somebody a member, stays in doubt for a few minutes: it may come to be done yet.

    Args:
        doubts: The changes.
        target: MI, read after they were announced.
        group: The MI group that they were made for; None if it does not exist.
        name: Its name.
    """
    if not (doubts := tuple(doubts)):
        return  # mostly; and a court may look at every user of MI
    court = _Court(doubts, target, group, name)
    for doubt in doubts:
        user = court.user(doubt)
        noted = court.judge(doubt, user)
        if noted.error != NOT_DONE or not _may_come(doubt, target.read_at):
            yield Verdict(doubt, noted, user)


class _Court:
    def __init__(self, doubts: Iterable[Doubt], target: Target, group: TargetGroup | None, name: str) -> None:
        everybody = people(target)
        self._fold = everybody.fold
        self._members: Mapping[str, frozenset[str]] = target.members
        self._group, self._name = group, name
        self._by_id = everybody.by_id()
        names = {self._fold(doubt.username) for doubt in doubts if doubt.username}
        self._having = everybody.by_username(names)

    def user(self, doubt: Doubt) -> TargetUser | None:
        """The user it is about. An id that belongs to another username now says nothing."""
        name = doubt.username or ""
        if doubt.kind is ChangeKind.CREATE_USER:
            return next(iter(self._having(name)[-1:]), None)
        user = self._by_id(doubt.user_id or "")
        return user if user and self._fold(user.username) == self._fold(name) else None

    def judge(self, doubt: Doubt, user: TargetUser | None) -> Noted:
        if doubt.done_since:
            return _failed(doubt, _SINCE)
        match doubt.kind:
            case ChangeKind.CREATE_GROUP:
                group = self._group if doubt.group_name == self._name else None
                return _done(doubt, group_id=group.id) if group else _failed(doubt)
            case ChangeKind.CREATE_USER:
                return self._created(doubt, user)
            case ChangeKind.ADD_MEMBER | ChangeKind.REMOVE_MEMBER:
                return self._moved(doubt, user)
            case ChangeKind.UPDATE_USER:
                return _done(doubt) if user and _has(user, doubt.new or {}) else _failed(doubt)
            case ChangeKind.DISABLE_USER | ChangeKind.ENABLE_USER:
                wanted = doubt.kind is ChangeKind.ENABLE_USER
                return _done(doubt) if user and user.enabled is wanted else _failed(doubt)

    def _created(self, doubt: Doubt, user: TargetUser | None) -> Noted:
        if user is None:
            return _failed(doubt)
        if user.email.casefold() != str((doubt.new or {}).get("email")).casefold():
            return _failed(doubt, _SOMEBODY_ELSE)
        group_id = self._group_id(doubt)
        joined = user.id in self._members.get(group_id or "", ())
        return _done(doubt, user_id=user.id, group_id=group_id, joined=joined)

    def _moved(self, doubt: Doubt, user: TargetUser | None) -> Noted:
        group_id = self._group_id(doubt)
        gone = doubt.group_name == self._name and self._group is None
        members = frozenset[str]() if gone else self._members.get(group_id or "")
        if members is None:
            return _failed(doubt, _UNKNOWN)
        is_member = user is not None and user.id in members
        joins = doubt.kind is ChangeKind.ADD_MEMBER
        if is_member is not joins:
            return _failed(doubt)
        return _done(doubt, group_id=group_id, joined=joins, left=not joins)

    def _group_id(self, doubt: Doubt) -> str | None:
        """The group it is about: the one of this name now, or any other by its id."""
        if doubt.group_name == self._name:
            return self._group.id if self._group else None
        return doubt.group_id


def _may_come(doubt: Doubt, read_at: datetime | None) -> bool:
    """Whether MI may have got the request only after it was read."""
    return doubt.kind in _JOINS and read_at is not None and read_at - doubt.begun_at < _ON_ITS_WAY


def _has(user: TargetUser, wanted: Mapping[str, str]) -> bool:
    """Whether the attributes are as they were to be. Servers may spell addresses in small letters."""
    return all(
        getattr(user, name) == value or (name == "email" and user.email.casefold() == value.casefold())
        for name, value in wanted.items()
    )


def _done(
    doubt: Doubt, *, user_id: str | None = None, group_id: str | None = None, joined: bool = False, left: bool = False
) -> Noted:
    return Noted(doubt.position, Status.DONE, user_id=user_id, group_id=group_id, joined=joined, left=left)


def _failed(doubt: Doubt, why: str = NOT_DONE) -> Noted:
    return Noted(doubt.position, Status.FAILED, error=why, passing=True)
