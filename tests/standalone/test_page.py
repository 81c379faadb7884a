"""People look at the pages in a real Airflow: by the navigation, in the tabs, and those who may not."""

from __future__ import annotations

import csv
import io
import logging
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect

from demo.airflow_stack import AirflowStack
from okta_mi_provider.store import Store
from okta_mi_provider.store.syncs import Syncs, stored_dag_ids
from tests.standalone.browser import chromium, logged_in
from tests.standalone.page_world import FORMULA, MANY, MARKUP, dag_of, fill

log = logging.getLogger(__name__)

REPOSITORY = Path(__file__).resolve().parents[2]
USERS = {"alice": "alice-and-her-password", "dora": "dora-and-her-password"}
GROUPS_FILE = """
defaults: {schedule: '30 5 * * *'}
groups: [Sales, Finance, Marketing, Hostile, Everybody, Newcomers]
"""
FOREIGN = '''
"""An Airflow DAG of somebody else."""

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

with DAG("foreign"):
    EmptyOperator(task_id="nothing")
'''


@dataclass(frozen=True)
class Site:
    airflow: AirflowStack
    runs: dict[str, int]

    def at(self, path: str) -> str:
        return f"{self.airflow.url}{path}"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Airflow's pages and what it knows of the DAGs; nothing runs. Dora has no role, and so no rights."""
    home = tmp_path_factory.mktemp("airflow")
    store = Store(f"sqlite:///{home / 'okta_mi.db'}")
    fill(store, days=8)
    runs = {key.dag_id: run.id for key, run in Syncs(store, stored_dag_ids(store)).latest().items()}
    store.close()
    dags = home / "dags"
    dags.mkdir()
    shutil.copy(REPOSITORY / "dags" / "okta_mi_sync.py", dags)
    (dags / "okta_groups.yaml").write_text(GROUPS_FILE, encoding="utf-8")
    (dags / "foreign.py").write_text(FOREIGN, encoding="utf-8")
    airflow = AirflowStack(
        home=home,
        dags_folder=dags,
        settings={"AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "alice:admin,dora:"},
        users=USERS,
        parts=("api-server", "dag-processor"),
    )
    with airflow:
        for dag_id in (dag_of("Sales"), dag_of("Newcomers"), "foreign"):
            airflow.wait_for_dag(dag_id)
        yield Site(airflow, runs)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def said() -> list[str]:
    """What the browser complains of, and what it asks of other servers."""
    return []


@pytest.fixture(scope="module")
def alice(browser: Browser, site: Site, said: list[str]) -> Page:
    page = logged_in(browser, site.airflow.url, "alice", USERS["alice"])
    page.on("dialog", lambda dialog: (said.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda message: said.append(message.text) if "Content Security" in message.text else None)
    page.on("request", lambda request: said.append(request.url) if not _is_ours(request.url, site) else None)
    return page


def test_from_the_navigation_to_a_group_a_run_and_a_user(alice: Page, site: Site) -> None:
    alice.goto(site.airflow.url)
    alice.get_by_role("link", name="Okta sync").click()
    frame = _frame(alice)

    expect(frame.get_by_role("heading", name="Okta sync")).to_be_visible()
    row = frame.get_by_role("row").filter(has=frame.get_by_role("rowheader", name="Finance"))
    expect(row).to_contain_text("Failed")
    row.get_by_role("link", name="Finance").click()
    expect(frame.get_by_role("heading", name="Finance", level=1)).to_be_visible()
    expect(frame.get_by_role("img", name="Members: 9 at first, 9 now, 9 to 9")).to_be_visible()
    frame.get_by_role("rowheader", name=str(site.runs[dag_of("Finance")]), exact=True).get_by_role("link").click()
    expect(frame.get_by_text("teller3 is refused.")).to_be_visible()
    expect(frame.locator("del")).to_have_text("Doe")
    expect(frame.locator("ins")).to_have_text("Smith")
    frame.get_by_role("link", name="teller3").click()
    expect(frame.get_by_role("heading", name="teller3", level=1)).to_be_visible()
    expect(frame.get_by_role("table", name="Groups that a sync has put this user into")).to_contain_text("Finance")


def test_a_user_is_found_by_a_part_of_the_name(alice: Page, site: Site) -> None:
    alice.goto(site.at("/plugin/okta-sync"))
    frame = _frame(alice)
    frame.get_by_role("searchbox", name="User", exact=True).fill("ELLER")
    frame.get_by_role("button", name="Find").click()
    expect(frame.get_by_role("listitem").filter(has_text="teller")).to_have_count(9)


def test_each_dag_has_a_tab(alice: Page, site: Site) -> None:
    alice.goto(site.at(f"/dags/{dag_of('Sales')}"))
    alice.get_by_role("link", name="Okta sync").last.click()
    expect(_frame(alice).get_by_role("heading", name="Sales", level=1)).to_be_visible()
    alice.goto(site.at(f"/dags/{dag_of('Newcomers')}/plugin/okta-sync-dag"))
    expect(_frame(alice).get_by_text("has not run yet")).to_be_visible()
    alice.goto(site.at("/dags/foreign/plugin/okta-sync-dag"))
    expect(_frame(alice).get_by_text("This DAG syncs no Okta group")).to_be_visible()


def test_each_run_has_a_tab(alice: Page, site: Site) -> None:
    run_id = site.airflow.api.trigger(dag_of("Sales"))
    alice.goto(site.at(f"/dags/{dag_of('Sales')}/runs/{run_id}/plugin/okta-sync-run"))
    expect(_frame(alice).get_by_text("Nothing is noted of this run")).to_be_visible()


def test_what_leads_out_of_the_frame_does(alice: Page, site: Site) -> None:
    alice.goto(site.at("/plugin/okta-sync"))
    frame = _frame(alice)
    with alice.expect_download() as download:
        frame.get_by_role("link", name="Download CSV").click()
    text = Path(download.value.path()).read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert {row["group"] for row in rows if row["run"]} == {
        "Sales", "Finance", "Marketing", "Hostile", "Everybody",
    }  # fmt: skip
    assert dag_of("Newcomers") in {row["dag_id"] for row in rows if not row["run"]}
    frame.get_by_role("row").filter(has_text="Hostile").get_by_role("link", name="Hostile").click()
    frame.get_by_role("link", name=dag_of("Hostile")).click()
    alice.wait_for_url(site.at(f"/dags/{dag_of('Hostile')}"))
    expect(alice.locator("iframe")).to_have_count(0)


def test_the_pages_are_as_dark_as_what_is_around_them(alice: Page, site: Site) -> None:
    for theme in ("dark", "light"):
        alice.evaluate("theme => localStorage.setItem('theme', theme)", theme)
        alice.goto(site.at("/plugin/okta-sync"))
        expect(_frame(alice).locator(f"html[data-theme={theme}]")).to_have_count(1)
        ground = _frame(alice).locator("body").evaluate("body => getComputedStyle(body).backgroundColor")
        assert ground == ("rgb(17, 17, 17)" if theme == "dark" else "rgb(255, 255, 255)")


def test_the_table_of_groups_fits_into_a_tab_and_shows_where_it_goes_on(alice: Page, site: Site) -> None:
    size = alice.viewport_size
    assert size is not None
    try:
        for width, fits in ((1000, True), (600, False)):  # a tab on a screen of 1360 has 1000
            alice.set_viewport_size({"width": width, "height": 800})
            alice.goto(site.at("/okta-mi/"))
            table = alice.locator(".scroll")
            assert table.evaluate("each => each.scrollWidth <= each.clientWidth") is fits
            shades = table.evaluate("each => getComputedStyle(each).backgroundAttachment")
            assert shades.startswith("local, local, scroll")
            lines = "each => [...each.querySelectorAll('small a')].map(link => link.getClientRects().length)"
            assert set(table.evaluate(lines)) == {1}
    finally:
        alice.set_viewport_size(size)


def test_names_are_text(alice: Page, site: Site) -> None:
    alice.goto(site.at(f"/okta-mi/run?id={site.runs[dag_of('Hostile')]}"))
    link = alice.get_by_role("link", name=MARKUP, exact=True)
    expect(link).to_be_visible()
    expect(alice.get_by_text(r"abc\u202etxt.exe\u2066").first).to_be_visible()
    expect(alice.get_by_role("link", name=FORMULA, exact=True)).to_be_visible()
    link.click()
    expect(alice.get_by_role("heading", name=MARKUP, level=1)).to_be_visible()
    assert alice.locator("script").count() == 1


def test_ten_thousand_changes_come_page_by_page(alice: Page, site: Site) -> None:
    run = site.runs[dag_of("Everybody")]
    alice.goto(site.at(f"/okta-mi/run?id={run}"))
    rows = alice.get_by_role("table", name="Changes of the plan").locator("tbody tr")
    expect(rows).to_have_count(100)
    expect(alice.get_by_text(f"Changes 1–100 of {MANY + 1:,}")).to_be_visible()
    for what, value in alice.evaluate(_TIMES).items():
        log.info("%s changes: %s after %.0f ms", f"{MANY:,}", what, value)
    alice.get_by_role("link", name="Last", exact=True).click()
    expect(rows).to_have_count(1)
    alice.get_by_role("searchbox", name="User, address or value").fill("u04711@")
    alice.get_by_role("button", name="Filter").click()
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("u04711")


def test_the_keyboard_is_enough(alice: Page, site: Site) -> None:
    alice.goto(site.at("/okta-mi/"))
    alice.keyboard.press("Tab")
    expect(alice.get_by_role("link", name="Skip to the content")).to_be_focused()
    alice.keyboard.press("Enter")
    expect(alice.locator("main")).to_be_focused()
    alice.keyboard.press("Tab")
    focused = alice.locator(":focus")
    expect(focused).to_have_attribute("href", "/okta-mi/")
    assert focused.evaluate("each => getComputedStyle(each).outlineStyle") == "solid"
    for landmark in ("banner", "main", "contentinfo", "navigation"):
        assert alice.get_by_role(landmark).count() >= 1, landmark
    assert alice.locator("th:not([scope])").count() == 0
    assert alice.locator("table:not(:has(caption))").count() == 0


def test_whoever_may_not_read_the_dags_sees_nothing(browser: Browser, site: Site) -> None:
    dora = logged_in(browser, site.airflow.url, "dora", USERS["dora"])
    dora.goto(site.at("/okta-mi/"))
    expect(dora.get_by_text("No sync has run that you may see.")).to_be_visible()
    expect(dora.get_by_text("Sales")).to_have_count(0)
    answer = dora.goto(site.at(f"/okta-mi/run?id={site.runs[dag_of('Sales')]}"))
    assert answer is not None
    assert answer.status == 404
    expect(dora.get_by_role("heading", name="Not found")).to_be_visible()


def test_whoever_is_not_logged_in_logs_in_and_comes_back(browser: Browser, site: Site) -> None:
    stranger = browser.new_context().new_page()
    wanted = site.at(f"/okta-mi/run?id={site.runs[dag_of('Sales')]}")
    stranger.goto(wanted)
    stranger.locator("input[name=username]").fill("alice")
    stranger.locator("input[name=password]").fill(USERS["alice"])
    stranger.locator("button[type=submit]").click()
    stranger.wait_for_url(wanted)
    expect(stranger.get_by_role("heading", name="Run")).to_be_visible()


def test_the_browser_had_nothing_to_complain_of_and_asked_nobody_else(said: list[str], alice: Page) -> None:
    """Of all that was seen before."""
    assert said == []


#: When the first byte was there, and when the first content was painted, in milliseconds.
_TIMES = """() => ({
  "first byte": performance.getEntriesByType("navigation")[0].responseStart,
  "first content": performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0,
})"""


def _frame(page: Page) -> FrameLocator:
    return page.frame_locator("iframe[title='Okta sync']")


def _is_ours(url: str, site: Site) -> bool:
    return url.startswith((site.airflow.url, "data:", "blob:"))
