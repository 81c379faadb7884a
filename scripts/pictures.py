"""`make pictures`: takes the pictures of the documents, into docs/pictures, from an Airflow that it starts itself.

The two simulators, and an Airflow with five groups, run in a folder of their own until all pictures are taken: the
groups are synced, people join, leave and change in Okta, and a second run waits for a person. Then a headless
Chromium (the system's own, Debian: ``apt install chromium``) opens the pages as somebody who is logged in. It
takes two minutes on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import requests

from demo.airflow_stack import AirflowStack
from demo.processes import wait_until
from demo.simulators import Simulators

if TYPE_CHECKING:
    from playwright.sync_api import Browser, FrameLocator, Page

REPOSITORY = Path(__file__).resolve().parent.parent
PICTURES = REPOSITORY / "docs" / "pictures"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ADA = ("ada", "ada-and-her-password")
GROUPS_FILE = """
defaults: {auto_create: all, prune: managed, summary: full}
groups:
  - {name: my_new_group, approve: always}
  - MI - Finance
  - MI - Sales EMEA
  - MI - Operations
  - MI - Contractors
"""
ASKED, CHANGED = "my_new_group", "MI - Finance"
WIDTH, HEIGHT = 1360, 720
PATIENCE_S = 300.0
#: How long somebody looks at a question before answering, in seconds.
READING_S = 15.0
#: For charts and dialogs, which come with an animation.
SETTLE_MS = 1_500
#: No picture may be larger, nor all of them together, in bytes.
LARGEST, ALL = 150_000, 1_500_000


@dataclass(frozen=True, slots=True)
class Stage:
    """What there is to be seen.

    Attributes:
        dags: The DAG of each group.
        runs: The last run of each DAG.
    """

    airflow: AirflowStack
    dags: dict[str, str]
    runs: dict[str, str]

    def dag(self, group: str, rest: str = "") -> str:
        """Address of the page of a group's DAG, or of what is below it."""
        return f"{self.airflow.url}/dags/{quote(self.dags[group])}{rest}"

    def run(self, group: str, rest: str = "") -> str:
        """Address of the page of its last run, or of what is below it."""
        return self.dag(group, f"/runs/{quote(self.runs[group])}{rest}")


def main() -> int:
    """Takes all pictures, or those that are named; 1 if one is too large."""
    parser = argparse.ArgumentParser(prog="python -m scripts.pictures", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which ones: {', '.join(SCENES)} (default: all)")
    wanted = parser.parse_args().names or list(SCENES)
    if unknown := set(wanted) - set(SCENES):
        parser.error(f"there is no picture {', '.join(sorted(unknown))}")
    PICTURES.mkdir(parents=True, exist_ok=True)
    with stage() as seen, chromium() as browser:
        for theme in ("light", "dark"):
            page = logged_in(browser, seen.airflow.url, theme)
            for name in wanted:
                if name.endswith("-dark") is (theme == "dark"):
                    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
                    SCENES[name](page, seen)
                    page.wait_for_timeout(SETTLE_MS)
                    page.screenshot(path=PICTURES / f"{name}.png")
                    print(f"docs/pictures/{name}.png", flush=True)
    sizes = {path.name: path.stat().st_size for path in PICTURES.glob("*.png")}
    too_large = [name for name, size in sizes.items() if size > LARGEST]
    print(f"{len(sizes)} pictures, {sum(sizes.values()) / 1000:.0f} kB")
    if too_large or sum(sizes.values()) > ALL:
        sys.stderr.write(f"Too large: {', '.join(too_large) or 'all of them together'}\n")
        return 1
    return 0


# ---------------------------------------------------------------------- what is to be seen


@contextmanager
def stage() -> Iterator[Stage]:
    """Runs everything, and lets it come to where the pictures are taken."""
    with tempfile.TemporaryDirectory(prefix="okta-mi-pictures-") as folder:
        home = Path(folder)
        groups_file = home / "okta_groups.yaml"
        groups_file.write_text(GROUPS_FILE, encoding="utf-8")
        with Simulators(400, log=home / "simulators.log") as simulators:
            airflow = AirflowStack(
                home=home / "airflow",
                dags_folder=REPOSITORY / "dags",
                settings={**simulators.connections(), "AIRFLOW__OKTA_MI__GROUPS_FILE": str(groups_file)},
                users=dict([ADA]),
            )
            with airflow:
                yield _play(simulators, airflow)


def _play(simulators: Simulators, airflow: AirflowStack) -> Stage:
    names = ("my_new_group", "MI - Finance", "MI - Sales EMEA", "MI - Operations", "MI - Contractors")
    dags = {name: airflow.wait_for_dag(name) for name in names}
    print("Airflow is up; the first runs ...", flush=True)
    for dag in dags.values():
        airflow.api.unpause(dag)
    first = {dag: airflow.api.trigger(dag) for dag in dags.values()}
    _answer(airflow, dags[ASKED], first[dags[ASKED]])
    airflow.api.wait_for_runs(first.items(), timeout=PATIENCE_S)
    _changes(simulators.okta_url)
    print("... the second ones ...", flush=True)
    second = {dags[name]: airflow.api.trigger(dags[name]) for name in (ASKED, CHANGED)}
    airflow.api.wait_for_runs([(dags[CHANGED], second[dags[CHANGED]])], timeout=PATIENCE_S)
    _wait_for_question(airflow, dags[ASKED], second[dags[ASKED]])
    runs = {**first, **second}
    return Stage(airflow, dags, {name: runs[dag] for name, dag in dags.items()})


def _changes(okta_url: str) -> None:
    """What people do in Okta between the runs."""
    with requests.Session() as session:
        session.trust_env = False  # no proxy on the way to this machine

        def okta(method: str, path: str, body: object = None) -> None:
            session.request(method, f"{okta_url}/_sim/{path}", json=body, timeout=30).raise_for_status()

        state = session.get(f"{okta_url}/_sim/state", timeout=30).json()
        users = {user["id"]: user for user in state["users"]}
        (finance,) = (group for group in state["groups"] if group["profile"]["name"] == CHANGED)
        active = sorted(
            users[each]["profile"]["login"] for each in finance["members"] if users[each]["status"] == "ACTIVE"
        )
        group = quote(CHANGED)
        for login in active[:2]:
            okta("DELETE", f"groups/{group}/members/{quote(login)}")
        okta("PUT", f"users/{quote(active[5])}", {"profile": {"lastName": "Newly-Married"}})
        okta("PUT", f"users/{quote(active[6])}", {"profile": {"email": "new.address@acme.example"}})
        for login in ("ada.lovelace@acme.example", "grace.hopper@acme.example"):
            first, last = login.partition("@")[0].title().split(".")
            okta("POST", "users", {"profile": {"login": login, "email": login, "firstName": first, "lastName": last}})
            okta("PUT", f"groups/{ASKED}/members/{quote(login)}")
        okta("PUT", f"groups/{group}/members/ada.lovelace@acme.example")
        okta("DELETE", f"groups/{ASKED}/members/bruno.costa@acme.example")


def _answer(airflow: AirflowStack, dag_id: str, run_id: str) -> None:
    """Approves a plan as the page does.

    Not at once: before its scheduler has noticed that the task waits, Airflow 3.3 takes it for one that was killed, and
    tries it again.
    """
    _wait_for_question(airflow, dag_id, run_id)
    time.sleep(READING_S)
    path = f"/dags/{quote(dag_id)}/dagRuns/{quote(run_id)}/taskInstances/approve/-1/hitlDetails"
    airflow.api.request("PATCH", path, json={"chosen_options": ["Approve"], "params_input": {}})


def _wait_for_question(airflow: AirflowStack, dag_id: str, run_id: str) -> None:
    def asked() -> bool:
        airflow.ensure_running()
        states = {each["task_id"]: each["state"] for each in airflow.api.task_instances(dag_id, run_id)}
        return states.get("approve") in {"awaiting_input", "deferred"}

    wait_until(asked, what=f"the question of {dag_id}", timeout=PATIENCE_S)


# ---------------------------------------------------------------------- the pictures


def _dags(page: Page, seen: Stage) -> None:
    page.goto(f"{seen.airflow.url}/dags")
    page.get_by_text("MI - Operations", exact=True).first.wait_for()


def _overview(page: Page, seen: Stage) -> None:
    page.goto(f"{seen.airflow.url}/plugin/okta-sync")
    _frame(page).get_by_role("heading", name="Okta sync").wait_for()


def _group(page: Page, seen: Stage) -> None:
    page.goto(seen.dag(CHANGED, "/plugin/okta-sync-dag"))
    _frame(page).get_by_role("heading", name=CHANGED, level=1).wait_for()


def _plan(page: Page, seen: Stage) -> None:
    page.goto(seen.run(CHANGED, "/plugin/okta-sync-run"))
    _frame(page).get_by_role("table", name="Changes of the plan").scroll_into_view_if_needed()


def _user(page: Page, seen: Stage) -> None:
    _plan(page, seen)
    _frame(page).locator("tr", has=_frame(page).locator("ins")).get_by_role("link").first.click()
    _frame(page).get_by_role("table", name="Groups that a sync has put this user into").wait_for()


def _conflicts(page: Page, seen: Stage) -> None:
    _overview(page, seen)
    _frame(page).get_by_role("link", name="Conflicts").first.click()
    _frame(page).get_by_role("heading", name="Conflicts").wait_for()


def _approval(page: Page, seen: Stage) -> None:
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT + 30})  # down to the buttons
    page.goto(seen.run(ASKED, "/tasks/approve/required_actions"))
    page.get_by_role("button", name="Approve", exact=True).wait_for()


def _grid(page: Page, seen: Stage) -> None:
    page.goto(seen.run(CHANGED))
    page.get_by_text("upsert_users").first.wait_for()


def _form(page: Page, seen: Stage) -> None:
    page.goto(seen.dag(CHANGED))
    page.get_by_role("button", name="Trigger").first.click()
    page.get_by_text("Dry run").first.wait_for()


def _documentation(page: Page, seen: Stage) -> None:
    page.goto(seen.dag(ASKED))
    page.get_by_role("button", name="Dag Docs").first.click()
    page.get_by_role("dialog").wait_for()


def _frame(page: Page) -> FrameLocator:
    return page.frame_locator("iframe")


#: Each picture, and how to get to where it is taken.
SCENES: dict[str, Callable[[Page, Stage], None]] = {
    "dags": _dags,
    "page": _overview,
    "page-group": _group,
    "page-plan": _plan,
    "page-user": _user,
    "page-conflicts": _conflicts,
    "approval": _approval,
    "run": _grid,
    "form": _form,
    "dag-docs": _documentation,
    "page-plan-dark": _plan,
}


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's browser, without a window."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - a dependency of development only

    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        sys.exit(f"None of {', '.join(BROWSERS)} is installed; on Debian: apt install chromium")
    with sync_playwright() as playwright:
        # Without its sandbox, which is refused to root and in containers; it sees nothing but our own pages.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


def logged_in(browser: Browser, url: str, theme: str) -> Page:
    """Ada in front of Airflow, in a theme."""
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT})
    context.add_init_script(f"localStorage.setItem('theme', '{theme}')")
    page = context.new_page()
    page.set_default_timeout(PATIENCE_S * 1000)
    page.goto(url)
    page.locator("input[name=username]").fill(ADA[0])
    page.locator("input[name=password]").fill(ADA[1])
    page.locator("button[type=submit]").click()
    page.wait_for_url(lambda where: "/login" not in where)
    return page


if __name__ == "__main__":
    sys.exit(main())
