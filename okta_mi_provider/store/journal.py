"""Keeps account of a sync in the store, and remembers earlier ones."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from sqlalchemy import Connection

from okta_mi_provider.garbage import nothing_collected
from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.store import changes as account
from okta_mi_provider.store import consequences, doubts, ledger, links, reports, runs
from okta_mi_provider.store.changes import Noted, Tally
from okta_mi_provider.store.consequences import Writing
from okta_mi_provider.store.errors import StoreError
from okta_mi_provider.store.recollection import remembered
from okta_mi_provider.store.runs import Beginning, RunKey
from okta_mi_provider.store.settle import settle
from okta_mi_provider.store.store import Store
from okta_mi_provider.sync.approval import is_let_through
from okta_mi_provider.sync.fetch import target_name
from okta_mi_provider.sync.memory import Memory
from okta_mi_provider.sync.model import Source, Target, TargetGroup
from okta_mi_provider.sync.outcome import Outcome, Status
from okta_mi_provider.sync.plan import Change, ChangeKey, ChangeKind, Plan
from okta_mi_provider.sync.report import Approval, Report
from okta_mi_provider.sync.text import plural

log = logging.getLogger(__name__)

#: A killed process leaves at most so many outcomes unwritten, and at most those of so many seconds.
_MOST_WAITING, _LONGEST_WAIT_S = 20, 0.5
#: Kinds of changes that make somebody a member.
_JOINS = frozenset({ChangeKind.CREATE_USER, ChangeKind.ADD_MEMBER})


class StoreJournal:
    """A `sync.journal.Journal` in the store.

    Several processes may keep the journal of one run, one after the other, as the tasks of a DAG do, or even at the
    same time, as a try does that Airflow has given up while it goes on.

    Leaving its block writes what is still to be written.

    Args:
        store: Where to keep it.
        run: Whose it is.
        beginning: What is known of the run. It begins with the first call, unless it is `resumed`.
        approval: What a person has said of the plan, if one was asked.
        memory_of: A DAG whose syncs count as earlier ones of this, besides its own.
    """

    def __init__(
        self,
        store: Store,
        run: RunKey,
        beginning: Beginning,
        *,
        approval: Approval | None = None,
        memory_of: str | None = None,
    ) -> None:
        self._store = store
        self._memory_of = memory_of
        self._key = run
        self._beginning = replace(beginning, started_at=beginning.started_at or datetime.now(UTC))
        self._approval = approval
        self._id: int | None = None
        self._plan: Plan | None = None
        self._group = TargetGroup("", beginning.target_group)
        self._positions: dict[ChangeKey, int] = {}
        self._begun_at: dict[int, datetime] = {}
        self._in_doubt: set[int] = set()
        self._waiting: list[Outcome] = []
        self._written_at = time.monotonic()

    def resumed(self) -> Self:
        """The same, of a run that another process has begun. If none has, it begins as any other."""
        with self._store.reading() as connection:
            row = runs.latest(connection, self._key)
        if row is not None:
            self._id = int(row.id)
            self._beginning = replace(self._beginning, triggered_by=row.triggered_by or self._beginning.triggered_by)
        return self

    def start(self) -> None:
        """Begins the run, if it has not begun.

        Raises:
            StoreError: If the store cannot be written.
        """
        if self._id is None:
            self._id = self._store.begin(self._key, self._beginning)

    @property
    def begun(self) -> bool:
        """Whether the run is in the store."""
        return self._id is not None

    @property
    def run(self) -> int:
        """Id of the run in the store, which begins by this if it has not."""
        self.start()
        assert self._id is not None, "it has begun"  # noqa: S101
        return self._id

    @nothing_collected()
    def recall(self, source: Source, target: Target, group: TargetGroup | None) -> Memory:
        """See `Journal`. A dry run settles nothing: what it takes for MI may be what it would have written itself."""
        run, settings = self.run, self._settings
        name = target_name(source, settings)
        group_id = group.id if group else None
        with self._store.writing() as connection:
            runs.read_sides(connection, run, source, target, name)
            if not settings.dry_run:
                found = doubts.in_doubt(connection, target.host, name, group_id, before=run, read_at=target.read_at)
                consequences.of_verdicts(connection, settle(found, target, group, name), target.host, group)
        with self._store.reading() as connection:
            memory = remembered(
                connection,
                source,
                target,
                group,
                dag_id=self._key.dag_id,
                settings=settings,
                shared=self._beginning.shared,
                of_dag=self._memory_of,
            )
        if group and not settings.only_looks:
            assert self._beginning.started_at is not None, "the constructor has set it"  # noqa: S101
            with self._store.writing() as connection:
                ledger.prune(
                    connection,
                    target.host,
                    group.id,
                    target.members.get(group.id, frozenset()),
                    before=self._beginning.started_at,
                )
        return memory

    def planned(self, plan: Plan, among: range | None = None) -> None:
        """See `Journal`.

        Args:
            plan: The plan.
            among: The places of those changes that this process is going to tell of; None for all.

        Raises:
            StoreError: If a part of another plan was written in this run.
        """
        run, digest = self.run, plan.digest
        self._plan, self._group = plan, plan.target_group
        places = range(len(plan.changes)) if among is None else among
        changes = plan.changes[places.start : places.stop]
        self._positions = {change.key: place for place, change in zip(places, changes, strict=True)}
        approved_by, approved_at = self._approved(plan)
        with self._store.writing() as connection:
            runs.lock(connection, run)
            row = runs.by_id(connection, run)
            if row.plan_digest == digest and account.count(connection, run) == len(plan.changes):
                self._group = TargetGroup(row.target_group_id or plan.target_group.id, plan.target_group.name)
                if approved_by != row.approved_by:
                    # The question was asked again, and somebody else has answered.
                    runs.approved(connection, run, approved_by=approved_by, approved_at=approved_at)
                    account.approved(connection, run, approved_by=approved_by)
                return
            if account.any_tried(connection, run):
                raise StoreError(
                    f"A part of another plan was written in run {self._key.run_id!r}. Clear its first task and all "
                    "after it, or trigger a new run."
                )
            # All of it is read before anything is written: without a log of writes SQLite may keep readers out then.
            plan = replace(plan, changes=tuple(plan.changes), matched=tuple(plan.matched))
            runs.planned(connection, run, plan, digest, approved_by=approved_by, approved_at=approved_at)
            account.plan(connection, run, plan, triggered_by=self._beginning.triggered_by, approved_by=approved_by)
            links.put(connection, plan.host, plan.org, run, plan.matched)

    @property
    def group(self) -> TargetGroup:
        """The MI group of the plan, with its id as soon as any process has noted it."""
        return self._group

    def found_group(self, group: TargetGroup) -> None:
        """Notes the MI group of the plan where its creation was not noted, but it is there."""
        if group.id and group.id != self._group.id:
            self._group = group
            with self._store.writing() as connection:
                runs.group_is(connection, self.run, group)

    def begin(self, changes: Sequence[Change]) -> Collection[ChangeKey]:
        """See `Journal`."""
        self.flush()
        keys, now = {self._positions[change.key]: change.key for change in changes}, datetime.now(UTC)
        with self._store.writing() as connection:
            begun, settled = account.begin(connection, self.run, keys, at=now)
        self._in_doubt |= begun
        self._begun_at.update(dict.fromkeys(keys, now))
        return {keys[position] for position in settled}

    def withdraw(self, changes: Sequence[Change]) -> None:
        """See `Journal`. What an earlier try had begun stays in doubt: it may have sent it."""
        batches: dict[datetime, list[int]] = {}
        for position in {self._positions[change.key] for change in changes} - self._in_doubt:
            batches.setdefault(self._begun_at[position], []).append(position)
        try:
            with self._store.writing() as connection:
                for begun_at, positions in batches.items():
                    account.withdraw(connection, self.run, positions, begun_at=begun_at)
        except StoreError as error:
            log.warning("%s not sent, and that could not be noted: %s", plural(len(changes), "change"), error)

    def note(self, outcome: Outcome) -> None:
        """See `Journal`. A few are gathered for each transaction."""
        if outcome.change.kind is ChangeKind.CREATE_GROUP and outcome.target_id:
            self._group = TargetGroup(outcome.target_id, outcome.change.group)
        self._waiting.append(self._as_ours(outcome))
        if len(self._waiting) >= _MOST_WAITING or time.monotonic() - self._written_at >= _LONGEST_WAIT_S:
            self.flush()

    def flush(self) -> None:
        """Writes the outcomes that are waiting for it.

        Raises:
            StoreError: If the store cannot be written. They go on waiting then.
        """
        if self._waiting:
            with self._store.writing() as connection:
                self._write(connection, self._waiting)
            self._waiting = []
        self._written_at = time.monotonic()

    def outcomes(self, plan: Plan, among: range | None = None) -> dict[ChangeKey, Outcome]:
        """What became of the changes of a plan that `planned` was told of, by their keys.

        Args:
            plan: The plan.
            among: Only changes at these places in it; None for all.

        Raises:
            StoreError: If the store cannot be read.
        """
        with self._store.reading() as connection:
            return account.outcomes(connection, self.run, plan, among)

    def tally(self) -> Tally:
        """What became of the run's changes of users, in numbers, also of those that others have tried.

        Raises:
            StoreError: If the store cannot be read.
        """
        with self._store.reading() as connection:
            return account.tally(connection, self.run)

    def untried(self, *, before: int) -> int:
        """How many changes before a place in the plan have no outcome yet.

        Raises:
            StoreError: If the store cannot be read.
        """
        with self._store.reading() as connection:
            return account.untried(connection, self.run, before=before)

    def close(self, report: Report) -> None:
        """See `Journal`."""
        self.flush()
        run, mode = self.run, self._beginning.mode or self._settings.mode
        complete = report.is_complete and mode == "sync" and self._settings.only_user is None
        # A generated DAG has a task that stores its report; of all others nobody would know the conflicts afterwards.
        packed = reports.pack(report.to_json()) if self._beginning.shared else None
        with self._store.writing() as connection:
            runs.close(connection, run, report, complete=complete)
            if packed:
                reports.put(connection, self._key, packed)
            if report.refused and report.plan and not account.count(connection, run):
                # What somebody has kept from being written is a part of the history too.
                triggered_by = self._beginning.triggered_by
                account.plan(connection, run, report.plan, triggered_by=triggered_by, approved_by=None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.flush()

    @property
    def _settings(self) -> SyncSettings:
        return self._beginning.settings

    def _approved(self, plan: Plan) -> tuple[str | None, datetime | None]:
        """Who has approved a plan, and when: the person asked, or whoever began the run with the plan's digest."""
        answer = self._approval
        if answer and answer.answer == "approved":
            return answer.by, datetime.fromisoformat(answer.at) if answer.at else None
        if is_let_through(plan, self._settings):
            return self._beginning.triggered_by, self._beginning.started_at
        return None, None

    def _as_ours(self, outcome: Outcome) -> Outcome:
        """What an earlier try had sent, and this one found done, is our doing."""
        change = outcome.change
        if outcome.status is not Status.ALREADY or self._positions[change.key] not in self._in_doubt:
            return outcome
        return replace(
            outcome,
            status=Status.DONE,
            joined=outcome.joined or change.kind in _JOINS,
            left=outcome.left or change.kind is ChangeKind.REMOVE_MEMBER,
        )

    def _write(self, connection: Connection, outcomes: Sequence[Outcome]) -> None:
        assert self._plan is not None, "what is noted was planned"  # noqa: S101
        run, plan, group = self.run, self._plan, self._group
        account.note(connection, run, map(self._noted, outcomes))
        if any(each.change.kind is ChangeKind.CREATE_GROUP for each in outcomes) and group.id:
            runs.group_is(connection, run, group)
        consequences.of_outcomes(connection, Writing(run, self._key.dag_id, plan, group), outcomes)

    def _noted(self, outcome: Outcome) -> Noted:
        of_group = outcome.change.kind is ChangeKind.CREATE_GROUP
        return Noted(
            self._positions[outcome.change.key],
            outcome.status,
            outcome.error,
            outcome.passing,
            user_id=None if of_group else outcome.target_id,
            group_id=outcome.target_id if of_group else None,
            joined=outcome.joined,
            left=outcome.left,
        )
