"""HTTP clients for Okta and Metric Insights, free of Airflow."""
