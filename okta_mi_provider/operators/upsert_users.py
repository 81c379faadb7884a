"""Task `upsert_users`: creates and updates the users of the plan and puts them into the group.

It is mapped: each of its instances writes a chunk of the plan, and is tried again by itself.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowException, AirflowRescheduleException

from okta_mi_provider import metrics
from okta_mi_provider.operators.base import SyncOperator
from okta_mi_provider.operators.freshness import Fresh, raise_if_out_of_date
from okta_mi_provider.operators.job import Job
from okta_mi_provider.operators.logs import Row, log_dry_run, log_failure
from okta_mi_provider.operators.servers import ensuring
from okta_mi_provider.operators.task_ids import CREATE_GROUPS, FETCH
from okta_mi_provider.sync.brake import raise_if_too_many_failed
from okta_mi_provider.sync.chunks import Chunk, first_removal
from okta_mi_provider.sync.errors import SyncError
from okta_mi_provider.sync.fetch import fetch_directory
from okta_mi_provider.sync.meanwhile import left_alone
from okta_mi_provider.sync.model import TargetGroup
from okta_mi_provider.sync.outcome import SETTLED, Outcome, Status
from okta_mi_provider.sync.plan import REMOVALS, Change, ChangeKey, ChangeKind, Plan
from okta_mi_provider.sync.progress import Progress
from okta_mi_provider.sync.text import plural, quoted
from okta_mi_provider.sync.writing import write

if TYPE_CHECKING:
    from okta_mi_provider.clients.metric_insights import MetricInsightsClient
    from okta_mi_provider.settings import SyncSettings
    from okta_mi_provider.store import StoreJournal

log = logging.getLogger(__name__)

#: What the table at the end calls what became of changes.
_LABELS = {Status.DONE: "done", Status.ALREADY: "was so already", Status.FAILED: "failed"}
#: How often a chunk that takes access away looks whether those before it have ended.
_LOOK_AGAIN = timedelta(seconds=30)
#: States of a task that will not run again by itself.
_ENDED = frozenset({"success", "failed", "upstream_failed", "skipped", "removed"})


class UpsertUsersOperator(SyncOperator):
    """Writes users and memberships, as many at a time as the connection allows. Doing it twice does no harm.

    A user who fails for good stops nobody else and does not fail this task: `report` names the user and ends
    the run as failed. What failed for a reason that may pass is tried again when Airflow tries this task again,
    and only that; when a person clears the task, everything that has failed.

    Args:
        chunk: Which part of the plan, as `Chunk.to_json` gives it; None for all of it.
        kwargs: As for every task of the DAG.
    """

    def __init__(self, *, chunk: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.chunk = chunk

    @property
    def title(self) -> str:
        """Which part of the plan, for the list of mapped tasks; empty if it is not one."""
        return Chunk.from_json(self.chunk).title if self.chunk else ""

    @property
    def part_title(self) -> str | None:
        """The same, if there are other parts."""
        if self.chunk is None or self.chunk["end"] - self.chunk["start"] == self.chunk["total"]:
            return None
        return f"changes {self.title}"

    def work(self, job: Job) -> dict[str, Any]:
        """Returns the plan's digest and how many changes were done, found done, and failed."""
        settings = job.settings()
        stored = job.plan_to_write()
        counts: Counter[Status] = Counter()
        if settings.only_looks:
            positions = () if stored.superseded else self._positions(stored.plan)
            log_dry_run(stored.plan.changes[position] for position in positions)
            self.conclude(self._title(stored.plan), [("changes that would be written", len(positions))])
        elif not stored.superseded:
            fresh = raise_if_out_of_date(job, stored, lambda: self.metric_insights(read_only=True))
            counts = self._write(job, stored.plan, settings, fresh)
        return {"plan": stored.digest, **{status.value: counts[status] for status in Status if counts[status]}}

    def _positions(self, plan: Plan) -> range:
        """The places of its changes in the plan.

        Raises:
            SyncError: If the chunk is one of another plan.
        """
        chunk = Chunk.from_json(self.chunk) if self.chunk else Chunk.whole(plan)
        try:
            return chunk.positions(plan)
        except ValueError as error:
            raise SyncError(
                f"The parts of the plan do not fit it: {error}. Clear task {FETCH!r} and all after it."
            ) from None

    def _write(self, job: Job, plan: Plan, settings: SyncSettings, fresh: Fresh) -> Counter[Status]:
        positions = self._positions(plan)
        changes = plan.changes[positions.start : positions.stop]
        journal = job.journal(settings).resumed()
        journal.planned(plan, positions)
        self._wait_for_others(job, journal, plan, positions)
        earlier = journal.outcomes(plan, positions)
        settled = _settled(earlier, changes, for_good=self._is_retry(job))
        # Whoever is tried again may be what makes it better. And whom others have changed counts as failed, which says
        # nothing of MI: then each part finds out by itself.
        if not earlier and not fresh.overtaken:
            raise_if_too_many_failed(*journal.tally())
        todo = len(changes) - len(settled)
        given_up = [
            change
            for place, change in zip(positions, changes, strict=True)
            if place in fresh.overtaken and change.key not in settled
        ]
        client = self.metric_insights(read_only=False)
        group = _group(plan, journal, client)
        journal.found_group(group)
        self.link(job, metric_insights=client.page_of(group))
        progress = Progress(f"Writing to MI group {quoted(group.name)}", "change", total=todo)
        counts: Counter[Status] = Counter()
        passing = 0
        try:
            with journal, metrics.counting(job.run.dag_id) as count:
                written = write(
                    _rest(plan, group, changes, without=settled | {each.key for each in given_up}),
                    ensuring(client),
                    lambda: fetch_directory(client, settings),
                    client.max_concurrency,
                    journal=journal,
                    stopped=lambda: self.pauses.stopped,
                    read_at=fresh.read_at,
                )
                for outcome in chain(map(left_alone, given_up), written):
                    journal.note(outcome)
                    progress.add()
                    count.add(outcome)
                    counts[outcome.status] += 1
                    passing += outcome.passing
                    if outcome.status is Status.FAILED:
                        log_failure(outcome)
        finally:
            self._conclude(plan, counts, len(changes), settled=len(settled))
        self._raise_if_unfinished(passing, todo)
        # Once for all parts of the plan: the last one tells it, when none has anything left to try.
        tally = journal.tally()
        if not journal.untried(before=len(plan.changes)) and not tally.passing:
            self.announce(job, plan, failed=tally.failed)
        return counts

    def _raise_if_unfinished(self, passing: int, todo: int) -> None:
        """Has Airflow try again.

        Args:
            passing: How many changes failed for a reason that may pass.
            todo: Of how many.

        Raises:
            AirflowException: If the task was told to stop, or any such change failed.
        """
        if self.pauses.stopped:
            raise AirflowException("The task was told to stop; what was not written is left to the next try.")
        if passing:
            raise AirflowException(
                f"{plural(passing, 'change')} of {todo:,} failed for a reason that may pass. The next try goes on from "
                "here."
            )

    def _conclude(self, plan: Plan, counts: Counter[Status], total: int, *, settled: int) -> None:
        rows: list[Row] = [("changes of this part", total)]
        if settled:
            rows.append(("settled by an earlier try", settled))
        rows += [
            (label, counts[status]) for status, label in _LABELS.items() if counts[status] or status is Status.DONE
        ]
        if untried := total - settled - counts.total():
            rows.append(("not tried", untried))
        self.conclude(self._title(plan), rows)

    def _title(self, plan: Plan) -> str:
        return f"MI group {quoted(plan.target_group.name)}, {self.part_title or 'all changes'}:"

    def _is_retry(self, job: Job) -> bool:
        """Whether Airflow tries it again by itself: clearing a task gives it all its tries anew."""
        instance = job.context["ti"]
        most, number = getattr(instance, "max_tries", None), getattr(instance, "try_number", 1)
        return most is not None and number > most - self.retries + 1

    def _wait_for_others(self, job: Job, journal: StoreJournal, plan: Plan, positions: range) -> None:
        """Takes no access away before everybody has got theirs, or will not get it.

        Raises:
            AirflowRescheduleException: As long as other chunks that give access are not done.
            SyncError: If some of them have ended before their end.
        """
        from_here_on = first_removal(plan)
        if job.part is None or not positions or plan.changes[positions.start].kind not in REMOVALS:
            return
        untried = journal.untried(before=from_here_on)
        if not untried:
            return
        states = job.context["ti"].get_task_states(
            dag_id=job.run.dag_id, task_ids=[self.task_id], run_ids=[job.run.run_id]
        )
        before = {f"{self.task_id}_{number}" for number in range(job.part)}
        if all(state in _ENDED for task, state in states.get(job.run.run_id, {}).items() if task in before):
            raise SyncError(
                f"{plural(untried, 'change')} before these were not tried, so nobody loses access. Clear the failed "
                "tasks, or trigger a new run."
            )
        log.info("%s before these are to be tried first. Looking again later.", plural(untried, "change"))
        raise AirflowRescheduleException(datetime.now(UTC) + _LOOK_AGAIN)  # type: ignore[no-untyped-call]


def _rest(plan: Plan, group: TargetGroup, changes: Sequence[Change], *, without: Collection[ChangeKey]) -> Plan:
    """The changes of users that are left to write, as a plan."""
    users = (change for change in changes if change.kind is not ChangeKind.CREATE_GROUP)
    left = tuple(change for change in users if change.key not in without)
    return replace(plan, target_group=group, changes=left)


def _settled(earlier: Mapping[ChangeKey, Outcome], changes: Sequence[Change], *, for_good: bool) -> set[ChangeKey]:
    """Keys of the changes that need not be tried again.

    Args:
        earlier: What became of them.
        changes: All of them.
        for_good: Whether that includes those that have failed for a reason that will not pass.
    """
    settled = {key for key, outcome in earlier.items() if outcome.status in SETTLED}
    failed = {key for key, each in earlier.items() if each.status is Status.FAILED and not each.passing}
    if settled:
        log.info("%s of %s done by an earlier try.", plural(len(settled), "change"), f"{len(changes):,}")
    if for_good and failed:
        log.info("%s failed for good in an earlier try.", plural(len(failed), "change"))
    return settled | failed if for_good else settled


def _group(plan: Plan, journal: StoreJournal, client: MetricInsightsClient) -> TargetGroup:
    """The MI group with its id: as it was read, as `create_groups` has made it, or as MI has it now."""
    group = journal.group
    if group.id or not plan.changes:
        return group
    found = next((each for each in client.groups() if each.name == group.name), None)
    if found is None:
        raise SyncError(f"MI has no group {quoted(group.name)}. Clear task {CREATE_GROUPS!r} and all after it.")
    return found
