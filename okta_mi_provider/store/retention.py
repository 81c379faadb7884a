"""Forgetting: what is too old goes, but never what a later sync stands on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, delete, exists, func, select

from okta_mi_provider.store.batches import batches
from okta_mi_provider.store.changes import is_
from okta_mi_provider.store.errors import StoreError
from okta_mi_provider.store.schema import ARTIFACTS, CHANGES, RUNS, UNFINISHED
from okta_mi_provider.sync.outcome import Status

#: A hundred years.
_MOST_DAYS = 36_500


class Retention(NamedTuple):
    """How long the store keeps what it has.

    Attributes:
        days: Artifacts, and changes that were only planned.
        history_days: Runs and changes, and users whose creation came to grief.
    """

    days: int = 30
    history_days: int = 400


def parse_days(setting: str, text: str) -> int:
    """A setting that is a number of days.

    Args:
        setting: Its name in the section `[okta_mi]`, for the message.
        text: What it is set to.

    Raises:
        StoreError: If it is not a whole number from 1 up.
    """
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= _MOST_DAYS):
        raise StoreError(f"[okta_mi] {setting} is {text!r}; allowed: a whole number from 1 to {_MOST_DAYS}.")
    return int(text)


def forget(connection: Connection, retention: Retention) -> None:
    """Deletes what is too old, of all syncs.

    The ledger and the links stay, whatever their age; so do the last complete run of each sync, and runs with changes
    that are still in doubt.

    Args:
        connection: Where to write.
        retention: How old it may be.
    """
    now = datetime.now(UTC)
    artifacts_before = now - timedelta(days=retention.days)
    history_before = now - timedelta(days=retention.history_days)
    connection.execute(delete(ARTIFACTS).where(ARTIFACTS.c.created_at < artifacts_before))
    began_before = exists().where(RUNS.c.id == CHANGES.c.run, RUNS.c.started_at < artifacts_before)
    connection.execute(delete(CHANGES).where(is_(Status.PLANNED), began_before))
    connection.execute(delete(UNFINISHED).where(UNFINISHED.c.at < history_before))
    old = list(
        connection.scalars(
            select(RUNS.c.id).where(
                RUNS.c.started_at < history_before,
                RUNS.c.id.not_in(select(func.max(RUNS.c.id)).where(RUNS.c.complete).group_by(RUNS.c.dag_id)),
                RUNS.c.id.not_in(select(CHANGES.c.run).where(is_(Status.BEGUN))),
            )
        )
    )
    for these in batches(old):
        connection.execute(delete(CHANGES).where(CHANGES.c.run.in_(these)))
        connection.execute(delete(RUNS).where(RUNS.c.id.in_(these)))
