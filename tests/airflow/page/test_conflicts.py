"""Conflicts and notices on the pages, page by page: of all groups, and of one run."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.routing import APIRoute
from sqlalchemy import update
from starlette.testclient import TestClient

from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.store import Beginning, RunKey, Store
from okta_mi_provider.store import plans as stored_plans
from okta_mi_provider.store import reports as stored_reports
from okta_mi_provider.store.lookup import Lookup
from okta_mi_provider.store.schema import ARTIFACTS
from okta_mi_provider.store.syncs import Syncs, stored_dag_ids
from okta_mi_provider.sync import plan as planning
from tests.store.fakes import Sync
from tests.store.reading import artifacts_read, statements_sent

#: Rows of a page, and of a piece.
ROWS, PIECE = 4, 3
MANY = 13

Browser = Callable[..., TestClient]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    from okta_mi_provider.page import routes

    for name in ("_CONFLICTS", "_NOTICES", "_CHANGES"):
        monkeypatch.setattr(routes, name, ROWS)
    for module in (planning, stored_plans, stored_reports):
        monkeypatch.setattr(module, "PIECE", PIECE)


@pytest.fixture
def sync(tmp_path: Path) -> Iterator[Sync]:
    store = Store(f"sqlite:///{tmp_path / 'okta_mi.db'}")
    yield Sync(store)
    store.close()


@pytest.fixture
def browser(sync: Sync) -> Browser:
    """The browser of a person who may see these DAGs, or all."""
    from okta_mi_provider.page.app import create_page_app
    from okta_mi_provider.page.desk import Desk, open_desk

    def of(*dag_ids: str) -> TestClient:
        def desk() -> Desk:
            seen = frozenset(dag_ids or stored_dag_ids(sync.store))
            return Desk(sync.store, Syncs(sync.store, seen), Lookup(sync.store, seen), seen, seen)

        pages = create_page_app()
        pages.dependency_overrides[open_desk] = desk
        return TestClient(pages, follow_redirects=False)

    return of


def leave(sync: Sync, group: str, conflicts: int, *, notices: int = 0, changes: int = 0) -> int:
    """A run that has left this to people. Its id."""
    twins = [f"{group}{number:03}" for number in range(conflicts)]
    sync.okta.join(group, *twins, email=f"{group}@example.com")
    sync.okta.join(group, *(f"{group}-away{number:03}" for number in range(notices)), status="SUSPENDED")
    sync.okta.join(group, *(f"{group}-new{number:03}" for number in range(changes)))
    sync.run(group, key=RunKey(f"okta_mi__{group}", "1"), shared=True)
    return max(run.id for run in Syncs(sync.store, stored_dag_ids(sync.store)).latest().values())


def section(text: str, name: str) -> str:
    """A part of a page, with what breaks names taken out."""
    found = re.search(rf'<(section|details)[^>]*"{name}".*?</\1>', text.replace("<wbr>", ""), re.DOTALL)
    assert found, name
    return html.unescape(found[0])


def follow(client: TestClient, path: str, name: str) -> Iterator[str]:
    """A list from page to page, by its links."""
    while True:
        answer = client.get(path)
        assert answer.status_code == 200, path
        part = section(answer.text, name)
        yield part
        link = re.search(r'href="([^"]*)">Next<', part)
        if not link:
            return
        path = link[1]


def users_on(parts: Iterator[str]) -> list[list[str]]:
    return [re.findall(r'<td class="name user">(?:<a [^>]*>)?<bdi>([^<]*)</bdi>', part) for part in parts]


def rows_of(client: TestClient, path: str) -> list[dict[str, str]]:
    answer = client.get(path)
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_every_page_asks_who_is_there() -> None:
    from okta_mi_provider.page import downloads, routes
    from okta_mi_provider.page.desk import open_desk

    found = [each for each in (*routes.router.routes, *downloads.router.routes) if isinstance(each, APIRoute)]

    assert {"/csv/findings", "/csv/conflicts", "/conflicts", "/run"} <= {each.path for each in found}
    assert [
        each.path for each in found if open_desk not in {needed.call for needed in each.dependant.dependencies}
    ] == []


class TestOfAllGroups:
    def test_the_pages_have_each_conflict_once_and_the_file_has_all(self, sync: Sync, browser: Browser) -> None:
        for group, number in (("beta", 2), ("Alpha", MANY), ("gamma", 3)):
            leave(sync, group, number)

        pages = users_on(follow(browser(), "/conflicts", "list"))

        assert [len(page) for page in pages] == [4, 4, 4, 4, 2]
        found = [user for page in pages for user in page]
        assert found == [each["user"] for each in rows_of(browser(), "/csv/conflicts")]
        groups = (("Alpha", MANY), ("beta", 2), ("gamma", 3))
        assert found == [f"{group}{number:03}" for group, many in groups for number in range(many)]

    def test_the_filter_goes_along_and_counts_in_the_file(self, sync: Sync, browser: Browser) -> None:
        for group in ("Sales", "Finance"):
            leave(sync, group, 6)

        pages = users_on(follow(browser(), "/conflicts?q=FINANCE00", "list"))

        assert [len(page) for page in pages] == [4, 2]
        assert [user for page in pages for user in page] == [
            each["user"] for each in rows_of(browser(), "/csv/conflicts?q=FINANCE00")
        ]
        assert "No conflict has this" in browser().get("/conflicts?q=nonsense").text

    def test_others_are_in_no_number_on_no_page_and_in_no_file(self, sync: Sync, browser: Browser) -> None:
        for group in ("Alpha", "Mine", "Zeta"):
            leave(sync, group, 6)
        mine = browser("okta_mi__Mine")

        for path in ("/conflicts", "/conflicts?q=example.com"):
            pages = list(follow(mine, path, "list"))
            assert [f"of {6}</span>" in page for page in pages] == [True, True]
            assert {user[:4] for page in users_on(iter(pages)) for user in page} == {"Mine"}
        assert {row["group"] for row in rows_of(mine, "/csv/conflicts")} == {"Mine"}
        # A page that only others have is the last one of ours.
        assert "Page 2 of 2" in mine.get("/conflicts?page=4").text

    def test_a_page_reads_what_it_shows(self, sync: Sync, browser: Browser) -> None:
        def asked(path: str) -> tuple[int, list[str]]:
            with statements_sent(sync.store) as sent, artifacts_read(sync.store) as read:
                assert browser().get(path).status_code == 200
            return len(sent), read

        for number in range(4):
            leave(sync, f"group{number:02}", 2)
        leave(sync, "long", 6)
        first, last = asked("/conflicts"), asked("/conflicts?page=999")
        for number in range(4, 12):
            leave(sync, f"group{number:02}", 2)
        leave(sync, "long", 30)

        assert asked("/conflicts") == first == (first[0], ["report"])
        assert len(last[1]) == 2
        assert len(asked("/conflicts?page=999")[1]) <= 3
        assert asked("/conflicts?page=999")[0] <= last[0] + 1


class TestOfARun:
    def test_conflicts_notices_and_changes_are_paged_each_by_itself(self, sync: Sync, browser: Browser) -> None:
        run = leave(sync, "Sales", MANY, notices=6, changes=5)
        client = browser()

        conflicts = users_on(follow(client, f"/run?id={run}&notices=2&page=2", "conflicts"))
        notices = list(follow(client, f"/run?id={run}&conflicts=3", "notices"))
        changes = users_on(follow(client, f"/run?id={run}&conflicts=3&q=-new", "plan"))

        assert [len(page) for page in conflicts] == [4, 4, 4, 1]
        assert [user for page in conflicts for user in page] == [f"Sales{number:03}" for number in range(MANY)]
        assert [page.count("<li>") for page in notices] == [4, 2]
        assert [len(page) for page in changes] == [4, 1]
        text = client.get(f"/run?id={run}&conflicts=3&notices=2&page=2&q=-new").text
        assert "Conflicts 9–12 of 13" in section(text, "conflicts")
        assert "Notices 5–6 of 6" in section(text, "notices")
        assert "Changes 5–5 of 5" in section(text, "plan")
        for name in ("conflicts", "notices", "plan"):
            (link,) = re.findall(r'href="([^"]*)">Previous<', section(text, name))
            assert link.endswith(f"#{name}")
            assert len(re.findall("conflicts=|notices=|page=|id=|q=-new", link)) == 5

    def test_notices_are_open_for_who_goes_through_them(self, sync: Sync, browser: Browser) -> None:
        run = leave(sync, "Sales", 0, notices=6)

        assert '<details id="notices">' in browser().get(f"/run?id={run}").text
        assert '<details id="notices" open>' in browser().get(f"/run?id={run}&notices=2").text

    def test_the_files_have_all_of_them(self, sync: Sync, browser: Browser) -> None:
        run = leave(sync, "Sales", MANY, notices=6)
        text = browser().get(f"/run?id={run}&conflicts=2&notices=2").text

        for name, cls, number in (("conflicts", "conflict", MANY), ("notices", "notice", 6)):
            (link,) = re.findall(r'href="([^"]*/csv/[^"]*)"', section(text, name))
            assert link == f"/csv/findings?id={run}&cls={cls}"
            rows = rows_of(browser(), link)
            assert len(rows) == len({row["user"] for row in rows}) == number
            assert set(rows[0]) == {"kind", "user", "message"}
        assert browser().get(f"/csv/findings?id={run}&cls=other").status_code == 404
        assert browser().get(f"/csv/findings?id={run}").status_code == 404

    def test_of_a_run_that_one_may_not_see_there_is_no_file(self, sync: Sync, browser: Browser) -> None:
        hidden = leave(sync, "Finance", 2)
        leave(sync, "Sales", 2)
        sam = browser("okta_mi__Sales")

        answers = [sam.get(f"/csv/findings?id={run}&cls=conflict") for run in (hidden, 999)]

        assert [answer.status_code for answer in answers] == [404, 404]
        hidden_text, missing_text = (re.sub(r"<time.*?</time>", "", answer.text) for answer in answers)
        assert hidden_text == missing_text

    def test_the_tab_of_a_run_leads_to_its_other_pages(self, sync: Sync, browser: Browser) -> None:
        leave(sync, "Sales", MANY, changes=5)
        tab = "/dag-run?dag_id=okta_mi__Sales&run_id=1"

        conflicts = users_on(follow(browser(), tab, "conflicts"))
        # The group is to be created, too.
        changes = users_on(follow(browser(), tab, "plan"))

        assert [len(page) for page in conflicts] == [4, 4, 4, 1]
        assert sum(len(page) for page in changes) == 5
        assert len(changes) == 2

    def test_a_page_reads_what_it_shows(self, sync: Sync, browser: Browser) -> None:
        read = []
        for group, number in (("Sales", MANY), ("Finance", 4 * MANY)):
            run = leave(sync, group, number, notices=4)
            with statements_sent(sync.store) as sent, artifacts_read(sync.store) as seen:
                browser().get(f"/run?id={run}")
            read.append((len(sent), len(seen)))
        assert read[0] == read[1]

    def test_users_lead_to_what_is_known_of_them(self, sync: Sync, browser: Browser) -> None:
        sync.okta.join("Other", "Sales000")
        sync.run("Other", key=RunKey("okta_mi__Other", "1"), shared=True)
        run = leave(sync, "Sales", 2)

        text = section(browser().get(f"/run?id={run}").text, "conflicts")

        assert 'href="/user?id=Sales000"' in text
        assert "Sales001" in text
        assert "id=Sales001" not in text
        assert "id=Sales000" not in section(browser("okta_mi__Sales").get(f"/run?id={run}").text, "conflicts")

    def test_a_plan_that_waits_for_a_person_is_read_in_pieces_too(self, sync: Sync, browser: Browser) -> None:
        key = RunKey("okta_mi__Sales", "1")
        sync.okta.join("Sales", *(f"Sales{number:03}" for number in range(4 * MANY)), email="same@example.com")
        plan = sync.run(key=RunKey("other", "1")).report.plan
        assert plan
        run = sync.store.begin(key, Beginning(SyncSettings(), "alice"))
        sync.store.save_plan(key, plan)

        with artifacts_read(sync.store) as seen:
            text = browser().get(f"/run?id={run}&conflicts=2").text

        assert "Conflicts 5–8 of 52" in text
        assert len({each for each in seen if each.startswith("plan_findings")}) <= 3

    def test_what_is_damaged_is_told_and_the_rest_is_there(self, sync: Sync, browser: Browser) -> None:
        run = leave(sync, "Sales", MANY, changes=1)
        with sync.store.writing() as connection:
            connection.execute(update(ARTIFACTS).where(ARTIFACTS.c.kind == "report_findings:2").values(body=b"x"))

        damaged = browser().get(f"/run?id={run}&conflicts=2")

        assert damaged.status_code == 200
        assert "is damaged in the store" in section(damaged.text, "conflicts")
        assert "Sales-new000" in damaged.text
        assert "Sales000" in section(browser().get(f"/run?id={run}").text, "conflicts")
        # A file that lacks some would not say so.
        assert browser().get(f"/csv/findings?id={run}&cls=conflict").status_code == 404
