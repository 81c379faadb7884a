"""Which Airflow a command has asked for its connections. Imports Airflow."""

from __future__ import annotations

from airflow.sdk import conf
from sqlalchemy import create_engine, inspect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from okta_mi_provider.store.engine import shown
from okta_mi_provider.store.location import airflow_home


def airflow_asked() -> str:
    """Sentences for whoever misses a connection: where Airflow is, where its database, and whether that is ready."""
    home = f"Asked was the Airflow of AIRFLOW_HOME {airflow_home()}"
    try:
        url = make_url(conf.get("database", "sql_alchemy_conn"))
    except SQLAlchemyError:
        return f"{home}, whose [database] sql_alchemy_conn is no SQLAlchemy URL."
    where = f"{home}, with the database {shown(url)}."
    # Airflow says of a database that it cannot read what it says of one without the connection.
    try:
        engine = create_engine(url)
        try:
            migrated = inspect(engine).has_table("connection")
        finally:
            engine.dispose()
    except (SQLAlchemyError, ImportError):
        return f"{where} That database cannot be read."
    return where if migrated else f"{where} That has no tables yet: run airflow db migrate."
