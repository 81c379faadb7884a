"""Example Airflow DAG: two Okta groups into Metric Insights, as one step of a DAG of your own.

Needs the connections `okta_default` and `metric_insights_default`, and runs when somebody triggers it. As it stands it
only looks (`dry_run`): take that out to write.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG, chain, task

from okta_mi_provider.operators.provision import ProvisionOperator

#: The Okta groups, by their exact names. Each becomes the MI group of the same name.
GROUPS = ["BI Readers", "BI Authors"]

with DAG(
    dag_id="example_okta_mi_provision",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["example", "okta_mi"],
):

    @task
    def load_people() -> None:
        """Stands for whatever has to be there before people get access."""

    # One after the other: both write to the same server. With [okta_mi] write_pools they may run side by side.
    readers, authors = (
        ProvisionOperator(task_id=task_id, group=group, auto_create="all", dry_run=True)
        for task_id, group in zip(("readers", "authors"), GROUPS, strict=True)
    )

    @task
    def refresh_dashboards() -> None:
        """Runs when both groups are as they shall be, for a sync with a failure or a conflict fails its task."""

    chain(load_people(), readers, authors, refresh_dashboards())
