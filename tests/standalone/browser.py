"""Airflow's pages as a person sees them: Debian's Chromium, without a window."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

#: Nothing is timed by it: it only says when a page that does not come is given up.
PATIENCE_MS = 60_000


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser. Without one there is nothing to test, which is a failure wherever it has to be tested."""
    path = shutil.which("chromium")
    if path is None:
        message = "Chromium is not installed; scripts/need_chromium.sh installs it"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        # Without its sandbox, which is refused to root and in containers; it sees nothing but our own pages.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


def logged_in(browser: Browser, url: str, name: str, password: str) -> Page:
    """A person in front of Airflow."""
    page = browser.new_context(viewport={"width": 1440, "height": 1000}).new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(url)
    page.locator("input[name=username]").fill(name)
    page.locator("input[name=password]").fill(password)
    page.locator("button[type=submit]").click()
    page.wait_for_url(lambda where: "/login" not in where)
    return page


def required_action(url: str, dag_id: str, run_id: str) -> str:
    """Address of the page on which a question is answered."""
    return f"{url}/dags/{quote(dag_id)}/runs/{quote(run_id)}/tasks/approve/required_actions"
