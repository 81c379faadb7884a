"""Which group of Metric Insights is the Default Group: judged once, for the sync, the test button and the doctor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from okta_mi_provider.clients.metric_insights_dialect import MIDialect
from okta_mi_provider.sync.model import TargetGroup
from okta_mi_provider.sync.text import quoted


@dataclass(frozen=True, slots=True)
class DefaultGroup:
    """What the groups of a server and the connection together say.

    Attributes:
        group: The group that MI puts new users into; None if there is none.
        by_id: It was found by its id, not by its name.
        doubt: Why it may be another one, and what to do; or why there is none. "" if all is well.
    """

    group: TargetGroup | None
    by_id: bool = False
    doubt: str = ""


def judge(groups: Sequence[TargetGroup], dialect: MIDialect) -> DefaultGroup:
    """Looks for the group with the id that the dialect names; for its name only if there is none.

    Args:
        groups: All groups of the server.
        dialect: What the connection says.
    """
    wanted_id, wanted_name = dialect.default_group_id, dialect.default_group_name
    by_id = next((group for group in groups if group.id == wanted_id), None)
    by_name = next((group for group in groups if group.name == wanted_name), None)
    if by_id is None and by_name is None:
        return DefaultGroup(
            None,
            doubt=f"Metric Insights has no group with the id {quoted(wanted_id)} or the name {quoted(wanted_name)}. "
            "Set 'default_group_id' of the connection to the Default Group's id, or keep synced users out of it with "
            "skip_default_group.",
        )
    if by_id is None:
        return DefaultGroup(by_name)
    if by_name is None or by_name.id == by_id.id:
        return DefaultGroup(by_id, by_id=True)
    return DefaultGroup(
        by_id,
        by_id=True,
        doubt=f"The group with the id {quoted(wanted_id)} is {quoted(by_id.name)}, and new users join that one; but "
        f"there is a group {quoted(wanted_name)}, with the id {quoted(by_name.id)}. Correct 'default_group_id' of the "
        f"connection if that one is meant, or set 'default_group_name' to {quoted(by_id.name)} if not.",
    )
