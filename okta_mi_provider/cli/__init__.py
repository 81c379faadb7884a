"""The command line: `okta-mi ...` and `airflow okta-mi ...`."""
