"""The ledger: which memberships are of our making. Functions on an open connection.

It is what `prune: managed` may take away, so in doubt a row is dropped rather than kept: a member of whom nothing is
written stays.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, or_, select

from okta_mi_provider.store.batches import batches
from okta_mi_provider.store.schema import MEMBERSHIPS, RUNS
from okta_mi_provider.store.upsert import upsert
from okta_mi_provider.sync.memory import Link

#: What was noted longer ago is older than any list of members, for no sync takes that long to read one; whether the run
#: that noted it has ended does not matter then. A run that was killed, and never repeated, does not end.
_READ_WITHIN = timedelta(days=1)


class Membership(NamedTuple):
    """A membership that a sync has made.

    Attributes:
        source_id: Okta id of the user; "" if it is not known.
        source_group_id: Okta id of the group that it was made for; of several, the first.
        dag_id: The sync that has made it.
        run: Id of the run.
    """

    host: str
    group_id: str
    user_id: str
    group_name: str
    username: str
    source_id: str
    source_group_id: str
    dag_id: str
    run: int


def put(connection: Connection, memberships: Iterable[Membership]) -> None:
    """Notes memberships."""
    now = datetime.now(UTC)
    by_key = {each[:3]: {**each._asdict(), "at": now} for each in memberships}
    upsert(connection, MEMBERSHIPS, list(by_key.values()))


def drop(connection: Connection, host: str, group_id: str, user_ids: Collection[str]) -> None:
    """Forgets memberships that are no more."""
    for ids in batches(sorted(user_ids)):
        connection.execute(delete(MEMBERSHIPS).where(*_of(host, group_id, ids)))


def made(
    connection: Connection, host: str, group_id: str, *, source_groups: Sequence[str], dag_id: str | None
) -> Iterator[Link]:
    """The memberships of a group that are of a sync's making: made for its groups of Okta, or by itself.

    Args:
        connection: Where to read.
        host: The MI server.
        group_id: The MI group.
        source_groups: Okta ids of the groups that the sync is for.
        dag_id: The sync; None if others have the same id, who may have made them for other groups of Okta.
    """
    of_it = MEMBERSHIPS.c.source_group_id.in_(source_groups)
    query = select(MEMBERSHIPS.c.source_id, MEMBERSHIPS.c.user_id, MEMBERSHIPS.c.username).where(
        MEMBERSHIPS.c.host == host,
        MEMBERSHIPS.c.group_id == group_id,
        of_it if dag_id is None else or_(of_it, MEMBERSHIPS.c.dag_id == dag_id),
    )
    for row in connection.execute(query):
        yield Link(*row)


def prune(connection: Connection, host: str, group_id: str, members: Collection[str], *, before: datetime) -> None:
    """Forgets memberships that somebody has taken away: should the user be a member again, it is not our making.

    Args:
        connection: Where to write.
        host: The MI server.
        group_id: The MI group.
        members: MI ids of everybody in it.
        before: What has been noted since, or lately by a run that ended later or has not ended, is left alone: it may
            be newer than the members are. A run that the next one has taken for interrupted counts as ended, and may go
            on; and clocks differ.
    """
    ids = connection.scalars(
        select(MEMBERSHIPS.c.user_id).where(MEMBERSHIPS.c.host == host, MEMBERSHIPS.c.group_id == group_id)
    )
    gone = sorted(user_id for user_id in ids if user_id not in members)
    running = select(RUNS.c.id).where(or_(RUNS.c.ended_at.is_(None), RUNS.c.ended_at > before))
    for user_ids in batches(gone):
        these = _of(host, group_id, user_ids)
        noted_before = MEMBERSHIPS.c.at < before
        is_older = or_(MEMBERSHIPS.c.at < before - _READ_WITHIN, noted_before & MEMBERSHIPS.c.run.not_in(running))
        connection.execute(delete(MEMBERSHIPS).where(*these, is_older))


def _of(host: str, group_id: str, user_ids: Sequence[str]) -> Sequence[ColumnElement[bool]]:
    columns = MEMBERSHIPS.c
    return columns.host == host, columns.group_id == group_id, columns.user_id.in_(user_ids)
