"""One execution of a task: what the tasks of a run hand each other through the store."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from okta_mi_provider.operators.task_ids import DIFF, FETCH
from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.sync.approval import raise_if_not_approved, stricter
from okta_mi_provider.sync.errors import SyncError
from okta_mi_provider.sync.plan import Plan
from okta_mi_provider.sync.report import Approval
from okta_mi_provider.sync.text import quoted

if TYPE_CHECKING:
    from airflow.sdk import Context

    from okta_mi_provider.store import RunKey, Store, StoreJournal
    from okta_mi_provider.sync.snapshot import Snapshot

log = logging.getLogger(__name__)

Value = TypeVar("Value")


class StoredPlan(NamedTuple):
    """A plan and its digest.

    Attributes:
        superseded: A newer run writes what there is to write; of this plan no change is left.
    """

    plan: Plan
    digest: str
    superseded: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """One execution of a task: which run, with which store.

    Attributes:
        approve: Whether people are asked, as the DAG says now.
    """

    context: Context
    store: Store
    run: RunKey
    approve: str = "never"

    def settings(self) -> SyncSettings:
        """The settings of this run, as `fetch` has noted them. But a run from before people were to be asked asks too.

        Raises:
            ArtifactMissing: If it has not, or not in this store.
            SettingsError: If it was let through by whoever triggered it, and now people are asked.
        """
        from okta_mi_provider.store import ArtifactMissing

        noted = self.store.settings(self.run)
        if noted is None:
            raise ArtifactMissing(
                f"Run {self.run.run_id!r} is not in the store {self.store}. If task {FETCH!r} has succeeded, the "
                "workers do not share the store: set [okta_mi] store to a database that all of them reach."
            )
        return SyncSettings.from_mapping({**noted, "approve": stricter(noted["approve"], self.approve)})

    def journal(self, settings: SyncSettings, **known: Any) -> StoreJournal:
        """The journal of this run, which begins it anew unless it is resumed.

        Args:
            settings: The settings of this run.
            known: What else is known of it; see `Beginning`.
        """
        from okta_mi_provider.store import Beginning, StoreJournal

        beginning = Beginning(settings, triggered_by(self.context), **known)
        return StoreJournal(self.store, self.run, beginning, approval=self.approval())

    def approval(self) -> Approval | None:
        """What a person has said of the plan who was asked; None if nobody was."""
        from okta_mi_provider.store import ArtifactKind

        found = self.store.find(self.run, ArtifactKind.APPROVAL)
        return Approval(**found.data) if found else None

    def snapshot(self) -> Snapshot:
        """Both sides as `fetch` has read them.

        Raises:
            ArtifactMissing: If they are not there.
        """
        from okta_mi_provider.store import ArtifactKind, snapshots

        digest = self.handed_over(FETCH, "snapshot")
        found = self.store.load(self.run, ArtifactKind.SNAPSHOT, made_by=FETCH, digest=digest)
        return readable(snapshots.from_json, found.data, self.run)

    def plan_to_write(self) -> StoredPlan:
        """The plan of this run, if it is to be written.

        Raises:
            ArtifactMissing: If it is not there.
            PlanRefused: If it breaks a limit, or nobody has approved it who should. Tasks before this one have said so,
                but people can mark a task as they like.
            SyncError: If a newer run has made a plan since.
        """
        stored = self.newest_plan()
        if not stored.superseded:
            raise_if_not_approved(stored.plan, self.settings(), self.approval())
        return stored

    def newest_plan(self) -> StoredPlan:
        """The plan of this run, if no newer run has one.

        A backfill starts many runs at once; all of them see the state of now, and the newest one writes it.

        Raises:
            ArtifactMissing: If it is not there.
            SyncError: If a newer run has made a plan since: what this one wants may be out of date.
        """
        stored = self._plan()
        newer = self.store.newer_plan(self.run)
        if newer is None:
            return stored
        if self.is_backfill and newer.is_whole:
            log.info("Run %s is newer and writes what there is to write.", quoted(newer.run_id))
            return StoredPlan(replace(stored.plan, changes=()), stored.digest, superseded=True)
        raise SyncError(
            f"Run {quoted(newer.run_id)} has read Okta after this one, so the plan of this run is out of date and is "
            "not written. Trigger a new run instead."
        )

    @property
    def is_backfill(self) -> bool:
        """Whether the run belongs to a backfill."""
        return bool(self.context["dag_run"].run_type == "backfill")

    @property
    def part(self) -> int | None:
        """Which one of a mapped task this is; None of any other."""
        index = getattr(self.context["ti"], "map_index", None)
        return index if index is not None and index >= 0 else None

    def _plan(self) -> StoredPlan:
        digest = self.handed_over(DIFF, "plan")
        plan = self.store.load_plan(self.run, made_by=DIFF, digest=digest)
        return StoredPlan(plan, plan.digest)

    def handed_over(self, task_id: str, key: str) -> str | None:
        """A digest that another task of this run has returned; None if there is none."""
        value = self.context["ti"].xcom_pull(task_ids=task_id)
        digest = value.get(key) if isinstance(value, dict) else None
        return digest if isinstance(digest, str) else None


def readable(read: Callable[[Any], Value], data: Any, run: RunKey) -> Value:
    """What an earlier task has stored, as a value.

    Raises:
        ArtifactMissing: If another version of the package has stored it.
    """
    from okta_mi_provider.store import ArtifactMissing

    try:
        return read(data)
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactMissing(
            f"What the tasks of run {run.run_id!r} have stored was written by another version of okta-mi-provider. "
            f"Clear task {FETCH!r} and all after it."
        ) from error


def triggered_by(context: Context) -> str:
    """Who wants a run: the person who triggered it, else what kind of run it is."""
    dag_run: Any = context.get("dag_run")
    kind = getattr(dag_run, "run_type", None)
    return getattr(dag_run, "triggering_user_name", None) or str(getattr(kind, "value", kind) or "unknown")
