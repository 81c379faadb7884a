"""One Airflow DAG for each group of okta_groups.yaml. A mail says that a sync begins to fail, and that it is well."""

from airflow.providers.smtp.notifications.smtp import SmtpNotifier

from okta_mi_provider.dag_factory import build_dags

build_dags(
    __file__,
    on_state_change=[
        SmtpNotifier(
            from_email="airflow@example.org",
            to="bi-administrators@example.org",
            subject="{{ okta_mi.headline }}",
            html_content="{{ okta_mi.html }}",
        )
    ],
)
