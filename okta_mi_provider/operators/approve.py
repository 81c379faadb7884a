"""Task `approve`: asks a person before a plan is written. Imported only by DAGs that ask."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator

from okta_mi_provider.operators.base import SyncOperator, ending_for_airflow
from okta_mi_provider.operators.job import Job, StoredPlan
from okta_mi_provider.operators.logs import plan_rows, plan_title
from okta_mi_provider.operators.report import few
from okta_mi_provider.sync.approval import APPROVED, ASKED, REJECTED, TIMED_OUT, departures, needs_approval
from okta_mi_provider.sync.approval_text import body, subject
from okta_mi_provider.sync.errors import PlanRefused, SyncError
from okta_mi_provider.sync.plan import SHORT_DIGEST
from okta_mi_provider.sync.report import Approval
from okta_mi_provider.sync.text import quoted

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.execution_time.comms import HITLDetailRequestResult

log = logging.getLogger(__name__)

#: States in which a task stays until somebody clears it.
_ENDED = frozenset({"success", "failed", "upstream_failed", "skipped"})


class ApproveOperator(SyncOperator, ApprovalOperator):
    """Waits for a person where the settings ask for one; else returns at once.

    Without an answer in time nothing is written, as if it had been rejected. Then `create_groups` and `upsert_users`
    are skipped, and `report` says why.

    Args:
        approvers: Ids of the Airflow users who may answer; empty: whoever may act on the DAG.
        approval_timeout: For how many hours an answer is waited for.
        kwargs: As for every task of the DAG.
    """

    #: Names from Okta are in the text: it must never be rendered.
    template_fields = ()

    def __init__(self, *, approvers: Sequence[str] = (), approval_timeout: int = 24, **kwargs: Any) -> None:
        super().__init__(
            subject="Shall the plan be written?",
            defaults=self.REJECT,
            response_timeout=timedelta(hours=approval_timeout),
            assigned_users=[{"id": name, "name": name} for name in approvers],
            **kwargs,
        )
        self.approval_timeout = approval_timeout

    def work(self, job: Job) -> dict[str, Any]:
        """Asks, which ends this process; or returns the plan's digest where nobody has to be asked.

        Raises:
            PlanRefused: If Airflow would show another plan than this one, or an answer would come too late.
            TaskAwaitingInput: Always, once somebody is asked (Airflow 3.2: TaskDeferred).
        """
        from okta_mi_provider.store import ArtifactKind

        # Of an earlier try: whoever clears this task wants to be asked again.
        job.store.forget(job.run, ArtifactKind.APPROVAL)
        stored = job.newest_plan()
        settings = job.settings()
        if stored.superseded or not needs_approval(stored.plan, settings):
            rows = [*plan_rows(stored.plan), ("approval", "not needed")]
            self.conclude(plan_title(stored.plan, stored.digest), rows)
            return {"plan": stored.digest, "asked": False}
        self._check_in_time(job)
        chosen = departures(settings, self.settings)
        self.subject = subject(stored.plan)
        self.body = body(stored.plan, hours=self.approval_timeout, chosen=chosen)
        rows = [*plan_rows(stored.plan), ("hours to answer", self.approval_timeout)]
        self.conclude(plan_title(stored.plan, stored.digest), rows)
        self._show(job, stored)
        job.store.save(job.run, ArtifactKind.APPROVAL, Approval(ASKED, None, None, stored.digest).to_json())
        ApprovalOperator.execute(self, job.context)
        raise AssertionError("asking ends the process")

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Notes the answer. After a rejection the tasks that write are skipped.

        Returns:
            The plan's digest, and what was answered.

        Raises:
            AirflowFailException: If it was no answer to this plan.
            DownstreamTasksSkipped: If the plan was rejected, or nobody has answered in time.
        """
        from okta_mi_provider.store import ArtifactKind

        with ending_for_airflow(context), self.open_job(context) as job:
            try:
                approval = self._answer(job, event)
                job.store.save(job.run, ArtifactKind.APPROVAL, approval.to_json())
            except Exception as error:
                self.note_failure(job, error)
                raise
        by = f" by {quoted(approval.by)}" if approval.by else ""
        log.info("Plan %s was %s%s.", approval.digest[:SHORT_DIGEST], approval.answer, by)
        super().execute_complete(context, event)
        return {"plan": approval.digest, "answer": approval.answer}

    def _check_in_time(self, job: Job) -> None:
        """Makes sure that what is approved can still be written.

        A run that goes on with a newer version of its DAG, which asks, may come to this task after its last one.

        Raises:
            PlanRefused: If a task after this one has ended.
        """
        instance: Any = job.context["ti"]
        after = sorted(self.get_flat_relative_ids(upstream=False))
        states = instance.get_task_states(dag_id=instance.dag_id, task_ids=after, run_ids=[instance.run_id])
        ended = sorted(task for task, state in states.get(instance.run_id, {}).items() if state in _ENDED)
        if ended:
            raise PlanRefused(
                f"Tasks after this one have already ended in this run ({', '.join(few(ended))}), so an answer would "
                "come too late, and nobody is asked. Such a run began before people were to be asked, or only this "
                "task was cleared. Trigger a new run, or clear this task and all after it."
            )

    def _show(self, job: Job, stored: StoredPlan) -> None:
        """Has Airflow show the question, and makes sure that it does.

        Before 3.4 Airflow keeps the text and the users of a task's first question for ever, also when the task is
        cleared or tried again. It says so in its answer.
        """
        shown = _put_question(self, job.context)
        users = {user.id for user in shown.assigned_users or ()}
        wanted = {user["id"] for user in self.assigned_users or ()}
        if (shown.subject, shown.body, users) != (self.subject, self.body, wanted):
            raise PlanRefused(
                f"Airflow still shows the question of an earlier try of this task, and does not replace it: whoever "
                f"answers would not see plan {stored.digest[:SHORT_DIGEST]}. Nothing was written. Trigger a new run."
            )

    def _answer(self, job: Job, event: Mapping[str, Any]) -> Approval:
        asked = job.approval()
        if "error" in event:
            raise SyncError(f"Airflow could not take the answer: {event['error']}")
        if asked is None:
            raise SyncError(
                "The plan that was asked about is gone: a task before this one was run again. Clear task "
                f"{self.task_id!r} and all after it."
            )
        at = event["responded_at"]
        when = at.isoformat() if isinstance(at, datetime) else str(at)
        user = event["responded_by_user"]
        if not user:
            return Approval(TIMED_OUT, None, when, asked.digest)
        answer = APPROVED if event["chosen_options"] == [self.APPROVE] else REJECTED
        return Approval(answer, str(user.get("name") or user["id"]), when, asked.digest)


def _put_question(task: ApproveOperator, context: Context) -> HITLDetailRequestResult:
    """What Airflow shows, after it was told what to. Twice does no harm: the operator of the provider does it again."""
    from airflow.sdk.execution_time.comms import CreateHITLDetailPayload
    from airflow.sdk.execution_time.task_runner import SUPERVISOR_COMMS

    payload = {
        "ti_id": context["ti"].id,
        "options": task.options,
        "subject": task.subject,
        "body": task.body,
        "defaults": task.defaults,
        "multiple": task.multiple,
        "params": task.serialized_params,
        "assigned_users": task.assigned_users,
    }
    shown: HITLDetailRequestResult = SUPERVISOR_COMMS.send(CreateHITLDetailPayload.model_validate(payload))  # type: ignore[assignment]
    return shown
