"""Where the store is, unless somebody says otherwise."""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy.engine import URL

#: Name of the SQLite file.
_FILE = "okta_mi.db"


def airflow_home() -> Path:
    """Airflow's folder, as Airflow finds it."""
    return Path(os.path.expandvars(os.environ.get("AIRFLOW_HOME") or "~/airflow")).expanduser()


def default_url() -> URL:
    """SQLite in Airflow's folder."""
    return URL.create("sqlite", database=str(airflow_home() / _FILE))
