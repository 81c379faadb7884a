"""Airflow tasks around the five rooms of a sync."""
