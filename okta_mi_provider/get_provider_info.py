"""What Airflow reads about this package: connection forms, configuration, commands. A literal, without imports.

Source of the shape: `airflow/provider_info.schema.json` and `airflow/provider.yaml.schema.json` of Airflow 3.2 and 3.3.
"""

from __future__ import annotations

from typing import Any

_TIMEOUT = {
    "label": "Timeout (seconds)",
    "description": "Longest silence while waiting for an answer.",
    "schema": {"type": ["integer", "null"], "minimum": 1, "maximum": 3600, "default": 30},
}
_VERIFY = {
    "label": "Check of certificates",
    "description": "true, false, or the path of a file with the certificates of your own authority.",
    "schema": {"type": ["string", "null"], "default": "true"},
}
_ALLOW_HTTP = {
    "label": "Allow http",
    "description": "Accept a host without encryption that is not this machine. Anybody on the way can read the token.",
    "schema": {"type": ["boolean", "null"], "default": False},
}


def get_provider_info() -> dict[str, Any]:
    """The provider's metadata, as the entry point `apache_airflow_provider` hands it to Airflow."""
    return {
        "package-name": "okta-mi-provider",
        "name": "Okta to Metric Insights",
        "description": "Keeps Metric Insights groups and users in step with Okta.",
        "integrations": [
            {"integration-name": "Okta", "external-doc-url": "https://developer.okta.com/", "tags": ["service"]},
            {
                "integration-name": "Metric Insights",
                "external-doc-url": "https://help.metricinsights.com/",
                "tags": ["service"],
            },
        ],
        "hooks": [
            {"integration-name": "Okta", "python-modules": ["okta_mi_provider.hooks.okta"]},
            {"integration-name": "Metric Insights", "python-modules": ["okta_mi_provider.hooks.metric_insights"]},
        ],
        "operators": [
            {
                "integration-name": "Metric Insights",
                "python-modules": [
                    "okta_mi_provider.operators.provision",
                    "okta_mi_provider.operators.fetch",
                    "okta_mi_provider.operators.diff",
                    "okta_mi_provider.operators.approve",
                    "okta_mi_provider.operators.create_groups",
                    "okta_mi_provider.operators.upsert_users",
                    "okta_mi_provider.operators.report",
                    "okta_mi_provider.operators.by_attribute",
                ],
            }
        ],
        "extra-links": [
            "okta_mi_provider.operators.links.OktaGroupLink",
            "okta_mi_provider.operators.links.MetricInsightsGroupLink",
            "okta_mi_provider.operators.links.PlanLink",
        ],
        "notifications": ["okta_mi_provider.notifications.on_change.OnStateChange"],
        "connection-types": [
            {
                "connection-type": "okta",
                "hook-class-name": "okta_mi_provider.hooks.okta.OktaHook",
                "hook-name": "Okta",
                "ui-field-behaviour": {
                    "hidden-fields": ["login", "schema", "port"],
                    "relabeling": {"host": "Org URL", "password": "API token"},
                    "placeholders": {"host": "https://acme.okta.com", "password": "Empty for a service app"},
                },
                "conn-fields": {
                    "auth_mode": {
                        "label": "Authentication",
                        "description": "ssws: an API token; private_key_jwt: a service app, as Okta recommends.",
                        "schema": {
                            "type": ["string", "null"],
                            "enum": ["ssws", "private_key_jwt"],
                            "default": "ssws",
                        },
                    },
                    "client_id": {
                        "label": "Client ID",
                        "description": "Of the service app.",
                        "schema": {"type": ["string", "null"]},
                    },
                    "private_key": {
                        "label": "Private key",
                        "description": "Of the service app, in PEM or as JWK. Line ends that get lost do no harm.",
                        "schema": {"type": ["string", "null"], "format": "password"},
                    },
                    "private_key_id": {
                        "label": "Private key ID",
                        "description": "The kid that Okta shows beside the public key. Not needed if a JWK has it.",
                        "schema": {"type": ["string", "null"]},
                    },
                    "scopes": {
                        "label": "Scopes",
                        "description": "What to ask for, with blanks between.",
                        "schema": {"type": ["string", "null"], "default": "okta.groups.read"},
                    },
                    "dpop": {
                        "label": "DPoP",
                        "description": "Whether tokens are bound to a key: auto, if the app demands it.",
                        "schema": {
                            "type": ["string", "null"],
                            "enum": ["auto", "always", "never"],
                            "default": "auto",
                        },
                    },
                    "page_size": {
                        "label": "Page size",
                        "description": "Members asked for at a time. Okta recommends 200.",
                        "schema": {"type": ["integer", "null"], "minimum": 1, "maximum": 1000, "default": 200},
                    },
                    "rate_limit_share": {
                        "label": "Rate limit left to others (%)",
                        "description": "Share of the org's rate limit that a sync does not use.",
                        "schema": {"type": ["integer", "null"], "minimum": 0, "maximum": 90, "default": 50},
                    },
                    "max_wait": {
                        "label": "Longest wait (seconds)",
                        "description": "Longest pause that Okta's rate limit may impose on one request. If it asks for "
                        "more, the task ends and Airflow tries it again then.",
                        "schema": {"type": ["integer", "null"], "minimum": 1, "maximum": 3600, "default": 120},
                    },
                    "admin_url": {
                        "label": "Admin console",
                        "description": "For the links of the tasks, only if the org has a domain of its own: "
                        "https://acme-admin.okta.com.",
                        "schema": {"type": ["string", "null"]},
                    },
                    "timeout": _TIMEOUT,
                    "verify": _VERIFY,
                    "allow_http": _ALLOW_HTTP,
                },
            },
            {
                "connection-type": "metric_insights",
                "hook-class-name": "okta_mi_provider.hooks.metric_insights.MetricInsightsHook",
                "hook-name": "Metric Insights",
                "ui-field-behaviour": {
                    "hidden-fields": ["schema", "port"],
                    "relabeling": {
                        "host": "Server URL",
                        "login": "MI user",
                        "password": "Application key or personal token",
                    },
                    "placeholders": {
                        "host": "https://mi.example.org",
                        "login": "An administrator of MI; empty for a personal token",
                    },
                },
                "conn-fields": {
                    "auth_mode": {
                        "label": "Authentication",
                        "description": "application: an External Application that acts for the MI user; "
                        "bearer: a personal API token (MI 7.1.0 and later).",
                        "schema": {
                            "type": ["string", "null"],
                            "enum": ["application", "bearer"],
                            "default": "application",
                        },
                    },
                    "application_id": {
                        "label": "Application ID",
                        "description": "From Admin > System > External Applications. Not needed for a personal token.",
                        "schema": {"type": ["string", "null"]},
                    },
                    "default_group_id": {
                        "label": "Id of the Default Group",
                        "description": "Id of the group of MI that new users are put into.",
                        "schema": {"type": ["string", "null"], "default": "1"},
                    },
                    "default_group_name": {
                        "label": "Name of the Default Group",
                        "description": "Its name, for when no group has that id.",
                        "schema": {"type": ["string", "null"], "default": "Default Group"},
                    },
                    "min_interval_s": {
                        "label": "Least time between requests (seconds)",
                        "description": "Least time between the starts of two requests to MI, in seconds.",
                        "schema": {"type": ["number", "null"], "minimum": 0, "maximum": 60, "default": 0},
                    },
                    "max_concurrency": {
                        "label": "Requests in flight",
                        "description": "Most at a time; fewer while MI reports deadlocks or overload.",
                        "schema": {"type": ["integer", "null"], "minimum": 1, "maximum": 64, "default": 4},
                    },
                    "timeout": _TIMEOUT,
                    "verify": _VERIFY,
                    "allow_http": _ALLOW_HTTP,
                },
            },
        ],
        "config": {
            "okta_mi": {
                "description": "Syncs of Okta groups into Metric Insights.",
                "options": {
                    "store": {
                        "description": "Where the tasks of a run hand each other what they read and planned, and where "
                        "the history is kept: a SQLAlchemy URL, or the id of an Airflow connection. Empty: SQLite in "
                        "AIRFLOW_HOME, which does for workers on one machine.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "postgresql+psycopg2://okta_mi:secret@db.example.org/okta_mi",
                        "default": "",
                        "sensitive": True,
                    },
                    "groups_file": {
                        "description": "The file that names the groups to sync. Empty: okta_groups.yaml beside the "
                        "DAG file that calls build_dags.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "/opt/airflow/config/okta_groups.yaml",
                        "default": "",
                    },
                    "okta_pool": {
                        "description": "Airflow pool of all tasks that read Okta, so that they respect its rate limit "
                        "together. It is made when the scheduler starts. Empty: none.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "okta_api",
                        "default": "",
                    },
                    "okta_pool_slots": {
                        "description": "How many tasks may read Okta at the same time; they divide the rate limit.",
                        "version_added": "0.1.0",
                        "type": "integer",
                        "example": None,
                        "default": "4",
                    },
                    "write_pools": {
                        "description": "Airflow pools that bound the writes in flight on Metric Insights over all "
                        "workers and DAGs: a JSON object with the pool of each connection of type metric_insights. A "
                        "slot is a write in flight; slots are at most max_concurrency of the connection, and each "
                        "task that writes takes task_slots of them (without it: all). The pools are made when "
                        "the scheduler starts. Empty: none, and of one run a single task writes at a time.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": '{"metric_insights_default": {"pool": "mi_writes", "slots": 8, "task_slots": 4}}',
                        "default": "",
                    },
                    "retention_days": {
                        "description": "Days after which the members, plan and report that the tasks of a run have "
                        "handed each other are deleted, and changes that were planned but never tried.",
                        "version_added": "0.1.0",
                        "type": "integer",
                        "example": None,
                        "default": "30",
                    },
                    "history_days": {
                        "description": "Days after which runs and their changes are deleted from the history. What a "
                        "later sync needs is never deleted: who is a member by us, who is who, the last complete run.",
                        "version_added": "0.1.0",
                        "type": "integer",
                        "example": None,
                        "default": "400",
                    },
                },
            }
        },
        "cli": ["okta_mi_provider.cli.airflow_cli.get_okta_mi_cli_commands"],
    }
