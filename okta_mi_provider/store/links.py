"""Links: who in Okta is who in MI. Functions on an open connection."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, delete, select

from okta_mi_provider.store.batches import batches
from okta_mi_provider.store.schema import LINKS
from okta_mi_provider.store.upsert import upsert
from okta_mi_provider.sync.memory import Link

#: How many rows are written at a time. A million at once would take a gigabyte.
_MOST_ROWS = 10_000
#: Of so many ids the links are looked up; of more, all are read, which is quicker then.
_FEW_IDS = 10_000


def between(
    connection: Connection, host: str, org: str, *, source_ids: Sequence[str], user_ids: Sequence[str]
) -> Iterator[Link]:
    """Links between an org of Okta and an MI server: at least those of these people and of these users.

    Args:
        connection: Where to read.
        host: The MI server.
        org: The org of Okta.
        source_ids: Whose links are needed, by Okta id.
        user_ids: Whose links are needed, by MI id. A link that is both may come twice.
    """
    query = select(LINKS.c.source_id, LINKS.c.user_id, LINKS.c.username).where(LINKS.c.host == host, LINKS.c.org == org)
    queries = [query]
    if len(source_ids) + len(user_ids) <= _FEW_IDS:
        queries = [
            query.where(column.in_(ids))
            for column, wanted in ((LINKS.c.source_id, source_ids), (LINKS.c.user_id, user_ids))
            for ids in batches(wanted)
        ]
    for each in queries:
        for row in connection.execute(each):
            yield Link(*row)


def put(connection: Connection, host: str, org: str, run: int, links: Sequence[Link]) -> None:
    """Notes links. An MI user has one link with an org: those that others of it had to the same user are forgotten.

    Args:
        connection: Where to write.
        host: The MI server.
        org: The org of Okta.
        run: Id of the run that has found them.
        links: If several are about one user of either side, the last one counts.
    """
    now = datetime.now(UTC)
    by_user = {link.user_id: link for link in links}
    by_person = {link.source_id: link for link in by_user.values()}
    for user_ids in batches(sorted(by_user)):
        these = LINKS.c.user_id.in_(user_ids)
        connection.execute(delete(LINKS).where(LINKS.c.host == host, LINKS.c.org == org, these))
    # In the order of their keys, also from one statement to the next; see `upsert`.
    for people in batches(sorted(by_person), _MOST_ROWS):
        upsert(connection, LINKS, [_row(host, org, run, by_person[each], now) for each in people])


def _row(host: str, org: str, run: int, link: Link, now: datetime) -> dict[str, Any]:
    return {
        "host": host,
        "org": org,
        "source_id": link.source_id,
        "user_id": link.user_id,
        "username": link.username,
        "run": run,
        "at": now,
    }
