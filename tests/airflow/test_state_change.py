"""Who is told when the state of a sync changes, by mail and webhook: from whole runs, with the documents' examples."""

from __future__ import annotations

import html
import json
import shutil
import textwrap
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from okta_mi_provider.store import Store, StoreError
from okta_mi_provider.version_compat import AIRFLOW_VERSION
from tests.airflow.conftest import DAGS, REPOSITORY, SALES, Dags
from tests.airflow.mailbox import Hook, Mailbox, serving
from tests.airflow.person import Person
from tests.airflow.runs import run_dag
from tests.integration.world import World, login

if TYPE_CHECKING:
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


def test_without_notifiers_nothing_is_attached(dags: Dags) -> None:
    (dag,) = dags(SALES).dags.values()

    tasks: list[Any] = dag.tasks
    assert not any(task.on_failure_callback or task.on_success_callback for task in tasks)


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
