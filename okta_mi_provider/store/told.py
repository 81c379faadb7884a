"""What others were told of a sync last: other DAGs that access has changed, people that its state has.

Functions on an open connection.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, func, or_, select

from okta_mi_provider.store import runs
from okta_mi_provider.store.schema import CHANGES, RUNS, TOLD
from okta_mi_provider.store.upsert import upsert
from okta_mi_provider.sync.outcome import Status
from okta_mi_provider.sync.plan import ChangeKind
from okta_mi_provider.sync.report import State

#: The listener that other DAGs are.
_DAGS = "asset"


class Written(NamedTuple):
    """What syncs have written, in numbers.

    Attributes:
        changes: How many changes were made, of whatever kind.
    """

    changes: int
    users_created: int
    users_updated: int
    users_disabled: int
    groups_created: int
    memberships_added: int
    memberships_removed: int


def announce(connection: Connection, run: Row[Any], *, part: int | None, shared: bool) -> Written | None:
    """What a run has written, and earlier ones that could not tell; notes that other DAGs are told of it by this.

    Of the parts of a task only one gets an answer, unless another one writes something later. It gets it again when it
    is tried again: Airflow may not have heard of the first try.

    Args:
        connection: Where to read and write.
        run: The row of the run.
        part: Which one of a mapped task asks.
        shared: Whether other groups of MI have syncs of the same `dag_id`.

    Returns:
        None if there is nothing to tell.
    """
    runs.lock(connection, run.id)
    group = run.target_group if shared else ""
    last = connection.execute(select(TOLD).where(*_of(run.dag_id, group, _DAGS))).one_or_none()
    since = None
    if last is None:
        after = _last_done(connection, run, shared=shared)
    elif last.run != run.id:
        # A run that a newer one has overtaken tells only of itself.
        after = min(last.run, run.id - 1)
    elif last.part == part:
        after = last.after_run
    else:
        # Another part has told. What it could not know of was written by a part that somebody has cleared since.
        after, since = run.id - 1, last.at
    written = _written(connection, run, after, since=since, shared=shared)
    if not written.changes:
        return None
    if last is None or last.run <= run.id:
        _put(connection, run.dag_id, group, _DAGS, after_run=after, run=run.id, part=part)
    return written


def owe(connection: Connection, run: Row[Any], *, shared: bool) -> None:
    """Notes where the first event of a sync begins. Without that, it begins after the last run that was well.

    Args:
        connection: Where to read and write.
        run: The row of a run that may be well without anybody being told.
        shared: As for `announce`.
    """
    group = run.target_group if shared else ""
    if connection.execute(select(TOLD.c.run).where(*_of(run.dag_id, group, _DAGS))).first() is None:
        after = _last_done(connection, run, shared=shared)
        _put(connection, run.dag_id, group, _DAGS, after_run=after, run=after)


def state(connection: Connection, dag_id: str, listener: str, group: str) -> str | None:
    """The state of a sync that somebody was told last; of one of several groups, or with "" of the only one."""
    found = connection.scalar(select(TOLD.c.state).where(*_of(dag_id, group, listener)))
    return None if found is None else str(found)


def tell(connection: Connection, dag_id: str, listener: str, what: str, group: str) -> None:
    """Notes that somebody was told the state of a sync."""
    _put(connection, dag_id, group, listener, state=what)


def _last_done(connection: Connection, run: Row[Any], *, shared: bool) -> int:
    """The last run before this one that was as it should be: nobody waits to hear of what was before it."""
    query = select(func.max(RUNS.c.id)).where(
        RUNS.c.id < run.id, RUNS.c.state == State.DONE.value, *_same_sync(run, shared=shared)
    )
    return connection.scalar(query) or 0


def _written(
    connection: Connection, run: Row[Any], after: int, *, since: datetime | None = None, shared: bool
) -> Written:
    query = (
        select(CHANGES.c.kind, CHANGES.c.status, CHANGES.c.joined, CHANGES.c.left_group, func.count().label("number"))
        .join(RUNS)
        .where(
            RUNS.c.id > after,
            RUNS.c.id <= run.id,
            *_same_sync(run, shared=shared),
            or_(CHANGES.c.status == Status.DONE.value, CHANGES.c.joined, CHANGES.c.left_group),
        )
        .group_by(CHANGES.c.kind, CHANGES.c.status, CHANGES.c.joined, CHANGES.c.left_group)
    )
    if since is not None:
        query = query.where(CHANGES.c.at > since)
    kinds: Counter[str] = Counter()
    changes = joined = left = 0
    for row in connection.execute(query):
        changes += row.number
        # A user whom somebody else has created meanwhile may have become a member by us.
        kinds[row.kind] += row.number if row.status == Status.DONE.value else 0
        joined += row.number if row.joined else 0
        left += row.number if row.left_group else 0
    return Written(
        changes,
        kinds[ChangeKind.CREATE_USER],
        kinds[ChangeKind.UPDATE_USER],
        kinds[ChangeKind.DISABLE_USER],
        kinds[ChangeKind.CREATE_GROUP],
        joined,
        left,
    )


def _same_sync(run: Row[Any], *, shared: bool) -> list[ColumnElement[bool]]:
    """Real syncs of the same; an undo is somebody's who knows what it does."""
    of_group = [RUNS.c.target_group == run.target_group] if shared else []
    return [RUNS.c.dag_id == run.dag_id, RUNS.c.mode == "sync", RUNS.c.dry_run.is_(False), *of_group]


def _of(dag_id: str, group: str, listener: str) -> list[ColumnElement[bool]]:
    return [TOLD.c.dag_id == dag_id, TOLD.c.target_group == group, TOLD.c.listener == listener]


def _put(connection: Connection, dag_id: str, group: str, listener: str, **values: Any) -> None:
    empty = dict.fromkeys(("state", "after_run", "run", "part"))
    key = {"dag_id": dag_id, "target_group": group, "listener": listener}
    upsert(connection, TOLD, [{**key, **empty, **values, "at": datetime.now(UTC)}])
