"""An Airflow DAG that runs after access to an MI group has changed, and not when a sync had nothing to do."""

from datetime import UTC, datetime

from airflow.sdk import DAG, task

from okta_mi_provider.assets import target_group_asset

READERS = target_group_asset("BI Readers")

with DAG("after_access_changed", schedule=[READERS], start_date=datetime(2026, 1, 1, tzinfo=UTC)):

    @task(inlets=[READERS])
    def refresh(triggering_asset_events=None):
        """Does what has to follow: here it only says what has changed."""
        for event in triggering_asset_events[READERS]:
            print(f"{event.extra['memberships_added']} more, {event.extra['memberships_removed']} fewer members")

    refresh()
