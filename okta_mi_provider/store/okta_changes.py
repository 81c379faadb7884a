"""What Okta has said of its groups lately, and what a sync has read of them last. Functions on an open connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from okta_mi_provider.store.artifacts import ArtifactKind, Packed
from okta_mi_provider.store.runs import RunKey
from okta_mi_provider.store.schema import ARTIFACTS, CHANGED_GROUPS, RUNS
from okta_mi_provider.store.upsert import upsert
from okta_mi_provider.sync.incremental import Changed
from okta_mi_provider.sync.model import Stamp

#: For how long one answer is good enough for everybody. It is as if Okta told of changes so much later.
_FRESH = timedelta(minutes=1)


class Read(NamedTuple):
    """What a run has read.

    Attributes:
        run_id: Airflow's id of the run.
        settings: Those of the run, as plain JSON types.
        snapshot: Packed.
    """

    run_id: str
    settings: Mapping[str, Any]
    snapshot: Packed


def last_read(connection: Connection, key: RunKey) -> Read | None:
    """What the run of the DAG has read that began last and is not this one; None if there is nothing left of it."""
    query = (
        select(RUNS.c.run_id, RUNS.c.settings, ARTIFACTS.c.digest, ARTIFACTS.c.body, ARTIFACTS.c.created_at)
        .join(ARTIFACTS, (ARTIFACTS.c.dag_id == RUNS.c.dag_id) & (ARTIFACTS.c.run_id == RUNS.c.run_id))
        .where(RUNS.c.dag_id == key.dag_id, RUNS.c.run_id != key.run_id)
        .where(ARTIFACTS.c.kind == ArtifactKind.SNAPSHOT.value)
        .order_by(RUNS.c.id.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else Read(row.run_id, row.settings, Packed(row.digest, row.body, row.created_at))


def changed(connection: Connection, asker: str, since: datetime) -> Changed | None:
    """What an org has said to somebody in the last minute, if it goes back far enough."""
    columns = CHANGED_GROUPS.c
    now = datetime.now(UTC)
    # The clock of who has noted it may be ahead: for hours nobody would hear of a change.
    young = columns.at > now - _FRESH, columns.at < now + _FRESH
    query = select(CHANGED_GROUPS).where(columns.org == asker, columns.since <= since, *young)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return Changed(
        row.since, row.asked_at, {group_id: _stamp(stamp, row.asked_at) for group_id, stamp in row.stamps.items()}
    )


def put(connection: Connection, asker: str, said: Changed) -> None:
    """Notes what an org has just said to somebody."""
    stamps = {
        group_id: [stamp.members.isoformat(), stamp.group.isoformat()] if stamp else None
        for group_id, stamp in said.stamps.items()
    }
    now = datetime.now(UTC)
    row = {"org": asker, "since": said.since, "asked_at": said.asked_at, "stamps": stamps, "at": now}
    upsert(connection, CHANGED_GROUPS, [row])


def _stamp(texts: Sequence[str] | None, asked_at: datetime) -> Stamp | None:
    if not texts:
        return None
    members, group = map(datetime.fromisoformat, texts)
    return Stamp(members, group, asked_at)
