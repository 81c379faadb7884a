"""Users whose MI group an attribute names: one source becomes one for each value of the attribute. Pure.

Each part is synced as any other group is: with a plan, limits and an account of its own.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.sync.match import match
from okta_mi_provider.sync.model import Source, SourceUser, Target, TargetGroup
from okta_mi_provider.sync.only import Only
from okta_mi_provider.sync.people import people
from okta_mi_provider.sync.plan import Finding, FindingClass, Plan
from okta_mi_provider.sync.scope import by_profile, by_status, in_scope, who
from okta_mi_provider.sync.snapshot import Snapshot
from okta_mi_provider.sync.text import one_line, quoted

#: Longest name of a group.
_LONGEST = 250
#: Characters that no name of a group has: controls, ends of lines, halves of others.
_UNUSABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class Parting:
    """A source as its parts.

    Attributes:
        parts: One source for each MI group that is named, by its name.
        left: What there is to say of users who are put into no group, as a plan without a change; None if there is
            nothing to say.
    """

    parts: tuple[Source, ...]
    left: Plan | None


def part(source: Source, settings: SyncSettings, target: Target) -> Parting:
    """Parts a source by what the attribute `map_attr_to_group` of its users says.

    Who could be taken for another user of the source is left out here: in a part of its own nobody would notice.

    Args:
        source: As it was read, with that attribute.
        settings: How to sync.
        target: MI as it was read.
    """
    users = source.users
    if settings.only_user:
        users = Only(settings.only_user, Snapshot(source, target)).listed
    inside, _ = by_status(source.users, settings)
    valid, _ = by_profile(inside, settings)
    matching = match(valid, people(replace(target, users=())), settings.match_by)
    by_name: dict[str, list[SourceUser]] = {}
    left: list[SourceUser] = []
    findings: list[Finding] = []
    for user in users:
        usable = [name for name in user.groups if _is_usable(name)]
        if user.id in matching.in_conflict or not usable:
            left.append(user)
        else:
            for name in usable:
                by_name.setdefault(name, []).append(user)
        if in_scope(user, settings):
            findings += _of_user(user, usable, settings)
    findings += [each for each in matching.conflicts if each.user in {user.username for user in left}]
    findings += [*by_status(left, settings)[1], *_spellings(by_name)]
    if settings.only_user and not users:
        findings.append(_unknown(source, settings.only_user))
    parts = tuple(replace(source, users=tuple(by_name[name]), named=name) for name in sorted(by_name))
    if parts and not findings:
        return Parting(parts, None)
    return Parting(parts, _plan_of_the_left(source, target, left, findings, matching.in_conflict, settings))


def _is_usable(name: str) -> bool:
    return len(name) <= _LONGEST and not any(unicodedata.category(char) in _UNUSABLE for char in name)


def _of_user(user: SourceUser, usable: Sequence[str], settings: SyncSettings) -> Iterator[Finding]:
    """What is to be said of what a user's attribute names."""
    attribute = quoted(settings.map_attr_to_group or "")
    if not user.groups:
        said = (
            f"{who(user)} has nothing in the Okta attribute {attribute} that names a group of MI, and is put into none."
        )
        yield Finding("no_group_named", said, user.username or user.id)
    for name in user.groups:
        if name not in usable:
            said = (
                f"{who(user)} has {quoted(one_line(name, 60))} in the Okta attribute {attribute}, which cannot be the "
                f"name of a group: longer than {_LONGEST} characters, or with one that cannot be seen. Mend it in Okta."
            )
            yield Finding("bad_group_name", said, user.username or user.id)


def _spellings(names: Iterable[str]) -> Iterator[Finding]:
    """Values that are probably meant to be one."""
    alike: dict[str, list[str]] = {}
    for name in sorted(names):
        alike.setdefault(" ".join(name.casefold().split()), []).append(name)
    for same in alike.values():
        if len(same) > 1:
            said = f"{' and '.join(map(quoted, same))} differ in capitals or blanks only, and are different groups."
            yield Finding("spelling", f"{said} If they are not meant to be, mend the attribute in Okta.")


def _unknown(source: Source, name: str) -> Finding:
    said = (
        f"Okta group {quoted(source.name)} has no user {quoted(name)}. Give a login, an e-mail address or an Okta id."
    )
    return Finding("unknown_user", said, name, FindingClass.CONFLICT)


def _plan_of_the_left(
    source: Source,
    target: Target,
    left: Sequence[SourceUser],
    findings: Iterable[Finding],
    in_conflict: frozenset[str],
    settings: SyncSettings,
) -> Plan:
    conflicts = sum(user.id in in_conflict for user in left)
    return Plan(
        org=source.org,
        source_groups=tuple(replace(each, user_count=None, listed=None) for each in source.groups),
        host=target.host,
        target_group=TargetGroup("", ""),
        default_group=None,
        changes=(),
        findings=tuple(sorted(findings, key=lambda each: (each.cls, each.kind, each.user or "", each.message))),
        source_users=len(left),
        users_in_scope=sum(in_scope(user, settings) for user in left),
        unchanged=0,
        skipped=len(left) - conflicts,
        conflicts=conflicts,
    )
