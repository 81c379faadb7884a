"""Example DAGs; they parse without connections."""
