"""Who in Okta is who in MI. Pure, linear in the number of users, independent of their order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from okta_mi_provider.sync.model import SourceUser, TargetUser
from okta_mi_provider.sync.plan import Finding, FindingClass
from okta_mi_provider.sync.text import quoted

#: How many people a message names.
_MOST_NAMES = 5

_User = TypeVar("_User", SourceUser, TargetUser)


class Pair(NamedTuple):
    """A user of Okta, and the same person in MI if there is one."""

    source: SourceUser
    target: TargetUser | None


@dataclass(frozen=True, slots=True)
class Matching:
    """Everybody whose counterpart is certain, and a conflict for everybody else."""

    pairs: tuple[Pair, ...]
    conflicts: tuple[Finding, ...]


def match(
    source: Iterable[SourceUser],
    target: Iterable[TargetUser],
    match_by: Sequence[str],
    *,
    fold_usernames: bool = True,
) -> Matching:
    """Finds the MI user of each Okta user.

    A username is compared ignoring case, unless MI tells such users apart; where there is none, and
    `match_by` names it, an e-mail address that only one MI user has. Whoever could be two people, or would
    get an e-mail address that belongs to somebody else, is a conflict.

    Args:
        source: Okta users, each with a username and an e-mail address.
        target: All users of MI.
        match_by: "username", or "username" and "email".
        fold_usernames: Usernames that differ only in case are one user. E-mail addresses always are one.
    """
    users, existing = tuple(source), tuple(target)
    username_key = str.casefold if fold_usernames else str
    sides = _Sides(
        source_by_username=_Index(((user.username, user) for user in users), username_key),
        source_by_email=_Index((user.email, user) for user in users),
        target_by_username=_Index(((user.username, user) for user in existing), username_key),
        target_by_email=_Index((user.email, user) for user in existing),
        by_email="email" in match_by,
    )
    pairs: list[Pair] = []
    conflicts: list[Finding] = []
    for user in users:
        found = sides.counterpart(user)
        if isinstance(found, Finding):
            conflicts.append(found)
        else:
            pairs.append(Pair(user, found))
    return Matching(tuple(pairs), tuple(conflicts))


class _Index(Generic[_User]):
    """Users by one of their keys, ignoring case unless told otherwise. Blank keys are nobody's."""

    def __init__(self, keyed: Iterable[tuple[str, _User]], fold: Callable[[str], str] = str.casefold) -> None:
        # Hardly anybody has a twin: a list for each user would cost most of the time and memory of a diff.
        self._fold = fold
        self._users: dict[str, _User] = {}
        self._twins: dict[str, list[_User]] = {}
        self._names: dict[str, str] = {}
        for key, user in keyed:
            folded = fold(key)
            if folded and (first := self._users.setdefault(folded, user)) is not user:
                self._twins.setdefault(folded, [first]).append(user)

    def having(self, key: str) -> Sequence[_User]:
        """Everybody with this key."""
        folded = self._fold(key)
        if folded in self._twins:
            return self._twins[folded]
        user = self._users.get(folded)
        return () if user is None else (user,)

    def names(self, key: str) -> str:
        """Everybody with this key, for a message; made once, however many of them get it."""
        folded = self._fold(key)
        if folded not in self._names:
            self._names[folded] = _people(self.having(key))
        return self._names[folded]


@dataclass(frozen=True, slots=True)
class _Sides:
    """Both sides, indexed by the two keys."""

    source_by_username: _Index[SourceUser]
    source_by_email: _Index[SourceUser]
    target_by_username: _Index[TargetUser]
    target_by_email: _Index[TargetUser]
    by_email: bool

    def counterpart(self, user: SourceUser) -> TargetUser | Finding | None:
        """The MI user, None if there is none, or the conflict that forbids to tell."""
        for what, words, key, index in (
            ("username", "username", user.username, self.source_by_username),
            ("email", "e-mail address", user.email, self.source_by_email),
        ):
            if len(twins := index.having(key)) > 1:
                return _conflict(
                    user,
                    f"duplicate_source_{what}",
                    f"{len(twins)} users of the Okta group have the {words} {quoted(key)}: {index.names(key)}. "
                    "Give each of them one of their own in Okta, or take the wrong ones out of the group.",
                )
        same_name = self.target_by_username.having(user.username)
        same_email = self.target_by_email.having(user.email)
        if len(same_name) > 1 or (self.by_email and not same_name and len(same_email) > 1):
            return _conflict(
                user,
                "ambiguous_target",
                f"{_person(user)} of Okta could be any of {len(same_name or same_email)} users of MI: "
                f"{_people(same_name or same_email)}. Remove or rename the wrong ones in MI.",
            )
        if same_name:
            found = same_name[0]
        elif self.by_email and same_email and not self.source_by_username.having(same_email[0].username):
            found = same_email[0]
        else:
            found = None
        others = tuple(other for other in same_email if other is not found)
        if others:
            return _conflict(
                user,
                "email_taken",
                f"The e-mail address {quoted(user.email)} of {_person(user)} in Okta belongs to another user of MI: "
                f"{_people(others)}. If they are one person, rename the MI user or match by e-mail "
                "(match_by: [username, email]); if not, correct the address on one side.",
            )
        return found


def _conflict(user: SourceUser, kind: str, message: str) -> Finding:
    return Finding(kind, message, user.username, FindingClass.CONFLICT)


def _person(user: SourceUser | TargetUser) -> str:
    return f"{quoted(user.username)} ({user.id})"


def _people(users: Sequence[SourceUser | TargetUser]) -> str:
    """Some of them by name: a thousand who share an address would fill a thousand messages."""
    names = sorted(_person(user) for user in users)
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more
