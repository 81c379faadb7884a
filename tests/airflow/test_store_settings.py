"""Where the store is and how long it keeps what, as Airflow's configuration says it."""

from __future__ import annotations

import os

import pytest

from okta_mi_provider.hooks.store import retention, store_url
from okta_mi_provider.store import Retention, StoreError

pytestmark = [pytest.mark.airflow, pytest.mark.usefixtures("migrated")]


def test_the_store_is_sqlite_in_airflow_home_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW__OKTA_MI__STORE", raising=False)

    assert str(store_url()) == f"sqlite:///{os.environ['AIRFLOW_HOME']}/okta_mi.db"


def test_the_store_can_be_a_url_or_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlalchemy.engine import make_url

    monkeypatch.setenv("AIRFLOW__OKTA_MI__STORE", "sqlite:////tmp/x.db")
    assert str(store_url()) == "sqlite:////tmp/x.db"

    monkeypatch.setenv("AIRFLOW__OKTA_MI__STORE", "okta_mi_db")
    monkeypatch.setenv("AIRFLOW_CONN_OKTA_MI_DB", "postgres://me:p%40ss@db.example.org:5433/okta_mi?sslmode=require")
    url = make_url(store_url())
    assert url.render_as_string(hide_password=False) == (
        "postgresql://me:p%40ss@db.example.org:5433/okta_mi?sslmode=require"
    )

    monkeypatch.setenv("AIRFLOW__OKTA_MI__STORE", "no_such_connection")
    with pytest.raises(StoreError, match="'no_such_connection', which does not exist"):
        store_url()


@pytest.mark.parametrize("setting", ["retention_days", "history_days"])
def test_retention_is_a_whole_number_of_days(monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    assert retention() == Retention(30, 400)
    monkeypatch.setenv(f"AIRFLOW__OKTA_MI__{setting.upper()}", "12")
    assert getattr(retention(), setting.removeprefix("retention_")) == 12
    monkeypatch.setenv(f"AIRFLOW__OKTA_MI__{setting.upper()}", "month")

    with pytest.raises(StoreError, match=f"{setting} is 'month'"):
        retention()
