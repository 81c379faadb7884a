"""What MI would be after a plan: for dry runs of several groups, and for proving the diff right."""

from __future__ import annotations

from dataclasses import replace

from okta_mi_provider.sync.model import Target, TargetGroup
from okta_mi_provider.sync.plan import ChangeKind, Plan


def project(target: Target, plan: Plan) -> Target:
    """The target as it will be once every change of the plan is done.

    Groups and users that do not exist yet get ids that no server gives.
    """
    groups = list(target.groups)
    users = {user.id: user for user in target.users}
    members = {group_id: set(user_ids) for group_id, user_ids in target.members.items()}
    group_ids = {group.name: group.id for group in (plan.default_group, plan.target_group) if group}
    for change in plan.changes:
        if change.kind is ChangeKind.CREATE_GROUP:
            group_ids[change.group] = f"planned:{change.group}"
            groups.append(TargetGroup(group_ids[change.group], change.group))
            members[group_ids[change.group]] = set()
        elif change.after:
            user = change.after
            joined = [group_ids[change.group]]
            if change.kind is ChangeKind.CREATE_USER:
                user = replace(user, id=f"planned:{user.username}")
                joined += [plan.default_group.id] if plan.default_group else []
            if change.kind not in {ChangeKind.ADD_MEMBER, ChangeKind.REMOVE_MEMBER}:
                users[user.id] = user
            if change.kind is ChangeKind.REMOVE_MEMBER:
                members[group_ids[change.group]].discard(user.id)
            elif change.kind in {ChangeKind.CREATE_USER, ChangeKind.ADD_MEMBER}:
                for group_id in joined:
                    members.setdefault(group_id, set()).add(user.id)
    return replace(
        target,
        users=tuple(users.values()),
        groups=tuple(groups),
        members={group_id: frozenset(user_ids) for group_id, user_ids in members.items()},
    )
