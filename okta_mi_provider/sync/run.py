"""The whole way through the rooms in one process: for the command line and for a single task."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import NamedTuple

from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.sync.approval import BY_ITS_DAG, MI_VALID_FOR, raise_if_not_approved
from okta_mi_provider.sync.by_attribute import part
from okta_mi_provider.sync.diff import diff
from okta_mi_provider.sync.errors import PlanRefused, Stopped, SyncError
from okta_mi_provider.sync.fetch import (
    GroupSelector,
    SourceReader,
    TargetReader,
    fetch_directory,
    fetch_source,
    target_name,
    with_members,
)
from okta_mi_provider.sync.journal import Journal, NoJournal
from okta_mi_provider.sync.limits import too_many_users
from okta_mi_provider.sync.model import Source, SourceGroup, Target, TargetGroup, joined_name
from okta_mi_provider.sync.outcome import Outcome, Status
from okta_mi_provider.sync.people import Register
from okta_mi_provider.sync.plan import Plan
from okta_mi_provider.sync.progress import Progress
from okta_mi_provider.sync.project import known_after, project
from okta_mi_provider.sync.render import describe
from okta_mi_provider.sync.report import Report
from okta_mi_provider.sync.scope import in_scope
from okta_mi_provider.sync.snapshot import Snapshot
from okta_mi_provider.sync.text import one_line, plural, quoted
from okta_mi_provider.sync.wakeful import beside
from okta_mi_provider.sync.writer import TargetWriter
from okta_mi_provider.sync.writing import write

#: The groups of Okta whose union is synced into one group of MI; mostly there is one.
Union = Sequence[GroupSelector]

log = logging.getLogger(__name__)


class Result(NamedTuple):
    """What became of the sync of one group.

    Attributes:
        cause: What ended the sync as a whole, if something did.
    """

    report: Report
    cause: SyncError | None


class Watcher:
    """Somebody who looks on while a sync runs. Does nothing by itself."""

    def planned(self, plan: Plan) -> None:
        """The plan is made; nothing is written yet."""

    def written(self, outcome: Outcome) -> None:
        """One change was tried."""


@dataclass(frozen=True, slots=True)
class Sides:
    """Both sides of a sync.

    Attributes:
        concurrency: Most writes in flight.
    """

    source: SourceReader
    target: TargetReader
    writer: TargetWriter
    concurrency: int


def provision(
    sides: Sides,
    unions: Sequence[Union],
    settings: SyncSettings,
    *,
    journal_of: Callable[[str], Journal] = lambda _: NoJournal(),
    watcher: Watcher | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[Result]:
    """Syncs groups one after the other. Errors end up in the reports: whatever happens, each group has one.

    All groups are read from Okta before anything is written, and `sync_user_limit` counts the distinct
    users of all of them.

    Where an attribute names the MI groups, each of those has a report instead, and the users who are in none have one
    together, if there is something to say of them.

    Args:
        sides: Where from and where to.
        unions: The groups of Okta, at least one; each union of them is one sync.
        settings: How.
        journal_of: Who keeps account of the sync into the MI group of this name.
        watcher: Is told about plans and outcomes.
        stopped: Asked before each write; once it says yes, no more is begun.
    """
    are_many = len(unions) > 1 or settings.map_attr_to_group is not None
    run = _Run(sides, settings, journal_of, watcher or Watcher(), stopped, are_many)
    yield from run.groups(unions)


@dataclass(slots=True)
class _Run:
    sides: Sides
    settings: SyncSettings
    journal_of: Callable[[str], Journal]
    watcher: Watcher
    stopped: Callable[[], bool]
    are_many: bool

    def groups(self, unions: Sequence[Union]) -> Iterator[Result]:
        with beside(lambda: [self._source(union) for union in unions], "okta-read") as reading:
            directory: Target | SyncError | None = self._directory()
            sources = reading()
        refusal = self._refusal([source for source in sources if isinstance(source, Source)])
        for union, source in self._parted(unions, sources, directory):
            if isinstance(source, Plan):
                yield Result(self._report(source), None)
                continue
            if (directory is None or self._is_old(directory)) and not self.stopped():
                directory = self._directory()
            name = target_name(source, self.settings) if isinstance(source, Source) else self._guessed_name(union)
            journal = self.journal_of(name)
            if isinstance(source, SyncError):
                result = self._unplanned(_as_named(union), name, source)
            elif directory is None:
                cause = Stopped("Stopped before anything of this group was written. The next run does it.")
                result = self._unplanned(source.groups, name, cause)
            elif isinstance(directory, SyncError):
                result = self._unplanned(source.groups, name, directory)
            else:
                result, directory = self._group(journal, source, directory, refusal)
                if result.cause and result.cause.fatal:
                    directory = result.cause
            yield self._closed(journal, result)

    def _parted(
        self, unions: Sequence[Union], sources: Sequence[Source | SyncError], directory: Target | SyncError | None
    ) -> Iterator[tuple[Union, Source | SyncError | Plan]]:
        """What is synced by itself: each source, or each part of it where an attribute names the MI groups."""
        for union, source in zip(unions, sources, strict=True):
            if self.settings.map_attr_to_group and isinstance(source, Source) and isinstance(directory, Target):
                parting = part(source, self.settings, directory)
                yield from ((union, each) for each in parting.parts)
                if parting.left:
                    yield union, parting.left
            else:
                yield union, source

    def _closed(self, journal: Journal, result: Result) -> Result:
        """The result, after it was noted. What was written must be told all the more if that is not possible."""
        try:
            journal.close(result.report)
        except SyncError as error:
            report = replace(result.report, error=result.report.error or f"The end of the sync was not noted: {error}")
            return Result(report, result.cause or error)
        return result

    def _group(
        self, journal: Journal, source: Source, directory: Target, refusal: PlanRefused | None
    ) -> tuple[Result, Target | SyncError | None]:
        """Syncs one group; also gives what is known of MI afterwards, None if it has to be read again."""
        name = target_name(source, self.settings)
        try:
            target = with_members(directory, self.sides.target, source, self.settings)
            memory = journal.recall(source, target, target.group_named(name))
        except SyncError as error:
            return self._unplanned(source.groups, name, error), directory
        plan = diff(Snapshot(source, target, memory), self.settings)
        log.info(
            "%s of Okta group %s, %s in MI: %s planned",
            plural(len(source.users), "member"),
            quoted(source.name),
            plural(len(target.users), "user"),
            plural(len(plan.changes), "change"),
        )
        for finding in plan.findings:
            log.debug("%s: %s", finding.cls.capitalize(), one_line(finding.message, 1000))
        self.watcher.planned(plan)
        try:
            if refusal:
                raise refusal
            plan.raise_if_refused()
            if self.settings.only_looks:
                return Result(self._report(plan), None), self._as_it_would_be(target, plan)
            raise_if_not_approved(plan, self.settings, None, advice=BY_ITS_DAG)
            journal.planned(plan)
        except PlanRefused as error:
            return Result(self._report(plan, cause=error, refused=True), error), target
        except SyncError as error:
            return Result(self._report(plan, cause=error), error), target
        outcomes, cause = self._write(journal, plan, target.read_at)
        return Result(self._report(plan, outcomes, cause=cause), cause), known_after(target, plan, outcomes)

    def _as_it_would_be(self, target: Target, plan: Plan) -> Target:
        """A dry run of several groups goes on from what it would have written."""
        for change in plan.changes:
            log.debug("%s", describe(change, Status.PLANNED))
        return project(target, plan) if self.settings.dry_run else target

    def _report(
        self, plan: Plan, outcomes: Sequence[Outcome] = (), *, cause: SyncError | None = None, refused: bool = False
    ) -> Report:
        return Report.of_plan(
            plan,
            outcomes,
            dry_run=self.settings.dry_run,
            error=str(cause) if cause else None,
            refused=refused,
            mode=self.settings.mode,
        )

    def _write(self, journal: Journal, plan: Plan, read_at: datetime | None) -> tuple[list[Outcome], SyncError | None]:
        outcomes: list[Outcome] = []
        progress = Progress(f"Writing to MI group {quoted(plan.target_group.name)}", "change", total=len(plan.changes))
        try:
            for outcome in write(
                plan,
                self.sides.writer,
                lambda: fetch_directory(self.sides.target, self.settings),
                self.sides.concurrency,
                journal=journal,
                stopped=self.stopped,
                read_at=read_at,
            ):
                outcomes.append(outcome)
                progress.add()
                journal.note(outcome)
                # Names of people are for those who ask for them.
                if log.isEnabledFor(logging.DEBUG):
                    reason = f" - {outcome.error}" if outcome.error else ""
                    log.debug("%s%s", describe(outcome.change, outcome.status), reason)
                self.watcher.written(outcome)
        except SyncError as error:
            return outcomes, error
        if len(outcomes) < len(plan.changes):
            untried = plural(len(plan.changes) - len(outcomes), "change")
            return outcomes, Stopped(f"Stopped before the end; {untried} not tried. The next run goes on from here.")
        return outcomes, None

    def _source(self, union: Union) -> Source | SyncError:
        try:
            return fetch_source(self.sides.source, union, self.settings)
        except SyncError as error:
            return error

    def _is_old(self, directory: Target | SyncError) -> bool:
        """Whether MI may be another one by now. Who writes nothing does no harm, and a dry run knows what no MI has."""
        read_at = directory.read_at if isinstance(directory, Target) and not self.settings.only_looks else None
        # A clock that was put back makes nothing younger.
        return read_at is not None and abs(datetime.now(UTC) - read_at) > MI_VALID_FOR

    def _directory(self) -> Target | SyncError:
        try:
            directory = fetch_directory(self.sides.target, self.settings)
        except SyncError as error:
            return error
        return replace(directory, users=Register(directory.users)) if self.are_many else directory

    def _refusal(self, sources: Sequence[Source]) -> PlanRefused | None:
        """Refuses several syncs that together have too many users; what is wrong with one is told by its plan."""
        users = {user.id for source in sources for user in source.users if in_scope(user, self.settings)}
        if len(sources) < 2 and not (self.settings.map_attr_to_group and sources):
            return None
        together = f"{len(sources)} groups of Okta together have"
        subject = together if len(sources) > 1 else f"Okta group {quoted(sources[0].name)} has"
        reason = too_many_users(len(users), self.settings.sync_user_limit, subject)
        return PlanRefused(f"{reason} Nothing was written.") if reason else None

    def _guessed_name(self, union: Union) -> str:
        return self.settings.target_group or joined_name(_as_named(union))

    def _unplanned(self, groups: Sequence[SourceGroup], target: str, cause: SyncError) -> Result:
        report = Report(
            org=self.sides.source.org,
            source_groups=tuple(SourceGroup(group.id, group.name) for group in groups),
            host=self.sides.target.host,
            target_group=TargetGroup("", target),
            dry_run=self.settings.dry_run,
            error=str(cause),
            mode=self.settings.mode,
        )
        return Result(report, cause)


def _as_named(union: Union) -> tuple[SourceGroup, ...]:
    """The groups as the user has named them, when they could not be read."""
    return tuple(SourceGroup(selector.id or "", selector.name or "") for selector in union)
