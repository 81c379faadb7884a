"""What a store has kept, for tests to look at."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from okta_mi_provider.store import History, RunKey
from okta_mi_provider.store.schema import LINKS, MEMBERSHIPS
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
