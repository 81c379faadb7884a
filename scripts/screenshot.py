"""Takes the pictures of the documents from a running demo, into docs/pictures.

    make demo                                                # in another terminal
    .venv/bin/pip install playwright                         # once
    .venv/bin/python -m scripts.screenshot http://127.0.0.1:8080

It drives the Chromium of the system (Debian: ``apt install chromium``), so playwright need not download one.
"""

from __future__ import annotations

import argparse
import importlib
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from urllib.parse import quote

from demo.airflow_api import AirflowApi

PICTURES = Path(__file__).resolve().parent.parent / "docs" / "pictures"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDTH, HEIGHT = 1440, 900
TIMEOUT_MS = 60_000
SETTLE_MS = 2_000  # for charts, which are drawn with an animation


@dataclass(frozen=True, slots=True)
class Picture:
    """A page of Airflow's UI, and a text that it shows once its data have arrived."""

    name: str
    path: str
    awaited: str


def main() -> None:
    """Takes the pictures of the Airflow whose address is the argument."""
    parser = argparse.ArgumentParser(description="Takes the pictures of the documents from a running demo.")
    parser.add_argument("url", help="address of Airflow's UI, as the demo prints it")
    parser.add_argument("--group", default="MI - Finance", help="the group whose run to show (default: %(default)s)")
    options = parser.parse_args()
    api = AirflowApi(options.url.rstrip("/"))
    api.login()
    take(list(pictures(api, options.group)), api.url)


def pictures(api: AirflowApi, group: str) -> Iterator[Picture]:
    """What to take: the list of DAGs, the latest run of one of them, and our own page."""
    (dag_id,) = (dag["dag_id"] for dag in api.dags() if dag["dag_display_name"] == group)
    query = {"order_by": "-run_after", "limit": 1}
    runs = api.request("GET", f"/dags/{quote(dag_id)}/dagRuns", params=query)["dag_runs"]
    if not runs:
        sys.exit(f"{api.url} has no run of {group!r}; is it the demo?")
    yield Picture("dags.png", "/dags", group)
    yield Picture("page.png", "/plugin/okta-sync", "Okta sync")
    yield Picture("run.png", f"/dags/{quote(dag_id)}/runs/{quote(runs[0]['dag_run_id'])}", "report")


def take(wanted: list[Picture], url: str) -> None:
    """Opens each page in a headless browser and saves what it shows."""
    browser_path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser_path is None:
        sys.exit(f"None of {', '.join(BROWSERS)} is installed; on Debian: apt install chromium")
    PICTURES.mkdir(parents=True, exist_ok=True)
    with _playwright().sync_playwright() as playwright:
        # Without its sandbox, which is refused to root and in containers; it sees nothing but our own pages.
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        for picture in wanted:
            page.goto(f"{url}{picture.path}", timeout=TIMEOUT_MS)
            page.get_by_text(picture.awaited, exact=True).first.wait_for(timeout=TIMEOUT_MS)
            page.wait_for_timeout(SETTLE_MS)
            page.screenshot(path=PICTURES / picture.name)
            print(PICTURES / picture.name)
        browser.close()


def _playwright() -> ModuleType:
    """Imported here, since it is no dependency of anything else."""
    try:
        return importlib.import_module("playwright.sync_api")
    except ImportError:
        sys.exit("playwright is missing: .venv/bin/pip install playwright")


if __name__ == "__main__":
    main()
