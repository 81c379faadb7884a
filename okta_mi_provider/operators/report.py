"""Task `report`: tells what the run did, and ends it as failed if anything failed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from airflow.sdk import TriggerRule
from airflow.sdk.exceptions import AirflowFailException

from okta_mi_provider import metrics
from okta_mi_provider.operators.base import SyncOperator, ending_for_airflow
from okta_mi_provider.operators.job import Job
from okta_mi_provider.operators.logs import log_summary
from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.sync.approval import refusal
from okta_mi_provider.sync.errors import SyncError
from okta_mi_provider.sync.model import SourceGroup, TargetGroup
from okta_mi_provider.sync.plan import Finding
from okta_mi_provider.sync.report import Report, State
from okta_mi_provider.sync.text import plural, quoted

if TYPE_CHECKING:
    from airflow.sdk import Context

#: Of a run that belongs to a backfill.
BACKFILL = Finding(
    "backfill",
    "This run belongs to a backfill. Okta has no history: the state of now was synced, not that of the date.",
)
_TROUBLE = frozenset({"failed", "upstream_failed"})
#: How many different reasons, and how many names in a row, a report has room for.
_MOST_REASONS, _MOST_NAMES = 3, 5


class ReportOperator(SyncOperator):
    """Always runs, whatever became of the tasks before it.

    Stores the JSON report, logs the summary and returns its counts; fails when something failed, so that the
    run does. Its own failure shows as well: a report that is lost is a failure too.
    """

    def __init__(self, *, trigger_rule: TriggerRule = TriggerRule.ALL_DONE, **kwargs: Any) -> None:
        super().__init__(trigger_rule=trigger_rule, **kwargs)

    def execute(self, context: Context) -> dict[str, Any]:
        """Tells what became of the run.

        Returns:
            The `counts` of the JSON report, and its `state`.

        Raises:
            AirflowFailException: After the report, if something failed or was refused, or conflicts remain.
        """
        with ending_for_airflow(context), self.open_job(context) as job:
            return self.work(job)

    def work(self, job: Job) -> dict[str, Any]:
        """See `execute`."""
        from okta_mi_provider.store import ArtifactKind

        noted = job.store.settings(job.run)
        settings = self.effective_settings(job.context) if noted is None else SyncSettings.from_mapping(noted)
        report = self._report(job, settings)
        job.store.save(job.run, ArtifactKind.REPORT, report.to_json())
        job.journal(settings).resumed().close(report)
        log_summary(report, settings)
        self._measure(job, report, settings)
        result = {**report.counts(), "state": report.state.value}
        if report.state is not State.DONE:
            # A task that fails returns nothing, and people want the numbers all the more.
            job.context["ti"].xcom_push(key="return_value", value=result)
            raise AirflowFailException(failure_of(report))
        return result

    def _measure(self, job: Job, report: Report, settings: SyncSettings) -> None:
        """What is only a look ahead, or about one person, says nothing of the group."""
        if settings.dry_run or settings.only_user is not None:
            return
        begun_at = job.store.begun_at(job.run)
        lasted = datetime.now(UTC) - begun_at if begun_at else timedelta()
        metrics.send_run(report.state, conflicts=len(report.conflicts), lasted=lasted, dag_id=job.run.dag_id)

    def _report(self, job: Job, settings: SyncSettings) -> Report:
        from okta_mi_provider.store import ArtifactKind

        failures = job.store.find_all(job.run, ArtifactKind.FAILURE)
        error = self._error(job, failures)
        unwanted = refusal(job.approval())
        error = error or unwanted
        notices: tuple[Finding, ...] = (BACKFILL,) if job.is_backfill else ()
        plan = job.store.find_plan(job.run)
        if plan is None:
            return self._without_plan(settings, error, notices)
        outcomes = job.store.outcomes(job.run, plan)
        report = Report.of_plan(
            plan,
            outcomes.values(),
            dry_run=settings.dry_run,
            error=error,
            refused=bool(unwanted) or any(failure["refused"] for failure in failures),
            notices=notices,
            mode=settings.mode,
            approval=job.approval(),
        )
        if not report.untried:
            return report
        newer = job.store.newer_plan(job.run)
        if job.is_backfill and newer and newer.is_whole:
            what = "The rest was not" if report.outcomes else "Nothing was"
            superseded = Finding("superseded", f"{what} written: run {quoted(newer.run_id)} is newer, and writes.")
            return replace(report, notices=(*notices, superseded))
        untried = plural(report.untried, "change")
        return replace(
            report,
            error=error or f"{untried} of the plan not tried, although no task has failed. Trigger a new run.",
        )

    def _error(self, job: Job, failures: Sequence[Mapping[str, Any]]) -> str | None:
        """Why the run did not get through, in the words of the tasks that failed."""
        instance = job.context["ti"]
        states = instance.get_task_states(
            dag_id=instance.dag_id,
            task_ids=sorted(self.get_flat_relative_ids(upstream=True)),
            run_ids=[instance.run_id],
        )
        trouble = {task: state for task, state in states.get(instance.run_id, {}).items() if state in _TROUBLE}
        if not trouble:
            return None
        failed = {task for task, state in trouble.items() if state == "failed"}
        silent = failed - {failure["task"] for failure in failures} if failures else failed or trouble.keys()
        return " ".join([*_reasons(failures), *_without_reason(silent)])

    def _without_plan(self, settings: SyncSettings, error: str | None, notices: tuple[Finding, ...]) -> Report:
        """What can be told when it did not come to a plan."""
        try:
            org, host = self.okta().org, self.metric_insights(read_only=True).host
        except SyncError:
            # A connection that does not work is what the error is about.
            org = host = ""
        return Report(
            org=org,
            source_groups=(SourceGroup(self.group_id or "", self.group or ""),),
            host=host,
            target_group=TargetGroup("", settings.target_group or self.group or ""),
            dry_run=settings.dry_run,
            error=error or "There is no plan, although no task has failed. Trigger a new run.",
            notices=notices,
            mode=settings.mode,
        )


def _reasons(failures: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What several tasks have said; the same only once, and not of too many."""
    said: dict[str, list[str]] = {}
    for failure in failures:
        said.setdefault(failure["error"], []).extend(filter(None, [failure.get("part")]))
    for error, parts in islice(said.items(), _MOST_REASONS):
        yield f"{_capital('; '.join(few(parts)))}: {error}" if parts else error
    if len(said) > _MOST_REASONS:
        yield f"{plural(len(said) - _MOST_REASONS, 'more reason')} in the logs."


def _without_reason(tasks: Collection[str]) -> Iterator[str]:
    if tasks:
        names = sorted(tasks, key=lambda name: (len(name), name))
        yield f"Failed without leaving a reason: {', '.join(few(names))}. See the log."


def few(names: Sequence[str]) -> list[str]:
    """Not more than a sentence bears."""
    more = [f"and {len(names) - _MOST_NAMES} more"] if len(names) > _MOST_NAMES else []
    return [*names[:_MOST_NAMES], *more]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def failure_of(report: Report) -> str:
    """Why the run ends as failed, in a sentence."""
    if report.error:
        return report.error
    parts = [
        plural(len(report.failures), "change") + " failed" if report.failures else "",
        plural(len(report.conflicts), "conflict") + " for a person to settle" if report.conflicts else "",
    ]
    return f"{' and '.join(filter(None, parts))}; the report names them."
