"""What MI is after a plan: for commands that sync several groups, and for proving the diff right. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from okta_mi_provider.sync.model import Target, TargetGroup, TargetUser
from okta_mi_provider.sync.outcome import Outcome, Status
from okta_mi_provider.sync.people import Register
from okta_mi_provider.sync.plan import MOVES, ChangeKey, ChangeKind, Plan


def project(target: Target, plan: Plan, ids: Mapping[ChangeKey, str] = MappingProxyType({})) -> Target:
    """The target as it is once every change of the plan is done. Groups whose members were not read stay so.

    Where many syncs look into the users, in a `Register`, this costs as much as the plan has changes.

    Args:
        target: MI before.
        plan: What is done.
        ids: Ids of the groups and users that are created, by the key of the change. Who has none here gets one that
            no server gives.
    """
    groups = list(target.groups)
    users: dict[str, TargetUser] = {}
    joining: dict[str, set[str]] = {}
    leaving: dict[str, set[str]] = {}
    group_ids = {group.name: group.id for group in (plan.default_group, plan.target_group) if group}
    members = dict(target.members)
    for change in plan.changes:
        if change.kind is ChangeKind.CREATE_GROUP:
            group_ids[change.group] = ids.get(change.key, f"planned:{change.group}")
            groups.append(TargetGroup(group_ids[change.group], change.group))
            members[group_ids[change.group]] = frozenset()
        elif change.after:
            user = change.after
            joined = [group_ids[change.group]]
            if change.kind is ChangeKind.CREATE_USER:
                user = replace(user, id=ids.get(change.key, f"planned:{user.username}"))
                joined += [plan.default_group.id] if plan.default_group else []
            if change.kind not in MOVES:
                users[user.id] = user
            if change.kind is ChangeKind.REMOVE_MEMBER:
                leaving.setdefault(group_ids[change.group], set()).add(user.id)
            elif change.kind in {ChangeKind.CREATE_USER, ChangeKind.ADD_MEMBER}:
                for group_id in joined:
                    joining.setdefault(group_id, set()).add(user.id)
    for group_id in (joining.keys() | leaving.keys()) & members.keys():
        members[group_id] = members[group_id] - leaving.get(group_id, set()) | joining.get(group_id, set())
    return replace(target, users=_after(target, users), groups=tuple(groups), members=members)


def known_after(target: Target, plan: Plan, outcomes: Sequence[Outcome]) -> Target | None:
    """What MI is after a plan was written; None if only a reading can tell.

    Certain is only what MI has confirmed for every single change: one that failed may have taken effect, one that
    somebody else had made shows that what was read is out of date, and so does whoever was found after an answer was
    lost and is not as a created user. Of the groups whose members were read, that of the plan is left out: who syncs
    into it next shall see them as they are then.

    Args:
        target: MI, as the plan was made from it.
        plan: What was to be written.
        outcomes: What became of it.
    """
    if not plan.changes:
        return target
    certain = [each for each in outcomes if each.status is Status.DONE and each.target_id and not each.unlike]
    if len(certain) < len(plan.changes):
        return None
    after = project(target, plan, {each.change.key: each.target_id or "" for each in certain})
    group = after.group_named(plan.target_group.name)
    members = {group_id: ids for group_id, ids in after.members.items() if group is None or group_id != group.id}
    return replace(after, members=members)


def _after(target: Target, changed: Mapping[str, TargetUser]) -> Register | tuple[TargetUser, ...]:
    if isinstance(target.users, Register):
        return target.users.after(changed.values())
    return tuple({**{user.id: user for user in target.users}, **changed}.values())
