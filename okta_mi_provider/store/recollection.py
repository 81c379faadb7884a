"""What the store remembers that matters for one sync."""

from __future__ import annotations

from sqlalchemy import Connection

from okta_mi_provider.store import changes as account
from okta_mi_provider.store import ledger, links, runs
from okta_mi_provider.store.history import last_written
from okta_mi_provider.sync.memory import Memory, recollect
from okta_mi_provider.sync.model import Source, Target, TargetGroup


def remembered(
    connection: Connection,
    source: Source,
    target: Target,
    group: TargetGroup | None,
    *,
    dag_id: str,
    looks_for_drift: bool = False,
) -> Memory:
    """The memory of earlier syncs, of these groups and into this MI group.

    Args:
        connection: Where to read.
        source: Okta as it was read.
        target: MI as it was read.
        group: The target group; None if it does not exist.
        dag_id: Whose syncs count as earlier ones of this.
        looks_for_drift: Also what was written last, to tell what was changed by hand.
    """
    members = target.members.get(group.id, frozenset()) if group else frozenset()
    made = (
        ledger.made(connection, target.host, group.id, source_groups=[each.id for each in source.groups], dag_id=dag_id)
        if group
        else ()
    )
    return recollect(
        source,
        target,
        group,
        links=links.between(connection, target.host, source.org),
        made=made,
        disabled=account.disabled(connection, target.host),
        written=last_written(connection, target.host, members) if looks_for_drift else {},
        last=runs.last_complete(connection, dag_id),
    )
