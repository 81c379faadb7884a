"""The plugin, as the entry point `airflow.plugins` hands it to Airflow."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from okta_mi_provider.plugins import okta_pool


class OktaMiPlugin(AirflowPlugin):
    """Makes the pool that `[okta_mi] okta_pool` names, when Airflow starts."""

    name = "okta_mi"
    listeners = [okta_pool]  # noqa: RUF012 - as Airflow declares it
