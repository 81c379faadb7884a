"""Task `report`: tells what the run did, and ends it as failed if anything failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow.sdk import TriggerRule
from airflow.sdk.exceptions import AirflowFailException

from okta_mi_provider.operators.base import Job, SyncOperator, ending_for_airflow, readable
from okta_mi_provider.operators.logs import log_summary
from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.sync.approval import refusal
from okta_mi_provider.sync.errors import SyncError
from okta_mi_provider.sync.model import SourceGroup, TargetGroup
from okta_mi_provider.sync.plan import Finding, Plan
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
        from okta_mi_provider.store import ArtifactKind  # noqa: PLC0415

        noted = job.store.settings(job.run)
        settings = self.effective_settings(job.context) if noted is None else SyncSettings.from_mapping(noted)
        report = self._report(job, settings)
        job.store.save(job.run, ArtifactKind.REPORT, report.to_json())
        job.journal(settings).resumed().close(report)
        log_summary(report, settings)
        result = {**report.counts(), "state": report.state.value}
        if report.state is not State.DONE:
            # A task that fails returns nothing, and people want the numbers all the more.
            job.context["ti"].xcom_push(key="return_value", value=result)
            raise AirflowFailException(failure_of(report))
        return result

    def _report(self, job: Job, settings: SyncSettings) -> Report:
        from okta_mi_provider.store import ArtifactKind  # noqa: PLC0415

        failure = job.store.find(job.run, ArtifactKind.FAILURE)
        error = self._error(job, failure.data if failure else {})
        unwanted = refusal(job.approval())
        error = error or unwanted
        notices: tuple[Finding, ...] = (BACKFILL,) if job.is_backfill else ()
        found = job.store.find(job.run, ArtifactKind.PLAN)
        if found is None:
            return self._without_plan(settings, error, notices)
        plan = readable(Plan.from_json, found.data, job.run)
        outcomes = job.store.outcomes(job.run, plan, found.digest)
        report = Report.of_plan(
            plan,
            outcomes.values(),
            dry_run=settings.dry_run,
            error=error,
            refused=bool(unwanted or (failure and failure.data["refused"])),
            notices=notices,
            mode=settings.mode,
            approval=job.approval(),
        )
        if not report.untried:
            return report
        if job.is_backfill and (newer := job.store.newer_plan(job.run)):
            superseded = Finding("superseded", f"Nothing was written: run {quoted(newer)} is newer, and writes.")
            return replace(report, notices=(*notices, superseded))
        untried = plural(report.untried, "change")
        return replace(
            report,
            error=error or f"{untried} of the plan not tried, although no task has failed. Trigger a new run.",
        )

    def _error(self, job: Job, failure: Mapping[str, Any]) -> str | None:
        """Why the run did not get through, in the words of the task that failed."""
        instance = job.context["ti"]
        states = instance.get_task_states(
            dag_id=instance.dag_id,
            task_ids=sorted(self.get_flat_relative_ids(upstream=True)),
            run_ids=[instance.run_id],
        )
        trouble = {task: state for task, state in states.get(instance.run_id, {}).items() if state in _TROUBLE}
        if not trouble:
            return None
        failed = sorted(task for task, state in trouble.items() if state == "failed") or sorted(trouble)
        return failure.get("error") or f"Failed without leaving a reason: {', '.join(failed)}. See the log."

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


def failure_of(report: Report) -> str:
    """Why the run ends as failed, in a sentence."""
    if report.error:
        return report.error
    parts = [
        plural(len(report.failures), "change") + " failed" if report.failures else "",
        plural(len(report.conflicts), "conflict") + " for a person to settle" if report.conflicts else "",
    ]
    return f"{' and '.join(filter(None, parts))}; the report names them."
