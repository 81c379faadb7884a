"""The store: what the tasks of a run hand each other, and what became of its changes."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection

from okta_mi_provider.settings import SyncSettings, options
from okta_mi_provider.store import artifacts, changes, okta_changes, plans, reports, retention, runs, snapshots, told
from okta_mi_provider.store.artifacts import Artifact, ArtifactKind
from okta_mi_provider.store.batches import batches
from okta_mi_provider.store.database import Database
from okta_mi_provider.store.errors import SETTING, ArtifactMissing, StoreError
from okta_mi_provider.store.reports import StoredReport
from okta_mi_provider.store.retention import Retention
from okta_mi_provider.store.runs import Beginning, NewerPlan, RunKey
from okta_mi_provider.store.told import Written
from okta_mi_provider.sync.incremental import Changed
from okta_mi_provider.sync.model import Source
from okta_mi_provider.sync.outcome import Outcome
from okta_mi_provider.sync.plan import ChangeKey, Plan

log = logging.getLogger(__name__)

#: How many reports are read in one statement.
_REPORTS = 100
#: Settings that are about a single run, and not about what it reads.
_THIS_RUN = dict.fromkeys(name for name, option in options().items() if option.per_run)


class Store(Database):
    """Runs and their artifacts. `StoreJournal` writes what runs do, `History` reads what they did.

    Every method but `forget_old` raises a `StoreError` if the store cannot be read or written.
    """

    def begin(self, run: RunKey, beginning: Beginning) -> int:
        """Makes this run the newest of its DAG, and forgets what an earlier attempt has left for its tasks.

        What that has written to MI is kept, as a run of its own.

        Returns:
            The id of the run.
        """
        with self.writing() as connection:
            # The last report stays, until there is a new one.
            artifacts.forget_all_but(connection, run, reports.ALL_KINDS)
            return runs.begin(connection, run, beginning)

    def settings(self, run: RunKey) -> dict[str, Any] | None:
        """The settings of a run, as plain JSON types; None if it has not begun."""
        with self.reading() as connection:
            row = runs.latest(connection, run)
        return None if row is None else dict(row.settings)

    def begun_at(self, run: RunKey) -> datetime | None:
        """When a run has begun, the last time that it did; None if it has not."""
        with self.reading() as connection:
            row = runs.latest(connection, run)
        return None if row is None else row.started_at

    def newer_plan(self, run: RunKey) -> NewerPlan | None:
        """The plan to be written of a run of the same DAG that began after this one; None if there is none."""
        with self.reading() as connection:
            return runs.newer_plan(connection, run, ArtifactKind.PLAN.value)

    def outcomes(self, run: RunKey, plan: Plan) -> dict[ChangeKey, Outcome]:
        """What became of the changes of a plan, by their keys. What was not tried is not in it.

        Of several attempts the last one counts; but what it found done by an earlier one is done, not already so.
        """
        with self.reading() as connection:
            found = _of_plan(connection, run, plan)
            return {} if found is None else changes.outcomes(connection, found, plan)

    def any_user_written(self, run: RunKey, plan: Plan) -> bool:
        """Whether any change of a user of a plan was made, or may have been, in the last attempt of a run."""
        with self.reading() as connection:
            found = _of_plan(connection, run, plan)
            return found is not None and changes.any_user_written(connection, found)

    def settled(self, run: RunKey, plan: Plan) -> set[int]:
        """Places of the changes of a plan that need not be tried again, in the last attempt of a run."""
        with self.reading() as connection:
            found = _of_plan(connection, run, plan)
            return set() if found is None else changes.settled(connection, found)

    def groups_made(self, run: RunKey, plan: Plan) -> set[str]:
        """MI ids of the groups that a plan was to create, and that are there since."""
        with self.reading() as connection:
            found = _of_plan(connection, run, plan)
            return set() if found is None else changes.groups_made(connection, found)

    def save(self, run: RunKey, kind: ArtifactKind, data: Any, *, part: int | None = None) -> str:
        """Stores JSON data in place of what there was.

        Args:
            run: Which run.
            kind: What.
            data: The data.
            part: Which one, where each of several tasks leaves its own.

        Returns:
            Its digest: the sha256 of its canonical JSON, in hex.
        """
        packed = artifacts.pack(data)
        with self.writing() as connection:
            artifacts.save(connection, run, kind, packed, part)
        return packed.digest

    def find(self, run: RunKey, kind: ArtifactKind, *, part: int | None = None) -> Artifact | None:
        """What was stored last, by itself or as a part; None if nothing was.

        Raises:
            ArtifactMissing: If it is not what was stored.
        """
        with self.reading() as connection:
            packed = artifacts.find(connection, run, kind, part)
        return None if packed is None else artifacts.unpack(packed, _named(kind, run))

    def find_all(self, run: RunKey, kind: ArtifactKind) -> list[Any]:
        """The data that was stored last: by itself, and then by parts, in their order.

        Raises:
            ArtifactMissing: If any of it is not what was stored.
        """
        with self.reading() as connection:
            found = artifacts.find_all(connection, run, kind)
        return [artifacts.unpack(packed, _named(kind, run)).data for packed in found]

    def load(self, run: RunKey, kind: ArtifactKind, *, made_by: str, digest: str | None = None) -> Artifact:
        """What a task has stored for the ones after it.

        Args:
            run: Which run.
            kind: What.
            made_by: Id of that task, for the message.
            digest: What that task has handed over as the digest, if it is known.

        Raises:
            ArtifactMissing: If it is not there, or is not what that task has handed over.
        """
        found = self.find(run, kind)
        if found is None:
            raise self._missing(run, kind, made_by=made_by, digest=digest)
        if digest and found.digest != digest:
            raise _another(run, kind, made_by=made_by)
        return found

    def save_plan(self, run: RunKey, plan: Plan) -> str:
        """Stores a plan in place of the one that there was.

        Returns:
            Its digest.
        """
        packed = plans.pack(plan)
        with self.writing() as connection:
            plans.put(connection, run, packed)
        return packed.digest

    def find_plan(self, run: RunKey) -> Plan | None:
        """The plan that was stored last; None if there is none. Who looks at a few of its changes reads only those.

        Raises:
            ArtifactMissing: If it is not what was stored, also later, when more of it is looked at.
        """
        head = self.find(run, ArtifactKind.PLAN)
        if head is None:
            return None
        return plans.unpack(head, partial(self._piece, run), _named(ArtifactKind.PLAN, run))

    def load_plan(self, run: RunKey, *, made_by: str, digest: str | None = None) -> Plan:
        """The plan that a task has stored for the ones after it. Arguments and errors as for `load`."""
        plan = self.find_plan(run)
        if plan is None:
            raise self._missing(run, ArtifactKind.PLAN, made_by=made_by, digest=digest)
        if digest and plan.digest != digest:
            raise _another(run, ArtifactKind.PLAN, made_by=made_by)
        return plan

    def save_report(self, run: RunKey, report: Mapping[str, Any]) -> None:
        """Stores a JSON report in place of the one that there was."""
        packed = reports.pack(report)
        with self.writing() as connection:
            reports.put(connection, run, packed)

    def reports(self, runs: Sequence[int]) -> Iterator[StoredReport | None]:
        """The reports of some runs, in their order; None for one that is not there any more, or damaged.

        Args:
            runs: Their ids.

        Raises:
            ArtifactMissing: Later, when more of a report is looked at and is not what was stored.
        """
        for ids in batches(runs, _REPORTS):
            with self.reading() as connection:
                heads = reports.heads(connection, ids)
            for run in ids:
                found = None
                if run in heads:
                    key, packed = heads[run]
                    what = _named(ArtifactKind.REPORT, key)
                    with suppress(ArtifactMissing):
                        found = reports.unpack(artifacts.unpack(packed, what), partial(self._piece, key), what)
                yield found

    def last_source(self, run: RunKey, settings: SyncSettings) -> Source | None:
        """What the last run of the same DAG has read of Okta; None if that cannot be used with these settings."""
        with self.reading() as connection:
            found = okta_changes.last_read(connection, run)
        if found is None or {**found.settings, **_THIS_RUN} != {**settings.to_mapping(), **_THIS_RUN}:
            return None
        try:
            return snapshots.source_from_json(artifacts.unpack(found.snapshot, "The last snapshot").data)
        except (ArtifactMissing, KeyError, TypeError, ValueError):
            # Damaged, or of another version: it is read again.
            return None

    def changed_groups(self, asker: str, since: datetime) -> Changed | None:
        """What an org of Okta has just said of the groups that have changed; None if nobody has just asked.

        Args:
            asker: Which org, and with which credentials it was asked: they may not see all groups.
            since: How far back it has to go.
        """
        with self.reading() as connection:
            return okta_changes.changed(connection, asker, since)

    def save_changed_groups(self, asker: str, said: Changed) -> None:
        """Notes what an org has just said, for the syncs of its other groups. Arguments as for `changed_groups`."""
        with self.writing() as connection:
            okta_changes.put(connection, asker, said)

    def announce(self, run: RunKey, *, part: int | None = None, shared: bool = False) -> Written | None:
        """What was written that other DAGs have not been told of, and notes that they are told; see `told.announce`."""
        with self.writing() as connection:
            row = runs.latest(connection, run)
            return None if row is None else told.announce(connection, row, part=part, shared=shared)

    def owe(self, run: RunKey, *, shared: bool = False) -> None:
        """Notes that other DAGs may have to be told later of what this run has written; see `told.owe`."""
        with self.writing() as connection:
            row = runs.latest(connection, run)
            if row is not None:
                told.owe(connection, row, shared=shared)

    def told(self, dag_id: str, listener: str, part: str = "") -> str | None:
        """The state of a sync that somebody was told last; None if nobody has told any."""
        with self.reading() as connection:
            return told.state(connection, dag_id, listener, part)

    def tell(self, dag_id: str, listener: str, state: str, part: str = "") -> None:
        """Notes that somebody was told the state of a sync."""
        with self.writing() as connection:
            told.tell(connection, dag_id, listener, state, part)

    def forget(self, run: RunKey, kind: ArtifactKind, *, part: int | None = None) -> None:
        """Deletes what was stored, if anything was: with all its parts, or a single one."""
        with self.writing() as connection:
            artifacts.forget(connection, run, kind, part)

    def forget_old(self, keep: Retention) -> None:
        """Deletes what is too old, of all syncs; see `retention.forget`.

        That it could not be done is no reason for a sync to fail: it is logged, and the next sync does it.
        """
        try:
            with self.writing() as connection:
                retention.forget(connection, keep)
        except StoreError as error:
            log.warning("What is too old was not deleted from the store: %s", error)

    def _piece(self, run: RunKey, kind: ArtifactKind, number: int) -> Artifact | None:
        return self.find(run, kind, part=number)

    def _missing(self, run: RunKey, kind: ArtifactKind, *, made_by: str, digest: str | None) -> ArtifactMissing:
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
        return ArtifactMissing(f"{_named(kind, run)} is not in the store {self}. {where}")


def _named(kind: ArtifactKind, run: RunKey) -> str:
    return f"The {kind} of run {run.run_id!r}"


def _another(run: RunKey, kind: ArtifactKind, *, made_by: str) -> ArtifactMissing:
    return ArtifactMissing(
        f"{_named(kind, run)} is not the one that task {made_by!r} has handed over. Clear that task and all after it."
    )


def _of_plan(connection: Connection, run: RunKey, plan: Plan) -> int | None:
    """The id of the last attempt of a run, if it is about to write this plan, or has."""
    row = runs.latest(connection, run)
    return int(row.id) if row is not None and row.plan_digest == plan.digest else None
