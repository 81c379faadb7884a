"""Task `sync`: one Okta group into the MI groups that an attribute of its users names."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk.exceptions import AirflowFailException

from okta_mi_provider import metrics
from okta_mi_provider.addresses import run_tab
from okta_mi_provider.operators.announce import announce, owe
from okta_mi_provider.operators.base import SyncOperator
from okta_mi_provider.operators.job import Job, triggered_by
from okta_mi_provider.operators.links import Links
from okta_mi_provider.operators.logs import log_settings, log_summary
from okta_mi_provider.operators.report import BACKFILL, failure_of
from okta_mi_provider.operators.retry import try_again
from okta_mi_provider.operators.servers import ensuring
from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.sync.model import SourceGroup
from okta_mi_provider.sync.report import Report, State
from okta_mi_provider.sync.run import Result, Sides, provision
from okta_mi_provider.sync.text import plural, quoted

if TYPE_CHECKING:
    from airflow.sdk import Context

    from okta_mi_provider.clients.okta import OktaClient
    from okta_mi_provider.sync.journal import Journal

log = logging.getLogger(__name__)

#: How many groups a message names.
_MOST_NAMED = 5


class SyncByAttributeOperator(SyncOperator):
    """Syncs each part of the Okta group with a plan, limits and an account of its own: a failed one stops no other.

    In the store each is a run of this DAG. Trying the task again reads both sides again and does what is left.
    """

    def work(self, job: Job) -> dict[str, Any]:
        """Returns the counts of all reports together, their number, and a state.

        Raises:
            AirflowFailException: If something failed for good or was refused, or conflicts remain.
            AirflowException: If something failed that may pass.
        """
        from okta_mi_provider.hooks.store import retention

        settings = self.effective_settings(job.context)
        begun_at = datetime.now(UTC)
        keep = retention()
        target = self.metric_insights(read_only=settings.only_looks)
        okta = self.okta()
        sides = Sides(okta, target, ensuring(target), target.max_concurrency)
        if job.is_backfill:
            log.info("%s", BACKFILL.message)
        log_settings(settings)
        journals = self._journals(job, sides, settings)
        syncs = provision(sides, [self.selectors], settings, journal_of=journals, stopped=lambda: self.pauses.stopped)
        results = []
        for result in syncs:
            results.append(result)
            metrics.send_written(result.report.outcomes.values(), job.run.dag_id)
            log_summary(result.report, settings)
            self._link(job, okta, result.report)
            self._owe(job, result.report)
        job.store.forget_old(keep)
        failed = [each for each in results if each.report.state is not State.DONE]
        self._measure(job, results, settings, datetime.now(UTC) - begun_at)
        self.conclude(
            "All MI groups together:",
            [("reports", len(results)), ("done", len(results) - len(failed)), ("not as they should be", len(failed))],
        )
        counts = {**_together([each.report for each in results]), "groups_named": len(results)}
        if failed:
            job.context["ti"].xcom_push(key="return_value", value={**counts, "state": _worst(failed).value})
            self._fail(failed, job.context)
        if not settings.only_looks:
            self._announce(job, results)
        return {**counts, "state": State.DONE.value}

    def _journals(self, job: Job, sides: Sides, settings: SyncSettings) -> Callable[[str], Journal]:
        from okta_mi_provider.store import Beginning, RunKey, StoreJournal

        def journal(target_group: str) -> Journal:
            beginning = Beginning(
                settings,
                triggered_by(job.context),
                sides.source.org,
                sides.target.host,
                [SourceGroup(each.id or "", each.name or "") for each in self.selectors],
                target_group,
                shared=True,
            )
            return StoreJournal(job.store, RunKey.of_group(job.run.dag_id, job.run.run_id, target_group), beginning)

        return journal

    def _link(self, job: Job, okta: OktaClient, report: Report) -> None:
        """To the Okta group and to the plans. The MI groups are many, and none of them is the one."""
        plan = run_tab(job.run.dag_id, job.run.run_id)
        self.links = Links(okta=okta.page_of(report.source_groups) or "", plan=plan)

    def _owe(self, job: Job, report: Report) -> None:
        """A group that is well is told of later if another one makes the task fail."""
        from okta_mi_provider.store import RunKey

        if report.plan and not report.only_looks:
            owe(job.store, RunKey.of_group(job.run.dag_id, job.run.run_id, report.target_group.name), shared=True)

    def _announce(self, job: Job, results: Sequence[Result]) -> None:
        """Tells other DAGs, of each group by itself. Only a run that ends well can: see `announce`."""
        from okta_mi_provider.store import RunKey

        for group in {each.report.target_group.name for each in results if each.report.plan}:
            announce(
                self,
                job.context,
                job.store,
                RunKey.of_group(job.run.dag_id, job.run.run_id, group),
                group=group,
                conn_id=self.metric_insights_conn_id,
                failed=0,
                conflicts=0,
                shared=True,
            )

    def _measure(self, job: Job, results: Sequence[Result], settings: SyncSettings, lasted: timedelta) -> None:
        """As one sync, for the DAG is one."""
        if settings.dry_run or settings.only_user is not None:
            return
        failed = [each for each in results if each.report.state is not State.DONE]
        conflicts = sum(len(each.report.conflicts) for each in results)
        state = _worst(failed) if failed else State.DONE
        metrics.send_run(state, conflicts=conflicts, lasted=lasted, dag_id=job.run.dag_id)

    def _fail(self, failed: Sequence[Result], context: Context) -> NoReturn:
        named = [f"{quoted(each.report.target_group.name)}: {failure_of(each.report)}" for each in failed[:_MOST_NAMED]]
        more = f" And {plural(len(failed) - _MOST_NAMED, 'more', 'more')}." if len(failed) > _MOST_NAMED else ""
        message = f"{plural(len(failed), 'group')} of MI not as it should be. {' '.join(named)}{more}"
        passing = next((each.cause for each in failed if each.cause and each.cause.passing), None)
        if self.pauses.stopped or passing or any(e.passing for each in failed for e in each.report.failures):
            try_again(message, passing, context)
        raise AirflowFailException(message)


def _together(reports: Sequence[Report]) -> dict[str, Any]:
    """The counts of all reports, added up. Who is in two groups counts twice."""
    totals: dict[str, Counter[str]] = {}
    for report in reports:
        for part, numbers in report.counts().items():
            totals.setdefault(part, Counter()).update(numbers)
    return {part: dict(numbers) for part, numbers in totals.items()}


def _worst(failed: Sequence[Result]) -> State:
    """How the run has ended: failed, unless plans were refused and nothing else went wrong."""
    states = {each.report.state for each in failed}
    return State.FAILED if State.FAILED in states else State.REFUSED
