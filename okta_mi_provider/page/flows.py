"""What Airflow knows of the DAGs: when the next run is due, whether they are paused. For the API server only."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

#: The tag of every generated DAG, and that of those whose entry in the groups file is wrong.
TAG, ERROR_TAG = "okta_mi", "config-error"
#: Where the documentation of such a DAG has the mistakes.
_MISTAKES = re.compile(r"^```yaml\n(.+)\n```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Flow:
    """A DAG as Airflow has it.

    Attributes:
        title: What people call it.
        next_run: When the next run is due; None if none is.
        paused: Nothing is scheduled until somebody unpauses it.
        stale: No DAG file has it any more.
        generated: It is one of the groups file.
        broken: Its entry there is wrong, so that nothing is synced.
    """

    dag_id: str
    title: str
    next_run: datetime | None
    paused: bool
    stale: bool
    generated: bool
    broken: bool


def all_dag_ids() -> set[str]:
    """Ids of all DAGs of Airflow, whoever may read them."""
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        return set(session.scalars(select(DagModel.dag_id)))


def flows(readable: Collection[str], *, of: Collection[str] = ()) -> dict[str, Flow]:
    """Those that Airflow has of some DAGs, and all generated ones.

    Args:
        readable: Ids of the DAGs that may be told of.
        of: Ids of DAGs that are wanted although they are not generated ones.
    """
    from airflow.models.dag import DagModel, DagTag
    from airflow.utils.session import create_session
    from sqlalchemy import or_, select

    with create_session() as session:
        tagged = session.execute(select(DagTag.dag_id, DagTag.name).where(DagTag.name.in_((TAG, ERROR_TAG)))).all()
        generated = {dag_id for dag_id, tag in tagged if tag == TAG}
        broken = generated.intersection(dag_id for dag_id, tag in tagged if tag == ERROR_TAG)
        query = select(DagModel).where(or_(DagModel.dag_id.in_(generated), DagModel.dag_id.in_(sorted(of))))
        return {
            each.dag_id: Flow(
                dag_id=each.dag_id,
                title=each.dag_display_name or each.dag_id,
                next_run=each.next_dagrun_create_after,
                paused=bool(each.is_paused),
                stale=bool(each.is_stale),
                generated=each.dag_id in generated,
                broken=each.dag_id in broken,
            )
            for each in session.scalars(query)
            if each.dag_id in readable
        }


def mistakes(dag_ids: Collection[str]) -> dict[str, list[str]]:
    """What is wrong with entries of the groups file, each mistake with its line, as the DAGs' documentation has it.

    Args:
        dag_ids: DAGs that are `broken`, and may be told of. Where Airflow has no documentation of one, nothing is.
    """
    if not dag_ids:
        return {}
    from airflow.models.serialized_dag import SerializedDagModel

    found = SerializedDagModel.get_latest_serialized_dags(dag_ids=sorted(dag_ids))
    texts = {each.dag_id: (each.data or {}).get("dag", {}).get("doc_md") or "" for each in found}
    return {dag_id: fenced[1].splitlines() for dag_id, text in texts.items() if (fenced := _MISTAKES.search(text))}
