"""The generated DAG from its first task to its last, by `dag.test()` against the simulators."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from okta_mi_provider.simulators import credentials
from okta_mi_provider.store import ArtifactKind, Store
from tests.airflow.conftest import SALES, Sync
from tests.airflow.runs import stored_report
from tests.integration.world import World, logins

pytestmark = pytest.mark.airflow

NOTHING_ELSE = {
    "users": {
        "source": 0, "created": 0, "updated": 0, "unchanged": 0,
        "skipped": 0, "conflicts": 0, "failed": 0, "disabled": 0,
    },
    "groups": {"created": 0},
    "memberships": {"added": 0, "removed": 0},
}  # fmt: skip


def counts(*, groups: int = 0, added: int = 0, state: str = "done", **users: int) -> dict[str, Any]:
    """What `report` returns."""
    return {
        "users": {**NOTHING_ELSE["users"], **users},
        "groups": {"created": groups},
        "memberships": {"added": added, "removed": 0},
        "state": state,
    }


def test_a_group_and_its_users_are_created_and_a_second_run_writes_nothing(
    world: World, sync: Sync, store: Store
) -> None:
    world.okta.group("Sales", "ana", "bo")

    first = sync()

    assert first.state == "success"
    assert first.tasks == dict.fromkeys(["fetch", "diff", "create_groups", "upsert_users", "report"], "success")
    assert first.report == counts(source=2, created=2, groups=1, added=2)
    assert world.mi.members("Sales") == logins("ana", "bo")
    assert stored_report(store, first)["counts"] == {key: first.report[key] for key in NOTHING_ELSE}
    world.mi.forget_requests()

    second = sync()

    assert second.state == "success"
    assert second.report == counts(source=2, unchanged=2)
    assert world.mi.writes() == []


def test_tasks_return_digests_and_counts_and_nobody_s_name(world: World, sync: Sync, store: Store) -> None:
    world.okta.group("Sales", "ana", "bo")

    run = sync()

    plan = store.load_plan(run.key, made_by="diff")
    snapshot = store.load(run.key, ArtifactKind.SNAPSHOT, made_by="fetch")
    assert run.returned["fetch"] == {"snapshot": snapshot.digest, "source_users": 2, "target_users": 9}
    assert run.returned["diff"]["plan"] == plan.digest
    assert run.returned["create_groups"] == [{"start": 0, "end": 2, "total": 2}]
    assert run.returned["upsert_users"] == {"plan": plan.digest, "done": 2}
    assert "acme.example" not in json.dumps(run.returned)


def test_a_dry_run_from_the_form_writes_nothing_and_counts_what_it_would(
    world: World, sync: Sync, logged: Callable[[], str]
) -> None:
    world.okta.group("Sales", "ana", "bo")

    run = sync(dry_run=True, summary="full")

    assert run.state == "success"
    assert run.report == counts(source=2, created=2, groups=1, added=2)
    assert world.mi.writes() == []
    assert "Sales" not in world.mi.groups()
    logged = logged()
    assert "would create group 'Sales'" in logged
    assert "would create user 'ana@acme.example'" in logged


def test_people_are_named_in_the_log_of_a_real_run_only_if_the_full_summary_is_asked_for(
    world: World, sync: Sync, logged: Callable[[], str]
) -> None:
    world.okta.group("Sales", "ana")

    sync()

    assert "ana@" not in logged()


def test_a_dry_run_names_everybody_without_being_asked(world: World, sync: Sync, logged: Callable[[], str]) -> None:
    world.okta.group("Sales", "ana")

    sync(dry_run=True)

    assert "would create user 'ana@acme.example'" in logged()


def test_a_misspelt_parameter_is_no_run_with_the_defaults(world: World, sync: Sync, logged: Callable[[], str]) -> None:
    world.okta.group("Sales", "ana")

    assert sync(dry_runn=True).state == "failed"
    assert world.mi.writes() == []
    assert "did you mean dry_run?" in logged()


def test_the_form_goes_before_the_groups_file_in_all_tasks(world: World, sync: Sync) -> None:
    world.okta.group("Sales", "ana")

    assert sync(auto_create="groups").report == counts(source=1, skipped=1, groups=1)
    assert sync(user_type="power_user").report == counts(source=1, created=1, added=1)
    assert world.mi.user("ana")["type"] == "power"


def test_one_user_who_fails_leaves_the_others_done_and_ends_the_run_as_failed(
    world: World, sync: Sync, store: Store
) -> None:
    world.okta.group("Sales", "ana", "bo", "cy")
    world.mi.fault("400", method="POST", route="users", count=1)

    run = sync()

    assert run.state == "failed"
    assert run.tasks["upsert_users"] == "success"
    assert run.tasks["report"] == "failed"
    assert run.report == counts(source=3, created=2, failed=1, groups=1, added=2, state="failed")
    assert len(world.mi.members("Sales")) == 2
    (failed,) = [change for change in stored_report(store, run)["changes"] if change["status"] == "failed"]
    assert "400" in failed["error"]


def test_a_conflict_ends_the_run_as_failed(world: World, sync: Sync) -> None:
    group = world.okta.group("Sales", "ana")
    world.okta.user("bo", group, email="kim.lee@acme.example")
    world.mi.add_user("kim.lee", email="kim.lee@acme.example")

    run = sync()

    assert run.state == "failed"
    assert run.report == counts(source=2, created=1, conflicts=1, groups=1, added=1, state="failed")


def test_over_the_limit_nothing_is_written_and_the_plan_is_shown_all_the_same(
    world: World, sync: Sync, store: Store, logged: Callable[[], str]
) -> None:
    world.okta.group("Sales", "ana", "bo", "cy")

    run = sync(SALES.replace("retries: 0", "retries: 3"), sync_user_limit=2)

    assert run.state == "failed"
    assert run.tasks["diff"] == "failed"
    assert run.tasks["upsert_users"] == "upstream_failed"
    assert run.tries["diff"] == 1
    assert run.report == counts(source=3, state="refused")
    assert world.mi.writes() == []
    report = stored_report(store, run)
    assert "3 users" in report["error"]
    assert "(2)" in report["error"]
    assert len(report["changes"]) == 4
    assert "  users to create   3" in logged()


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_end_the_run_at_once_and_the_report_quotes_why(
    world: World, sync: Sync, store: Store, status: int
) -> None:
    world.okta.group("Sales", "ana")
    world.okta.fault(str(status), count=None)

    run = sync(SALES.replace("retries: 0", "retries: 3"))

    assert run.state == "failed"
    assert run.tries["fetch"] == 1
    assert len(world.okta.requests()) == 1
    assert run.tasks["report"] == "failed"
    assert run.report == counts(state="failed")
    report = stored_report(store, run)
    assert "Airflow connection 'okta_default'" in report["error"]
    assert report["source"] == {"org": world.okta.url, "group": {"id": None, "name": "Sales"}}
    assert report["plan_digest"] is None


def test_a_group_that_okta_does_not_have_is_an_error_without_retries(world: World, sync: Sync, store: Store) -> None:
    run = sync(SALES.replace("retries: 0", "retries: 3"))

    assert run.tries["fetch"] == 1
    assert "no group named 'Sales'" in stored_report(store, run)["error"]
    assert world.mi.writes() == []


def test_a_broken_connection_is_reported_with_its_id_and_field(
    world: World, sync: Sync, store: Store, connection: Callable[..., None]
) -> None:
    world.okta.group("Sales", "ana")
    connection("metric_insights_default", extra={"max_concurrency": "many"})

    run = sync()

    error = stored_report(store, run)["error"]
    assert "'max_concurrency' of Airflow connection 'metric_insights_default'" in error
    assert "'many'" in error
    assert "1 to 64" in error


@pytest.mark.usefixtures("quick_retries")
def test_what_may_pass_is_tried_again_and_nothing_else(
    world: World, sync: Sync, connection: Callable[..., None]
) -> None:
    """The first of two users meets a server in trouble until the task gives up on it."""
    world.okta.group("Sales", "ana", "bo")
    connection("metric_insights_default", extra={"max_concurrency": 1})
    world.mi.fault("503", method="POST", route="users", count=4)

    run = sync(SALES.replace("retries: 0", "retries: 1"))

    assert run.state == "success"
    assert run.tries["upsert_users"] == 2
    assert run.report == counts(source=2, created=2, groups=1, added=2)
    assert world.mi.members("Sales") == logins("ana", "bo")
    assert world.mi.writes().count("POST /api/user") == 6


@pytest.mark.usefixtures("quick_retries")
def test_trouble_that_lasts_fails_the_task_after_its_retries(world: World, sync: Sync, store: Store) -> None:
    world.okta.group("Sales", "ana")
    world.mi.fault("503", method="POST", route="users", count=None)

    run = sync(SALES.replace("retries: 0", "retries: 1"))

    assert run.state == "failed"
    assert run.tasks["upsert_users"] == "failed"
    assert run.tries["upsert_users"] == 2
    assert run.report == counts(source=1, failed=1, groups=1, state="failed")
    assert "may pass" in stored_report(store, run)["error"]


@pytest.mark.usefixtures("quick_retries")
def test_a_task_that_dies_midway_is_finished_by_its_next_try(
    world: World, sync: Sync, monkeypatch: pytest.MonkeyPatch, connection: Callable[..., None]
) -> None:
    from okta_mi_provider.clients.ensure import EnsuringWriter

    world.okta.group("Sales")
    world.okta.crowd("Sales", 60)
    connection("metric_insights_default", extra={"max_concurrency": 2})
    original, calls = EnsuringWriter.create_user, []

    def dying(self: EnsuringWriter, *arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 40:
            raise MemoryError("the machine is full")
        return original(self, *arguments)

    monkeypatch.setattr(EnsuringWriter, "create_user", dying)

    run = sync(SALES.replace("retries: 0", "retries: 1"))

    assert run.state == "success"
    assert run.tries["upsert_users"] == 2
    assert len(world.mi.members("Sales")) == len(set(world.mi.members("Sales"))) == 60
    # What was in flight when it died may be found done, and counts as unchanged then.
    assert run.report["users"]["created"] + run.report["users"]["unchanged"] == 60
    assert run.report["users"]["created"] > 50
    assert len(calls) < 70


def test_a_store_that_cannot_be_opened_fails_with_the_setting(
    world: World, sync: Sync, monkeypatch: pytest.MonkeyPatch, logged: Callable[[], str], tmp_path: Path
) -> None:
    world.okta.group("Sales", "ana")
    monkeypatch.setenv("AIRFLOW__OKTA_MI__STORE", f"sqlite:///{tmp_path}/missing/store.db")

    run = sync()

    assert run.state == "failed"
    assert "[okta_mi] store" in logged()
    assert world.mi.writes() == []


def test_no_secret_is_in_logs_xcom_or_store(
    world: World, sync: Sync, logged: Callable[[], str], connection: Callable[..., None]
) -> None:
    world.okta.group("Sales", "ana", "bo")
    sync(summary="full")
    world.okta.fault("401", count=None)
    broken = sync(summary="full")
    world.okta.heal()
    world.mi.fault("401", route="get_token", count=None)
    refused = sync(summary="full")
    assert (broken.state, refused.state) == ("failed", "failed")

    engine = create_engine(os.environ["AIRFLOW__OKTA_MI__STORE"])
    with engine.connect() as connected:
        bodies = [
            zlib.decompress(body).decode() for (body,) in connected.execute(text("SELECT body FROM okta_mi_artifacts"))
        ]
        tables = ("runs", "changes", "memberships", "links")
        rest = [str(connected.execute(text(f"SELECT * FROM okta_mi_{name}")).all()) for name in tables]
    everything = "\n".join([logged(), *bodies, *rest, json.dumps(dict(broken.returned)), str(refused.returned)])
    assert "ana@acme.example" in everything
    for secret in (credentials.OKTA_API_TOKEN, credentials.MI_APPLICATION_KEY, *world.mi.system.auth._sessions):
        assert secret not in everything
