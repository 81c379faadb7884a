"""Who got or lost which access, when, why and by whom: what people ask the store. Reads only."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, Select, exists, or_, select

from okta_mi_provider.store.batches import batches
from okta_mi_provider.store.database import Database
from okta_mi_provider.store.schema import CHANGES, FOLDED_LENGTH, RUNS
from okta_mi_provider.sync.model import SourceGroup, TargetGroup
from okta_mi_provider.sync.outcome import Status
from okta_mi_provider.sync.plan import ChangeKind
from okta_mi_provider.sync.report import DIFFERS, State

#: No run has a higher number: a column of whole numbers takes no more on PostgreSQL, and a database refuses to compare.
LARGEST_NUMBER = 2**31 - 1
#: Of what was so already, somebody has changed it before.
_PERHAPS_DONE = (Status.DONE.value, Status.ALREADY.value, Status.BEGUN.value)
_WRITTEN_KINDS = (ChangeKind.CREATE_USER.value, ChangeKind.UPDATE_USER.value)


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run: a sync, a look for drift, or an undo.

    Attributes:
        id: Names the run for people, and orders runs by their beginning.
        dag_id: Of the DAG; `cli:<MI group>` of the command line; `<DAG>:<task>` of a single operator.
        run_id: Airflow's id of the run; a time and a random number on the command line.
        mode: "sync", "drift" or "undo".
        target_group: Its id is "" if it is not known.
        settings: How it was to sync.
        fingerprint: The settings that decide who is synced, who is who, and who is removed; None if it did not come to
            a plan.
        only_user: Whether it was about a single user.
        triggered_by: Who began it: a person, or what kind of run of Airflow it was. None if that was not noted.
        approved_by: Who has approved its plan; None if nobody was asked.
        plan_digest: None if it did not come to a plan.
        source_users: How many members Okta listed.
        users_in_scope: How many of them were to sync.
        state: None while it runs.
        complete: Whether it was a whole and real sync after which everything was as it should be.
        counts: As in the JSON report; None while it runs.
        ended_at: None while it runs. Of a run that was killed: when that was noticed.
        undoes: Id of the run that it takes back; None of one that does not, or of which nobody has noted it.
    """

    id: int
    dag_id: str
    run_id: str
    mode: str
    dry_run: bool
    org: str
    host: str
    source_groups: tuple[SourceGroup, ...]
    target_group: TargetGroup
    settings: Mapping[str, Any]
    fingerprint: Mapping[str, Any] | None
    only_user: bool
    triggered_by: str | None
    approved_by: str | None
    approved_at: datetime | None
    plan_digest: str | None
    source_users: int | None
    users_in_scope: int | None
    state: State | None
    complete: bool
    counts: Mapping[str, Any] | None
    error: str | None
    started_at: datetime
    ended_at: datetime | None
    undoes: int | None = None

    @property
    def found_differences(self) -> bool:
        """Whether it was a look for drift that has come to its end and found some: then it has failed, as it should.

        Conflicts are some too. One that broke off after its plan has another error.
        """
        to_its_end = self.error is None or self.error.startswith(DIFFERS)
        return self.mode == "drift" and self.state is State.FAILED and self.plan_digest is not None and to_its_end


@dataclass(frozen=True, slots=True)
class ChangeRecord:
    """One change of one user or group.

    Attributes:
        run: Id of its run.
        dag_id: See `RunRecord`.
        mode: That of its run.
        position: Its place in the plan, from 0.
        org: Okta's side of its run.
        host: MI's side of its run.
        group: The MI group it is about; its id is "" if it is not known.
        source_id: Okta id of the user.
        user_id: MI id of the user; of one that was created, since it is known.
        username: Username in MI.
        old: The attributes that the change is about, as they were; None if there are none.
        new: The same as they were to be.
        status: "begun" means that a crash has left it in doubt.
        passing: The failure may be gone when it is tried again.
        joined: The user has become a member of the group by it.
        left: The user has left the group by it.
        triggered_by: Who began the run.
        approved_by: Who has approved the plan.
        at: When the status was noted.
        administrator: The user is an administrator of MI, or is to be one; None if an older version has noted it.
    """

    run: int
    dag_id: str
    mode: str
    position: int
    org: str
    host: str
    group: TargetGroup
    source_id: str | None
    user_id: str | None
    username: str | None
    kind: ChangeKind
    old: Mapping[str, Any] | None
    new: Mapping[str, Any] | None
    status: Status
    error: str | None
    passing: bool
    joined: bool
    left: bool
    triggered_by: str | None
    approved_by: str | None
    at: datetime
    administrator: bool | None = None


class History:
    """Answers questions about the past. Every method raises a `StoreError` if the store cannot be read.

    Args:
        store: Where to look.
    """

    def __init__(self, store: Database) -> None:
        self._store = store

    def runs(
        self,
        *,
        dag_id: str | None = None,
        group: str | None = None,
        since: datetime | None = None,
        state: State | Literal["running"] | None = None,
        limit: int | None = None,
    ) -> list[RunRecord]:
        """Runs, the latest first.

        Args:
            dag_id: Only those of this DAG.
            group: Only those into the MI group of this name or id.
            since: Only those that began then or later; with its time zone.
            state: Only those that ended so, or have not ended.
            limit: At most so many, up to `LARGEST_NUMBER`.
        """
        query = select(RUNS).order_by(RUNS.c.id.desc())
        if dag_id is not None:
            query = query.where(RUNS.c.dag_id == dag_id)
        if group is not None:
            query = query.where(or_(RUNS.c.target_group == group, RUNS.c.target_group_id == group))
        if since is not None:
            query = query.where(RUNS.c.started_at >= since)
        if state is not None:
            query = query.where(RUNS.c.state.is_(None) if state == "running" else RUNS.c.state == state)
        with self._store.reading() as connection:
            return list(run_records(connection.execute(query.limit(limit))))

    def run(self, run: int) -> RunRecord | None:
        """One run; None if there is none of this id."""
        if not 0 < run <= LARGEST_NUMBER:
            return None
        with self._store.reading() as connection:
            return next(run_records(connection.execute(select(RUNS).where(RUNS.c.id == run))), None)

    def changes_of_run(self, run: int) -> list[ChangeRecord]:
        """All changes of one run, tried or not, in the order of its plan."""
        return self._changes(CHANGES_OF_RUNS.where(CHANGES.c.run == run).order_by(CHANGES.c.position))

    def changes_of_user(
        self, who: str, *, since: datetime | None = None, host: str | None = None, planned: bool = False
    ) -> list[ChangeRecord]:
        """Changes of one user, in the order in which they were made.

        Args:
            who: Username in MI, whatever its capitals; Okta id; or MI id.
            since: Only those noted then or later; with its time zone.
            host: Only those in this MI server: others may have given the same id to somebody else.
            planned: Also those that were never tried.
        """
        folded = who.casefold()
        meant = or_(
            CHANGES.c.username_folded == folded[:FOLDED_LENGTH], CHANGES.c.source_id == who, CHANGES.c.user_id == who
        )
        found = self._changes(_tried(CHANGES_OF_RUNS.where(meant), since=since, host=host, planned=planned))
        return [
            each
            for each in found
            if who in {each.source_id, each.user_id} or (each.username or "").casefold() == folded
        ]

    def changes_of_group(
        self, group: str, *, since: datetime | None = None, host: str | None = None, planned: bool = False
    ) -> list[ChangeRecord]:
        """Changes of one MI group and of its members, in the order in which they were made.

        Args:
            group: Its name or id.
            since: As for a user.
            host: As for a user.
            planned: As for a user.
        """
        meant = or_(CHANGES.c.group_name == group, CHANGES.c.group_id == group)
        return self._changes(_tried(CHANGES_OF_RUNS.where(meant), since=since, host=host, planned=planned))

    def touched_later(self, run: RunRecord) -> list[ChangeRecord]:
        """What other runs have done since to users of this one, or were about to do; the latest run last.

        Later is what was begun later, or noted later: a run may have waited for somebody who approves it.
        """
        mine = CHANGES.alias()
        of_this_run = exists().where(
            mine.c.run == run.id,
            mine.c.user_id == CHANGES.c.user_id,
            or_(mine.c.run < CHANGES.c.run, mine.c.at < CHANGES.c.at),
        )
        query = CHANGES_OF_RUNS.where(
            RUNS.c.host == run.host, CHANGES.c.run != run.id, CHANGES.c.status.in_(_PERHAPS_DONE), of_this_run
        )
        return self._changes(query.order_by(CHANGES.c.id))

    def _changes(self, query: Select[Any]) -> list[ChangeRecord]:
        with self._store.reading() as connection:
            return list(change_records(connection.execute(query)))


def last_written(connection: Connection, host: str, user_ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """What we have last written, by MI user and attribute. Users of whom we have written nothing are not in it.

    Args:
        connection: Where to read.
        host: The MI server.
        user_ids: MI ids.
    """
    found: dict[str, dict[str, Any]] = {}
    for ids in batches(sorted(user_ids)):
        query = (
            select(CHANGES.c.user_id, CHANGES.c.new)
            .join(RUNS)
            .where(
                RUNS.c.host == host,
                CHANGES.c.user_id.in_(ids),
                CHANGES.c.kind.in_(_WRITTEN_KINDS),
                CHANGES.c.status == Status.DONE.value,
            )
            .order_by(CHANGES.c.id)
        )
        for user_id, new in connection.execute(query):
            found.setdefault(user_id, {}).update(new or {})
    return found


#: All changes, with what their runs say of them.
CHANGES_OF_RUNS: Select[Any] = select(CHANGES, RUNS.c.dag_id, RUNS.c.mode, RUNS.c.org, RUNS.c.host).join(RUNS)


def _tried(query: Select[Any], *, since: datetime | None, host: str | None, planned: bool) -> Select[Any]:
    conditions: Sequence[ColumnElement[bool]] = [
        *([] if since is None else [CHANGES.c.at >= since]),
        *([] if host is None else [RUNS.c.host == host]),
        *([] if planned else [CHANGES.c.status != Status.PLANNED.value]),
    ]
    return query.where(*conditions).order_by(CHANGES.c.id)


def run_records(rows: Iterable[Row[Any]]) -> Iterator[RunRecord]:
    """Whole rows of the table of runs."""
    for row in rows:
        values = row._mapping  # noqa: SLF001 - the public name of it, in SQLAlchemy's words
        yield RunRecord(
            **{
                **{name: values[name] for name in RunRecord.__slots__ if name in values},
                "source_groups": tuple(SourceGroup(each["id"], each["name"]) for each in row.source_groups),
                "target_group": TargetGroup(row.target_group_id or "", row.target_group),
                "state": State(row.state) if row.state else None,
            }
        )


def change_records(rows: Iterable[Row[Any]]) -> Iterator[ChangeRecord]:
    """Rows of `CHANGES_OF_RUNS`."""
    for row in rows:
        values = row._mapping  # noqa: SLF001 - as above
        yield ChangeRecord(
            **{
                **{name: values[name] for name in ChangeRecord.__slots__ if name in values},
                "group": TargetGroup(row.group_id or "", row.group_name),
                "kind": ChangeKind(row.kind),
                "status": Status(row.status),
                "left": row.left_group,
            }
        )
