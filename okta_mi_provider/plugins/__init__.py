"""What Airflow's own processes load of this package."""
