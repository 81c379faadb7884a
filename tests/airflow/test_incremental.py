"""With `incremental`, Okta's members are read only when it says that they have changed, and daily."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from okta_mi_provider.store import Store, okta_changes
from okta_mi_provider.sync import incremental
from tests.airflow.conftest import Sync
from tests.airflow.runs import run_dag
from tests.integration.world import World, logins

pytestmark = pytest.mark.airflow

SALES = """
    defaults: {auto_create: all, incremental: true, prune: all, max_removals: 100}
    groups: [{name: Sales}]
"""
TWO = """
    defaults: {auto_create: all, incremental: true}
    groups: [{name: Sales}, {name: Support}]
"""


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Okta tells of changes at once here: what has just changed need not settle, nor an answer be shared for long."""
    monkeypatch.setattr(incremental, "OVERLAP", timedelta(seconds=-5))
    monkeypatch.setattr(okta_changes, "_FRESH", timedelta(0))


@pytest.fixture
def read(world: World, sync: Sync) -> World:
    """Both sides after a first sync."""
    world.okta.group("Sales", "ana", "bo")
    assert sync(SALES).state == "success"
    world.okta.forget_requests()
    return world


def asked(world: World) -> list[str]:
    """What Okta was asked since, without the values."""
    paths = [request["path"].partition("?")[0] for request in world.okta.requests()]
    world.okta.forget_requests()
    return ["members" if path.endswith("/users") else "groups" for path in paths]


def test_an_unchanged_group_costs_one_request_and_metric_insights_is_compared(read: World, sync: Sync) -> None:
    read.mi.leave("Sales", "ana")
    run = sync(SALES)

    assert asked(read) == ["groups"]
    assert run.state == "success"
    assert read.mi.members("Sales") == logins("ana", "bo")
    sync(SALES)
    assert asked(read) == ["groups"]


def test_a_changed_group_is_read_again(read: World, sync: Sync) -> None:
    read.okta.leave("Sales", "ana")
    read.okta.user("cy", "Sales")
    sync(SALES)

    assert asked(read) == ["groups", "groups", "members"]
    assert read.mi.members("Sales") == logins("bo", "cy")


def test_a_change_that_okta_tells_of_late_is_found_then(world: World, sync: Sync) -> None:
    world.okta.knobs(membership_stamp_lag_s=3600)
    world.okta.group("Sales", "ana", "bo")
    sync(SALES)
    asked(world)
    world.okta.user("cy", "Sales")
    sync(SALES)
    assert (asked(world), world.mi.members("Sales")) == (["groups"], logins("ana", "bo"))

    world.okta.knobs(membership_stamp_lag_s=0)
    sync(SALES)
    assert world.mi.members("Sales") == logins("ana", "bo", "cy")


def test_what_okta_never_tells_of_is_found_by_the_daily_reading(
    read: World, sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    read.okta.change("ana", lastName="Married")
    sync(SALES)
    assert read.mi.user("ana")["last_name"] != "Married"

    monkeypatch.setattr(incremental, "FULL_EVERY", timedelta(0))
    sync(SALES)
    assert read.mi.user("ana")["last_name"] == "Married"
    assert asked(read).count("members") == 1


@pytest.mark.parametrize("conf", [{"dry_run": True}, {"mode": "drift"}, {"only_user": "ana@acme.example"}])
def test_what_is_looked_at_by_a_person_is_read(read: World, sync: Sync, conf: dict[str, Any]) -> None:
    sync(SALES, **conf)
    assert "members" in asked(read)


def test_other_settings_are_a_reason_to_read(read: World, sync: Sync) -> None:
    sync(SALES.replace("prune: all", "prune: all, last_name_attr: nickName"))
    assert "members" in asked(read)


def test_an_org_that_does_not_tell_is_read(read: World, sync: Sync, logged: Callable[[], str]) -> None:
    read.okta.fault("400", route="list_groups", count=1)
    assert sync(SALES).state == "success"
    assert asked(read).count("members") == 1
    assert "All members are read." in logged()


def test_one_request_tells_it_for_all_groups(
    world: World, dags: Callable[[str], Any], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(okta_changes, "_FRESH", timedelta(minutes=5))
    world.okta.group("Sales", "ana")
    world.okta.group("Support", "bo")
    bag = dags(TWO)
    for _ in range(2):
        asked(world)
        for dag in bag.dags.values():
            assert run_dag(dag).state == "success"
    assert asked(world) == ["groups"]


def test_other_credentials_of_the_org_may_see_other_groups_and_ask_for_themselves(
    world: World, dags: Callable[[str], Any], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Okta answers who may see some groups with these only: the others would seem unchanged."""
    monkeypatch.setattr(okta_changes, "_FRESH", timedelta(minutes=5))
    monkeypatch.setenv("AIRFLOW_CONN_OKTA_OTHER", os.environ["AIRFLOW_CONN_OKTA_DEFAULT"])
    world.okta.group("Sales", "ana")
    world.okta.group("Support", "bo")
    bag = dags(TWO.replace("{name: Support}", "{name: Support, okta_conn_id: okta_other}"))
    for _ in range(2):
        asked(world)
        for dag in bag.dags.values():
            assert run_dag(dag).state == "success"
    assert asked(world) == ["groups", "groups"]
