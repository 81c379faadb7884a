"""Example Airflow DAG: what to do with the result of a sync, also of one that failed.

A sync returns numbers, and never names: XComs are readable by many. Who was changed stands in the log, and in
`okta-mi history --group 'BI Readers'`. Needs the connections `okta_default` and `metric_insights_default`.
"""

from __future__ import annotations

from typing import Any

import pendulum
from airflow.sdk import DAG, task
from airflow.sdk.exceptions import AirflowSkipException

from okta_mi_provider.operators.provision import ProvisionOperator

with DAG(
    dag_id="example_okta_mi_result",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["example", "okta_mi"],
):
    sync = ProvisionOperator(task_id="sync", group="BI Readers", auto_create="all", dry_run=True)

    # The result is there after a failure as well; it is not if the sync did not get as far as a report.
    @task(trigger_rule="all_done")
    def tell(result: Any) -> None:
        """Says in a line what became of the group: here in the log, as well into a chat."""
        if result is None:
            print("There was no sync; see the log of the task before.")
            return
        users, memberships = result["users"], result["memberships"]
        print(
            f"{result['state']}: {users['created']} created, {users['updated']} updated, {users['failed']} failed; "
            f"{memberships['added']} have joined the group, {memberships['removed']} have left it."
        )

    @task
    def rebuild_access_report(result: Any) -> None:
        """Runs only if somebody's access has changed."""
        memberships = result["memberships"]
        if not memberships["added"] and not memberships["removed"]:
            raise AirflowSkipException("Nobody's access has changed.")

    tell(sync.output)
    rebuild_access_report(sync.output)
