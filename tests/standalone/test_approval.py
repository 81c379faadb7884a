"""People approve and reject plans on the pages of a real Airflow, which runs all of its parts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from demo.airflow_stack import AirflowStack
from demo.connections import simulator_connections
from demo.processes import wait_until
from okta_mi_provider.store import ArtifactKind, RunKey, Store
from tests.integration.running import running
from tests.integration.world import World, logins
from tests.standalone.browser import chromium, logged_in, required_action

REPOSITORY = Path(__file__).resolve().parents[2]
USERS = {"alice": "alice-and-her-password", "bob": "bob-and-his-password"}
#: The group of each test. Bob may answer in none of them; alice in all.
GROUPS = {name: f"okta_mi__{name}" for name in ("Approved", "Rejected", "Stale", "Foreign")}
GROUPS_FILE = """
defaults: {auto_create: all, prune: all, max_removals: 1, approve: unusual, approvers: [alice], retries: 0}
groups: [Approved, Rejected, Stale, Foreign]
"""
#: A name that a careless page would take for markup, and a careless template for code.
HOSTILE = "<img src=x onerror=alert(1)> {{ 1/0 }} [x](http://evil.example/) `*b*`"
PATIENCE_S = 120.0
CONSOLE = "https://acme-admin.okta.com"


@dataclass(frozen=True)
class Waiting:
    """Airflow with a run of each group that waits for a person."""

    airflow: AirflowStack
    world: World
    runs: dict[str, str]

    def page(self, name: str) -> str:
        return required_action(self.airflow.url, GROUPS[name], self.runs[name])

    def ended(self, name: str) -> tuple[str, dict[str, str], dict[str, Any]]:
        """State of a run, of its tasks, and its report, once it has ended."""
        dag_id, run_id = GROUPS[name], self.runs[name]
        (state,) = self.airflow.api.wait_for_runs([(dag_id, run_id)], timeout=PATIENCE_S).values()
        tasks = {each["task_id"]: each["state"] for each in self.airflow.api.task_instances(dag_id, run_id)}
        store = Store(f"sqlite:///{self.airflow.home / 'okta_mi.db'}")
        try:
            found = store.find(RunKey(dag_id, run_id), ArtifactKind.REPORT)
        finally:
            store.close()
        assert found is not None, tasks
        return state, tasks, dict(found.data)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """In each group of Okta one user who is new, in each of MI two who are not in Okta's."""
    with running() as both:
        for name in GROUPS:
            low = name.lower()
            both.okta.group(name)
            both.okta.user(f"new.{low}", name, firstName=HOSTILE)
            both.mi.add_group(name)
            for number in (1, 2):
                both.mi.add_user(f"gone{number}.{low}", name)
        yield both


def connections(world: World) -> dict[str, str]:
    """To the simulators; with an admin console, which these have not."""
    found = simulator_connections(world.okta.url, world.mi.url)
    okta = json.loads(found["AIRFLOW_CONN_OKTA_DEFAULT"])
    okta["extra"]["admin_url"] = CONSOLE
    return {**found, "AIRFLOW_CONN_OKTA_DEFAULT": json.dumps(okta)}


@pytest.fixture(scope="module")
def waiting(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Waiting]:
    """One Airflow for all tests, with users who have passwords."""
    home = tmp_path_factory.mktemp("airflow")
    groups_file = home / "okta_groups.yaml"
    groups_file.write_text(GROUPS_FILE, encoding="utf-8")
    airflow = AirflowStack(
        home=home,
        dags_folder=REPOSITORY / "dags",
        settings={
            **connections(world),
            "AIRFLOW__OKTA_MI__GROUPS_FILE": str(groups_file),
        },
        users=USERS,
    )
    with airflow:
        runs = {}
        for name, dag_id in GROUPS.items():
            airflow.wait_for_dag(dag_id)
            airflow.api.unpause(dag_id)
            runs[name] = airflow.api.trigger(dag_id)
        for name, dag_id in GROUPS.items():
            wait_until(
                lambda dag_id=dag_id, name=name: _asks(airflow, dag_id, runs[name]),  # type: ignore[misc]
                what=f"the question of {dag_id}",
                timeout=PATIENCE_S,
            )
        yield Waiting(airflow, world, runs)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def alice(browser: Browser, waiting: Waiting) -> Page:
    return logged_in(browser, waiting.airflow.url, "alice", USERS["alice"])


def test_the_plan_is_shown_as_text_and_an_approval_writes_it(alice: Page, waiting: Waiting) -> None:
    alice.goto(waiting.page("Approved"))

    expect(
        alice.get_by_text(re.compile("Remove 2 users and create 1 user of 'Approved'\\? \\(plan [0-9a-f]{12}\\)")).first
    ).to_be_visible()
    expect(alice.get_by_text("This plan is unusual.")).to_be_visible()
    expect(alice.get_by_text(HOSTILE, exact=True)).to_be_visible()
    assert alice.locator("img[src=x]").count() == 0
    assert alice.get_by_role("link", name=re.compile("evil|acme")).count() == 0
    alice.get_by_role("button", name="Approve", exact=True).click()

    state, _, report = waiting.ended("Approved")
    assert state == "success", report["error"]
    assert waiting.world.mi.members("Approved") == logins("new.approved")
    assert (report["state"], report["approval"]["answer"], report["approval"]["by"]) == ("done", "approved", "alice")


def test_each_task_leads_to_the_groups_and_to_the_plan(alice: Page, waiting: Waiting) -> None:
    waiting.ended("Approved")
    dag_id, run_id = GROUPS["Approved"], waiting.runs["Approved"]
    tasks = f"{waiting.airflow.url}/dags/{dag_id}/runs/{quote(run_id)}/tasks"
    (group,) = [each for each in waiting.world.mi.state()["groups"] if each["name"] == "Approved"]
    for task in ("fetch", "approve", "upsert_users/mapped/0", "report"):
        alice.goto(f"{tasks}/{task}/details")
        okta = alice.get_by_role("link", name="Okta group")
        expect(okta).to_have_attribute("href", re.compile(f"{CONSOLE}/admin/group/00g[A-Za-z0-9]{{17}}"))
        mi = alice.get_by_role("link", name="Metric Insights group")
        expect(mi).to_have_attribute("href", f"{waiting.world.mi.url}/editor/group/{group['id']}")
    alice.get_by_role("link", name="Plan", exact=True).click()

    frame = alice.frame_locator("iframe")
    expect(frame.get_by_role("table", name="Changes of the plan")).to_contain_text("new.approved")


def test_logs_are_folded_and_end_with_a_table(alice: Page, waiting: Waiting) -> None:
    waiting.ended("Approved")
    dag_id, run_id = GROUPS["Approved"], waiting.runs["Approved"]
    alice.goto(f"{waiting.airflow.url}/dags/{dag_id}/runs/{quote(run_id)}/tasks/fetch")

    expect(alice.get_by_text("members of the MI group")).to_be_visible()
    expect(alice.get_by_text("username_attr")).to_have_count(0)
    alice.get_by_test_id("summary-Settings").click()
    expect(alice.get_by_text("username_attr")).to_be_visible()


def test_the_page_of_a_dag_says_what_holds(alice: Page, waiting: Waiting) -> None:
    alice.goto(f"{waiting.airflow.url}/dags/{GROUPS['Approved']}")
    alice.get_by_role("button", name="Dag Docs").click()

    docs = alice.get_by_role("dialog")
    row = docs.get_by_role("row").filter(has_text="(prune)")
    expect(row).to_contain_text("everybody is removed who is not in the Okta group")
    expect(row).to_contain_text("defaults of the file")
    expect(docs.get_by_role("link", name="the page of this sync")).to_have_attribute(
        "href", f"/dags/{GROUPS['Approved']}/plugin/okta-sync-dag"
    )


def test_a_rejection_writes_nothing_and_is_in_the_report(alice: Page, waiting: Waiting) -> None:
    alice.goto(waiting.page("Rejected"))
    alice.get_by_role("button", name="Reject", exact=True).click()

    state, tasks, report = waiting.ended("Rejected")
    assert state == "failed"
    assert (tasks["create_groups"], tasks["upsert_users"], tasks["report"]) == ("skipped", "skipped", "failed")
    assert waiting.world.mi.members("Rejected") == logins("gone1.rejected", "gone2.rejected")
    assert report["state"] == "refused"
    assert report["error"].startswith("alice has rejected plan")


def test_whoever_triggers_a_run_with_the_digest_of_a_rejected_plan_has_approved_nothing(waiting: Waiting) -> None:
    """Airflow's interface takes values that no form offers."""
    digest = waiting.ended("Rejected")[2]["plan_digest"]
    dag_id = GROUPS["Rejected"]

    run_id = waiting.airflow.api.trigger(dag_id, {"approve_plan": digest})

    assert waiting.airflow.api.wait_for_runs([(dag_id, run_id)], timeout=PATIENCE_S) == {(dag_id, run_id): "failed"}
    tasks = {each["task_id"]: each["state"] for each in waiting.airflow.api.task_instances(dag_id, run_id)}
    assert (tasks["fetch"], tasks["approve"]) == ("failed", "upstream_failed")
    assert waiting.world.mi.members("Rejected") == logins("gone1.rejected", "gone2.rejected")


def test_a_stale_plan_is_not_written_although_it_was_approved(alice: Page, waiting: Waiting) -> None:
    alice.goto(waiting.page("Stale"))
    expect(alice.get_by_role("button", name="Approve", exact=True)).to_be_visible()
    waiting.world.mi.leave("Stale", "gone1.stale")
    alice.get_by_role("button", name="Approve", exact=True).click()

    state, tasks, report = waiting.ended("Stale")
    assert state == "failed"
    assert (tasks["approve"], tasks["create_groups"]) == ("success", "failed")
    assert waiting.world.mi.members("Stale") == logins("gone2.stale")
    assert (report["state"], report["approval"]["by"]) == ("refused", "alice")
    assert "MI has changed since plan" in report["error"]


def test_somebody_who_is_not_among_the_approvers_cannot_answer(browser: Browser, alice: Page, waiting: Waiting) -> None:
    bob = logged_in(browser, waiting.airflow.url, "bob", USERS["bob"])
    bob.goto(waiting.page("Foreign"))
    with bob.expect_response(lambda response: response.request.method == "PATCH") as answer:
        bob.get_by_role("button", name="Approve", exact=True).click()
    assert answer.value.status == 403
    expect(bob.get_by_text("You do not have permission")).to_be_visible()
    assert waiting.airflow.api.run_state(GROUPS["Foreign"], waiting.runs["Foreign"]) == "running"
    assert waiting.world.mi.members("Foreign") == logins("gone1.foreign", "gone2.foreign")
    alice.goto(waiting.page("Foreign"))
    alice.get_by_role("button", name="Reject", exact=True).click()
    assert waiting.ended("Foreign")[2]["approval"]["by"] == "alice"


def _asks(airflow: AirflowStack, dag_id: str, run_id: str) -> bool:
    airflow.ensure_running()
    tasks = {each["task_id"]: each["state"] for each in airflow.api.task_instances(dag_id, run_id)}
    assert "failed" not in tasks.values(), tasks
    # Airflow 3.2 waits in its triggerer.
    return tasks.get("approve") in {"awaiting_input", "deferred"}
