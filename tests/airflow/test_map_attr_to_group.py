"""An entry with `map_attr_to_group` as a DAG: one task that syncs into every group the attribute names."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from okta_mi_provider.cli.main import main
from okta_mi_provider.settings_error import SettingsError
from okta_mi_provider.store import History, Store
from tests.airflow.runs import Ended
from tests.integration.world import World, login, logins

pytestmark = pytest.mark.airflow

STAFF = """
    groups:
      - {name: Staff, map_attr_to_group: department, auto_create: all, retries: 0}
    """


@pytest.fixture
def staff(world: World) -> str:
    group = world.okta.group("Staff")
    world.okta.user("ana", group, department="Finance")
    world.okta.user("bo", group, department=["Finance", "Sales"])
    world.okta.user("cy", group)
    return group


@pytest.mark.usefixtures("staff")
def test_a_run_and_a_second_one(world: World, sync: Callable[..., Ended], store: Store) -> None:
    first = sync(STAFF)

    assert first.tasks == {"sync": "success"}
    assert world.mi.members("Finance") == logins("ana", "bo")
    assert world.mi.members("Sales") == logins("bo")
    returned = first.returned["sync"]
    assert (returned["groups_named"], returned["state"]) == (3, "done")
    assert returned["users"]["created"] == returned["groups"]["created"] == 2
    assert returned["memberships"]["added"] == 3
    assert login("ana") not in str(returned)
    records = History(store).runs(dag_id=first.dag_id)
    assert {each.target_group.name: each.run_id.startswith(f"{first.run_id}:") for each in records} == {
        "Finance": True, "Sales": True,
    }  # fmt: skip
    assert all(each.complete for each in records)

    world.mi.forget_requests()
    assert sync(STAFF).state == "success"
    assert world.mi.writes() == []


@pytest.mark.usefixtures("staff")
def test_the_command_line_goes_on_from_what_the_dag_has_done(
    world: World, sync: Callable[..., Ended], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sync(STAFF).state == "success"
    file = tmp_path / "okta_groups.yaml"
    file.write_text(textwrap.dedent(STAFF), encoding="utf-8")
    options = ["--groups-file", str(file), "--okta-conn-id", "okta_default", "--mi-conn-id", "metric_insights_default"]

    assert main(["plan", *options, "Staff"]) == 0
    world.okta.change("cy", department="Sales", division="Finance")
    assert main(["provision", *options, "Staff"]) == 0
    assert world.mi.members("Sales") == logins("bo", "cy")

    capsys.readouterr()
    assert main(["provision", *options, "--map-attr-to-group", "division", "Staff"]) == 3
    assert "map_attr_to_group: department -> division" in capsys.readouterr().err


@pytest.mark.usefixtures("staff")
def test_a_dry_run_in_the_form_writes_nothing(world: World, sync: Callable[..., Ended]) -> None:
    run = sync(STAFF, dry_run=True)

    assert run.state == "success"
    assert run.returned["sync"]["users"]["created"] == 2
    assert world.mi.writes() == []


@pytest.mark.usefixtures("staff")
def test_a_trouble_with_one_group_fails_the_run_after_the_others_are_done(
    world: World, sync: Callable[..., Ended], logged: Callable[[], str]
) -> None:
    world.mi.add_user("other", email=login("ana"))

    run = sync(STAFF)

    assert run.tasks == {"sync": "failed"}
    assert run.returned["sync"]["state"] == "failed"
    assert world.mi.members("Sales") == logins("bo")
    assert "1 group of MI not as it should be. 'Finance': 1 conflict for a person to settle" in logged()


@pytest.mark.usefixtures("staff")
def test_a_refused_plan_is_approved_by_its_digest(world: World, sync: Callable[..., Ended], store: Store) -> None:
    limited = STAFF.replace("retries: 0", "retries: 0, max_creates: 0")
    run = sync(limited)
    assert run.tasks == {"sync": "failed"}
    assert run.returned["sync"]["state"] == "refused"

    (record,) = [each for each in History(store).runs(dag_id=run.dag_id) if each.target_group.name == "Finance"]
    assert record.plan_digest
    sync(limited, approve_plan=record.plan_digest)
    assert world.mi.members("Finance") == logins("ana", "bo")


@pytest.mark.usefixtures("migrated")
def test_a_single_task_says_that_it_cannot() -> None:
    from okta_mi_provider.operators.provision import ProvisionOperator

    with pytest.raises(SettingsError, match="map_attr_to_group: a single task"):
        ProvisionOperator(task_id="x", group="Staff", map_attr_to_group="department")
