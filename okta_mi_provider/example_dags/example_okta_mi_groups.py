"""Example Airflow DAGs: one for each entry of okta_groups.yaml, which lies beside this file."""

from okta_mi_provider.dag_factory import build_dags

build_dags(__file__)
