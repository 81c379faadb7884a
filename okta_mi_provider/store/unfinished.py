"""Users whose creation came to grief: they may be in MI, and not in the Default Group. Functions on an open connection.

A server may take the group along with the user that it creates, and leave out the Default Group. If the sync comes to
grief before that is added, nobody can tell such a user from one whom a person has made so; only this can.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, select

from okta_mi_provider.store.batches import batches
from okta_mi_provider.store.schema import UNFINISHED
from okta_mi_provider.store.upsert import upsert
from okta_mi_provider.sync.memory import Unfinished


def between(connection: Connection, host: str, org: str) -> Iterator[Unfinished]:
    """All of them between an org of Okta and an MI server."""
    columns = UNFINISHED.c
    query = select(columns.source_id, columns.username, columns.email).where(columns.host == host, columns.org == org)
    for row in connection.execute(query):
        yield Unfinished(*row)


def put(connection: Connection, host: str, org: str, run: int, users: Iterable[Unfinished]) -> None:
    """Notes users whom a run was about to create, and in the Default Group."""
    now = datetime.now(UTC)
    rows = {user.source_id: {"host": host, "org": org, **user._asdict(), "run": run, "at": now} for user in users}
    upsert(connection, UNFINISHED, list(rows.values()))


def drop(connection: Connection, host: str, org: str, source_ids: Collection[str]) -> None:
    """Forgets users who have been put into the Default Group since."""
    columns = UNFINISHED.c
    for ids in batches(sorted(source_ids)):
        these = columns.source_id.in_(ids)
        connection.execute(delete(UNFINISHED).where(columns.host == host, columns.org == org, these))
