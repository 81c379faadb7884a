"""The whole sync of one group as a single task, for people's own DAGs."""

from __future__ import annotations

import difflib
import inspect
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from okta_mi_provider import metrics
from okta_mi_provider.addresses import run_page
from okta_mi_provider.assets import alias_of
from okta_mi_provider.kinds import show
from okta_mi_provider.operators.announce import announce
from okta_mi_provider.operators.base import ending_for_airflow
from okta_mi_provider.operators.job import triggered_by
from okta_mi_provider.operators.links import Links
from okta_mi_provider.operators.logs import log_settings, log_summary
from okta_mi_provider.operators.report import failure_of
from okta_mi_provider.operators.retry import retry_policy, try_again
from okta_mi_provider.operators.servers import ServersOperator, ensuring
from okta_mi_provider.settings import SyncSettings, defaults
from okta_mi_provider.settings_error import Problem, SettingsError
from okta_mi_provider.sync.fetch import GroupSelector
from okta_mi_provider.sync.model import SourceGroup
from okta_mi_provider.sync.report import Report, State
from okta_mi_provider.sync.run import Sides, provision

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from airflow.sdk import Context

    from okta_mi_provider.store import RunKey, Store, StoreJournal
    from okta_mi_provider.sync.journal import Journal


#: What a DAG may say to its sensors in `default_args`, under a name that is one of our settings, too.
_MODES_OF_SENSORS = ("poke", "reschedule")

_Init = TypeVar("_Init", bound="Callable[..., None]")


def _naming_settings(init: _Init) -> _Init:
    """Puts every setting into the signature, where Airflow looks what it may map or take from `default_args`."""
    signature = inspect.signature(init)
    *own, rest = signature.parameters.values()
    settings = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
        for name, default in defaults().items()
        if name not in signature.parameters
    ]
    init.__signature__ = signature.replace(parameters=[*own, *settings, rest])  # type: ignore[attr-defined]
    return init


def _misspelt(names: Iterable[str]) -> list[str]:
    """What was meant by each name that is neither a setting nor an argument of an operator, if it is near to one."""
    known = {name for each in (BaseOperator, ProvisionOperator) for name in inspect.signature(each.__init__).parameters}
    near = {name: difflib.get_close_matches(name, known, n=1) for name in names if name not in known}
    return [f"{name}: unknown argument; did you mean {found[0]}?" for name, found in near.items() if found]


class ProvisionOperator(ServersOperator):
    """Makes sure that an Okta group and its users are in Metric Insights.

    Keeps its account in the store that `[okta_mi] store` names, as a sync of its own: `<DAG>:<task>`. Trying it again
    reads both sides again and does what is left.

    Args:
        group: Exact name of the Okta group (templated).
        group_id: Its id, which goes first (templated).
        target_group: MI group to sync into instead of the one of the same name (templated).
        okta_conn_id: Airflow connection of type `okta`.
        metric_insights_conn_id: Airflow connection of type `metric_insights`.
        kwargs: Any other setting by its name, such as `auto_create="all"`, and whatever every Airflow operator takes.
            All of them may be mapped, and stand in `default_args`.

    Raises:
        SettingsError: If a setting is not allowed.
        TypeError: If there is no such argument, as from every Airflow operator; with what was meant, if that is near.
    """

    template_fields: Sequence[str] = ("group", "group_id", "target_group")

    @_naming_settings
    def __init__(
        self,
        *,
        group: str | None = None,
        group_id: str | None = None,
        target_group: str | None = None,
        okta_conn_id: str = "okta_default",
        metric_insights_conn_id: str = "metric_insights_default",
        **kwargs: Any,
    ) -> None:
        settings = {name: kwargs.pop(name) for name in defaults() if name in kwargs}
        of_dag = (kwargs.get("default_args") or {}).get("mode")
        if of_dag in _MODES_OF_SENSORS and settings.get("mode") == of_dag:
            del settings["mode"]
        # Mapped, it is given None where nobody has said one.
        policy = {} if kwargs.get("retry_policy") else retry_policy()
        try:
            super().__init__(**{**kwargs, **policy})
        except TypeError as error:
            if misspelt := _misspelt(kwargs):
                raise TypeError(f"{type(self).__name__}: {'; '.join(misspelt)}") from error
            raise
        # What other DAGs can wait for; see `assets`. Its own outlets stay.
        in_dag = self.has_dag()  # type: ignore[no-untyped-call]
        self.outlets = [*self.outlets, alias_of(f"{self.dag_id}:{self.task_id}" if in_dag else self.task_id)]
        if group is None and group_id is None:
            raise SettingsError([Problem("group", "missing; give the exact name of the Okta group, or its group_id")])
        self.settings = SyncSettings.from_mapping(settings)
        if self.settings.approve != "never":
            problem = "a single task cannot ask anybody; the DAGs of a groups file can. Here only never is allowed"
            raise SettingsError([Problem("approve", problem)])
        if self.settings.map_attr_to_group is not None:
            problem = (
                "a single task syncs into a single MI group; the DAGs of a groups file can. Here it must not be set"
            )
            raise SettingsError([Problem("map_attr_to_group", problem)])
        self.group = group
        self.group_id = group_id
        self.target_group = target_group
        self.okta_conn_id = okta_conn_id
        self.metric_insights_conn_id = metric_insights_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Syncs the group.

        Returns:
            The `counts` of the JSON report, and its `state`.

        Raises:
            AirflowFailException: If something failed for good or was refused, or conflicts remain.
            AirflowException: If something failed that may pass.
        """
        from okta_mi_provider.hooks.store import open_store, retention

        begun_at = datetime.now(UTC)
        with ending_for_airflow(context), open_store() as store:
            self._check_rendered()
            settings = SyncSettings.from_mapping({**self.settings.to_mapping(), "target_group": self.target_group})
            selector = GroupSelector(self.group, self.group_id)
            keep = retention()
            okta = self.okta()
            target = self.metric_insights(read_only=settings.only_looks)
            sides = Sides(okta, target, ensuring(target), target.max_concurrency)
            log_settings(settings)
            journals: list[StoreJournal] = []
            (result,) = provision(
                sides,
                [[selector]],
                settings,
                journal_of=self._journals(context, store, sides, settings, journals),
                stopped=lambda: self.pauses.stopped,
            )
            made = journals[0].group
            self.links = Links(
                okta=okta.page_of(result.report.source_groups) or "",
                metric_insights=target.page_of(made if made.id else result.report.target_group) or "",
                plan=run_page(journals[0].run) if journals[0].begun else "",
            )
            store.forget_old(keep)
            report, cause = result
            if report.state is State.DONE and not report.only_looks:
                self._announce(context, store, report)
        self.tell_traffic(context["ti"].dag_id)
        log_summary(report, settings)
        self._measure(context, report, settings, datetime.now(UTC) - begun_at)
        counts = {**report.counts(), "state": report.state.value}
        if report.state is not State.DONE:
            context["ti"].xcom_push(key="return_value", value=counts)
            passing = (
                self.pauses.stopped or (cause is not None and cause.passing) or any(e.passing for e in report.failures)
            )
            if passing:
                try_again(failure_of(report), cause, context)
            raise AirflowFailException(failure_of(report)) from cause
        return counts

    def _check_rendered(self) -> None:
        """What templates have become names a group, or it is a mistake that is told as one.

        Raises:
            SettingsError: If nothing is named, or something else than a text has become of a template.
        """
        rendered: dict[str, Any] = {"group": self.group, "group_id": self.group_id}
        problems = [
            Problem(key, f"{show(value)} is not a text; does the DAG have render_template_as_native_obj?")
            for key, value in rendered.items()
            if value is not None and not isinstance(value, str)
        ]
        if not problems and not any(value and value.strip() for value in rendered.values()):
            problems = [Problem("group", "empty; its template has come to nothing, and group_id has no value either")]
        if problems:
            raise SettingsError(problems)

    def _announce(self, context: Context, store: Store, report: Report) -> None:
        """Tells other DAGs. Only a task that succeeds can: see `announce`."""
        announce(
            self,
            context,
            store,
            self._key(context),
            group=report.target_group.name,
            conn_id=self.metric_insights_conn_id,
            failed=0,
            conflicts=0,
            shared=True,
        )

    def _measure(self, context: Context, report: Report, settings: SyncSettings, lasted: timedelta) -> None:
        dag_id = context["ti"].dag_id
        metrics.send_written(report.outcomes.values(), dag_id)
        if not settings.dry_run and settings.only_user is None:
            metrics.send_run(report.state, conflicts=len(report.conflicts), lasted=lasted, dag_id=dag_id)

    def _key(self, context: Context) -> RunKey:
        from okta_mi_provider.store import RunKey

        instance = context["ti"]
        return RunKey.of_task(instance.dag_id, self.task_id, instance.run_id, getattr(instance, "map_index", None))

    def _journals(
        self, context: Context, store: Store, sides: Sides, settings: SyncSettings, made: list[StoreJournal]
    ) -> Callable[[str], Journal]:
        """Makes the journal, and adds it to those that were made."""
        from okta_mi_provider.store import Beginning, StoreJournal

        key = self._key(context)

        def journal(target_group: str) -> Journal:
            beginning = Beginning(
                settings,
                triggered_by(context),
                sides.source.org,
                sides.target.host,
                [SourceGroup(self.group_id or "", self.group or "")],
                target_group,
                shared=True,
            )
            made.append(StoreJournal(store, key, beginning))
            return made[-1]

        return journal
