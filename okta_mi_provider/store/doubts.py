"""Changes of which nobody knows what became of them, for the process that sent them was killed."""

from __future__ import annotations

from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection, exists, or_, select

from okta_mi_provider.store.changes import is_
from okta_mi_provider.store.schema import CHANGES, RUNS
from okta_mi_provider.sync.outcome import Status
from okta_mi_provider.sync.plan import ChangeKind

_LATER, _LATER_RUN = CHANGES.alias(), RUNS.alias()
_DONE_SINCE = (
    exists()
    .where(_LATER.c.source_id == CHANGES.c.source_id, _LATER.c.group_name == CHANGES.c.group_name)
    .where(_LATER.c.run > CHANGES.c.run, _LATER.c.joined, _LATER.c.status == Status.DONE.value)
    .where(_LATER_RUN.c.id == _LATER.c.run, _LATER_RUN.c.host == RUNS.c.host)
    .label("done_since")
)


class Doubt(NamedTuple):
    """A change that was announced, and of which nothing was heard since.

    Attributes:
        run: Id of the run that has announced it.
        source_group_id: Okta id of the first group of that run.
        new: The attributes that were to be written.
        begun_at: When it was announced.
        default_group: Whether that run was to put those that it creates into the Default Group.
        done_since: A later run has done the same, so that what is there tells nothing of this one.
    """

    run: int
    position: int
    org: str
    dag_id: str
    source_group_id: str
    kind: ChangeKind
    group_id: str | None
    group_name: str
    source_id: str | None
    user_id: str | None
    username: str | None
    new: dict[str, Any] | None
    begun_at: datetime
    default_group: bool = True
    done_since: bool = False


def in_doubt(
    connection: Connection,
    host: str,
    group_name: str,
    group_id: str | None,
    *,
    before: int,
    read_at: datetime | None = None,
) -> list[Doubt]:
    """Changes that crashed runs into a group have left in doubt, in the order in which they were begun.

    Args:
        connection: Where to read.
        host: The MI server.
        group_name: Name of the MI group that those runs synced into.
        group_id: Its id; None if there is no such group.
        before: Id of the run that asks; only earlier ones are looked at.
        read_at: When MI was read; of what has begun since, that reading tells nothing. None to have all.
    """
    same_group = RUNS.c.target_group == group_name
    if group_id is not None:
        same_group = or_(same_group, RUNS.c.target_group_id == group_id)
    query = (
        select(CHANGES, RUNS.c.org, RUNS.c.dag_id, RUNS.c.source_groups, RUNS.c.settings, _DONE_SINCE)
        .join(RUNS)
        .where(is_(Status.BEGUN))
        .where(CHANGES.c.run < before, RUNS.c.host == host, same_group)
    )
    if read_at is not None:
        query = query.where(CHANGES.c.at <= read_at)
    # For an order that it has at hand, SQLite would leave the index alone.
    rows = sorted(connection.execute(query), key=attrgetter("id"))
    return [
        Doubt(
            row.run,
            row.position,
            row.org,
            row.dag_id,
            row.source_groups[0]["id"] if row.source_groups else "",
            ChangeKind(row.kind),
            row.group_id,
            row.group_name,
            row.source_id,
            row.user_id,
            row.username,
            row.new,
            row.at,
            not row.settings.get("skip_default_group"),
            row.done_since,
        )
        for row in rows
    ]
