"""Runs: who began what, with which settings, and how it ended. Functions on an open connection."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple, Self

from sqlalchemy import Connection, Row, delete, exists, insert, or_, select, update

from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.store.errors import StoreError
from okta_mi_provider.store.schema import ARTIFACTS, CHANGES, RUNS
from okta_mi_provider.sync.memory import LastSync
from okta_mi_provider.sync.model import Source, SourceGroup, Target, TargetGroup
from okta_mi_provider.sync.outcome import Status
from okta_mi_provider.sync.plan import Plan
from okta_mi_provider.sync.report import Report, State

#: As long as Airflow lets an id be.
_LONGEST_ID = 250
#: Why a run has ended that has not said so.
INTERRUPTED = "Interrupted: the process or its machine was stopped before the end."


class NewerPlan(NamedTuple):
    """A plan that was made after another one of the same DAG.

    Attributes:
        run_id: Airflow's id of its run.
        is_whole: Whether it is about the whole group, so that nothing of the older one is left to write.
    """

    run_id: str
    is_whole: bool


class RunKey(NamedTuple):
    """Which run of which DAG. What is run again has the same key; the latest one counts."""

    dag_id: str
    run_id: str

    @classmethod
    def of_command(cls, target_group: str) -> Self:
        """A key of its own for a sync into an MI group from the command line."""
        return cls(_id(f"cli:{target_group}"), f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}-{secrets.token_hex(4)}")

    @classmethod
    def of_task(cls, dag_id: str, task_id: str, run_id: str, map_index: int | None = None) -> Self:
        """The key of a sync that is a single task of somebody's DAG.

        Args:
            dag_id: The DAG.
            task_id: The task.
            run_id: The run.
            map_index: Which one, of a task that is mapped; -1 or None of any other.
        """
        mapped = map_index is not None and map_index >= 0
        return cls(_id(f"{dag_id}:{task_id}"), _id(f"{run_id}:{map_index}") if mapped else run_id)

    @classmethod
    def of_group(cls, dag_id: str, run_id: str, target_group: str) -> Self:
        """The key of the sync into one MI group, of a run that syncs into several."""
        digest = hashlib.sha256(target_group.encode(errors="surrogatepass")).hexdigest()[:16]
        return cls(dag_id, _id(f"{run_id}:{digest}"))


@dataclass(frozen=True, slots=True)
class Beginning:
    """What is known of a run when it begins.

    Attributes:
        settings: How it is to sync.
        triggered_by: Who or what wants it.
        org: Which Okta org; "" if that is not known yet.
        host: Which MI server; "" if that is not known yet.
        source_groups: The groups of Okta, as far as they are known.
        target_group: Name of the MI group, or what is known of it.
        mode: "undo", or None for what the settings say.
        shared: Whether other syncs may have the same `dag_id`: other commands, other groups of a mapped task.
        started_at: When it began.
        undoes: Id of the run that it takes back.
    """

    settings: SyncSettings
    triggered_by: str
    org: str = ""
    host: str = ""
    source_groups: Sequence[SourceGroup] = ()
    target_group: str = ""
    mode: str | None = None
    shared: bool = False
    started_at: datetime | None = None
    undoes: int | None = None


def begin(connection: Connection, key: RunKey, beginning: Beginning) -> int:
    """Makes a run the newest of its DAG. Of an earlier one of the same key only what it has written is kept.

    Returns:
        Its id.
    """
    settings = beginning.settings
    began_at = beginning.started_at or datetime.now(UTC)
    _forget_what_wrote_nothing(connection, key)
    # Had it ended by itself, it would have said so. Should it go on elsewhere, it will say so yet.
    same_group = [RUNS.c.target_group == beginning.target_group] if beginning.shared else []
    connection.execute(
        update(RUNS)
        .where(RUNS.c.dag_id == key.dag_id, RUNS.c.state.is_(None), *same_group)
        .values(state=State.FAILED.value, error=INTERRUPTED, ended_at=began_at)
    )
    done = connection.execute(
        insert(RUNS).values(
            **key._asdict(),
            mode=beginning.mode or settings.mode,
            dry_run=settings.dry_run,
            org=beginning.org,
            host=beginning.host,
            source_groups=_groups(beginning.source_groups),
            target_group=beginning.target_group,
            settings=settings.to_mapping(),
            only_user=settings.only_user is not None,
            triggered_by=beginning.triggered_by,
            complete=False,
            started_at=began_at,
            undoes=beginning.undoes,
        )
    )
    [run] = list(done.inserted_primary_key or ())
    return int(run)


def latest(connection: Connection, key: RunKey) -> Row[Any] | None:
    """The row of the latest run of a key."""
    return connection.execute(select(RUNS).where(*_of(key)).order_by(RUNS.c.id.desc()).limit(1)).one_or_none()


def by_id(connection: Connection, run: int) -> Row[Any]:
    """The row of a run.

    Raises:
        StoreError: If it was begun anew since, or is forgotten.
    """
    row = connection.execute(select(RUNS).where(RUNS.c.id == run)).one_or_none()
    if row is None:
        raise StoreError(
            f"Run {run} is not in the store any more: it was begun anew. What is left is done by that one."
        )
    return row


def lock(connection: Connection, run: int) -> None:
    """Makes other transactions that lock this run wait until this one ends. SQLite has one writer at a time anyway."""
    if connection.dialect.name != "sqlite":
        # Rows that refer to the run may be inserted all the same.
        connection.execute(select(RUNS.c.id).where(RUNS.c.id == run).with_for_update(key_share=True))


def read_sides(connection: Connection, run: int, source: Source, target: Target, name: str) -> None:
    """Notes what a run is between, once that was read.

    Args:
        connection: Where to write.
        run: Id of the run.
        source: Okta.
        target: MI.
        name: Name of the MI group.
    """
    group = target.group_named(name)
    _set(
        connection,
        run,
        org=source.org,
        host=target.host,
        source_groups=_groups(source.groups),
        target_group=name,
        target_group_id=group.id if group else None,
    )


def planned(
    connection: Connection,
    run: int,
    plan: Plan,
    digest: str,
    *,
    approved_by: str | None,
    approved_at: datetime | None,
) -> None:
    """Notes the plan that is going to be written, and who has approved it."""
    _set(connection, run, plan_digest=digest, approved_by=approved_by, approved_at=approved_at, **_of_plan(plan))


def approved(connection: Connection, run: int, *, approved_by: str | None, approved_at: datetime | None) -> None:
    """Notes who else has approved the plan of a run."""
    _set(connection, run, approved_by=approved_by, approved_at=approved_at)


def group_is(connection: Connection, run: int, group: TargetGroup) -> None:
    """Notes the MI group of a run that has just been created, or found."""
    lock(connection, run)
    _set(connection, run, target_group_id=group.id)
    connection.execute(
        update(CHANGES).where(CHANGES.c.run == run, CHANGES.c.group_name == group.name).values(group_id=group.id)
    )


def close(connection: Connection, run: int, report: Report, *, complete: bool) -> None:
    """Notes how a run ended. What it was between is known better than by a report without a plan, if it was read."""
    sides = {
        "org": report.org,
        "host": report.host,
        "source_groups": _groups(report.source_groups),
        "target_group": report.target_group.name,
        "target_group_id": report.target_group.id or None,
    }
    was_read = report.plan is None and by_id(connection, run).source_groups
    _set(
        connection,
        run,
        **({} if was_read else sides),
        state=report.state.value,
        complete=complete,
        counts=report.counts(),
        error=report.error,
        ended_at=datetime.now(UTC),
        **({"plan_digest": report.plan.digest, **_of_plan(report.plan)} if report.plan else {}),
    )


def last_complete(
    connection: Connection,
    dag_id: str,
    *,
    org: str,
    host: str,
    target_group: str | None = None,
    source_groups: Collection[str] | None = None,
    of_dag: str | None = None,
    named: bool = False,
) -> LastSync | None:
    """The last complete sync of a DAG between two servers: with others it is another sync.

    Args:
        connection: Where to read.
        dag_id: The DAG.
        org: The Okta org.
        host: The MI server.
        target_group: Only a sync into the MI group of this name; None for any.
        source_groups: Only a sync of the groups of Okta with these ids; None for any.
        of_dag: Or any of this DAG.
        named: An attribute names the MI group: that DAG syncs into others, too, and only one into this counts.
    """
    query = (
        select(RUNS.c.dag_id, RUNS.c.fingerprint, RUNS.c.source_groups, RUNS.c.users_in_scope)
        .where(RUNS.c.dag_id.in_({dag_id, of_dag or dag_id}), RUNS.c.org == org, RUNS.c.host == host, RUNS.c.complete)
        .order_by(RUNS.c.id.desc())
    )
    if target_group is not None:
        into_it = RUNS.c.target_group == target_group
        query = query.where(into_it if named else or_(into_it, RUNS.c.dag_id == of_dag))
    if source_groups is None:
        query = query.limit(1)
    for row in connection.execute(query):
        same = source_groups is None or {each["id"] for each in row.source_groups} == set(source_groups)
        if same or row.dag_id == of_dag:
            return LastSync(row.fingerprint or {}, row.users_in_scope or 0)
    return None


def newer_plan(connection: Connection, key: RunKey, plan_kind: str) -> NewerPlan | None:
    """The plan to be written of a run of the same DAG that began after this one; one of a whole group goes first."""
    mine = select(RUNS.c.id).where(*_of(key)).order_by(RUNS.c.id.desc()).limit(1).scalar_subquery()
    plan = exists().where(
        ARTIFACTS.c.dag_id == RUNS.c.dag_id, ARTIFACTS.c.run_id == RUNS.c.run_id, ARTIFACTS.c.kind == plan_kind
    )
    # Who only looks leaves what there is to write to others.
    writes = RUNS.c.mode == "sync", RUNS.c.dry_run.is_(False)
    newest = select(RUNS.c.run_id, RUNS.c.only_user).where(RUNS.c.dag_id == key.dag_id, RUNS.c.id > mine, *writes, plan)
    found = connection.execute(newest.order_by(RUNS.c.only_user, RUNS.c.id.desc()).limit(1)).one_or_none()
    return None if found is None else NewerPlan(str(found.run_id), not found.only_user)


def _forget_what_wrote_nothing(connection: Connection, key: RunKey) -> None:
    tried = exists().where(CHANGES.c.run == RUNS.c.id, CHANGES.c.status != Status.PLANNED.value)
    idle = list(connection.scalars(select(RUNS.c.id).where(*_of(key), ~tried)))
    connection.execute(delete(CHANGES).where(CHANGES.c.run.in_(idle)))
    connection.execute(delete(RUNS).where(RUNS.c.id.in_(idle)))


def _id(text: str) -> str:
    """A text as an id; one that is too long by its beginning and a digest."""
    if len(text) <= _LONGEST_ID:
        return text
    return f"{text[:200]}:{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()[:16]}"


def _of(key: RunKey) -> tuple[Any, Any]:
    return RUNS.c.dag_id == key.dag_id, RUNS.c.run_id == key.run_id


def _set(connection: Connection, run: int, **values: Any) -> None:
    connection.execute(update(RUNS).where(RUNS.c.id == run).values(**values))


def _groups(groups: Sequence[SourceGroup]) -> list[Mapping[str, str]]:
    return [{"id": group.id, "name": group.name} for group in groups]


def _of_plan(plan: Plan) -> dict[str, Any]:
    return {
        "fingerprint": dict(plan.fingerprint),
        "source_users": plan.source_users,
        "users_in_scope": plan.users_in_scope,
    }
