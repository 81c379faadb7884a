"""One Airflow DAG for each group of okta_groups.yaml. Slack hears when a sync begins to fail, and when it is well."""

from airflow.providers.slack.notifications.slack_webhook import SlackWebhookNotifier

from okta_mi_provider.dag_factory import build_dags

build_dags(
    __file__,
    on_state_change=[SlackWebhookNotifier(slack_webhook_conn_id="slack_default", text="{{ okta_mi.slack }}")],
)
