"""Who in Okta is who in MI. Pure, linear in the number of users, independent of their order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from okta_mi_provider.sync.model import SourceUser, TargetUser
from okta_mi_provider.sync.plan import Finding, FindingClass
from okta_mi_provider.sync.text import quoted

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


def match(source: Iterable[SourceUser], target: Iterable[TargetUser], match_by: Sequence[str]) -> Matching:
    """Finds the MI user of each Okta user.

    A username is compared ignoring case; where there is none, and `match_by` names it, an e-mail
    address that only one MI user has. Whoever could be two people, or would get an e-mail address
    that belongs to somebody else, is a conflict.

    Args:
        source: Okta users, each with a username and an e-mail address.
        target: All users of MI.
        match_by: "username", or "username" and "email".
    """
    users = tuple(source)
    sides = _Sides(
        source_by_username=_grouped(users, lambda user: user.username),
        source_by_email=_grouped(users, lambda user: user.email),
        target_by_username=_grouped(target, lambda user: user.username),
        target_by_email=_grouped(target, lambda user: user.email),
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


@dataclass(frozen=True, slots=True)
class _Sides:
    """Both sides, indexed by the two keys."""

    source_by_username: Mapping[str, Sequence[SourceUser]]
    source_by_email: Mapping[str, Sequence[SourceUser]]
    target_by_username: Mapping[str, Sequence[TargetUser]]
    target_by_email: Mapping[str, Sequence[TargetUser]]
    by_email: bool

    def counterpart(self, user: SourceUser) -> TargetUser | Finding | None:
        """The MI user, None if there is none, or the conflict that forbids to tell."""
        username, email = user.username.casefold(), user.email.casefold()
        for what, key, twins in (
            ("username", user.username, self.source_by_username[username]),
            ("email", user.email, self.source_by_email[email]),
        ):
            if len(twins) > 1:
                return _conflict(
                    user,
                    f"duplicate_source_{what}",
                    f"{len(twins)} users of the Okta group have the {_WORDS[what]} {quoted(key)}: {_people(twins)}. "
                    "Give each of them one of their own in Okta, or take the wrong ones out of the group.",
                )
        same_name = self.target_by_username.get(username, ())
        same_email = self.target_by_email.get(email, ())
        if len(same_name) > 1 or (self.by_email and not same_name and len(same_email) > 1):
            return _conflict(
                user,
                "ambiguous_target",
                f"{_person(user)} of Okta could be any of {len(same_name or same_email)} users of MI: "
                f"{_people(same_name or same_email)}. Remove or rename the wrong ones in MI.",
            )
        if same_name:
            found = same_name[0]
        elif self.by_email and same_email and not self.source_by_username.get(same_email[0].username.casefold()):
            found = same_email[0]
        else:
            found = None
        others = [other for other in same_email if other is not found]
        if others:
            return _conflict(
                user,
                "email_taken",
                f"The e-mail address {quoted(user.email)} of {_person(user)} in Okta belongs to another user of MI: "
                f"{_people(others)}. If they are one person, rename the MI user or match by e-mail "
                "(match_by: [username, email]); if not, correct the address on one side.",
            )
        return found


_WORDS = {"username": "username", "email": "e-mail address"}


def _grouped(users: Iterable[_User], key: Callable[[_User], str]) -> dict[str, list[_User]]:
    groups: dict[str, list[_User]] = defaultdict(list)
    for user in users:
        if value := key(user):
            groups[value.casefold()].append(user)
    return groups


def _conflict(user: SourceUser, kind: str, message: str) -> Finding:
    return Finding(kind, message, user.username, FindingClass.CONFLICT)


def _person(user: SourceUser | TargetUser) -> str:
    return f"{quoted(user.username)} ({user.id})"


def _people(users: Iterable[SourceUser | TargetUser]) -> str:
    return ", ".join(sorted(_person(user) for user in users))
