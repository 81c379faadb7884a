"""The DAG file of these tests: it mentions Airflow and DAGs, as Airflow's safe mode wants."""

from __future__ import annotations

from datetime import timedelta

from okta_mi_provider.dag_factory import build_dags
from okta_mi_provider.operators import retry

# What fails is tried again within the patience of a test.
retry._RETRY_DELAY = timedelta(seconds=1)
retry._MAX_RETRY_DELAY = timedelta(seconds=5)

build_dags(__file__)
