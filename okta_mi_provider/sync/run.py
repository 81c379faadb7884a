"""The whole way through the rooms in one process: for the command line and for a single task."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.sync.apply import Outcome, Status, TargetWriter, apply
from okta_mi_provider.sync.diff import diff, in_scope
from okta_mi_provider.sync.errors import PlanRefused, Stopped, SyncError
from okta_mi_provider.sync.fetch import (
    GroupSelector,
    SourceReader,
    TargetReader,
    fetch_directory,
    fetch_source,
    with_members,
)
from okta_mi_provider.sync.model import Snapshot, Source, SourceGroup, Target, TargetGroup
from okta_mi_provider.sync.plan import Plan, check_user_limit
from okta_mi_provider.sync.project import project
from okta_mi_provider.sync.render import describe
from okta_mi_provider.sync.report import Report
from okta_mi_provider.sync.text import one_line, plural, quoted

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
    selectors: Sequence[GroupSelector],
    settings: SyncSettings,
    *,
    watcher: Watcher | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[Result]:
    """Syncs groups one after the other. Errors end up in the reports: whatever happens, each group has one.

    All groups are read from Okta before anything is written, and `sync_user_limit` counts the distinct
    users of all of them.

    Args:
        sides: Where from and where to.
        selectors: The groups of Okta, at least one.
        settings: How.
        watcher: Is told about plans and outcomes.
        stopped: Asked before each write; once it says yes, no more is begun.
    """
    run = _Run(sides, settings, watcher or Watcher(), stopped)
    yield from run.groups(selectors)


@dataclass(slots=True)
class _Run:
    sides: Sides
    settings: SyncSettings
    watcher: Watcher
    stopped: Callable[[], bool]

    def groups(self, selectors: Sequence[GroupSelector]) -> Iterator[Result]:
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="okta-read") as beside:
            reading = beside.submit(lambda: [self._source(selector) for selector in selectors])
            directory: Target | SyncError | None = self._directory()
            sources = reading.result()
        refusal = self._refusal([source for source in sources if isinstance(source, Source)])
        for selector, source in zip(selectors, sources, strict=True):
            if directory is None and not self.stopped():
                directory = self._directory()
            if isinstance(source, SyncError):
                yield self._unplanned(selector, None, source)
            elif directory is None:
                cause = Stopped("Stopped before anything of this group was written. The next run does it.")
                yield self._unplanned(selector, source.group, cause)
            elif isinstance(directory, SyncError):
                yield self._unplanned(selector, source.group, directory)
            else:
                result, directory = self._group(selector, source, directory, refusal)
                yield result
                if result.cause and result.cause.fatal:
                    directory = result.cause

    def _group(
        self, selector: GroupSelector, source: Source, directory: Target, refusal: PlanRefused | None
    ) -> tuple[Result, Target | SyncError | None]:
        """Syncs one group; also gives what is known of MI afterwards, None if it has to be read again."""
        try:
            target = with_members(directory, self.sides.target, source.group, self.settings)
        except SyncError as error:
            return self._unplanned(selector, source.group, error), directory
        plan = diff(Snapshot(source, target), self.settings)
        log.info(
            "%s of Okta group %s, %s in MI: %s planned",
            plural(len(source.users), "member"),
            quoted(source.group.name),
            plural(len(target.users), "user"),
            plural(len(plan.changes), "change"),
        )
        for finding in plan.findings:
            log.debug("%s: %s", finding.cls.capitalize(), one_line(finding.message, 1000))
        self.watcher.planned(plan)
        dry_run = self.settings.dry_run
        if refusal:
            report = Report.of_plan(plan, dry_run=dry_run, error=str(refusal), refused=True)
            return Result(report, refusal), target
        if dry_run:
            for change in plan.changes:
                log.debug("%s", describe(change, Status.PLANNED))
            return Result(Report.of_plan(plan, dry_run=True), None), project(target, plan)
        outcomes, cause = self._apply(plan)
        report = Report.of_plan(plan, outcomes, dry_run=False, error=str(cause) if cause else None)
        return Result(report, cause), None if outcomes else target

    def _apply(self, plan: Plan) -> tuple[list[Outcome], SyncError | None]:
        outcomes: list[Outcome] = []
        try:
            for outcome in apply(plan, self.sides.writer, self.sides.concurrency, stopped=self.stopped):
                outcomes.append(outcome)
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

    def _source(self, selector: GroupSelector) -> Source | SyncError:
        try:
            return fetch_source(self.sides.source, selector, self.settings)
        except SyncError as error:
            return error

    def _directory(self) -> Target | SyncError:
        try:
            return fetch_directory(self.sides.target, self.settings)
        except SyncError as error:
            return error

    def _refusal(self, sources: Sequence[Source]) -> PlanRefused | None:
        users = {user.id for source in sources for user in source.users if in_scope(user, self.settings)}
        names = [f"Okta group {quoted(source.group.name)} has" for source in sources]
        subject = names[0] if len(names) == 1 else f"{len(names)} groups of Okta together have"
        try:
            check_user_limit(len(users), self.settings.sync_user_limit, subject)
        except PlanRefused as refusal:
            return refusal
        return None

    def _unplanned(self, selector: GroupSelector, group: SourceGroup | None, cause: SyncError) -> Result:
        source_group = group or SourceGroup(selector.id or "", selector.name or "")
        report = Report(
            org=self.sides.source.org,
            source_group=source_group,
            host=self.sides.target.host,
            target_group=TargetGroup("", self.settings.target_group or source_group.name),
            dry_run=self.settings.dry_run,
            error=str(cause),
        )
        return Result(report, cause)
