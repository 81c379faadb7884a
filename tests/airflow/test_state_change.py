"""Who is told when the state of a sync changes: by mail and webhook, from whole runs."""

from __future__ import annotations

import html
import json
import shutil
import textwrap
from collections.abc import Callable, Iterator
from smtplib import SMTPAuthenticationError
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.exceptions import AirflowException
from jinja2 import UndefinedError

from okta_mi_provider.store import Store, StoreError
from okta_mi_provider.version_compat import AIRFLOW_VERSION
from tests.airflow.conftest import DAGS, REPOSITORY, SALES, run_dag
from tests.airflow.mailbox import Hook, Mailbox, serving
from tests.airflow.person import Person
from tests.integration.world import World, login

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk import DAG

pytestmark = pytest.mark.airflow

EXAMPLES = REPOSITORY / "docs" / "examples"
#: What an Airflow without the Slack provider has instead: a notifier like any other.
WEBHOOK = '''
    """Airflow DAGs."""
    import os
    import requests
    from airflow.sdk import BaseNotifier
    from okta_mi_provider.dag_factory import build_dags

    class Webhook(BaseNotifier):
        template_fields = ("text",)

        def __init__(self, text):
            super().__init__()
            self.text = text

        def notify(self, context):
            requests.post(os.environ["WEBHOOK"], json={"text": self.text}, timeout=10).raise_for_status()

    build_dags(__file__, on_state_change=[Webhook("{{ okta_mi.state }}: {{ okta_mi.slack }}")])
    '''

Parse = Callable[[str, str], "DAG"]


@pytest.fixture
def parse(migrated: None) -> Parse:
    """The only DAG that a DAG file makes of a groups file."""
    from airflow.dag_processing.dagbag import DagBag

    def parsed(dag_file: str, groups: str = SALES) -> DAG:
        shutil.rmtree(DAGS)
        DAGS.mkdir()
        (DAGS / "okta_mi_sync.py").write_text(textwrap.dedent(dag_file), encoding="utf-8")
        (DAGS / "okta_groups.yaml").write_text(textwrap.dedent(groups), encoding="utf-8")
        bag = DagBag(str(DAGS))
        assert bag.import_errors == {}
        (dag,) = bag.dags.values()
        return dag

    return parsed


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hook]:
    server = Hook()
    monkeypatch.setenv("WEBHOOK", server.url)
    with serving(server):
        yield server


@pytest.fixture
def mailbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    server = Mailbox()
    extra = {"disable_ssl": True, "disable_tls": True}
    connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": server.port, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(connection))
    with serving(server):
        yield server


def states(hook: Hook) -> list[str]:
    return [body["text"].partition(":")[0] for body in hook.bodies]


# ---------------------------------------------------------------------- whole runs


def test_a_failure_is_told_once_and_so_is_the_recovery(world: World, parse: Parse, hook: Hook) -> None:
    world.okta.group("Sales", "ana", "bo")
    world.mi.add_user("other", email=login("bo"))
    dag = parse(WEBHOOK)

    assert [run_dag(dag).state for _ in range(3)] == ["failed"] * 3
    assert states(hook) == ["failed"]
    world.mi.delete_user("other")
    assert [run_dag(dag).state for _ in range(2)] == ["success"] * 2
    assert states(hook) == ["failed", "done"]
    world.mi.fault("400", method="POST", route="users", count=1)
    world.okta.user("cy", "Sales")
    run_dag(dag)

    assert states(hook) == ["failed", "done", "failed"]
    first, recovered, last = (body["text"] for body in hook.bodies)
    assert "*The sync of `Sales` has failed.* 1 conflict for a person to settle; the log names them." in first
    assert "*The sync of `Sales` has recovered.* Everything is as it should be again." in recovered
    assert "1 user failed" in last
    assert all("|Log>" in text and "http" in text for text in (first, recovered, last))
    assert login("bo") not in str(hook.bodies)
    assert login("cy") not in str(hook.bodies)


def test_what_is_only_a_look_tells_nobody(world: World, parse: Parse, hook: Hook) -> None:
    world.okta.group("Sales", "ana")
    world.mi.add_user("other", email=login("ana"))

    assert run_dag(parse(WEBHOOK), dry_run=True).state == "failed"
    assert run_dag(parse(WEBHOOK), only_user=login("ana")).state == "failed"

    assert hook.bodies == []


def test_a_refusal_is_another_state_and_a_run_that_never_got_to_a_plan_is_a_failure(
    world: World, parse: Parse, hook: Hook
) -> None:
    world.okta.group("Sales", "ana")
    limited = "groups: [{name: Sales, auto_create: all, retries: 0, max_creates: 0}]"

    assert run_dag(parse(WEBHOOK, limited)).state == "failed"
    world.okta.fault("403", count=99)
    assert run_dag(parse(WEBHOOK)).state == "failed"

    assert states(hook) == ["refused", "failed"]
    assert "Nothing was written" in hook.bodies[0]["text"]
    assert "The log says why" in hook.bodies[1]["text"]


@pytest.mark.skipif(AIRFLOW_VERSION.startswith("3.2."), reason="Airflow 3.2 waits in its triggerer")
def test_a_question_is_told(world: World, parse: Parse, hook: Hook) -> None:
    world.okta.group("Sales", "ana")
    dag = parse(WEBHOOK, SALES.replace("auto_create: all", "auto_create: all\n        approve: always"))

    run = run_dag(dag, Person(["Approve"]))

    assert run.state == "success"
    assert states(hook) == ["asked"]
    assert "waits for a person to approve its plan" in hook.bodies[0]["text"]


def test_a_notifier_that_fails_fails_no_sync_and_is_tried_again(
    world: World,
    parse: Parse,
    hook: Hook,
    logged: Callable[[], str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Whoever has DEBUG switched on for the HTTP client sees every path.
    caplog.set_level("INFO", logger="urllib3")
    monkeypatch.setenv("WEBHOOK", f"{hook.url}/s3cr3t")
    world.okta.group("Sales", "ana")
    world.mi.add_user("other", email=login("ana"))
    dag = parse(WEBHOOK)
    hook.answer = 500

    run = run_dag(dag)

    assert (run.tasks["report"], run.tasks["upsert_users"]) == ("failed", "skipped")
    said = logged()
    assert "Webhook has failed, so nobody was told by it: HTTPError: the server has answered 500. It is tried" in said
    assert "s3cr3t" not in said
    hook.answer = 200
    run_dag(dag)
    run_dag(dag)
    assert states(hook) == ["failed"]


def test_a_task_that_dies_before_its_report_is_a_failure(
    world: World, parse: Parse, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    from okta_mi_provider.operators.report import ReportOperator

    def broken(*_: Any) -> None:
        raise RuntimeError("no report")

    world.okta.group("Sales", "ana")
    monkeypatch.setattr(ReportOperator, "work", broken)

    assert run_dag(parse(WEBHOOK)).state == "failed"

    assert states(hook) == ["failed"]


def test_without_the_store_airflow_knows_what_was_before(
    world: World, parse: Parse, hook: Hook, monkeypatch: pytest.MonkeyPatch, logged: Callable[[], str]
) -> None:
    def broken(*_: Any) -> None:
        raise StoreError("no answer")

    world.okta.group("Lost", "ana")
    world.mi.add_user("other", email=login("ana"))
    # With an id of its own: other tests have runs, too, and Airflow remembers them all.
    dag = parse(WEBHOOK, SALES.replace("Sales", "Lost"))
    monkeypatch.setattr(Store, "told", broken)

    run_dag(dag)
    run_dag(dag)

    assert states(hook) == ["failed"]
    assert "What was told last is not known: no answer" in logged()


# ---------------------------------------------------------------------- the examples


def test_the_example_for_mail_sends_mail(world: World, parse: Parse, mailbox: Mailbox) -> None:
    hostile = "<b>R&D</b> Alert"
    world.okta.group(hostile, "ana")
    world.mi.add_user("other", email=login("ana"))
    groups = f"groups: [{{name: '{hostile}', auto_create: all, retries: 0}}]"
    dag = parse((EXAMPLES / "with_mail.py").read_text(encoding="utf-8"), groups)

    run_dag(dag)
    run_dag(dag)

    [message] = mailbox.messages
    assert message["Subject"] == f"The sync of '{hostile}' has failed."
    assert message["To"] == "bi-administrators@example.org"
    [body] = [part.get_payload(decode=True) for part in message.walk() if part.get_content_type() == "text/html"]
    assert isinstance(body, bytes)
    assert html.escape(hostile) in body.decode()
    assert "<b>" not in body.decode()


def test_the_example_for_slack_parses(world: World, parse: Parse) -> None:
    pytest.importorskip("airflow.providers.slack.notifications.slack_webhook", reason="the Slack provider")

    dag: Any = parse((EXAMPLES / "with_slack.py").read_text(encoding="utf-8"))

    [told] = dag.get_task("report").on_failure_callback
    assert [type(each).__name__ for each in told.notifiers] == ["SlackWebhookNotifier"]


def test_the_page_shows_the_example_for_slack_as_it_is() -> None:
    page = (REPOSITORY / "docs" / "watching.md").read_text(encoding="utf-8")

    assert (EXAMPLES / "with_slack.py").read_text(encoding="utf-8") in page


# ---------------------------------------------------------------------- by itself


def test_without_notifiers_nothing_is_attached(dags: Callable[[str], DagBag]) -> None:
    (dag,) = dags(SALES).dags.values()

    tasks: list[Any] = dag.tasks
    assert not any(task.on_failure_callback or task.on_success_callback for task in tasks)


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
