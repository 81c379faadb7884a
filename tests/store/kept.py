"""What a store has kept, for tests to look at."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select, update

from okta_mi_provider.store import History, RunKey, Store
from okta_mi_provider.store.schema import CHANGES, LINKS, MEMBERSHIPS
from okta_mi_provider.sync.outcome import Status
from tests.store.fakes import Sync

RUN = RunKey("okta_mi__Sales", "manual__1")


def ledger(sync: Sync, group: str = "Sales") -> dict[str, Any]:
    """The ledger of a group by username."""
    with sync.store.reading() as connection:
        rows = connection.execute(select(MEMBERSHIPS).where(MEMBERSHIPS.c.group_name == group)).all()
    return {row.username: row for row in rows}


def links(sync: Sync) -> dict[str, str]:
    """Usernames in MI by Okta id."""
    with sync.store.reading() as connection:
        return {row.source_id: row.username for row in connection.execute(select(LINKS))}


def statuses(sync: Sync, run: int) -> dict[str | None, Status]:
    return {change.username: change.status for change in History(sync.store).changes_of_run(run)}


def an_hour_passes(store: Store) -> None:
    """What was in doubt is so for an hour."""
    in_doubt = CHANGES.c.status == Status.BEGUN.value
    with store.writing() as connection:
        for row in connection.execute(select(CHANGES.c.id, CHANGES.c.at).where(in_doubt)).all():
            before = row.at - timedelta(hours=1)
            connection.execute(update(CHANGES).where(CHANGES.c.id == row.id).values(at=before))
