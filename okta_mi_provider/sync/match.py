"""Who in Okta is who in MI. Pure, linear in the number of users, independent of their order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from okta_mi_provider.sync.model import SourceUser, TargetUser
from okta_mi_provider.sync.people import Having, Index, People
from okta_mi_provider.sync.plan import Finding, FindingClass
from okta_mi_provider.sync.text import one_line, quoted

#: How many people a message names.
_MOST_NAMES = 5


class Pair(NamedTuple):
    """A user of Okta, and the same person in MI if there is one.

    Attributes:
        by: How it was found: "link", "username" or "email"; None if it was not.
    """

    source: SourceUser
    target: TargetUser | None
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Matching:
    """Everybody whose counterpart is certain, and a conflict for everybody else, with their Okta ids."""

    pairs: tuple[Pair, ...]
    conflicts: tuple[Finding, ...]
    in_conflict: frozenset[str]


def match(
    source: Iterable[SourceUser],
    target: People,
    match_by: Sequence[str],
    *,
    links: Mapping[str, str] = MappingProxyType({}),
    former: Mapping[str, str] = MappingProxyType({}),
) -> Matching:
    """Finds the MI user of each Okta user.

    First by a link, which outlives a change of the login. Then by the username, ignoring case unless MI tells such
    users apart; where there is none, and `match_by` names it, by an e-mail address that only one MI user has. Whoever
    could be two people, or would get an e-mail address or an account that belongs to somebody else, is a conflict. So
    is whoever has got the username of somebody who is not in the group any more, unless the account has the same e-mail
    address: then it is one person, who was created anew in Okta.

    Args:
        source: Okta users, each with a username and an e-mail address.
        target: All users of MI. E-mail addresses that differ only in case are always one.
        match_by: "username", or "username" and "email".
        links: MI ids by Okta id of those whom their username would not find.
        former: Okta ids by MI id, of MI users that were somebody else until now.
    """
    users = tuple(source)
    owners = {user_id: source_id for source_id, user_id in links.items()}
    by_username = Index(((user.username, user) for user in users), target.fold)
    by_email = Index((user.email, user) for user in users)
    sides = _Sides(
        source_by_username=by_username,
        source_by_email=by_email,
        target_by_username=target.by_username(by_username.keys),
        target_by_email=target.by_email(by_email.keys),
        by_email="email" in match_by,
        links=links,
        linked={user.id: user for user in target.with_ids(owners.keys())},
        owners=owners,
        former=former,
    )
    pairs: list[Pair] = []
    conflicts: list[Finding] = []
    in_conflict: set[str] = set()
    for user in users:
        found = sides.counterpart(user)
        if isinstance(found, Finding):
            conflicts.append(found)
            in_conflict.add(user.id)
        else:
            pairs.append(found)
    return Matching(tuple(pairs), tuple(conflicts), frozenset(in_conflict))


@dataclass(frozen=True, slots=True)
class _Sides:
    """Both sides, indexed by the keys.

    Attributes:
        linked: The MI users that links name, by id.
        owners: Okta ids by the MI id that they are linked with.
        former: Okta ids by MI id, of MI users that were somebody else until now.
        twins: Names of those who share a key, by what the key is and the id of the first of them; made once, however
            many messages they are in.
    """

    source_by_username: Index[SourceUser]
    source_by_email: Index[SourceUser]
    target_by_username: Having
    target_by_email: Having
    by_email: bool
    links: Mapping[str, str]
    linked: Mapping[str, TargetUser]
    owners: Mapping[str, str]
    former: Mapping[str, str]
    twins: dict[tuple[str, str], str] = field(default_factory=dict)

    def counterpart(self, user: SourceUser) -> Pair | Finding:
        """The user with the MI user if there is one, or the conflict that forbids to tell."""
        for what, words, key, index in (
            ("username", "username", user.username, self.source_by_username),
            ("email", "e-mail address", user.email, self.source_by_email),
        ):
            if twins := index.twins(key):
                whose = what, twins[0].id
                names = self.twins.get(whose) or self.twins.setdefault(whose, _people(twins))
                return _conflict(
                    user,
                    f"duplicate_source_{what}",
                    f"{len(twins)} users of the Okta group have the {words} {quoted(key)}: {names}. "
                    "Give each of them one of their own in Okta, or take the wrong ones out of the group.",
                )
        found = self._found(user)
        if isinstance(found, Finding):
            return found
        others = tuple(other for other in self.target_by_email(user.email) if other is not found.target)
        if others:
            return _conflict(
                user,
                "email_taken",
                f"The e-mail address {quoted(user.email)} of {_person(user)} in Okta belongs to another user of MI: "
                f"{_people(others)}. If they are one person, rename the MI user or match by e-mail "
                "(match_by: [username, email]); if not, correct the address on one side.",
            )
        return found

    def _found(self, user: SourceUser) -> Pair | Finding:
        """Whom the link, the username or the address leads to."""
        if linked := self.linked.get(self.links.get(user.id, "")):
            return Pair(user, linked, "link")
        same_name = self.target_by_username(user.username)
        same_email = self.target_by_email(user.email) if self.by_email and not same_name else ()
        if len(same_name) > 1 or len(same_email) > 1:
            return _conflict(
                user,
                "ambiguous_target",
                f"{_person(user)} of Okta could be any of {len(same_name or same_email)} users of MI: "
                f"{_people(same_name or same_email)}. Remove or rename the wrong ones in MI.",
            )
        if same_name:
            return self._unless_somebody_elses(user, same_name[0], "username")
        if same_email and not self.source_by_username.having(same_email[0].username):
            return self._unless_somebody_elses(user, same_email[0], "email")
        return Pair(user, None)

    def _unless_somebody_elses(self, user: SourceUser, found: TargetUser, by: str) -> Pair | Finding:
        """Both as a pair, unless the account is that of somebody else."""
        if owner := self.owners.get(found.id):
            return _conflict(
                user,
                "account_taken",
                f"{_person(user)} of Okta has the {'username' if by == 'username' else 'e-mail address'} of "
                f"{_person(found)} in MI, but that is the account of {one_line(owner)}, whose login in Okta has "
                "changed. Give one of them another login in Okta, or rename the MI user.",
            )
        former = self.former.get(found.id)
        if former and found.email.casefold() != user.email.casefold():
            return _conflict(
                user,
                "account_inherited",
                f"{_person(user)} of Okta has the username of {_person(found)} in MI, but that was the account of "
                f"{one_line(former)}, who is not in the Okta group any more, and its e-mail address is "
                f"{quoted(found.email)}, not {quoted(user.email)}. If they are one person, set the e-mail address of "
                "the MI user to that of Okta; if not, rename the MI user, and the new one can get an account of their "
                "own.",
            )
        return Pair(user, found, by)


def _conflict(user: SourceUser, kind: str, message: str) -> Finding:
    return Finding(kind, message, user.username, FindingClass.CONFLICT)


def _person(user: SourceUser | TargetUser) -> str:
    return f"{quoted(user.username)} ({user.id})"


def _people(users: Sequence[SourceUser | TargetUser]) -> str:
    """Some of them by name: a thousand who share an address would fill a thousand messages."""
    names = sorted(_person(user) for user in users)
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more
