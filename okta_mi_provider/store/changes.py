"""Changes: what a run was to write, and what became of each. Functions on an open connection.

What is done stays so: two tries of a task may write at the same time, and the one that comes too late fails, or finds
that it is so already. Whoever writes changes of a run locks the run first, so that transactions on the same rows wait
for each other in a line, however each orders them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    Update,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from okta_mi_provider.store import runs
from okta_mi_provider.store.columns import SafeText
from okta_mi_provider.store.errors import StoreError
from okta_mi_provider.store.schema import CHANGES, FOLDED_LENGTH, RUNS
from okta_mi_provider.sync.memory import Link
from okta_mi_provider.sync.outcome import SETTLED, Outcome, Status
from okta_mi_provider.sync.plan import Change, ChangeKey, ChangeKind, Plan

#: What may be sent.
_OPEN = (Status.PLANNED.value, Status.BEGUN.value, Status.FAILED.value)
_ACCESS = (ChangeKind.DISABLE_USER.value, ChangeKind.ENABLE_USER.value)


class Noted(NamedTuple):
    """What is to be noted of a change.

    Attributes:
        position: Its place in the plan.
        user_id: MI id of the user; None if that is not new.
        group_id: MI id of the group; None if that is not new.
    """

    position: int
    status: Status
    error: str | None = None
    passing: bool = False
    user_id: str | None = None
    group_id: str | None = None
    joined: bool = False
    left: bool = False


class Tally(NamedTuple):
    """What became of the changes of users of a run, in numbers.

    Attributes:
        tried: How many have an outcome.
        failed: How many of them failed.
        passing: How many of those failed for a reason that may pass.
    """

    tried: int
    failed: int
    passing: int


def plan(connection: Connection, run: int, wanted: Plan, *, triggered_by: str | None, approved_by: str | None) -> None:
    """Notes all changes of a plan in place of those of an earlier one. None of these may have been tried."""
    runs.lock(connection, run)
    connection.execute(delete(CHANGES).where(CHANGES.c.run == run))
    now = datetime.now(UTC)
    group_ids = {group.name: group.id or None for group in (wanted.default_group, wanted.target_group) if group}
    rows = [
        {
            "run": run,
            "position": position,
            "group_id": group_ids.get(change.group),
            "status": Status.PLANNED.value,
            "passing": False,
            "joined": False,
            "left_group": False,
            "triggered_by": triggered_by,
            "approved_by": approved_by,
            "at": now,
            **_of(change),
        }
        for position, change in enumerate(wanted.changes)
    ]
    if rows:
        connection.execute(insert(CHANGES), rows)


def approved(connection: Connection, run: int, *, approved_by: str | None) -> None:
    """Notes who else has approved those changes that were not tried yet."""
    runs.lock(connection, run)
    planned = (CHANGES.c.run == run, is_(Status.PLANNED))
    connection.execute(update(CHANGES).where(*planned).values(approved_by=approved_by))


def count(connection: Connection, run: int) -> int:
    """How many changes of a run are noted."""
    return connection.scalar(select(func.count()).where(CHANGES.c.run == run)) or 0


def any_tried(connection: Connection, run: int) -> bool:
    """Whether any change of a run was begun."""
    query = select(func.count()).where(CHANGES.c.run == run, CHANGES.c.status != Status.PLANNED.value)
    return bool(connection.scalar(query))


def any_user_written(connection: Connection, run: int) -> bool:
    """Whether any change of a user of a run was made, or may have been. What has failed for good was refused."""
    made = CHANGES.c.status.in_([Status.BEGUN.value, *(each.value for each in SETTLED)])
    may_be = or_(made, and_(CHANGES.c.status == Status.FAILED.value, CHANGES.c.passing))
    of_users = (CHANGES.c.run == run, CHANGES.c.kind != ChangeKind.CREATE_GROUP.value)
    return connection.scalar(select(CHANGES.c.id).where(*of_users, may_be).limit(1)) is not None


def settled(connection: Connection, run: int) -> set[int]:
    """Places of the changes of a run that need not be tried again."""
    query = select(CHANGES.c.position).where(
        CHANGES.c.run == run, CHANGES.c.status.in_([each.value for each in SETTLED])
    )
    return set(connection.scalars(query))


def groups_made(connection: Connection, run: int) -> set[str]:
    """MI ids of the groups that a run was to create, and that are there."""
    query = select(CHANGES.c.group_id).where(
        CHANGES.c.run == run,
        CHANGES.c.kind == ChangeKind.CREATE_GROUP.value,
        CHANGES.c.status.in_(each.value for each in SETTLED),
        CHANGES.c.group_id.is_not(None),
    )
    return set(connection.scalars(query))


def untried(connection: Connection, run: int, *, before: int) -> int:
    """How many changes of a run have no outcome, of those with a position before another one."""
    without = CHANGES.c.status.in_((Status.PLANNED.value, Status.BEGUN.value))
    query = select(func.count()).where(CHANGES.c.run == run, CHANGES.c.position < before, without)
    return connection.scalar(query) or 0


def tally(connection: Connection, run: int) -> Tally:
    """What became of the changes of users of a run, whoever has tried them."""
    tried = CHANGES.c.status.in_((*(each.value for each in SETTLED), Status.FAILED.value))
    query = (
        select(CHANGES.c.status, CHANGES.c.passing, func.count().label("number"))
        .where(CHANGES.c.run == run, CHANGES.c.kind != ChangeKind.CREATE_GROUP.value, tried)
        .group_by(CHANGES.c.status, CHANGES.c.passing)
    )
    rows = connection.execute(query).all()
    failed = [row for row in rows if row.status == Status.FAILED.value]
    return Tally(
        sum(row.number for row in rows),
        sum(row.number for row in failed),
        sum(row.number for row in failed if row.passing),
    )


def begin(connection: Connection, run: int, positions: Collection[int], *, at: datetime) -> tuple[set[int], set[int]]:
    """Notes that changes are about to be sent, unless another try has settled them.

    Args:
        connection: Where to write.
        run: Id of the run.
        positions: Their places in the plan.
        at: When.

    Returns:
        Those that another try has begun, and perhaps sent; and those that it has settled.

    Raises:
        StoreError: If they were not planned. What is not noted is not sent.
    """
    runs.lock(connection, run)
    these = (CHANGES.c.run == run, CHANGES.c.position.in_(positions))
    rows = connection.execute(select(CHANGES.c.position, CHANGES.c.status).where(*these))
    statuses = {row.position: row.status for row in rows}
    if len(statuses) < len(positions):
        raise StoreError(f"The changes of run {run} are not in the store any more. Trigger a new run.")
    begun = {position for position, status in statuses.items() if status == Status.BEGUN.value}
    settled = {position for position, status in statuses.items() if status in SETTLED}
    connection.execute(
        update(CHANGES).where(*these, CHANGES.c.status.in_(_OPEN)).values(status=Status.BEGUN.value, at=at)
    )
    return begun, settled


def withdraw(connection: Connection, run: int, positions: Collection[int], *, begun_at: datetime) -> None:
    """Notes that changes were begun and not sent: they are again what they were.

    Args:
        connection: Where to write.
        run: Id of the run.
        positions: Their places in the plan.
        begun_at: What was begun at another time was begun by another try, which may have sent it.
    """
    runs.lock(connection, run)
    connection.execute(
        update(CHANGES)
        .where(CHANGES.c.run == run, CHANGES.c.position.in_(positions))
        .where(CHANGES.c.status == Status.BEGUN.value, CHANGES.c.at == begun_at)
        # Only a failure of an earlier try has left an error.
        .values(
            status=case((CHANGES.c.error.is_not(None), Status.FAILED.value), else_=Status.PLANNED.value),
            at=datetime.now(UTC),
        )
    )


def note(connection: Connection, run: int, news: Iterable[Noted]) -> None:
    """Notes what became of changes."""
    runs.lock(connection, run)
    now = datetime.now(UTC)
    values: dict[Status, list[dict[str, Any]]] = {}
    for each in news:
        values.setdefault(each.status, []).append({"of_run": run, "at_now": now, **_named(each)})
    for status, rows in values.items():
        connection.execute(_NOTE[status], rows)


def outcomes(connection: Connection, run: int, of: Plan, among: range | None = None) -> dict[ChangeKey, Outcome]:
    """What became of those changes of a plan that were begun, by their keys; only among some positions, if given."""
    query = select(CHANGES).where(CHANGES.c.run == run, CHANGES.c.status != Status.PLANNED.value)
    if among is not None:
        query = query.where(CHANGES.c.position >= among.start, CHANGES.c.position < among.stop)
    # All at once: the plan is read from the same database beside it, and SQLite without a log of writes lets nobody
    # begin to read while a writer waits for this one to end.
    rows = connection.execute(query.order_by(CHANGES.c.position)).all()
    found: dict[ChangeKey, Outcome] = {}
    for row in rows:
        change, status = of.changes[row.position], Status(row.status)
        target_id = row.group_id if change.kind is ChangeKind.CREATE_GROUP else row.user_id
        found[change.key] = Outcome(
            change,
            status,
            row.error,
            row.passing,
            target_id if status in SETTLED else None,
            row.joined,
            row.left_group,
        )
    return found


def is_(status: Status) -> ColumnElement[bool]:
    """Whether a change has a status, in the words of the index of those that have it."""
    return CHANGES.c.status == bindparam(None, status.value, unique=True, literal_execute=True)


def disabled(connection: Connection, host: str) -> Iterator[Link]:
    """The users of a server whom a sync has disabled, and no undo has enabled since."""
    columns = CHANGES.c
    query = (
        select(columns.source_id, columns.user_id, columns.username, columns.kind)
        .join(RUNS)
        .where(columns.kind.in_(bindparam("access", _ACCESS, expanding=True, literal_execute=True)))
        .where(columns.status == Status.DONE.value, RUNS.c.host == host)
        .order_by(columns.id)
    )
    found: dict[str, Link] = {}
    for source_id, user_id, username, kind in connection.execute(query):
        found.pop(user_id, None)
        if kind == ChangeKind.DISABLE_USER:
            found[user_id] = Link(source_id or "", user_id, username)
    yield from found.values()


def _of(change: Change) -> dict[str, Any]:
    user = change.before or change.after
    fields = change.fields
    return {
        "group_name": change.group,
        "source_id": change.source_id,
        "user_id": (user.id if user else "") or None,
        "username": change.user,
        "username_folded": change.user.casefold()[:FOLDED_LENGTH] if change.user else None,
        "kind": change.kind.value,
        "administrator": change.of_administrator,
        "old": {name: pair[0] for name, pair in fields.items()} if fields and change.before else None,
        "new": {name: pair[1] for name, pair in fields.items()} if fields else None,
    }


def _named(news: Noted) -> dict[str, Any]:
    """Parameters of a statement; none may be called like a column."""
    return {f"is_{name}": value for name, value in news._asdict().items() if name != "status"}


def _noting(status: Any) -> Update:
    return _one_change().values(
        status=status,
        error=None,
        passing=False,
        user_id=func.coalesce(bindparam("is_user_id", type_=SafeText()), CHANGES.c.user_id),
        group_id=func.coalesce(bindparam("is_group_id", type_=SafeText()), CHANGES.c.group_id),
        joined=or_(CHANGES.c.joined, bindparam("is_joined", type_=Boolean())),
        left_group=or_(CHANGES.c.left_group, bindparam("is_left", type_=Boolean())),
        at=bindparam("at_now"),
    )


def _one_change() -> Update:
    return update(CHANGES).where(CHANGES.c.run == bindparam("of_run"), CHANGES.c.position == bindparam("is_position"))


_NOTE = {
    Status.DONE: _noting(Status.DONE.value),
    Status.ALREADY: _noting(
        case((CHANGES.c.status == Status.DONE.value, Status.DONE.value), else_=Status.ALREADY.value)
    ),
    Status.FAILED: _one_change()
    # Not `in_`: its parameters do not go with many rows at once.
    .where(or_(*(CHANGES.c.status == each for each in _OPEN)))
    .values(
        status=Status.FAILED.value,
        error=bindparam("is_error"),
        passing=bindparam("is_passing"),
        at=bindparam("at_now"),
    ),
}
