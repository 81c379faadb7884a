"""Forgetting: what is too old goes, but never what a later sync stands on."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, func, select

from okta_mi_provider.store.schema import ARTIFACTS, CHANGES, RUNS
from okta_mi_provider.sync.apply import Status

#: How many ids fit into one query.
_MOST_IDS = 500


def forget(connection: Connection, *, artifacts_before: datetime, history_before: datetime) -> None:
    """Deletes what is too old.

    The ledger and the links stay, whatever their age; so do the last complete run of each sync, and runs with changes
    that are still in doubt.

    Args:
        connection: Where to write.
        artifacts_before: Snapshots, plans and reports from before, and what was only planned by runs from before, go.
        history_before: So do runs and changes from before.
    """
    connection.execute(delete(ARTIFACTS).where(ARTIFACTS.c.created_at < artifacts_before))
    connection.execute(
        delete(CHANGES).where(
            CHANGES.c.status == Status.PLANNED.value,
            CHANGES.c.run.in_(select(RUNS.c.id).where(RUNS.c.started_at < artifacts_before)),
        )
    )
    old = list(
        connection.scalars(
            select(RUNS.c.id).where(
                RUNS.c.started_at < history_before,
                RUNS.c.id.not_in(select(func.max(RUNS.c.id)).where(RUNS.c.complete).group_by(RUNS.c.dag_id)),
                RUNS.c.id.not_in(select(CHANGES.c.run).where(CHANGES.c.status == Status.BEGUN.value)),
            )
        )
    )
    for start in range(0, len(old), _MOST_IDS):
        these = old[start : start + _MOST_IDS]
        connection.execute(delete(CHANGES).where(CHANGES.c.run.in_(these)))
        connection.execute(delete(RUNS).where(RUNS.c.id.in_(these)))
