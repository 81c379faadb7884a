"""One user's way through a sync, step by step: found where, in scope or not, matched by what, what would be written.

Pure: it looks at the same snapshot as a diff does, and asks the same functions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.sync.diff import diff
from okta_mi_provider.sync.fetch import target_name
from okta_mi_provider.sync.match import match
from okta_mi_provider.sync.model import SourceUser, TargetUser
from okta_mi_provider.sync.only import Only
from okta_mi_provider.sync.outcome import Status
from okta_mi_provider.sync.people import people
from okta_mi_provider.sync.plan import GROUP_MISSING, Plan
from okta_mi_provider.sync.render import describe
from okta_mi_provider.sync.scope import by_profile, by_status
from okta_mi_provider.sync.snapshot import Snapshot
from okta_mi_provider.sync.text import one_line, quoted


class Step(NamedTuple):
    """One step of a sync, and what it says of the user."""

    name: str
    lines: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The step as plain JSON types."""
        return {"step": self.name, "says": list(self.lines)}


class Explanation(NamedTuple):
    """A user's way through a sync.

    Attributes:
        plan: What would be written for that user.
        is_known: Whether there is such a user at all.
    """

    steps: tuple[Step, ...]
    plan: Plan
    is_known: bool


def explain(snapshot: Snapshot, settings: SyncSettings, who: str) -> Explanation:
    """Walks one user through a sync.

    Args:
        snapshot: Both sides, and what is remembered.
        settings: How to sync.
        who: A login, an e-mail address, an Okta id, or a username of MI.
    """
    person = Only(who, snapshot)
    plan = diff(snapshot, replace(settings, only_user=who))
    steps = (
        Step("import", tuple(_import(snapshot, settings, person))),
        Step("scope", tuple(_scope(person.listed, settings))),
        Step("match", tuple(_match(snapshot, settings, person.listed))),
        Step("plan", tuple(_plan(snapshot, settings, plan, person))),
    )
    return Explanation(steps, plan, person.is_known)


def _import(snapshot: Snapshot, settings: SyncSettings, person: Only) -> Iterator[str]:
    source, target = snapshot.source, snapshot.target
    if not person.listed:
        yield f"Not among the {len(source.users):,} members of Okta group {quoted(source.name)} of {source.org}."
    attributes = (settings.username_attr, settings.email_attr, settings.first_name_attr, settings.last_name_attr)
    for user in person.listed:
        yield f"Member of Okta group {quoted(source.name)} of {source.org}: {one_line(user.id)}, status {user.status}."
        values = (user.username, user.email, user.first_name, user.last_name)
        for what, name, value in zip(_ATTRIBUTES, attributes, values, strict=True):
            yield f"{what}: {quoted(value)} (Okta attribute {quoted(name)})"
    if not person.accounts:
        yield f"No user of that name or address among the {len(target.users):,} of {target.host}."
    group = target.group_named(target_name(source, settings))
    members = target.members.get(group.id, frozenset()) if group else frozenset()
    for account in person.accounts:
        enabled = "" if account.enabled else ", disabled"
        inside = "a member" if account.id in members else "no member"
        yield (
            f"In MI: {_account(account)}, type {one_line(account.type)}{enabled}, {inside} of "
            f"{quoted(target_name(source, settings))}."
        )


_ATTRIBUTES = ("Username", "E-mail address", "First name", "Last name")


def _scope(listed: Sequence[SourceUser], settings: SyncSettings) -> Iterator[str]:
    if not listed:
        yield "Nothing to decide: only members of the Okta group are synced."
    for user in listed:
        inside, outside = by_status([user], settings)
        _, invalid = by_profile(inside, settings)
        if refused := [*outside, *invalid]:
            yield from (one_line(finding.message, 1000) for finding in refused)
        else:
            yield f"{quoted(user.username)} is synced: {user.status} is one of {', '.join(settings.statuses)}."


def _match(snapshot: Snapshot, settings: SyncSettings, listed: Sequence[SourceUser]) -> Iterator[str]:
    target = snapshot.target
    inside, _ = by_status(snapshot.source.users, settings)
    valid, _ = by_profile(inside, settings)
    # Everybody has to be looked at: a conflict is between two.
    memory = snapshot.memory
    found = match(
        valid,
        people(target),
        settings.match_by,
        links=memory.links,
        former=memory.former,
    )
    ids = {user.id for user in listed}
    mine = [pair for pair in found.pairs if pair.source.id in ids]
    for pair in mine:
        name = quoted(pair.source.username)
        if pair.target is None:
            yield f"{name} is nobody in MI yet (looked for by link, {', then by '.join(settings.match_by)})."
        elif pair.by == "link":
            yield f"{name} is {_account(pair.target)}, by the link that an earlier sync has noted."
        else:
            yield f"{name} is {_account(pair.target)}, by the {_BY.get(pair.by or '', pair.by)}."
    names = {user.username for user in listed}
    yield from (one_line(each.message, 1000) for each in found.conflicts if each.user in names)
    if not mine and not found.in_conflict & ids:
        yield "Not looked for in MI."


_BY = {"username": "username", "email": "e-mail address"}


def _plan(snapshot: Snapshot, settings: SyncSettings, plan: Plan, person: Only) -> Iterator[str]:
    for change in plan.changes:
        yield describe(change, Status.PLANNED)
    if not plan.changes:
        yield "Nothing would be written."
    if settings.prune != "all" and not plan.changes:
        yield from _left_alone(snapshot, settings, person)
    told = [finding for finding in plan.findings if finding.user is not None or finding.kind == GROUP_MISSING]
    yield from (one_line(finding.message, 1000) for finding in told)
    about_all = diff(snapshot, replace(settings, only_user=None))
    if about_all.refusals or about_all.unusual:
        yield from ("A sync of the whole group is held up:", *about_all.refusals, *about_all.unusual)


def _left_alone(snapshot: Snapshot, settings: SyncSettings, person: Only) -> Iterator[str]:
    """Members who are not in Okta and stay all the same: nobody is removed, or no sync has put them there."""
    group = snapshot.target.group_named(target_name(snapshot.source, settings))
    members = snapshot.target.members.get(group.id, frozenset()) if group else frozenset()
    ours = {each.user_id for each in snapshot.memory.made}
    for account in () if person.listed else person.accounts:
        if account.id in members and settings.prune == "off":
            yield f"{quoted(account.username)} is not in the Okta group, and stays a member all the same: prune is off."
        elif account.id in members - ours:
            yield (
                f"{quoted(account.username)} was not put into the group by a sync, and prune: managed leaves such "
                "members alone."
            )


def _account(user: TargetUser) -> str:
    return f"{quoted(user.username)} (MI id {one_line(user.id)}, {quoted(user.email)})"
