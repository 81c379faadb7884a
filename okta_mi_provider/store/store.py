"""The store: what the tasks of a run hand each other, and what became of its changes."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Table, and_, delete, exists, insert, select
from sqlalchemy.engine import URL

from okta_mi_provider.store.engine import open_engine, shown, speaking
from okta_mi_provider.store.errors import SETTING, ArtifactMissing
from okta_mi_provider.store.schema import ARTIFACTS, OUTCOMES, RUNS
from okta_mi_provider.sync.apply import Outcome, Status
from okta_mi_provider.sync.plan import Plan

#: The fastest level: members compress well at any.
_ZLIB_LEVEL = 1


class RunKey(NamedTuple):
    """Which run of which DAG."""

    dag_id: str
    run_id: str


class ArtifactKind(StrEnum):
    """What a task leaves for those after it."""

    SNAPSHOT = "snapshot"
    PLAN = "plan"
    REPORT = "report"
    FAILURE = "failure"
    """Why a task failed."""


class Artifact(NamedTuple):
    """What was stored, and the sha256 of its canonical JSON."""

    digest: str
    data: Any


class Store:
    """One database. May be used by several processes at once.

    Args:
        url: SQLAlchemy URL.

    Raises:
        StoreError: If the database cannot be opened or written.
    """

    def __init__(self, url: str | URL) -> None:
        self._engine = open_engine(url)

    def close(self) -> None:
        """Gives the connections back."""
        self._engine.dispose()

    def begin(self, run: RunKey, *, group: str, settings: Mapping[str, Any]) -> None:
        """Makes this run the newest of its DAG, and forgets what an earlier attempt has left of it.

        Args:
            run: Which run.
            group: Name or id of the Okta group, for people.
            settings: What the later tasks of the run shall use.

        Raises:
            StoreError: If the store cannot be written.
        """
        with speaking(self._engine), self._engine.begin() as connection:
            # The last report stays. What was done does not: should the same plan be made again, somebody has undone it.
            others = ARTIFACTS.c.kind != ArtifactKind.REPORT.value
            connection.execute(delete(ARTIFACTS).where(_of_run(ARTIFACTS, run), others))
            for table in (OUTCOMES, RUNS):
                connection.execute(delete(table).where(_of_run(table, run)))
            connection.execute(
                insert(RUNS).values(
                    **run._asdict(), group_key=group, settings=json.dumps(dict(settings)), started_at=datetime.now(UTC)
                )
            )

    def settings(self, run: RunKey) -> dict[str, Any] | None:
        """The settings of a run; None if it has not begun.

        Raises:
            StoreError: If the store cannot be read.
        """
        with speaking(self._engine), self._engine.connect() as connection:
            text = connection.scalar(select(RUNS.c.settings).where(_of_run(RUNS, run)))
        return None if text is None else dict(json.loads(text))

    def newer_plan(self, run: RunKey) -> str | None:
        """The id of a run of the same DAG that began after this one and came to a plan.

        Raises:
            StoreError: If the store cannot be read.
        """
        began = select(RUNS.c.id).where(_of_run(RUNS, run)).scalar_subquery()
        plan = exists().where(
            ARTIFACTS.c.dag_id == RUNS.c.dag_id,
            ARTIFACTS.c.run_id == RUNS.c.run_id,
            ARTIFACTS.c.kind == ArtifactKind.PLAN.value,
        )
        newest = select(RUNS.c.run_id).where(RUNS.c.dag_id == run.dag_id, RUNS.c.id > began, plan)
        with speaking(self._engine), self._engine.connect() as connection:
            found = connection.scalar(newest.order_by(RUNS.c.id.desc()).limit(1))
        return None if found is None else str(found)

    def save(self, run: RunKey, kind: ArtifactKind, data: Any) -> str:
        """Stores JSON data in place of what there was.

        Returns:
            Its digest: the sha256 of its canonical JSON, in hex.

        Raises:
            StoreError: If the store cannot be written.
        """
        text = json.dumps(data, sort_keys=True, separators=(",", ":")).encode()
        digest = hashlib.sha256(text).hexdigest()
        body = zlib.compress(text, _ZLIB_LEVEL)
        with speaking(self._engine), self._engine.begin() as connection:
            connection.execute(delete(ARTIFACTS).where(_of_run(ARTIFACTS, run), ARTIFACTS.c.kind == kind.value))
            connection.execute(
                insert(ARTIFACTS).values(
                    **run._asdict(), kind=kind.value, digest=digest, body=body, created_at=datetime.now(UTC)
                )
            )
        return digest

    def find(self, run: RunKey, kind: ArtifactKind) -> Artifact | None:
        """What was stored last; None if nothing was.

        Raises:
            ArtifactMissing: If it is not what was stored.
            StoreError: If the store cannot be read.
        """
        query = select(ARTIFACTS.c.digest, ARTIFACTS.c.body).where(
            _of_run(ARTIFACTS, run), ARTIFACTS.c.kind == kind.value
        )
        with speaking(self._engine), self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        try:
            text = zlib.decompress(row.body)
        except zlib.error:
            text = b""
        if hashlib.sha256(text).hexdigest() != row.digest:
            raise ArtifactMissing(f"The {kind} of run {run.run_id!r} is damaged in the store. Trigger a new run.")
        return Artifact(row.digest, json.loads(text))

    def load(self, run: RunKey, kind: ArtifactKind, *, made_by: str, digest: str | None = None) -> Artifact:
        """What a task has stored for the ones after it.

        Args:
            run: Which run.
            kind: What.
            made_by: Id of that task, for the message.
            digest: What that task has handed over as the digest, if it is known.

        Raises:
            ArtifactMissing: If it is not there, or is not what that task has handed over.
            StoreError: If the store cannot be read.
        """
        found = self.find(run, kind)
        if found is None:
            if self.settings(run) is not None:
                where = f"Clear task {made_by!r} and all after it."
            elif digest:
                # The digest says that the task did store it somewhere.
                where = (
                    f"Task {made_by!r} has stored it, so the workers do not share the store: set {SETTING} to a "
                    "database that all of them reach, such as postgresql+psycopg2://user:password@host/database."
                )
            else:
                where = f"Run task {made_by!r} first, or set {SETTING} to a database that all workers reach."
            raise ArtifactMissing(f"The {kind} of run {run.run_id!r} is not in the store {self}. {where}")
        if digest and found.digest != digest:
            raise ArtifactMissing(
                f"The {kind} of run {run.run_id!r} is not the one that task {made_by!r} has handed over. Clear that "
                "task and all after it."
            )
        return found

    def forget(self, run: RunKey, kind: ArtifactKind) -> None:
        """Deletes what was stored, if anything was.

        Raises:
            StoreError: If the store cannot be written.
        """
        with speaking(self._engine), self._engine.begin() as connection:
            connection.execute(delete(ARTIFACTS).where(_of_run(ARTIFACTS, run), ARTIFACTS.c.kind == kind.value))

    def forget_old_runs(self, dag_id: str, *, days: int) -> None:
        """Deletes the runs of a DAG that began more than so many days ago, with all that belongs to them.

        Raises:
            StoreError: If the store cannot be written.
        """
        before = datetime.now(UTC) - timedelta(days=days)
        old = select(RUNS.c.run_id).where(RUNS.c.dag_id == dag_id, RUNS.c.started_at < before)
        with speaking(self._engine), self._engine.begin() as connection:
            for table in (ARTIFACTS, OUTCOMES, RUNS):
                connection.execute(delete(table).where(table.c.dag_id == dag_id, table.c.run_id.in_(old)))

    def add_outcomes(self, run: RunKey, plan_digest: str, outcomes: Iterable[Outcome]) -> None:
        """Notes what became of changes, in one transaction.

        Raises:
            StoreError: If the store cannot be written.
        """
        rows = [
            {
                **run._asdict(),
                "plan_digest": plan_digest,
                "change_key": each.change.key,
                "status": each.status.value,
                "error": each.error,
                "passing": each.passing,
                "target_id": each.target_id,
                "joined": each.joined,
                "at": datetime.now(UTC),
            }
            for each in outcomes
        ]
        if rows:
            with speaking(self._engine), self._engine.begin() as connection:
                connection.execute(insert(OUTCOMES), rows)

    def outcomes(self, run: RunKey, plan: Plan, plan_digest: str) -> dict[str, Outcome]:
        """What became of the changes of a plan, by their keys.

        The last attempt counts; but what it found done by an earlier one is done, not already so.

        Raises:
            StoreError: If the store cannot be read.
        """
        columns = OUTCOMES.c
        query = (
            select(
                columns.change_key,
                columns.status,
                columns.error,
                columns.passing,
                columns.target_id,
                columns.joined,
            )
            .where(_of_run(OUTCOMES, run), columns.plan_digest == plan_digest)
            .order_by(columns.id)
        )
        with speaking(self._engine), self._engine.connect() as connection:
            rows = connection.execute(query).all()
        changes = {change.key: change for change in plan.changes}
        found: dict[str, Outcome] = {}
        for key, status, error, passing, target_id, joined in rows:
            if key in changes:
                earlier = found.get(key)
                ours = earlier is not None and earlier.status is Status.DONE and status == Status.ALREADY
                found[key] = Outcome(
                    changes[key],
                    Status.DONE if ours else Status(status),
                    error,
                    passing,
                    target_id,
                    joined or (earlier is not None and earlier.joined),
                )
        return found

    def __str__(self) -> str:
        return shown(self._engine.url)


def _of_run(table: Table, run: RunKey) -> ColumnElement[bool]:
    return and_(table.c.dag_id == run.dag_id, table.c.run_id == run.run_id)
