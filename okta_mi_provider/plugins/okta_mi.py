"""The plugin, as the entry point `airflow.plugins` hands it to Airflow."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from okta_mi_provider.plugins import pools


class OktaMiPlugin(AirflowPlugin):
    """Makes the pools that `[okta_mi] okta_pool` and `write_pools` name, when Airflow starts."""

    name = "okta_mi"
    listeners = [pools]  # noqa: RUF012 - as Airflow declares it
