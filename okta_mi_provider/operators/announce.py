"""Tells other DAGs that access to an MI group has changed, by an event of the group's asset.

Airflow makes events only of tasks that succeed, and `report` fails whenever a conflict is left. So the task tells that
has written; what a task has written that then failed is told by the next one that can, mostly of the next run.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from okta_mi_provider.assets import emit, target_group_asset
from okta_mi_provider.sync.report import State

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context

    from okta_mi_provider.store import RunKey, Store

log = logging.getLogger(__name__)


def announce(
    task: BaseOperator,
    context: Context,
    store: Store,
    run: RunKey,
    *,
    group: str,
    conn_id: str,
    failed: int,
    conflicts: int,
    part: int | None = None,
    shared: bool = False,
) -> None:
    """Has Airflow make an event if something was written, in this run or before, that nobody has told of.

    That the store does not answer is no reason for a sync to fail: the next run tells of it then.

    Args:
        task: The task that has written, about to succeed.
        context: Of its execution.
        store: Where the account of the run is.
        run: The run.
        group: Name of the MI group.
        conn_id: The connection to MI.
        failed: How many changes of the run have failed.
        conflicts: How many conflicts it has left.
        part: Which one of a mapped task this is.
        shared: Whether the run shares its `dag_id` with syncs into other groups.
    """
    from okta_mi_provider.store import StoreError

    try:
        written = store.announce(run, part=part, shared=shared)
    except StoreError as error:
        log.warning("Other DAGs were not told that access has changed; the next run does: %s", error)
        return
    if written is None:
        return
    state = State.FAILED if failed or conflicts else State.DONE
    extra: Mapping[str, Any] = {
        **written._asdict(),
        "changes_failed": failed,
        "conflicts": conflicts,
        "state": state.value,
    }
    emit(task, context, target_group_asset(group, conn_id), extra)


def owe(store: Store, run: RunKey, *, shared: bool = False) -> None:
    """Keeps in mind that others are to be told of a run later, where a task may fail although the run is well.

    Args:
        store: Where the account of the run is.
        run: The run.
        shared: As for `announce`.
    """
    from okta_mi_provider.store import StoreError

    try:
        store.owe(run, shared=shared)
    except StoreError as error:
        log.warning("It was not noted that other DAGs are to be told of what this run has written: %s", error)
