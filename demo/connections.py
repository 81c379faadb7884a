"""The two Airflow connections that lead to the simulators. Nothing but the standard library is needed."""

from __future__ import annotations

import json

from okta_mi_provider.simulators.credentials import (
    MI_APPLICATION_ID,
    MI_APPLICATION_KEY,
    MI_USER,
    OKTA_API_TOKEN,
)


def simulator_connections(okta_url: str, mi_url: str) -> dict[str, str]:
    """The connections ``okta_default`` and ``metric_insights_default`` as environment variables.

    Simulators speak plain HTTP, which is allowed to other hosts than this one only when the connection says so.
    """
    okta = {
        "conn_type": "okta",
        "host": okta_url,
        "password": OKTA_API_TOKEN,
        "extra": {"allow_http": True},
    }
    metric_insights = {
        "conn_type": "metric_insights",
        "host": mi_url,
        "login": MI_USER,
        "password": MI_APPLICATION_KEY,
        "extra": {"auth_mode": "application", "application_id": MI_APPLICATION_ID, "allow_http": True},
    }
    return {
        "AIRFLOW_CONN_OKTA_DEFAULT": json.dumps(okta),
        "AIRFLOW_CONN_METRIC_INSIGHTS_DEFAULT": json.dumps(metric_insights),
    }
