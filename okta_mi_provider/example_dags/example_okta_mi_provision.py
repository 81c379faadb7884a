"""Example Airflow DAG: an Okta group and its users into Metric Insights, in one task.

It needs the connections `okta_default` and `metric_insights_default`, and runs when somebody triggers it.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG

from okta_mi_provider.operators.provision import ProvisionOperator

with DAG(
    dag_id="example_okta_mi_provision",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["example", "okta_mi"],
):
    ProvisionOperator(
        task_id="provision",
        group="my_new_group",
        auto_create="all",
        summary="full",
        dry_run=True,
    )
