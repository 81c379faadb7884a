"""A person in front of Airflow's page of required actions: does in the database what the API server does there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from tests.airflow.runs import DAG_ID


@dataclass
class Person:
    """Reads what a run asks, and answers as told, each time that it asks.

    Attributes:
        answers: "Approve" or "Reject" to each question; or something to do, before the next answer.
        questions: Subject and body of each question, as they were when it was answered.
        assigned: The users who may answer the last one.
    """

    answers: list[str | Callable[[], None]]
    name: str = "boss"
    questions: list[tuple[str, str]] = field(default_factory=list)
    assigned: list[str] = field(default_factory=list)

    def __call__(self) -> None:
        """Looks, and does the next thing if a task waits."""
        from airflow.models.hitl import HITLDetail
        from airflow.models.taskinstance import TaskInstance
        from airflow.models.trigger import handle_event_submit
        from airflow.sdk.timezone import utcnow
        from airflow.triggers.base import TriggerEvent
        from airflow.utils.session import create_session
        from airflow.utils.state import TaskInstanceState
        from sqlalchemy import select

        waiting = (
            select(HITLDetail)
            .join(TaskInstance, TaskInstance.id == HITLDetail.ti_id)
            .where(TaskInstance.dag_id == DAG_ID, TaskInstance.state == TaskInstanceState.AWAITING_INPUT)
        )
        with create_session() as session:
            detail = session.scalar(waiting)
            if detail is None:
                return
            self.questions.append((detail.subject, detail.body or ""))
            self.assigned = [user["id"] for user in detail.assigned_users]
            answer = self.answers.pop(0)
            if isinstance(answer, str):
                detail.responded_by = {"id": f"id-{self.name}", "name": self.name}
                detail.responded_at = utcnow()
                detail.chosen_options = [answer]
                instance = session.get(TaskInstance, detail.ti_id)
                assert instance is not None
                event = TriggerEvent(detail.as_resume_event_payload())
                handle_event_submit(event, task_instance=instance, session=session)
        if not isinstance(answer, str):
            answer()


def let_time_pass() -> None:
    """The time for an answer is over, and the scheduler notices."""
    from airflow.jobs.job import Job
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from airflow.utils.state import TaskInstanceState
    from sqlalchemy import select

    with create_session() as session:
        query = select(TaskInstance).where(TaskInstance.state == TaskInstanceState.AWAITING_INPUT)
        for instance in session.scalars(query):
            assert instance.trigger_timeout is not None
            instance.trigger_timeout -= timedelta(days=400)
    SchedulerJobRunner(Job()).check_awaiting_input_timeouts()


def clear(*task_ids: str) -> None:
    """Clears tasks of the run that is under way, as the button does."""
    from airflow.models.taskinstance import TaskInstance, clear_task_instances
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        query = select(TaskInstance).where(
            TaskInstance.dag_id == DAG_ID, TaskInstance.run_id == _newest_run(), TaskInstance.task_id.in_(task_ids)
        )
        clear_task_instances(list(session.scalars(query)), session)


def end(state: str, *task_ids: str) -> None:
    """Has tasks end that have not begun, of the run that is under way: as if its older DAG had run them."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from airflow.utils.state import TaskInstanceState
    from sqlalchemy import select

    with create_session() as session:
        query = select(TaskInstance).where(
            TaskInstance.dag_id == DAG_ID, TaskInstance.run_id == _newest_run(), TaskInstance.task_id.in_(task_ids)
        )
        for instance in session.scalars(query):
            assert instance.state is None
            instance.set_state(TaskInstanceState(state), session=session)


def mark_success(task_id: str) -> None:
    """Marks a waiting task as a success, as the button does."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from airflow.utils.state import TaskInstanceState
    from sqlalchemy import select

    with create_session() as session:
        query = select(TaskInstance).where(
            TaskInstance.task_id == task_id, TaskInstance.state == TaskInstanceState.AWAITING_INPUT
        )
        for instance in session.scalars(query):
            instance.set_state(TaskInstanceState.SUCCESS, session=session)


def _newest_run() -> Any:
    """The id of the run that is under way, as a part of a query."""
    from airflow.models.dagrun import DagRun
    from sqlalchemy import select

    newest = select(DagRun.run_id).where(DagRun.dag_id == DAG_ID).order_by(DagRun.id.desc()).limit(1)
    return newest.scalar_subquery()
