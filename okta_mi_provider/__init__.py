"""Keeps Metric Insights groups and users in step with Okta, from Apache Airflow or the command line."""

__version__ = "0.1.0"
