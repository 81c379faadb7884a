"""Makes one Airflow DAG for each group of the groups file. Reads that file, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pendulum
from airflow.sdk import DAG, BaseOperator, Param, chain, conf, get_parsing_context

from okta_mi_provider import addresses, write_pools
from okta_mi_provider.assets import alias_of
from okta_mi_provider.dag_doc import doc
from okta_mi_provider.entry import BrokenEntry, Entry
from okta_mi_provider.garbage import nothing_collected
from okta_mi_provider.groups_file import read
from okta_mi_provider.okta_pool import OktaPool
from okta_mi_provider.operators.config_error import ConfigErrorOperator
from okta_mi_provider.operators.create_groups import CreateGroupsOperator
from okta_mi_provider.operators.diff import DiffOperator
from okta_mi_provider.operators.fetch import FetchOperator
from okta_mi_provider.operators.report import ReportOperator
from okta_mi_provider.operators.retry import retry_arguments
from okta_mi_provider.operators.task_ids import APPROVE, CREATE_GROUPS, DIFF, FETCH, REPORT, SYNC, UPSERT_USERS
from okta_mi_provider.operators.upsert_users import UpsertUsersOperator
from okta_mi_provider.settings import SyncSettings, options
from okta_mi_provider.sync.text import one_line

if TYPE_CHECKING:
    from airflow.sdk import BaseNotifier

#: Beside the DAG file, unless `[okta_mi] groups_file` names another.
GROUPS_FILE = "okta_groups.yaml"
#: The same at every parse: nothing is ever caught up.
_START = pendulum.datetime(2026, 1, 1, tz="UTC")
_TAG, _ERROR_TAG = "okta_mi", "config-error"
#: Options of the run form that deserve a second thought.
_DANGEROUS = frozenset({"force", "approve_plan"})


def build_dags(file: str, *, on_state_change: Sequence[BaseNotifier] = ()) -> None:
    """Makes the DAGs of the groups file, and registers them with Airflow as those of the calling file.

    A worker, which wants a single one, gets only that.

    Args:
        file: `__file__` of the calling DAG file; `okta_groups.yaml` is looked for beside it.
        on_state_change: Notifiers of Airflow that tell people when a sync begins to fail, is well again, or waits for
            an approval; see `notifications.on_change`.

    Raises:
        GroupsFileError: If the groups file cannot be used as a whole, with every mistake in it.
        OktaPoolError: If `[okta_mi] okta_pool` cannot be used.
        WritePoolError: If `[okta_mi] write_pools` cannot be used.
    """
    setting = (conf.get("okta_mi", "groups_file", fallback="") or "").strip()
    path = Path(setting).expanduser() if setting else Path(file).with_name(GROUPS_FILE)
    groups = read(path)
    only = get_parsing_context().dag_id
    house = _House(file, OktaPool.configured(), write_pools.configured(), addresses.prefix(), on_state_change)
    with nothing_collected():
        for entry in groups.entries:
            if only in {None, entry.dag_id}:
                _dag(entry, house)
        for stand_in in groups.broken:
            if only in {None, stand_in.dag_id}:
                _stand_in(stand_in, file, path.name)


class _House(NamedTuple):
    """What all DAGs of a file have in common.

    Attributes:
        under: What stands in front of every path of this Airflow.
    """

    file: str
    okta_pool: OktaPool | None
    write_pools: Mapping[str, write_pools.WritePool]
    under: str
    on_state_change: Sequence[BaseNotifier]


def _dag(entry: Entry, house: _House) -> None:
    okta_pool, write_pool = house.okta_pool, house.write_pools.get(entry.metric_insights_conn_id)
    common: Mapping[str, Any] = {
        "group": entry.name,
        "group_id": entry.group_id,
        "groups": entry.groups,
        "settings": entry.settings,
        "okta_conn_id": entry.okta_conn_id,
        "metric_insights_conn_id": entry.metric_insights_conn_id,
        "pool": entry.pool,
        **({"owner": entry.owner} if entry.owner else {}),
        **retry_arguments(entry.retries),
    }
    with DAG(
        dag_id=entry.dag_id,
        dag_display_name=one_line(entry.title),
        description=one_line(f"Syncs {_of_okta(entry)} into Metric Insights"),
        schedule=entry.schedule,
        start_date=_START,
        catchup=False,
        max_active_runs=1,
        tags=sorted({_TAG, *entry.tags}),
        doc_md=doc(entry, okta_pool, write_pool, under=house.under),
    ) as dag:
        reading = {**common, **({"pool": okta_pool.name} if okta_pool else {})}
        if entry.settings.map_attr_to_group:
            _sync_by_attribute(reading, entry.dag_id)
        else:
            _rooms(entry, common, reading, write_pool)
        if house.on_state_change:
            _tell(dag, house.on_state_change)
        # Not before there are tasks: each would copy them, at every parse, and sees those of the DAG anyway.
        dag.params.update(_params(entry.settings))
    dag.fileloc = house.file


def _rooms(
    entry: Entry, common: Mapping[str, Any], reading: Mapping[str, Any], write_pool: write_pools.WritePool | None
) -> None:
    """One task for each room of the sync of a group."""
    chain(
        FetchOperator(task_id=FETCH, **reading),
        DiffOperator(task_id=DIFF, **common),
        *([] if entry.settings.approve == "never" else [_approve(entry, common)]),
        create_groups := CreateGroupsOperator(
            task_id=CREATE_GROUPS,
            chunk_size=entry.chunk_size,
            outlets=[alias_of(entry.dag_id)],
            **{**common, **(_slots(write_pool) if write_pool else {})},
        ),
        UpsertUsersOperator.partial(
            task_id=UPSERT_USERS,
            map_index_template="{{ task.title }}",
            outlets=[alias_of(entry.dag_id)],
            **{**common, **_bounds(write_pool)},
        ).expand(chunk=create_groups.output),
        ReportOperator(task_id=REPORT, **common),
    )


def _bounds(write_pool: write_pools.WritePool | None) -> dict[str, Any]:
    """What keeps the instances of `upsert_users` from writing more at once than the server bears."""
    if write_pool is None:
        # Each has in flight what the connection allows, so one goes after the other.
        return {"max_active_tis_per_dagrun": 1}
    return _slots(write_pool)


def _slots(write_pool: write_pools.WritePool) -> dict[str, Any]:
    """What a task in the pool takes of it.

    So does `create_groups`, which writes one thing at a time: with a single slot it would have less than one write of a
    connection that allows fewer than the pool has slots.
    """
    return {"pool": write_pool.name, "pool_slots": write_pool.task_slots}


def _sync_by_attribute(reading: Mapping[str, Any], dag_id: str) -> None:
    """One task for all rooms: which MI groups there are is known only when the group was read."""
    # Only DAGs that have it pay for it.
    from okta_mi_provider.operators.by_attribute import SyncByAttributeOperator

    SyncByAttributeOperator(task_id=SYNC, outlets=[alias_of(dag_id)], **reading)


def _tell(dag: DAG, notifiers: Sequence[BaseNotifier]) -> None:
    """Attaches notifiers to the task that ends the sync, and to the one that asks. Both run them where tasks run."""
    # Only DAG files that have some pay for it.
    from okta_mi_provider.notifications.on_change import OnQuestion, OnStateChange

    told: Any = OnStateChange(*notifiers)
    tasks: list[Any] = dag.tasks
    for task in tasks:
        if task.task_id in {REPORT, SYNC}:
            task.on_success_callback, task.on_failure_callback = [told], [told]
        elif task.task_id == APPROVE:
            task.notifiers = [OnQuestion(*notifiers)]


def _of_okta(entry: Entry) -> str:
    return f"the Okta groups {', '.join(entry.groups)}" if entry.groups else f"the Okta group {entry.title}"


def _approve(entry: Entry, common: Mapping[str, Any]) -> BaseOperator:
    """The task that asks a person."""
    # Only DAGs that have it pay for it.
    from okta_mi_provider.operators.approve import ApproveOperator

    return ApproveOperator(
        task_id=APPROVE, approvers=entry.approvers, approval_timeout=entry.approval_timeout, **common
    )


def _stand_in(entry: BrokenEntry, file: str, groups_file: str) -> None:
    """Keeps the place of a DAG whose entry is wrong, and says so."""
    mistakes = "\n".join(mistake.at(groups_file) for mistake in entry.mistakes)
    with DAG(
        dag_id=entry.dag_id,
        dag_display_name=one_line(entry.title),
        description="The entry of this group in the groups file is wrong, and the group is not synced.",
        schedule=None,
        start_date=_START,
        catchup=False,
        max_active_runs=1,
        tags=[_ERROR_TAG, _TAG],
        doc_md=f"**This group is not synced**, because its entry in the groups file is wrong:\n\n{_code(mistakes)}\n",
    ) as dag:
        ConfigErrorOperator(
            task_id="config_error",
            message=f"The group is not synced, because its entry in the groups file is wrong:\n{mistakes}",
            retries=0,
        )
    dag.fileloc = file


def _params(settings: SyncSettings) -> dict[str, Param]:
    """The run form: what it offers, with the values of the entry."""
    values = settings.to_mapping()
    form = {name: option for name, option in options().items() if option.in_form}
    if settings.approve != "never":
        # Approving is for those who are asked, not for everybody who may trigger the DAG.
        del form["approve_plan"]
    params: dict[str, Param] = {}
    for name, option in form.items():
        schema: dict[str, Any] = option.kind.json_schema()
        if values[name] is None:
            schema["type"] = [schema["type"], "null"]
        if name in _DANGEROUS:
            schema["section"] = "Danger"
        params[name] = Param(values[name], title=option.title, description_md=option.help, **schema)
    return params


def _code(text: str) -> str:
    """Text as a block of code: nothing in it is markup. No line of it can close the fence: each begins with a word."""
    lines = "\n".join(one_line(line, 2000) for line in text.splitlines())
    return f"```yaml\n{lines}\n```"
