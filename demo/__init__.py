"""Okta, Metric Insights and Airflow on one machine: `make demo`.

`processes` starts and ends programs, `airflow_api` talks to a running Airflow, `airflow_stack` runs
one, `simulators` runs the two servers between which it syncs, and `__main__` tells the story.
The tests in ``tests/airflow`` use the same parts.
"""
