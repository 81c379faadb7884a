"""An auth manager in which people may read some DAGs and not others. As little of it as a test needs."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

#: The DAGs that each person may read; None is every one.
READS: dict[str, set[str] | None] = {
    "root": None,
    "sam": {"okta_mi__Sales", "foreign"},
    "norah": {"okta_mi__Sales"},
    "dora": set(),
}
#: May read DAGs, but none of their runs.
NO_RUNS = {"norah"}


class PickyAuthManager(SimpleAuthManager):
    """Users log in as with the simple one; who may read which DAG is said by `READS`."""

    def is_authorized_dag(
        self,
        *,
        method: Any,
        user: Any,
        access_entity: DagAccessEntity | None = None,
        details: Any = None,
    ) -> bool:
        reads = READS[user.username]
        if method != "GET" or (access_entity is DagAccessEntity.RUN and user.username in NO_RUNS):
            return False
        # As the one of FAB does: without a DAG it is asked whether there is any.
        return reads is None or (bool(reads) if details is None or details.id is None else details.id in reads)
