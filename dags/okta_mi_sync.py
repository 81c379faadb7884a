"""Airflow DAGs that keep groups of Metric Insights in step with Okta: one dag for each entry of okta_groups.yaml."""

from okta_mi_provider.dag_factory import build_dags

build_dags(__file__)
