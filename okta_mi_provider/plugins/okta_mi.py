"""The plugin, as the entry point `airflow.plugins` hands it to Airflow."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from okta_mi_provider.plugins import page, pools


class OktaMiPlugin(AirflowPlugin):
    """Makes the pools that `[okta_mi]` names when Airflow starts, and adds the pages to its UI."""

    name = "okta_mi"
    listeners = [pools]  # noqa: RUF012 - as Airflow declares it
    fastapi_apps = page.fastapi_apps()
    external_views = page.external_views()
