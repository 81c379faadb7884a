"""What all tasks of a generated DAG have in common: connections, settings, the store, and how failures end."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from okta_mi_provider.operators.retry import try_again
from okta_mi_provider.settings import SettingsError, SyncSettings, options, unknown_key
from okta_mi_provider.sync.errors import PlanRefused, SyncError
from okta_mi_provider.sync.fetch import GroupSelector
from okta_mi_provider.sync.pauses import Pauses
from okta_mi_provider.sync.plan import Plan
from okta_mi_provider.sync.text import one_line

if TYPE_CHECKING:
    from airflow.sdk import Context

    from okta_mi_provider.clients.metric_insights import MetricInsightsClient
    from okta_mi_provider.clients.okta import OktaClient
    from okta_mi_provider.store import RunKey, Store
    from okta_mi_provider.sync.apply import TargetWriter

log = logging.getLogger(__name__)

#: Ids of the tasks of a generated DAG, in their order. They find each other's results by these.
FETCH, DIFF, CREATE_GROUPS, UPSERT_USERS, REPORT = "fetch", "diff", "create_groups", "upsert_users", "report"


class StoredPlan(NamedTuple):
    """A plan and its digest."""

    plan: Plan
    digest: str


@dataclass(frozen=True, slots=True)
class Job:
    """One execution of a task: which run, with which store."""

    context: Context
    store: Store
    run: RunKey

    def settings(self) -> SyncSettings:
        """The settings of this run, as `fetch` has noted them.

        Raises:
            ArtifactMissing: If it has not, or not in this store.
        """
        from okta_mi_provider.store import ArtifactMissing  # noqa: PLC0415

        noted = self.store.settings(self.run)
        if noted is None:
            raise ArtifactMissing(
                f"Run {self.run.run_id!r} is not in the store {self.store}. If task {FETCH!r} has succeeded, the "
                "workers do not share the store: set [okta_mi] store to a database that all of them reach."
            )
        return SyncSettings.from_mapping(noted)

    def plan_to_write(self) -> StoredPlan:
        """The plan of this run, if it is still the one to write.

        A backfill starts many runs at once; all of them see the state of now, and the newest one writes it.

        Raises:
            ArtifactMissing: If it is not there.
            PlanRefused: If it breaks a limit. Task `diff` has said so, but people can mark a task as they like.
            SyncError: If a newer run has made a plan since: what this one wants may be out of date.
        """
        stored = self._plan()
        stored.plan.raise_if_unsafe(sync_user_limit=self.settings().sync_user_limit)
        newer = self.store.newer_plan(self.run)
        if newer is None:
            return stored
        if self.is_backfill:
            log.info("Run %r is newer and writes what there is to write.", newer)
            return StoredPlan(replace(stored.plan, changes=()), stored.digest)
        raise SyncError(
            f"Run {newer!r} has read Okta after this one, so the plan of this run is out of date and is not "
            "written. Trigger a new run instead."
        )

    @property
    def is_backfill(self) -> bool:
        """Whether the run belongs to a backfill."""
        return bool(self.context["dag_run"].run_type == "backfill")

    def _plan(self) -> StoredPlan:
        from okta_mi_provider.store import ArtifactKind  # noqa: PLC0415

        found = self.store.load(self.run, ArtifactKind.PLAN, made_by=DIFF, digest=self.handed_over(DIFF, "plan"))
        return StoredPlan(Plan.from_json(found.data), found.digest)

    def handed_over(self, task_id: str, key: str) -> str | None:
        """A digest that another task of this run has returned; None if there is none."""
        value = self.context["ti"].xcom_pull(task_ids=task_id)
        digest = value.get(key) if isinstance(value, dict) else None
        return digest if isinstance(digest, str) else None


class SyncOperator(BaseOperator):
    """A task that does one room's part of the sync of one group.

    Nothing of it is a template: names of groups are other people's text.

    Args:
        settings: How to sync. What the run's form says goes first.
        group: Exact name of the Okta group.
        group_id: Its id, which goes first.
        okta_conn_id: Airflow connection of type `okta`.
        metric_insights_conn_id: Airflow connection of type `metric_insights`.
        kwargs: As for every Airflow operator.
    """

    template_fields = ()
    ui_color = "#e8f0fb"

    def __init__(
        self,
        *,
        settings: SyncSettings,
        group: str | None = None,
        group_id: str | None = None,
        okta_conn_id: str = "okta_default",
        metric_insights_conn_id: str = "metric_insights_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.settings = settings
        self.group = group
        self.group_id = group_id
        self.okta_conn_id = okta_conn_id
        self.metric_insights_conn_id = metric_insights_conn_id
        self.pauses = Pauses()

    def on_kill(self) -> None:
        """Lets the requests in flight end, begins no more writes, and ends every wait."""
        self.pauses.stop()

    @abstractmethod
    def work(self, job: Job) -> dict[str, Any]:
        """Does this room's part.

        Returns:
            What other tasks may know of it: digests and counts, and nobody's name.
        """

    def execute(self, context: Context) -> dict[str, Any]:
        """Does the work. A failure is noted in the store, for the report.

        Raises:
            AirflowFailException: If trying again cannot help.
            AirflowException: If it can.
        """
        with ending_for_airflow(context), self.open_job(context) as job:
            self.note_failure(job, None)
            try:
                return self.work(job)
            except Exception as error:
                self.note_failure(job, error)
                raise

    @contextmanager
    def open_job(self, context: Context) -> Iterator[Job]:
        """The store, open, and which run this is.

        Raises:
            StoreError: If the store cannot be opened.
        """
        from okta_mi_provider.hooks.store import open_store  # noqa: PLC0415
        from okta_mi_provider.store import RunKey  # noqa: PLC0415

        instance = context["ti"]
        with open_store() as store:
            yield Job(context, store, RunKey(instance.dag_id, instance.run_id))

    def note_failure(self, job: Job, error: Exception | None) -> None:
        """Leaves a sentence for the report, or takes back the one of an earlier try."""
        from okta_mi_provider.store import ArtifactKind, StoreError  # noqa: PLC0415

        if error is None:
            job.store.forget(job.run, ArtifactKind.FAILURE)
            return
        said = isinstance(error, SyncError | SettingsError | AirflowException)
        sentence = str(error) if said else one_line(f"{type(error).__name__}: {error}", 500)
        refused = isinstance(error, PlanRefused)
        failure = {"task": self.task_id, "error": sentence, "refused": refused}
        try:
            job.store.save(job.run, ArtifactKind.FAILURE, failure)
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
        form = {name: params[name] for name in offered if name in params}
        return SyncSettings.from_mapping({**self.settings.to_mapping(), **form})

    @property
    def selector(self) -> GroupSelector:
        """Which group of Okta."""
        return GroupSelector(self.group, self.group_id)

    def okta(self, *, sharers: int = 1) -> OktaClient:
        """A client that only reads.

        Args:
            sharers: How many clients like this one may read the org at the same time.

        Raises:
            ConfigurationError: If the connection cannot work.
        """
        from okta_mi_provider.hooks.okta import OktaHook  # noqa: PLC0415

        return OktaHook(self.okta_conn_id).client(read_only=True, sharers=sharers, pauses=self.pauses)

    def metric_insights(self, *, read_only: bool) -> MetricInsightsClient:
        """A client.

        Raises:
            ConfigurationError: If the connection cannot work.
        """
        from okta_mi_provider.hooks.metric_insights import MetricInsightsHook  # noqa: PLC0415

        return MetricInsightsHook(self.metric_insights_conn_id).client(read_only=read_only, pauses=self.pauses)


def ensuring(client: MetricInsightsClient) -> TargetWriter:
    """A writer whose every write is an ensure."""
    from okta_mi_provider.clients.ensure import EnsuringWriter  # noqa: PLC0415

    return EnsuringWriter(client)


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
            try_again(str(error), error, context)
        raise AirflowFailException(str(error)) from None
