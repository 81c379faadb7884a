"""What Airflow's UI shows of the syncs: pages that the API server renders, for who may read the DAGs. Only reads."""
