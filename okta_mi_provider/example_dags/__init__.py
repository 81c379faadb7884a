"""Example DAGs; they parse without connections. Not in the wheel: Airflow 3.3 would show them to everybody."""
