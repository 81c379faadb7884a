"""Who may see what: Airflow's auth manager says which DAGs a person may read, and no run of another one is shown.

It is asked what Airflow's own list of the runs of all DAGs asks: may the person read runs at all, and which DAGs? See
`airflow.api_fastapi.core_api.security`, `requires_access_dag` and `ReadableDagRunsFilterDep`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

from okta_mi_provider.store.syncs import COMMAND

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.base_auth_manager import BaseAuthManager

#: An id that was too long, and has lost a part of it that may have been one of the DAG's; see `RunKey`.
_SHORTENED = re.compile(r".{200}:[0-9a-f]{16}", re.DOTALL)


def owner(dag_id: str) -> str | None:
    """The DAG of Airflow that a sync belongs to; None if it is not one of a DAG.

    Args:
        dag_id: As in the store: of a DAG, of a task as `<DAG>:<task>`, or `cli:<MI group>`.
    """
    if dag_id.startswith(COMMAND):
        return None
    dag, colon, _ = dag_id.partition(":")
    return None if colon and len(dag) >= 200 and _SHORTENED.fullmatch(dag_id) else dag


def readable(manager: BaseAuthManager[Any], user: Any) -> frozenset[str]:
    """Ids of the DAGs of Airflow whose runs a person may read.

    Args:
        manager: Airflow's auth manager.
        user: Whom Airflow has authenticated.
    """
    # It costs a second of import, which only the API server has paid anyway.
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity  # noqa: PLC0415

    if not manager.is_authorized_dag(method="GET", access_entity=DagAccessEntity.RUN, user=user):
        return frozenset()
    return frozenset(manager.get_authorized_dag_ids(user=user, method="GET"))


def visible(
    stored: Iterable[str],
    manager: BaseAuthManager[Any],
    user: Any,
    *,
    mine: AbstractSet[str],
    existing: AbstractSet[str],
) -> frozenset[str]:
    """Whose runs a person may see.

    What belongs to no DAG that Airflow knows (the command line, a DAG that was deleted) is for who may read every
    DAG there is, and whom the auth manager lets read one of that very name.

    Args:
        stored: All ids of the store.
        manager: Airflow's auth manager.
        user: Whom Airflow has authenticated.
        mine: The DAGs that are `readable`.
        existing: Ids of all DAGs of Airflow.
    """
    owners = {each: owner(each) for each in stored}
    seen = {each for each, dag in owners.items() if dag in mine}
    stray = {each for each, dag in owners.items() if dag not in existing}
    if stray and mine and existing <= mine:
        seen |= manager.filter_authorized_dag_ids(dag_ids=stray, user=user, method="GET")
    return frozenset(seen)
