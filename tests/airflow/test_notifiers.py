"""What notifiers are told by single operators: each of them by itself, no secret in a log, no name that does harm."""

from __future__ import annotations

from collections.abc import Callable
from smtplib import SMTPAuthenticationError
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException
from jinja2 import UndefinedError

from okta_mi_provider.store import Store, StoreError
from tests.integration.world import World

pytestmark = pytest.mark.airflow


@pytest.fixture
def heard() -> list[tuple[str, str]]:
    """Groups and states that `ends` has told."""
    return []


@pytest.fixture
def ends(heard: list[tuple[str, str]], migrated: None) -> Callable[..., None]:
    """A `ProvisionOperator` with these arguments ends in a state."""
    from airflow.sdk import DAG, BaseNotifier

    from okta_mi_provider.notifications.on_change import OnStateChange
    from okta_mi_provider.operators.provision import ProvisionOperator

    class Recorder(BaseNotifier):
        def notify(self, context: Any) -> None:
            heard.append((context["okta_mi"].group, context["okta_mi"].state))

    def told(state: str, map_index: int = -1, **arguments: str) -> None:
        task = ProvisionOperator(task_id="provision", **arguments)
        instance = SimpleNamespace(
            dag_id="mine", run_id="r", map_index=map_index, log_url="http://log", xcom_pull=lambda **_: {"state": state}
        )
        context: Any = {"ti": instance, "task": task, "dag": DAG("mine", schedule=None), "params": {}}
        OnStateChange(Recorder())(context)

    return told


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("Invalid URL 'hooks/s3cr3t'"), "ValueError (its text may hold a secret, and is not shown)"),
        (OSError("url: /s3cr3t"), "OSError (its text may hold a secret, and is not shown)"),
        (ConnectionRefusedError(111, "Connection refused"), "ConnectionRefusedError: Connection refused"),
        (FileNotFoundError(2, "No such file", "/s3cr3t"), "FileNotFoundError (its text may hold a secret"),
        (SMTPAuthenticationError(535, b"s3cr3t"), "SMTPAuthenticationError: the mail server has answered 535"),
        (AirflowException("The conn_id `slack` isn't defined"), "AirflowException: The conn_id `slack` isn't defined."),
        (AirflowException("No way to https://hooks/s3cr3t"), "AirflowException: No way to an address."),
        (UndefinedError("'okta' is undefined"), "UndefinedError: 'okta' is undefined."),
    ],
)
def test_no_secret_of_a_notifier_gets_into_a_log(
    world: World, migrated: None, logged: Callable[[], str], error: Exception, told: str
) -> None:
    from airflow.sdk import DAG, BaseNotifier

    from okta_mi_provider.notifications.on_change import OnStateChange
    from okta_mi_provider.operators.provision import ProvisionOperator

    class Broken(BaseNotifier):
        def notify(self, context: Any) -> None:
            raise error

    instance = SimpleNamespace(
        dag_id="mine", run_id="r", map_index=-1, log_url="http://log", xcom_pull=lambda **_: None
    )
    task = ProvisionOperator(task_id="provision", group="Sales")
    OnStateChange(Broken())({"ti": instance, "task": task, "dag": DAG("mine", schedule=None), "params": {}})

    said = logged()
    assert f"Broken has failed, so nobody was told by it: {told}" in said
    assert "s3cr3t" not in said


def test_each_notifier_is_told_by_itself(world: World, migrated: None) -> None:
    """A single operator has a state of its own, and so has each group of a mapped one."""
    from airflow.sdk import DAG, BaseNotifier

    from okta_mi_provider.notifications.on_change import OnStateChange
    from okta_mi_provider.operators.provision import ProvisionOperator

    heard: list[tuple[str, str, str]] = []

    class Recorder(BaseNotifier):
        template_fields = ("name",)

        def __init__(self, name: str, *, broken: bool = False) -> None:
            super().__init__()
            self.name, self.broken = name, broken

        def notify(self, context: Any) -> None:
            if self.broken:
                raise OSError("no network")
            change = context["okta_mi"]
            heard.append((self.name, change.group, change.state))

    good, bad = Recorder("good {{ okta_mi.group }}"), Recorder("bad", broken=True)
    told = OnStateChange(good, bad)

    def ends(state: str | None, group: str = "Sales", map_index: int = -1) -> None:
        task = ProvisionOperator(task_id="provision", group=group, on_failure_callback=told)
        instance = SimpleNamespace(
            dag_id="mine", run_id="r", map_index=map_index, log_url="http://log",
            xcom_pull=lambda **_: state and {"state": state, "users": {"failed": 1}},
        )  # fmt: skip
        told({"ti": instance, "task": task, "dag": DAG("mine", schedule=None), "params": {}})

    ends("done")
    ends("failed")
    ends(None)
    assert heard == [("good Sales", "Sales", "failed")]
    bad.broken = False
    ends("failed")
    assert heard[1:] == [("bad", "Sales", "failed")]
    ends("failed", "Other", 1)
    ends("failed", "Other", 2)
    assert heard[2:] == [("good Other", "Other", "failed"), ("bad", "Other", "failed")]
    ends("done")
    assert heard[4:] == [("good Sales", "Sales", "done"), ("bad", "Sales", "done")]


def test_what_was_told_and_could_not_be_noted_is_not_told_at_once_again(
    world: World, heard: list[tuple[str, str]], ends: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_: Any) -> None:
        raise StoreError("database is locked")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "tell", locked)
        ends("failed", group="Sales")
    assert heard == [("Sales", "failed")]

    ends("failed", group="Sales")
    assert len(heard) == 2


@pytest.mark.parametrize(
    "groups",
    [
        ({"group_id": "00g1"}, {"group_id": "00g2"}),
        ({"group": "Sales", "target_group": "EU"}, {"group": "Sales", "target_group": "US"}),
    ],
)
def test_instances_of_a_mapped_operator_have_states_of_their_own(
    world: World, heard: list[tuple[str, str]], ends: Callable[..., None], groups: tuple[dict[str, str], ...]
) -> None:
    for _ in range(3):
        ends("failed", map_index=0, **groups[0])
        ends("done", map_index=1, **groups[1])

    assert heard == [(groups[0].get("group", "00g1"), "failed")]


@pytest.mark.parametrize(
    "name",
    ["*bold* `code` <!channel> & <http://evil|x>", "a\n*b*", " \u00a0*b* ", "<script>alert(1)</script>", "x" * 999],
)
def test_hostile_names_are_harmless_in_every_form(name: str) -> None:
    from okta_mi_provider.notifications.state_change import StateChange

    change = StateChange(name, "failed", "done", {}, "http://airflow/dags/d?a=1&b=2")

    assert "\n" not in change.slack + change.text + change.headline
    shown, _, link = change.slack.rpartition(" <")
    assert "<" not in shown
    assert shown.count("`") == 2
    code = shown.split("`")[1]
    assert code == code.strip()
    assert link == "http://airflow/dags/d?a=1&amp;b=2|Log>"
    assert "<script" not in change.html
    assert change.html.count("<") == 8
    assert len(change.headline) < 150
