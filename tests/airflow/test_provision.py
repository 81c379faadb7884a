"""The operator that does the whole job in one task."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import pytest

from okta_mi_provider.settings_error import SettingsError
from tests.airflow.conftest import DAGS, Failing
from tests.airflow.runs import Instance, run_dag
from tests.integration.world import World, logins

pytestmark = pytest.mark.airflow

_MAPPED = """
from airflow.sdk import DAG
from okta_mi_provider.operators.provision import ProvisionOperator

with DAG("mapped", schedule=None, default_args={"auto_create": "all"}):
    ProvisionOperator.partial(task_id="provision", prune="managed").expand_kwargs(
        [{"group": "Sales"}, {"group": "Finance", "user_type": "power_user", "target_group": "Money"}]
    )
"""


@pytest.fixture
def provision(world: World, migrated: None) -> Callable[..., tuple[Any, Instance]]:
    from okta_mi_provider.operators.provision import ProvisionOperator

    def run(**arguments: Any) -> tuple[Any, Instance]:
        instance = Instance("run1")
        task = ProvisionOperator(task_id="provision", **arguments)
        return task.execute({"ti": instance, "params": {}}), instance

    return run


def test_the_whole_job_in_one_task_and_no_write_the_second_time(world: World, provision: Callable[..., Any]) -> None:
    world.okta.group("Sales", "ana", "bo")

    first, _ = provision(group="Sales", auto_create="all")

    assert (first["state"], first["users"]["created"], first["memberships"]["added"]) == ("done", 2, 2)
    assert world.mi.members("Sales") == logins("ana", "bo")
    world.mi.forget_requests()
    second, _ = provision(group="Sales", auto_create="all")
    assert second["users"]["unchanged"] == 2
    assert world.mi.writes() == []


def test_a_dry_run_writes_nothing(world: World, provision: Callable[..., Any]) -> None:
    group_id = world.okta.group("Sales", "ana")

    counts, _ = provision(group_id=group_id, auto_create="all", dry_run=True, target_group="Elsewhere")

    assert counts["users"]["created"] == 1
    assert world.mi.writes() == []


def test_a_failure_comes_after_the_counts(world: World, provision: Callable[..., Any], failing: Failing) -> None:
    from okta_mi_provider.operators.provision import ProvisionOperator

    world.okta.group("Sales", "ana", "bo")
    instance = Instance("run1")
    world.mi.fault("400", method="POST", route="users", count=1)
    task = ProvisionOperator(task_id="provision", group="Sales", auto_create="all")

    with failing("1 change failed"):
        task.execute({"ti": instance, "params": {}})

    assert instance.pushed["return_value"]["users"]["failed"] == 1
    assert instance.pushed["return_value"]["state"] == "failed"


def test_over_the_limit_is_refused(world: World, provision: Callable[..., Any], failing: Failing) -> None:
    world.okta.group("Sales", "ana", "bo")

    with failing("more than sync_user_limit allows"):
        provision(group="Sales", auto_create="all", sync_user_limit=1)
    assert world.mi.writes() == []


@pytest.mark.usefixtures("quick_retries")
def test_what_may_pass_is_left_to_airflow_s_retries(world: World, provision: Callable[..., Any]) -> None:
    from airflow.sdk.exceptions import AirflowException, AirflowFailException

    world.okta.group("Sales", "ana")
    world.mi.fault("503", method="POST", route="users", count=None)

    with pytest.raises(AirflowException) as caught:
        provision(group="Sales", auto_create="all")
    assert not isinstance(caught.value, AirflowFailException)


@pytest.mark.usefixtures("quick_retries")
@pytest.mark.parametrize(("fault", "may_pass"), [("503", True), ("400", False)])
def test_what_the_brake_has_stopped_is_tried_again_only_if_a_reason_may_pass(
    world: World, provision: Callable[..., Any], fault: str, may_pass: bool
) -> None:
    from airflow.sdk.exceptions import AirflowException, AirflowFailException

    world.okta.group("Sales")
    world.okta.crowd("Sales", 60)
    world.mi.fault(fault, method="POST", route="users", count=None)

    with pytest.raises(AirflowException, match="so the rest was not tried") as caught:
        provision(group="Sales", auto_create="all")

    assert isinstance(caught.value, AirflowFailException) is not may_pass
    assert len(world.mi.users()) < 12, "nobody of the sixty"


def test_leavers_are_removed_and_the_deactivated_disabled(world: World, provision: Callable[..., Any]) -> None:
    group = world.okta.group("Sales", "ana")
    world.okta.user("bo", group, status="DEPROVISIONED")
    for name in ("bo", "hand"):
        world.mi.add_user(name)
    world.mi.add_group("Sales", "bo", "hand")

    counts, _ = provision(group="Sales", auto_create="all", prune="all", deprovision="disable")

    assert (counts["state"], counts["users"]["disabled"], counts["memberships"]["removed"]) == ("done", 1, 1)
    assert world.mi.members("Sales") == logins("ana", "bo")
    assert world.mi.user("bo")["enabled"] == "N"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"group": "Sales", "auto_create": "most"}, "auto_create: 'most' is not allowed"),
        ({"auto_create": "all"}, "group: missing"),
        ({"group": "Sales", "approve": "always"}, "approve: a single task cannot ask anybody"),
    ],
)
def test_mistakes_are_told_when_the_dag_is_parsed(
    provision: Callable[..., Any], arguments: dict[str, Any], expected: str
) -> None:
    with pytest.raises(SettingsError, match=expected):
        provision(**arguments)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"auto_crate": "all"}, "ProvisionOperator: auto_crate: unknown argument; did you mean auto_create\\?"),
        ({"retreis": 3}, "retreis: unknown argument; did you mean retries\\?"),
        ({"target_grup": "X"}, "target_grup: unknown argument; did you mean target_group\\?"),
        ({"auto_crate": "all", "xyz": 1, "prun": "all"}, "did you mean auto_create\\?; prun: .* did you mean prune\\?"),
        ({"colour": "red"}, "(?s)Invalid arguments were passed to ProvisionOperator .*colour"),
    ],
)
def test_a_misspelt_argument_is_refused_with_what_was_meant(
    provision: Callable[..., Any], arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(TypeError, match=said):
        provision(group="Sales", **arguments)


@pytest.mark.parametrize(
    ("rendered", "expected"),
    [
        ({"group": ""}, "group: empty; its template has come to nothing"),
        ({"group": " ", "group_id": ""}, "group: empty; its template has come to nothing"),
        ({"group": 2026}, "group: 2026 is not a text"),
        ({"group": ["Sales"]}, r"group: \['Sales'\] is not a text"),
        ({"group_id": 5}, "group_id: 5 is not a text"),
        ({"group": "Sales", "target_group": ""}, "target_group: '' is not allowed"),
    ],
)
def test_templates_that_come_to_nothing_are_told_before_anything_is_asked(
    world: World, migrated: None, failing: Failing, rendered: dict[str, Any], expected: str
) -> None:
    from okta_mi_provider.operators.provision import ProvisionOperator

    world.okta.group("Sales", "ana")
    task = ProvisionOperator(task_id="provision", group="{{ params.group }}")
    task.group, task.group_id, task.target_group = map(rendered.get, ("group", "group_id", "target_group"))
    world.okta.forget_requests()

    with failing(expected):
        task.execute({"ti": Instance("run1"), "params": {}})
    assert world.okta.requests() == []


def test_any_setting_may_be_mapped(world: World, migrated: None) -> None:
    from airflow.dag_processing.dagbag import DagBag

    world.okta.group("Sales", "ana")
    world.okta.group("Finance", "bo")
    shutil.rmtree(DAGS)
    DAGS.mkdir()
    (DAGS / "mapped.py").write_text(_MAPPED, "utf-8")

    ended = run_dag(DagBag(str(DAGS)).dags["mapped"])

    assert ended.state == "success"
    assert (world.mi.members("Sales"), world.mi.members("Money")) == (logins("ana"), logins("bo"))
    assert (world.mi.user("ana")["type"], world.mi.user("bo")["type"]) == ("regular", "power")


def test_a_setting_may_stand_in_the_defaults_of_a_dag(migrated: None) -> None:
    from airflow.sdk import DAG

    from okta_mi_provider.operators.provision import ProvisionOperator

    with DAG("with_defaults", schedule=None, default_args={"auto_create": "groups", "prune": "managed"}):
        task = ProvisionOperator(task_id="provision", group="Sales", prune="all")

    assert (task.settings.auto_create, task.settings.prune) == ("groups", "all")


@pytest.mark.parametrize("of_dag", ["poke", "reschedule"])
def test_what_a_dag_says_to_its_sensors_is_not_said_to_it(migrated: None, of_dag: str) -> None:
    """A DAG with sensors often has their `mode` in its `default_args`."""
    from airflow.sdk import DAG

    from okta_mi_provider.operators.provision import ProvisionOperator

    with DAG("with_sensors", schedule=None, default_args={"mode": of_dag}):
        task = ProvisionOperator(task_id="provision", group="Sales")
        mapped = ProvisionOperator.partial(task_id="mapped").expand(group=["Sales"])
        assert (task.settings.mode, mapped.unmap({"group": "Sales"}).settings.mode) == ("sync", "sync")
        assert ProvisionOperator(task_id="looks", group="Sales", mode="drift").settings.mode == "drift"
        with pytest.raises(SettingsError, match="mode: 'pull' is not allowed"):
            ProvisionOperator(task_id="wrong", group="Sales", mode="pull")
    with pytest.raises(SettingsError, match=f"mode: '{of_dag}' is not allowed"):
        ProvisionOperator(task_id="alone", group="Sales", mode=of_dag)


def test_group_and_target_are_templates(migrated: None) -> None:
    from okta_mi_provider.operators.provision import ProvisionOperator

    task = ProvisionOperator(task_id="provision", group="{{ params.group }}", target_group="{{ 'To' }}")
    task.render_template_fields({"params": {"group": "Sales"}})

    assert (task.group, task.group_id, task.target_group) == ("Sales", None, "To")
