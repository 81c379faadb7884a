"""What the store remembers that matters for one sync."""

from __future__ import annotations

from sqlalchemy import Connection

from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.store import changes as account
from okta_mi_provider.store import ledger, links, runs, unfinished
from okta_mi_provider.store.history import last_written
from okta_mi_provider.sync.fetch import target_name
from okta_mi_provider.sync.memory import Memory, recollect
from okta_mi_provider.sync.model import Source, Target, TargetGroup
from okta_mi_provider.sync.people import people


def remembered(
    connection: Connection,
    source: Source,
    target: Target,
    group: TargetGroup | None,
    *,
    dag_id: str,
    settings: SyncSettings,
    shared: bool = False,
    of_dag: str | None = None,
) -> Memory:
    """The memory of earlier syncs, of these groups and into this MI group.

    Where syncs share a `dag_id`, the last one is that into the same MI group. As long as they remove nobody, there may
    be several into one, each with another group of Okta. So of the members only those are of a sync's making who were
    put there for its own groups of Okta.

    Args:
        connection: Where to read.
        source: Okta as it was read.
        target: MI as it was read.
        group: The target group; None if it does not exist.
        dag_id: Whose syncs count as earlier ones of this.
        settings: How to sync.
        shared: Whether other syncs may have the same `dag_id`.
        of_dag: A DAG whose syncs count as earlier ones of this, too.
    """
    source_groups = [each.id for each in source.groups]
    members = target.members.get(group.id, frozenset()) if group else frozenset()
    by = of_dag if shared else dag_id
    made = ledger.made(connection, target.host, group.id, source_groups=source_groups, dag_id=by) if group else ()
    return recollect(
        source,
        target,
        group,
        links=links.between(
            connection,
            target.host,
            source.org,
            source_ids=[user.id for user in source.users],
            user_ids=_namesakes(source, target),
        ),
        made=made,
        unfinished=unfinished.between(connection, target.host, source.org),
        disabled=account.disabled(connection, target.host),
        written=last_written(connection, target.host, members) if settings.mode == "drift" else {},
        last=runs.last_complete(
            connection,
            dag_id,
            org=source.org,
            host=target.host,
            target_group=target_name(source, settings) if shared else None,
            source_groups=source_groups if shared and settings.prune == "off" else None,
            of_dag=of_dag,
            named=source.named is not None,
        ),
    )


def _namesakes(source: Source, target: Target) -> list[str]:
    """MI ids of everybody who has the username of somebody in Okta: the accounts may be those of others there."""
    everybody = people(target)
    names = {everybody.fold(user.username): user.username for user in source.users}
    having = everybody.by_username(names.keys())
    return [user.id for name in names.values() for user in having(name)]
