"""What has become of MI since a plan was made that is half written: its rest may be about others by now. Pure.

A write names users and groups by their ids, which a server that was restored gives to somebody else. And an update
sends all that was read of a user: it would enable whom somebody has disabled by hand since, and give back what rights
somebody has taken away.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from okta_mi_provider.sync.errors import SyncError
from okta_mi_provider.sync.model import ADMINISTRATOR, Target, TargetGroup, TargetUser
from okta_mi_provider.sync.outcome import Outcome, Status
from okta_mi_provider.sync.people import people
from okta_mi_provider.sync.plan import Change, ChangeKind, Plan
from okta_mi_provider.sync.text import quoted

#: Changes that send all that was read of a user.
_WHOLE = frozenset({ChangeKind.UPDATE_USER, ChangeKind.DISABLE_USER, ChangeKind.ENABLE_USER})


def overtaken(changes: Iterable[tuple[int, Change]], now: Target) -> Iterator[int]:
    """Places of changes about users who are neither as the plan has found them nor as it makes them.

    Of those whose membership alone changes, only who has got another name, or who is to be removed and has become an
    administrator. Whoever is not there any more is none of them: MI says so when it is asked to write.

    Args:
        changes: What is left of a plan, with the places in it.
        now: MI, read again.
    """
    everybody = people(now)
    user_of, fold = everybody.by_id(), everybody.fold
    for place, change in changes:
        user = user_of(change.after.id) if change.after and change.after.id else None
        if user is None or change.after is None:
            continue
        known = (change.before, change.after) if change.kind in _WHOLE else ()
        is_known = any(_comparable(user) == _comparable(each) for each in known if each) or not known
        # Who is one in the plan may be removed; of whom it did not know it, nobody has decided that.
        is_promoted = user.type == ADMINISTRATOR and not change.of_administrator
        spared = is_promoted and change.kind is ChangeKind.REMOVE_MEMBER
        if not is_known or spared or fold(user.username) != fold(change.after.username):
            yield place


def renamed(groups: Mapping[str, str], now: Target) -> tuple[str, TargetGroup] | None:
    """A group of a plan whose id is that of a group with another name by now, and that group; None if there is none.

    Args:
        groups: Ids of the groups that the plan is about, by their names.
        now: MI, read again.
    """
    names = {group_id: name for name, group_id in groups.items() if group_id}
    return next(
        ((names[group.id], group) for group in now.groups if names.get(group.id, group.name) != group.name), None
    )


def raise_if_renamed(plan: Plan, now: Target, advice: str, *, made: str | None = None) -> None:
    """Ends a plan whose groups are others by now.

    Args:
        plan: What is half written.
        now: MI, read again.
        advice: What to do then.
        made: Id of the plan's group, where that was created since.

    Raises:
        SyncError: If a group that the plan is about has another name by now.
    """
    groups = {each.name: each.id for each in (plan.default_group, plan.target_group) if each}
    if made:
        groups[plan.target_group.name] = made
    if found := renamed(groups, now):
        name, group = found
        raise SyncError(
            f"What was MI group {quoted(name)} when the plan was made is {quoted(group.name)} by now. What is left of "
            f"the plan is not written. {advice}"
        )


def left_alone(change: Change) -> Outcome:
    """What becomes of a change that was overtaken."""
    error = "Somebody has changed this user in MI since the plan was made, so it was not written. Trigger a new run."
    return Outcome(change, Status.FAILED, error)


def _comparable(user: TargetUser) -> TargetUser:
    """A server may spell addresses in another way; usernames are compared as it compares them."""
    return replace(user, username="", email=user.email.casefold())
