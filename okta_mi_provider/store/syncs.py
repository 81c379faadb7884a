"""Which syncs there are, and how their runs went: what an overview shows. Reads only, and only what one may see."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple, Self

from sqlalchemy import CTE, ColumnElement, Connection, Row, Select, and_, bindparam, case, func, not_, or_, select

from okta_mi_provider.store.batches import batches
from okta_mi_provider.store.database import Database
from okta_mi_provider.store.history import RunRecord, run_records
from okta_mi_provider.store.reports import is_kept
from okta_mi_provider.store.schema import CHANGES, RUNS
from okta_mi_provider.sync.model import TargetGroup
from okta_mi_provider.sync.outcome import SETTLED
from okta_mi_provider.sync.report import DIFFERS, State

#: What the id of a sync from the command line begins with.
COMMAND = "cli:"

#: How many of the last runs of a sync are looked at for one that came to a plan: it may be under way, or fail early.
_LOOK_BACK = 5

#: How a run has ended, or that it has not. A look for drift that has found some has failed in another way than others.
Ended = State | Literal["differs", "running"]


class SyncKey(NamedTuple):
    """One sync that runs again and again.

    Attributes:
        dag_id: As in `RunRecord`.
        group: The MI group, where one `dag_id` may have several: tasks of somebody's DAG can be mapped. Else "".
    """

    dag_id: str
    group: str = ""

    @classmethod
    def of(cls, dag_id: str, group: str) -> Self:
        """The sync that a run belongs to."""
        return cls(dag_id, group if ":" in dag_id and not dag_id.startswith(COMMAND) else "")


class Point(NamedTuple):
    """What a chart shows of one run; see `RunRecord`.

    Attributes:
        stopped: Whether the run as a whole did not get through; one that has failed for single users did.
    """

    run: int
    started_at: datetime
    state: State
    users_in_scope: int | None
    counts: dict[str, Any]
    stopped: bool


class Undo(NamedTuple):
    """That a run was taken back, or a part of it.

    Attributes:
        at: When.
        run: Id of the run that did; None if it is not to be seen.
        left: How many changes that one was to write, and did not: they failed, or were not tried.
    """

    at: datetime
    run: int | None
    left: int = 0


class Waiting(NamedTuple):
    """A run that has left something to people; see `RunRecord`.

    Attributes:
        conflicts: How many it has counted.
        kept: Whether its report is still there.
    """

    id: int
    dag_id: str
    target_group: TargetGroup
    plan_digest: str
    started_at: datetime
    conflicts: int
    kept: bool


class Syncs:
    """The syncs of some DAGs. Every method raises a `StoreError` if the store cannot be read.

    Args:
        store: Where to look.
        dag_ids: Whose runs to look at; there are no others.
    """

    def __init__(self, store: Database, dag_ids: Collection[str]) -> None:
        self._store = store
        self._dag_ids = frozenset(dag_ids)

    def latest(self) -> dict[SyncKey, RunRecord]:
        """The latest run of each sync."""
        with self._store.reading() as connection:
            records = [
                record
                for ids in batches(self._newest(connection))
                for record in run_records(connection.execute(select(RUNS).where(RUNS.c.id.in_(ids))))
            ]
        return {SyncKey.of(each.dag_id, each.target_group.name): each for each in records}

    def waiting(self, newest: Sequence[int] | None = None) -> list[Waiting]:
        """What the last run of each sync that came to a plan has left to people, by the names of the groups.

        Args:
            newest: The latest run of each sync to look at; None for all.
        """
        found: list[Waiting] = []
        with self._store.reading() as connection:
            left = list(self._newest(connection) if newest is None else newest)
            for _ in range(_LOOK_BACK):
                rows = [row for ids in batches(left) for row in connection.execute(_WITH_CONFLICTS, {"ids": ids})]
                found += [_waiting(row) for row in rows if row.state and row.plan_digest]
                # What did not get so far has not looked for conflicts.
                left = [row.previous for row in rows if not (row.state and row.plan_digest) and row.previous]
        mine = [each for each in found if each.conflicts and each.dag_id in self._dag_ids]
        return sorted(mine, key=lambda each: (each.target_group.name.casefold(), each.dag_id, each.id))

    def points(self, sync: SyncKey, most: int) -> list[Point]:
        """How the last real syncs went that have ended, the oldest first. Dry runs, drift and undos are none."""
        stopped = or_(RUNS.c.error.is_not(None), RUNS.c.plan_digest.is_(None), RUNS.c.state == State.REFUSED.value)
        columns = RUNS.c.id, RUNS.c.started_at, RUNS.c.state, RUNS.c.users_in_scope, RUNS.c.counts, stopped
        query = (
            select(*columns)
            .where(*self._of(sync), RUNS.c.mode == "sync", RUNS.c.dry_run.is_(False), RUNS.c.state.is_not(None))
            .order_by(RUNS.c.id.desc())
            .limit(most)
        )
        with self._store.reading() as connection:
            rows = connection.execute(query).all()
        return [Point(row[0], row[1], State(row[2]), row[3], row[4] or {}, bool(row[5])) for row in reversed(rows)]

    def runs(
        self,
        sync: SyncKey,
        *,
        state: Ended | None = None,
        offset: int = 0,
        limit: int | None = None,
    ) -> list[RunRecord]:
        """Runs of a sync, the latest first.

        Args:
            sync: Which.
            state: Only those that ended so, or have not ended.
            offset: How many to pass over.
            limit: At most so many.
        """
        query = self._runs(select(RUNS), sync, state).order_by(RUNS.c.id.desc()).offset(offset).limit(limit)
        with self._store.reading() as connection:
            return list(run_records(connection.execute(query)))

    def count(self, sync: SyncKey, *, state: Ended | None = None) -> int:
        """How many `runs` there are."""
        with self._store.reading() as connection:
            return connection.scalar(self._runs(select(func.count()), sync, state)) or 0

    def run(self, run: int) -> RunRecord | None:
        """One run; None if there is none of this id, or not one of these DAGs."""
        with self._store.reading() as connection:
            row = connection.execute(select(RUNS).where(RUNS.c.id == run)).all()
        return next((each for each in run_records(row) if each.dag_id in self._dag_ids), None)

    def runs_named(self, dag_ids: Sequence[str], run_id: str) -> list[RunRecord]:
        """The runs that one run of Airflow has made, the latest first.

        Args:
            dag_ids: The DAG, and its tasks that are syncs of their own.
            run_id: Airflow's id of the run; of a mapped task its number follows.
        """
        query = (
            select(RUNS)
            .where(
                RUNS.c.dag_id.in_(sorted(self._dag_ids.intersection(dag_ids))),
                RUNS.c.run_id.startswith(run_id, autoescape=True),
            )
            .order_by(RUNS.c.id.desc())
        )
        with self._store.reading() as connection:
            found = list(run_records(connection.execute(query)))
        return [each for each in found if each.run_id == run_id or each.run_id.removeprefix(f"{run_id}:").isdigit()]

    def taken_back(self, runs: Collection[int]) -> dict[int, Undo]:
        """Which of some runs were taken back, and by what; of several undos the last one that has written anything.

        Whoever sees a run is told that it was taken back, also where the undo itself is not to be seen.
        """
        is_settled = CHANGES.c.status.in_([each.value for each in SETTLED])
        settled, left = (func.sum(case((each, 1), else_=0)) for each in (is_settled, not_(is_settled)))
        query = (
            select(RUNS.c.undoes, RUNS.c.id, RUNS.c.dag_id, RUNS.c.started_at, left.label("left"))
            .join(CHANGES)
            .where(RUNS.c.undoes.in_(runs))
            .group_by(RUNS.c.id)
            .having(settled > 0)
            .order_by(RUNS.c.id)
        )
        with self._store.reading() as connection:
            rows = connection.execute(query).all()
        return {
            row.undoes: Undo(row.started_at, row.id if row.dag_id in self._dag_ids else None, row.left) for row in rows
        }

    def _newest(self, connection: Connection) -> list[int]:
        """Ids of the latest run of each sync."""
        ids = _dag_ids()
        newest = select(func.max(RUNS.c.id)).where(RUNS.c.dag_id == ids.c.dag_id).scalar_subquery()
        found = connection.execute(select(ids.c.dag_id, newest).where(ids.c.dag_id.is_not(None))).all()
        runs: list[int] = []
        for dag_id, run in found:
            if dag_id not in self._dag_ids:
                continue
            of_each = select(func.max(RUNS.c.id)).where(RUNS.c.dag_id == dag_id).group_by(RUNS.c.target_group)
            runs += connection.scalars(of_each) if SyncKey.of(dag_id, "-").group else [run]
        return runs

    def _of(self, sync: SyncKey) -> list[ColumnElement[bool]]:
        # No run is without one.
        mine = sync.dag_id if sync.dag_id in self._dag_ids else None
        of_group = [RUNS.c.target_group == sync.group] if sync.group else []
        return [RUNS.c.dag_id == mine, *of_group]

    def _runs(self, query: Select[Any], sync: SyncKey, state: Ended | None) -> Select[Any]:
        query = query.select_from(RUNS).where(*self._of(sync))
        if state is None:
            return query
        if state == "running":
            return query.where(RUNS.c.state.is_(None))
        # `RunRecord.found_differences` in SQL.
        to_its_end = or_(RUNS.c.error.is_(None), RUNS.c.error.startswith(DIFFERS))
        failed = RUNS.c.mode == "drift", RUNS.c.state == State.FAILED.value, RUNS.c.plan_digest.is_not(None)
        differs = and_(*failed, to_its_end)
        return query.where(differs if state == "differs" else and_(RUNS.c.state == state.value, not_(differs)))


def stored_dag_ids(store: Database) -> list[str]:
    """All there are, whoever may see them."""
    ids = _dag_ids()
    with store.reading() as connection:
        return list(connection.scalars(select(ids.c.dag_id).where(ids.c.dag_id.is_not(None))))


def _dag_ids() -> CTE:
    """Each once, by a step in the index for each, however many runs there are. The last one is NULL."""
    found = select(func.min(RUNS.c.dag_id).label("dag_id")).cte("dag_ids", recursive=True)
    following = select(func.min(RUNS.c.dag_id)).where(RUNS.c.dag_id > found.c.dag_id).scalar_subquery()
    return found.union_all(select(following).where(found.c.dag_id.is_not(None)))


def _with_conflicts() -> Select[Any]:
    """Of some runs what they have left to people, and the run before each of the same sync."""
    earlier = RUNS.alias("earlier")
    # As `SyncKey` tells them apart.
    has_several = and_(RUNS.c.dag_id.contains(":"), func.substr(RUNS.c.dag_id, 1, len(COMMAND)) != COMMAND)
    previous = (
        select(earlier.c.id)
        .where(
            earlier.c.dag_id == RUNS.c.dag_id,
            earlier.c.id < RUNS.c.id,
            or_(not_(has_several), earlier.c.target_group == RUNS.c.target_group),
        )
        .order_by(earlier.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    table = RUNS.c
    columns = (
        table.id, table.dag_id, table.target_group_id, table.target_group, table.state, table.plan_digest,
        table.started_at, table.counts,
    )  # fmt: skip
    return select(*columns, is_kept().label("kept"), previous.label("previous")).where(
        table.id.in_(bindparam("ids", expanding=True))
    )


_WITH_CONFLICTS = _with_conflicts()


def _waiting(row: Row[Any]) -> Waiting:
    users = (row.counts or {}).get("users") or {}
    return Waiting(
        row.id,
        row.dag_id,
        TargetGroup(row.target_group_id or "", row.target_group),
        row.plan_digest,
        row.started_at,
        int(users.get("conflicts") or 0),
        bool(row.kept),
    )
