"""The job itself: values and pure functions. Knows neither Airflow nor HTTP nor SQL."""
