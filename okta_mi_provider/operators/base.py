"""What all tasks of a generated DAG have in common: a job in the store, settings, and how failures end."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowRescheduleException

from okta_mi_provider.addresses import run_tab
from okta_mi_provider.operators.announce import announce
from okta_mi_provider.operators.job import Job
from okta_mi_provider.operators.links import note, noted
from okta_mi_provider.operators.logs import Row, log_table
from okta_mi_provider.operators.retry import try_again
from okta_mi_provider.operators.servers import ServersOperator
from okta_mi_provider.settings import SyncSettings, options
from okta_mi_provider.settings_error import SettingsError, unknown_key
from okta_mi_provider.sync.approval import as_triggered
from okta_mi_provider.sync.errors import PlanRefused, SyncError
from okta_mi_provider.sync.fetch import GroupSelector
from okta_mi_provider.sync.text import one_line
from okta_mi_provider.sync.traffic import Traffic

if TYPE_CHECKING:
    from airflow.sdk import Context

    from okta_mi_provider.sync.plan import Plan

log = logging.getLogger(__name__)

#: Longest that a failure may be in a log: it has room for all mistakes of a form.
_LONGEST = 10_000


class SyncOperator(ServersOperator):
    """A task that does one room's part of the sync of one group.

    Nothing of it is a template: names of groups are other people's text.

    Args:
        settings: How to sync. What the run's form says goes first.
        group: Exact name of the Okta group.
        group_id: Its id, which goes first.
        groups: Instead: names or ids of the groups whose union is synced.
        okta_conn_id: Airflow connection of type `okta`.
        metric_insights_conn_id: Airflow connection of type `metric_insights`.
        kwargs: As for every Airflow operator.
    """

    template_fields = ()

    def __init__(
        self,
        *,
        settings: SyncSettings,
        group: str | None = None,
        group_id: str | None = None,
        groups: Sequence[str] = (),
        okta_conn_id: str = "okta_default",
        metric_insights_conn_id: str = "metric_insights_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.settings = settings
        self.group = group
        self.group_id = group_id
        self.groups = tuple(groups)
        self.okta_conn_id = okta_conn_id
        self.metric_insights_conn_id = metric_insights_conn_id

    @property
    def part_title(self) -> str | None:
        """What of the plan this task is about; None if it is about all of it."""
        return None

    @abstractmethod
    def work(self, job: Job) -> Any:
        """Does this room's part.

        Returns:
            What other tasks may know of it: digests and counts, and nobody's name.
        """

    def execute(self, context: Context) -> Any:
        """Does the work. A failure is noted in the store, for the report.

        Raises:
            AirflowFailException: If trying again cannot help.
            AirflowException: If it can.
            AirflowRescheduleException: If it has to wait for others.
        """
        with ending_for_airflow(context), self.open_job(context) as job:
            self.note_failure(job, None)
            try:
                return self.work(job)
            except AirflowRescheduleException:
                # It goes on later, and is no failure.
                raise
            except Exception as error:
                self.note_failure(job, error)
                raise
            finally:
                self.tell_traffic(self.dag_id)

    def conclude(self, title: str, rows: Sequence[Row]) -> None:
        """Writes the sum of this task into the log, the last of what it says."""
        self.tell_traffic(self.dag_id)
        log_table(title, rows)

    @contextmanager
    def open_job(self, context: Context) -> Iterator[Job]:
        """The store, open, and which run this is.

        Raises:
            StoreError: If the store cannot be opened.
        """
        from okta_mi_provider.hooks.store import open_store
        from okta_mi_provider.store import RunKey

        instance = context["ti"]
        with open_store() as store:
            job = Job(context, store, RunKey(instance.dag_id, instance.run_id), self.settings.approve)
            self.links, self.traffic = noted(job), Traffic()
            yield job

    def announce(self, job: Job, plan: Plan, *, failed: int) -> None:
        """Tells other DAGs that access has changed, if it has.

        Args:
            job: The run, which is in the store.
            plan: Its plan, of which nothing is left to write.
            failed: How many changes of it have failed.
        """
        announce(
            self,
            job.context,
            job.store,
            job.run,
            group=plan.target_group.name,
            conn_id=self.metric_insights_conn_id,
            failed=failed,
            conflicts=plan.conflicts,
            part=job.part,
        )

    def link(self, job: Job, **found: str | None) -> None:
        """Notes where the links of this task and of those after it lead to.

        Args:
            job: The run, which is in the store.
            found: Attributes of `Links`. What is None keeps what it has.
        """
        plan = run_tab(job.run.dag_id, job.run.run_id)
        links = replace(self.links, plan=plan, **{name: url for name, url in found.items() if url})
        if links != self.links:
            self.links = links
            note(job, links)

    def note_failure(self, job: Job, error: Exception | None) -> None:
        """Leaves a sentence for the report, or takes back the one of an earlier try; each part of a task its own."""
        from okta_mi_provider.store import ArtifactKind, StoreError

        if error is None:
            job.store.forget(job.run, ArtifactKind.FAILURE, part=job.part)
            return
        said = isinstance(error, SyncError | SettingsError | AirflowException)
        sentence = str(error) if said else one_line(f"{type(error).__name__}: {error}", 500)
        refused = isinstance(error, PlanRefused)
        task = self.task_id if job.part is None else f"{self.task_id}_{job.part}"
        failure = {"task": task, "part": self.part_title, "error": sentence, "refused": refused}
        try:
            job.store.save(job.run, ArtifactKind.FAILURE, failure, part=job.part)
        except StoreError as trouble:
            # The failure itself is worth more than the note about it.
            log.warning("The reason of this failure could not be noted for the report: %s", trouble)

    def effective_settings(self, context: Context) -> SyncSettings:
        """The settings with what the run's form says.

        Raises:
            SettingsError: If the form says what is not allowed, or somebody who triggered the run has misspelt it:
                Airflow would ignore that, and a dry run would not be one.
        """
        offered = [name for name, option in options().items() if option.in_form]
        asked = getattr(context.get("dag_run"), "conf", None) or {}
        if unknown := [unknown_key(key, offered) for key in asked if key not in offered]:
            raise SettingsError(unknown)
        params: Mapping[str, Any] = context["params"]
        # What the form of this DAG does not offer can still come in by Airflow's interface.
        form = {name: values[name] for values in (asked, params) for name in offered if name in values}
        return as_triggered(SyncSettings.from_mapping({**self.settings.to_mapping(), **form}), self.settings)

    @property
    def selectors(self) -> tuple[GroupSelector, ...]:
        """Which groups of Okta; their union is synced."""
        if self.groups:
            return tuple(GroupSelector(name=each) for each in self.groups)
        return (GroupSelector(self.group, self.group_id),)


@contextmanager
def ending_for_airflow(context: Context) -> Iterator[None]:
    """Makes Airflow try again what may pass, and nothing else.

    Raises:
        AirflowFailException: If trying again cannot help: credentials, settings, a refused plan.
        AirflowException: If it can.
        AirflowRescheduleException: If it can, at a time that is known, and Airflow has no retry policies.
    """
    try:
        yield
    except (SyncError, SettingsError) as error:
        if isinstance(error, SyncError) and error.passing:
            try_again(one_line(str(error), _LONGEST), error, context)
        raise AirflowFailException(one_line(str(error), _LONGEST)) from None
