"""The pages as a part of Airflow: at its own address, and free for whoever shows none."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from okta_mi_provider.store import Store
from tests.airflow.page.reading import Page

pytestmark = pytest.mark.usefixtures("migrated")


def test_links_go_out_from_where_airflow_is(filled: str) -> None:
    """Behind a proxy Airflow is not at the top of its address."""
    from okta_mi_provider.page.app import create_page_app
    from okta_mi_provider.page.desk import Desk, open_desk
    from okta_mi_provider.store.lookup import Lookup
    from okta_mi_provider.store.syncs import Syncs, stored_dag_ids

    store = Store(filled)
    seen = frozenset(stored_dag_ids(store))
    pages, airflow = create_page_app(), FastAPI(root_path="/airflow")
    pages.dependency_overrides[open_desk] = lambda: Desk(store, Syncs(store, seen), Lookup(store, seen), seen, seen)
    airflow.mount("/okta-mi", pages)
    client = TestClient(airflow)
    page = Page(client.get("/airflow/okta-mi/run?id=1").text)
    store.close()

    outside = [each for each in page.links if not each.startswith(("/airflow/okta-mi/", "#"))]
    assert len(outside) == 1
    assert re.fullmatch("/airflow/dags/okta_mi__Sales/runs/scheduled__[0-9-]+", outside[0])


def test_what_every_part_of_airflow_loads_is_cheap() -> None:
    """The scheduler, each worker and each task load the plugin; none of them shows a page."""
    script = (
        "import sys, airflow.plugins_manager; before = set(sys.modules); import okta_mi_provider.plugins.okta_mi;"
        "print(sorted(name for name in set(sys.modules) - before if name.partition('.')[0] in "
        "{'fastapi', 'starlette', 'jinja2', 'sqlalchemy', 'alembic', 'requests'} or name.startswith("
        "('okta_mi_provider.page', 'okta_mi_provider.store', 'airflow.api_fastapi'))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env={**os.environ}
    )
    assert done.stdout.strip().splitlines()[-1] == "[]"
