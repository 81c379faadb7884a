"""The pages in Airflow's own API server, in this process: who sees what, and what becomes of hostile names."""

from __future__ import annotations

import contextlib
import csv
import html
import io
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from fastapi import FastAPI
from sqlalchemy import delete
from starlette.testclient import TestClient

from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.store import Beginning, RunKey, Store, StoreJournal
from okta_mi_provider.store.schema import ARTIFACTS
from okta_mi_provider.sync.diff import diff
from okta_mi_provider.sync.outcome import Outcome, Status
from okta_mi_provider.sync.plan import Change, ChangeKind
from tests.airflow.picky import READS
from tests.standalone.page_world import HOSTILE, age, dag_of, fill
from tests.store.fakes import Sync
from tests.unit.worlds import mi_user, snapshot

#: Entries with mistakes: of a group that has never run, and of one that has.
WRONG = """
groups:
  - {name: Wrong, force: 1, aproval: never}
  - {name: Marketing, prune: "<script>alert(3)</script>"}
"""
DAGS = ("okta_mi__Sales", "okta_mi__Finance", "okta_mi__Newcomers", "foreign", "nightly")
MANY = 250
AUTH = "tests.airflow.picky.PickyAuthManager"
HTML = {"accept": "text/html"}

pytestmark = pytest.mark.usefixtures("migrated")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "okta_mi.db"
    store = Store(f"sqlite:///{path}")
    fill(store, many=MANY, days=4)
    sync = Sync(store)
    sync.okta.join("Plans", "dry", "run")
    sync.run("Plans", key=RunKey("nightly:plans", "manual__1:0"), shared=True, dry_run=True)
    sync.okta.join("Secret", "person01")
    sync.okta.join("Secret", "stranger@acme.example", "twin", email="same@example.com")
    sync.run("Secret", key=RunKey("nightly:secret", "manual__1"), shared=True)
    _take_back(store, 1)
    store.close()
    return f"sqlite:///{path}"


@pytest.fixture(scope="module")
def server(filled: str, migrated: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    """Airflow's API server as it starts, with our plugin from its entry point."""
    from airflow.api_fastapi.app import create_app, purge_cached_app

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__OKTA_MI__STORE", filled)
        patch.setenv("AIRFLOW__CORE__AUTH_MANAGER", AUTH)
        patch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS", "False")
        patch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", ",".join(f"{name}:viewer" for name in READS))
        patch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "x" * 64)
        new = [*_add_dags(), *_add_stand_ins(tmp_path_factory.mktemp("dags"))]
        yield create_app(apps="core")
        _remove_dags(new)
        purge_cached_app()


Client = Callable[[str | None], TestClient]


@pytest.fixture
def of(server: FastAPI) -> Client:
    """The browser of a person; None is one who is not logged in."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    def browser(name: str | None) -> TestClient:
        client = TestClient(server, headers=HTML, follow_redirects=False)
        if name is not None:
            token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username=name, role="viewer"))
            client.cookies.set("_token", token)
        return client

    return browser


@pytest.fixture
def runs(filled: str) -> dict[str, int]:
    """The latest run of each sync."""
    from okta_mi_provider.store.syncs import Syncs, stored_dag_ids

    store = Store(filled)
    found = {key.dag_id: run.id for key, run in Syncs(store, stored_dag_ids(store)).latest().items()}
    store.close()
    return found


PAGES = (
    "/okta-mi/",
    "/okta-mi/conflicts",
    "/okta-mi/users?q=a",
    "/okta-mi/run?id=1",
    "/okta-mi/user?id=person01",
    "/okta-mi/group?dag=okta_mi__Sales",
    "/okta-mi/dag?dag_id=okta_mi__Sales",
    "/okta-mi/dag-run?dag_id=okta_mi__Sales&run_id=look",
    "/okta-mi/csv/syncs",
    "/okta-mi/csv/dag?dag_id=okta_mi__Sales",
    "/okta-mi/csv/group?dag=okta_mi__Sales",
    "/okta-mi/csv/run?id=1",
    "/okta-mi/csv/user?id=person01",
    "/okta-mi/csv/conflicts",
)


class TestWhoComes:
    @pytest.mark.parametrize("path", PAGES)
    def test_nobody_sees_anything_without_being_logged_in(self, of: Client, path: str) -> None:
        answer = of(None).get(path)

        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/api/v2/auth/login?next=%2Fokta-mi%2F")
        assert of(None).get(path, headers={"accept": "application/json"}).status_code == 401
        assert of(None).get(f"{path.partition('?')[0]}?id=x&page=x").status_code == 303
        assert of(None).get(path, headers={"cookie": "_token=forged"}).status_code == 303

    def test_airflow_sends_to_its_login_and_back(self, of: Client) -> None:
        where = of(None).get("/okta-mi/run?id=1").headers["location"]

        login = of(None).get(where)

        assert login.status_code == 307
        assert login.headers["location"].endswith("/auth/login?next=%2Fokta-mi%2Frun%3Fid%3D1")

    @pytest.mark.parametrize("path", PAGES)
    def test_every_page_is_there_for_who_may_read_all(self, of: Client, path: str) -> None:
        answer = of("root").get(path)

        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]

    @pytest.mark.parametrize("path", PAGES)
    @pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
    def test_nothing_can_be_sent(self, of: Client, path: str, method: str) -> None:
        assert of("root").request(method, path).status_code == 405

    def test_style_and_script_are_open_and_nothing_else_of_the_folder(self, of: Client) -> None:
        for name in ("page.css", "page.js", "icon.svg", "icon-dark.svg"):
            assert of(None).get(f"/okta-mi/static/{name}").status_code == 200
        assert of(None).get("/okta-mi/static/../app.py").status_code == 404
        assert of(None).get("/okta-mi/static/%2e%2e/app.py").status_code == 404


class TestWhoMayReadSome:
    def test_the_others_are_in_no_list_and_no_number(self, of: Client) -> None:
        text = of("sam").get("/okta-mi/").text

        assert _rows(text) == 1
        assert "Sales" in text
        for other in ("Finance", "Everybody", "Marketing", "Hostile", "nightly", "cli:", "Newcomers"):
            assert other not in text
        assert re.search(r"All groups</span><br><span class=\"number\">1<", text)
        assert list(_csv(of("sam").get("/okta-mi/csv/syncs").text, "dag_id")) == ["okta_mi__Sales"]

    def test_guessing_finds_nothing_and_tells_nothing(self, of: Client, runs: dict[str, int]) -> None:
        finance = runs["okta_mi__Finance"]
        guesses = [
            (f"/okta-mi/run?id={finance}", "/okta-mi/run?id=99999"),
            (f"/okta-mi/csv/run?id={finance}", "/okta-mi/csv/run?id=99999"),
            ("/okta-mi/group?dag=okta_mi__Finance", "/okta-mi/group?dag=unknown"),
            ("/okta-mi/csv/group?dag=okta_mi__Finance", "/okta-mi/csv/group?dag=unknown"),
            ("/okta-mi/user?id=teller1", "/okta-mi/user?id=unknown"),
            ("/okta-mi/csv/user?id=teller1", "/okta-mi/csv/user?id=unknown"),
            ("/okta-mi/dag?dag_id=okta_mi__Finance", "/okta-mi/dag?dag_id=unknown"),
            ("/okta-mi/dag-run?dag_id=okta_mi__Finance&run_id=last", "/okta-mi/dag-run?dag_id=unknown&run_id=last"),
        ]
        for there, not_there in guesses:
            assert of("root").get(there).status_code == 200, there
            hidden, missing = of("sam").get(there), of("sam").get(not_there)
            assert hidden.status_code == missing.status_code == 404
            assert _without_times(hidden.text) == _without_times(missing.text)

    def test_a_user_of_several_groups_is_shown_with_the_visible_ones(self, of: Client) -> None:
        for path in ("/okta-mi/user?id=person01", "/okta-mi/csv/user?id=PERSON01"):
            assert "Secret" in of("root").get(path).text
            assert "Secret" not in of("sam").get(path).text
            assert "Sales" in of("sam").get(path).text

    def test_the_search_and_the_conflicts_know_no_others(self, of: Client) -> None:
        assert "teller1" in of("root").get("/okta-mi/users?q=teller").text
        assert "teller1" not in of("sam").get("/okta-mi/users?q=teller").text
        assert "teller5" not in of("sam").get("/okta-mi/conflicts").text

    @pytest.mark.parametrize("name", ["dora", "norah"])
    def test_who_may_read_no_dag_or_no_run_sees_none(self, of: Client, name: str) -> None:
        assert "No sync has run that you may see" in of(name).get("/okta-mi/").text
        for path in PAGES:
            answer = of(name).get(path)
            assert answer.status_code == 404 or "Sales" not in answer.text, path

    def test_what_belongs_to_no_dag_is_for_who_may_read_all_of_them(self, of: Client, runs: dict[str, int]) -> None:
        assert of("root").get(f"/okta-mi/run?id={runs['cli:Marketing']}").status_code == 200
        assert of("sam").get(f"/okta-mi/run?id={runs['cli:Marketing']}").status_code == 404
        # Its DAG was deleted.
        assert of("root").get(f"/okta-mi/run?id={runs['okta_mi__Everybody']}").status_code == 200
        assert of("sam").get(f"/okta-mi/run?id={runs['okta_mi__Everybody']}").status_code == 404


class TestTabs:
    def test_of_a_dag_of_ours(self, of: Client) -> None:
        assert "<bdi>Sales</bdi></h1>" in of("root").get("/okta-mi/dag?dag_id=okta_mi__Sales").text
        assert "has not run yet" in of("root").get("/okta-mi/dag?dag_id=okta_mi__Newcomers").text

    def test_of_a_dag_with_tasks_that_sync(self, of: Client) -> None:
        text = of("root").get("/okta-mi/dag?dag_id=nightly").text
        assert _rows(text) == 3
        assert "nightly:provision" in text

    def test_of_somebody_else_s_dag(self, of: Client) -> None:
        assert "syncs no Okta group" in of("sam").get("/okta-mi/dag?dag_id=foreign").text
        assert "syncs no Okta group" in of("sam").get("/okta-mi/dag-run?dag_id=foreign&run_id=x").text

    def test_of_a_run(self, of: Client, runs: dict[str, int]) -> None:
        text = of("root").get("/okta-mi/dag-run?dag_id=okta_mi__Finance&run_id=last").text
        assert "teller5@example.com" in text
        assert "Nothing is noted" in of("root").get("/okta-mi/dag-run?dag_id=okta_mi__Finance&run_id=x").text
        of_task = of("root").get("/okta-mi/dag-run?dag_id=nightly&run_id=manual__1").text
        assert f">{runs['nightly:provision']}<" in of_task
        assert f">{runs['nightly:plans']}<" in of_task


class TestErrorsInTheGroupsFile:
    def test_they_come_first_with_a_tile_and_the_mistake(self, of: Client) -> None:
        text = of("root").get("/okta-mi/").text

        first, second = text.partition("<tbody>")[2].split("</tr>")[:2]
        assert "Marketing" in first
        assert "Wrong" in second
        for row in (first, second):
            assert '<span class="badge broken">Error in file</span>' in row
        assert "force: 1 is not allowed" in second
        assert "And 1 more." in second
        assert 'href="/dags/okta_mi__Wrong" target="_top"' in second
        assert re.search(r'<li class="bad"><a [^>]*><span class="what">Error in file</span><br>[^2]*">2<', text)
        assert "Wrong" not in of("sam").get("/okta-mi/").text

    def test_they_are_found_by_their_state_and_no_other(self, of: Client) -> None:
        assert list(_csv(of("root").get("/okta-mi/csv/syncs?state=broken").text, "state")) == ["broken", "broken"]
        assert "Wrong" not in of("root").get("/okta-mi/csv/syncs?state=never").text
        assert _rows(of("root").get("/okta-mi/?state=broken").text) == 2

    @pytest.mark.parametrize("path", ["dag?dag_id=okta_mi__Wrong", "group?dag=okta_mi__Wrong"])
    def test_the_page_of_a_group_that_never_ran_says_what_is_wrong(self, of: Client, path: str) -> None:
        text = html.unescape(of("root").get(f"/okta-mi/{path}").text.replace("<wbr>", ""))

        assert "okta_groups.yaml:3:26: force: 1 is not allowed; allowed: true, false" in text
        assert "aproval: unknown key; did you mean approve?" in text
        assert 'href="/dags/okta_mi__Wrong"' in text
        assert "has not run yet" not in text
        assert of("sam").get(f"/okta-mi/{path}").status_code == 404

    def test_one_that_ran_before_has_its_runs_and_the_mistake(self, of: Client) -> None:
        answer = of("root").get("/okta-mi/group?dag=okta_mi__Marketing")

        assert "prune: &#39;&lt;script&gt;alert(3)&lt;/script&gt;&#39; is not allowed" in answer.text
        assert _rows(answer.text) == 1
        assert Page(answer.text).scripts == 1

    def test_what_airflow_has_no_documentation_of_is_told_without(self) -> None:
        from okta_mi_provider.page.flows import mistakes

        assert mistakes(["okta_mi__Sales", "unknown"]) == {}
        assert mistakes([]) == {}

    def test_a_group_that_has_not_run_has_a_page(self, of: Client) -> None:
        assert "has not run yet" in of("root").get("/okta-mi/group?dag=okta_mi__Newcomers").text
        assert of("root").get("/okta-mi/group?dag=nightly").status_code == 404
        assert of("root").get("/okta-mi/group?dag=foreign").status_code == 404


class TestPlans:
    def test_a_long_plan_comes_page_by_page(self, of: Client, runs: dict[str, int]) -> None:
        run = runs[dag_of("Everybody")]
        first = of("root").get(f"/okta-mi/run?id={run}").text
        last = of("root").get(f"/okta-mi/run?id={run}&page=999").text

        assert _rows(first) == 100
        assert "Changes 1–100 of 251" in first
        assert "Page 3 of 3" in last
        assert _rows(last) == 51
        found = of("root").get(f"/okta-mi/run?id={run}&q=U00042&kind=create_user&status=planned").text
        assert _rows(found) == 1
        assert "u00042@example.com" in found
        assert len(list(_csv(of("root").get(f"/okta-mi/csv/run?id={run}").text, "user"))) == MANY + 1
        only = of("root").get(f"/okta-mi/csv/run?id={run}&q=U00042").text
        assert list(_csv(only, "user")) == ["u00042"]

    def test_what_was_only_looked_at_is_shown_from_its_report(self, of: Client, runs: dict[str, int]) -> None:
        text = of("root").get(f"/okta-mi/run?id={runs['nightly:plans']}").text

        assert "Dry run" in text
        assert _rows(text) == 3
        assert "dry@example.com" in text
        assert _rows(of("root").get(f"/okta-mi/run?id={runs['nightly:plans']}&q=DRY").text) == 1

    def test_conflicts_say_what_to_do(self, of: Client) -> None:
        text = of("root").get("/okta-mi/conflicts").text
        assert "Give each of them one of their own in Okta" in text
        assert "Nothing waits" not in text
        assert re.search(r"Conflicts</span><br><span class=\"number\">4<", of("root").get("/okta-mi/").text)
        assert "No conflict has this" in of("root").get("/okta-mi/conflicts?q=nonsense").text

    def test_users_of_conflicts_lead_to_what_is_known_of_them(self, of: Client) -> None:
        text = of("root").get("/okta-mi/conflicts").text

        assert '<a href="/okta-mi/user?id=teller4"><bdi>teller4</bdi></a>' in text
        assert of("root").get("/okta-mi/user?id=teller4").status_code == 200
        # Nobody was ever tried to be changed of this name.
        assert "<bdi>stranger@<wbr>acme.<wbr>example</bdi>" in text
        assert "user?id=stranger" not in text

    def test_numbers_of_a_dry_run_are_not_like_those_of_a_real_one(self, of: Client) -> None:
        for path in ("/okta-mi/?q=Plans", "/okta-mi/dag?dag_id=nightly&q=Plans"):
            text = of("root").get(path).text
            assert '<td class="right would" title="would be; nothing was written">' in text
            assert '<span class="unseen">would be </span>2</td>' in text
        assert "would" not in of("root").get("/okta-mi/?q=Secret").text.partition("<tbody>")[2]

    def test_a_run_of_the_command_line_is_none_of_airflow(self, of: Client, runs: dict[str, int]) -> None:
        command = of("root").get(f"/okta-mi/run?id={runs['cli:Marketing']}").text
        assert "<dt>Run</dt>" in command
        assert "Run of Airflow" not in command
        assert "nobody was asked" in command
        assert "<dt>Run of Airflow</dt>" in of("root").get("/okta-mi/run?id=1").text
        refused = of("root").get(f"/okta-mi/run?id={runs['okta_mi__Everybody']}").text
        assert "no approval is noted" in refused

    def test_charts_of_nothing_are_not_drawn(self, of: Client) -> None:
        dry = of("root").get("/okta-mi/group?dag=nightly:plans&group=Plans").text
        assert "The last" not in dry
        assert "<svg" not in dry
        assert "The last 4 syncs" in of("root").get("/okta-mi/group?dag=okta_mi__Sales").text
        assert "The last sync" in of("root").get("/okta-mi/group?dag=okta_mi__Everybody").text

    @pytest.mark.parametrize("query", ["id=x", "id=0", "id=99999999999999999999", "id=1&page=0", "id=1&page=x", ""])
    def test_addresses_that_make_no_sense_are_not_found(self, of: Client, query: str) -> None:
        answer = of("root").get(f"/okta-mi/run?{query}")
        assert answer.status_code == 404
        assert "Not found" in answer.text


class TestFiles:
    """A file has the rows of its page: the filter counts, the number of the page does not."""

    @pytest.mark.parametrize(
        ("path", "narrowed"),
        [
            ("/okta-mi/?", "q=nonsense"),
            ("/okta-mi/?", "state=failed"),
            ("/okta-mi/dag?dag_id=nightly", "q=SECRET"),
            ("/okta-mi/dag?dag_id=nightly", "state=failed"),
            ("/okta-mi/group?dag=okta_mi__Sales", "state=failed"),
            ("/okta-mi/group?dag=okta_mi__Sales", "state=differs"),
            ("/okta-mi/conflicts?", "q=nonsense"),
            ("/okta-mi/conflicts?", "q=TWIN"),
        ],
    )
    def test_the_file_has_the_rows_of_the_page(self, of: Client, path: str, narrowed: str) -> None:
        whole = of("root").get(path).text
        some = of("root").get(f"{path}&{narrowed}").text

        assert _rows(some) < _rows(whole)
        for page in (whole, some):
            (link,) = re.findall(r'href="([^"]*/csv/[^"]*)"', page)
            assert len(list(csv.reader(io.StringIO(of("root").get(html.unescape(link)).text)))) == _rows(page) + 1

    def test_what_has_not_run_yet_is_in_it(self, of: Client) -> None:
        rows = list(csv.DictReader(io.StringIO(of("root").get("/okta-mi/csv/syncs").text)))
        (newcomers,) = [row for row in rows if row["dag_id"] == "okta_mi__Newcomers"]
        assert (newcomers["state"], newcomers["run"]) == ("never", "")

    def test_of_a_dag_that_one_may_not_read_there_is_none(self, of: Client) -> None:
        assert of("sam").get("/okta-mi/csv/dag?dag_id=nightly").status_code == 404
        assert of("sam").get("/okta-mi/csv/group?dag=okta_mi__Finance&state=failed").status_code == 404


def test_what_was_is_not_to_come_where_clocks_differ(
    of: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'ahead.db'}"
    store = Store(url)
    sync = Sync(store)
    sync.okta.join("Sales", "ana")
    sync.run("Sales", key=RunKey("okta_mi__Sales", "1"))
    age(store, datetime.now(UTC) + timedelta(minutes=5))
    store.close()
    monkeypatch.setenv("AIRFLOW__OKTA_MI__STORE", url)

    for path in ("/okta-mi/", "/okta-mi/group?dag=okta_mi__Sales", "/okta-mi/run?id=1"):
        text = of("root").get(path).text
        assert not re.search(r">in \d+ ", text), path
        assert ">just now<" in text


def test_a_plan_without_changes_says_so_and_points_to_its_conflicts(
    of: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'conflicts.db'}"
    store = Store(url)
    sync = Sync(store)
    sync.okta.join("Sales", "ana", "bob")
    sync.run("Sales", key=RunKey("okta_mi__Sales", "1"), shared=True)
    sync.run("Sales", key=RunKey("okta_mi__Sales", "2"), shared=True)
    sync.okta.join("Sales", "twin", email="ana@example.com")
    sync.run("Sales", key=RunKey("okta_mi__Sales", "3"), shared=True)
    sync.okta.groups.pop("Sales")
    sync.run("Sales", key=RunKey("okta_mi__Sales", "4"), shared=True)
    with store.writing() as connection:
        connection.execute(delete(ARTIFACTS).where(ARTIFACTS.c.run_id == "2"))
    said = {
        2: "The plan has no changes: nothing had to be changed.",
        3: "The plan has no changes; 2 conflicts are above.",
        4: "It did not come to a plan.",
    }
    store.close()
    monkeypatch.setenv("AIRFLOW__OKTA_MI__STORE", url)

    for run, sentence in said.items():
        assert sentence in of("root").get(f"/okta-mi/run?id={run}").text
    with contextlib.closing(sqlite3.connect(tmp_path / "conflicts.db")) as connection:
        connection.execute("DELETE FROM okta_mi_artifacts")
        connection.execute("DELETE FROM okta_mi_changes")
        connection.commit()
    assert "The changes of this plan are not kept any more" in of("root").get("/okta-mi/run?id=1").text
    assert "no changes, and 2 conflicts. The report is not in the store any more" in (
        of("root").get("/okta-mi/run?id=3").text
    )


class TestHostileNames:
    def test_nothing_of_a_name_is_markup(self, of: Client, runs: dict[str, int]) -> None:
        run = runs[dag_of("Hostile")]
        paths = [f"/okta-mi/run?id={run}", "/okta-mi/users?q=a", "/okta-mi/users?q=%3Cscript%3E%22'"]
        # As the store has it, which takes no NUL.
        ids = [name.replace("\0", "\\u0000") for name in HOSTILE]
        paths += [f"/okta-mi/user?{urlencode({'id': each})}" for each in ids]
        for path in paths:
            answer = of("root").get(path)
            assert answer.status_code == 200, path
            page = Page(answer.text)
            assert page.scripts == 1
            assert page.handlers == []
            assert "\u202e" not in answer.text
            assert "\0" not in answer.text
            assert all(link.startswith(("/okta-mi/", "/dags/", "#")) for link in page.links), page.links

    def test_no_cell_of_a_file_is_a_formula(self, of: Client, runs: dict[str, int]) -> None:
        text = of("root").get(f"/okta-mi/csv/run?id={runs[dag_of('Hostile')]}").text

        users = list(_csv(text, "user"))
        assert '\'=HYPERLINK("http://evil.example/","click")' in users
        assert not [cell for row in csv.reader(io.StringIO(text)) for cell in row if cell[:1] in "=+-@" and cell]


class TestTrouble:
    @pytest.fixture
    def lost(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        path = tmp_path / "secret-place" / "okta_mi.db"
        monkeypatch.setenv("AIRFLOW__OKTA_MI__STORE", f"sqlite:///{path}")
        return path

    def test_a_store_that_cannot_be_opened_is_told_in_a_sentence(self, of: Client, lost: Path) -> None:
        answer = of("root").get("/okta-mi/")

        assert answer.status_code == 503
        assert str(lost) in answer.text
        assert "[okta_mi] store" in answer.text
        assert "Traceback" not in answer.text

    def test_who_may_not_read_everything_is_not_told_where_it_is(self, of: Client, lost: Path) -> None:
        answer = of("sam").get("/okta-mi/")

        assert answer.status_code == 503
        assert "secret-place" not in answer.text

    def test_an_empty_store_says_what_may_be_wrong(
        self, of: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AIRFLOW__OKTA_MI__STORE", f"sqlite:///{tmp_path / 'empty.db'}")
        assert "do not share the store" in of("dora").get("/okta-mi/").text
        # What is in the groups file is there before it has run.
        text = of("root").get("/okta-mi/").text
        assert "Newcomers" in text
        assert "Error in file" in text

    def test_a_file_that_was_put_in_the_place_of_the_store_is_what_is_read(
        self, of: Client, filled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "restored.db"
        shutil.copy(filled.removeprefix("sqlite:///"), path)
        monkeypatch.setenv("AIRFLOW__OKTA_MI__STORE", f"sqlite:///{path}")
        assert "Everybody" in of("root").get("/okta-mi/").text

        for each in tmp_path.glob("restored.db*"):
            each.unlink()
        Store(f"sqlite:///{path}").close()
        assert "Everybody" not in of("root").get("/okta-mi/").text

        path.unlink()
        path.write_bytes(b"something else" * 1000)
        answer = of("root").get("/okta-mi/")
        assert answer.status_code == 503
        assert "not a database" in answer.text

    @pytest.mark.parametrize(
        "damage",
        [
            "UPDATE okta_mi_runs SET state = 'strange'",
            "UPDATE okta_mi_runs SET counts = '{bad'",
            "UPDATE okta_mi_runs SET started_at = 'yesterday'",
        ],
    )
    def test_what_is_not_understood_is_told_in_a_sentence(
        self, of: Client, filled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
    ) -> None:
        path = tmp_path / "damaged.db"
        shutil.copy(filled.removeprefix("sqlite:///"), path)
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute(damage)
            connection.commit()
        monkeypatch.setenv("AIRFLOW__OKTA_MI__STORE", f"sqlite:///{path}")

        answer = of("root").get("/okta-mi/")

        assert answer.status_code == 503
        assert "changed it by hand" in answer.text
        assert "Traceback" not in answer.text
        assert answer.headers["cache-control"] == "no-store"

    def test_the_store_may_be_a_connection_of_airflow(
        self, of: Client, filled: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AIRFLOW__OKTA_MI__STORE", "okta_mi_store")
        monkeypatch.setenv(
            "AIRFLOW_CONN_OKTA_MI_STORE", f"sqlite:///{filled.removeprefix('sqlite:///').replace('/', '%2F')}"
        )
        assert "Finance" in of("root").get("/okta-mi/").text


def _take_back(store: Store, run: int) -> None:
    """An undo that takes one of three memberships away, cannot take another one, and has not come to the third."""
    users = [mi_user(name) for name in ("gone", "held", "later")]
    changes = tuple(Change(ChangeKind.REMOVE_MEMBER, "Sales", before=user, after=user) for user in users)
    begun = Beginning(SyncSettings(), "eve", target_group="Sales", mode="undo", undoes=run)
    with StoreJournal(store, RunKey("cli:Sales", "2026-11-28T12:00:00Z-0"), begun) as journal:
        journal.planned(replace(diff(snapshot([]), SyncSettings()), changes=changes))
        journal.begin(changes[:2])
        journal.note(Outcome(changes[0], Status.DONE))
        journal.note(Outcome(changes[1], Status.FAILED, "MI is away."))


def test_a_run_that_was_taken_back_says_so_and_leads_there_whoever_may_see_it(of: Client, runs: dict[str, int]) -> None:
    undo = runs["cli:Sales"]

    group = of("root").get("/okta-mi/group?dag=okta_mi__Sales").text
    back, all_runs = of("root").get("/okta-mi/run?id=1").text, of("root").get(f"/okta-mi/run?id={undo}").text
    assert f'This run was taken back by <a href="/okta-mi/run?id={undo}">run {undo}</a>' in back
    assert "as it had left it; but <b>2 changes of that were not written</b>." in back
    assert f'taken back in part by <a href="/okta-mi/run?id={undo}">' in group
    assert 'Takes back <a href="/okta-mi/run?id=1">run 1</a>' in all_runs
    partly = of("sam").get("/okta-mi/run?id=1").text
    assert "This run was taken back at <time" in partly
    assert f"run {undo}" not in partly
    assert of("sam").get(f"/okta-mi/run?id={undo}").status_code == 404


def test_links_go_out_from_where_airflow_is(filled: str) -> None:
    """Behind a proxy Airflow is not at the top of its address."""
    from okta_mi_provider.page.app import create_page_app
    from okta_mi_provider.page.desk import Desk, open_desk
    from okta_mi_provider.store.lookup import Lookup
    from okta_mi_provider.store.syncs import Syncs, stored_dag_ids

    store = Store(filled)
    seen = frozenset(stored_dag_ids(store))
    pages, airflow = create_page_app(), FastAPI(root_path="/airflow")
    pages.dependency_overrides[open_desk] = lambda: Desk(store, Syncs(store, seen), Lookup(store, seen), seen, seen)
    airflow.mount("/okta-mi", pages)
    client = TestClient(airflow)
    page = Page(client.get("/airflow/okta-mi/run?id=1").text)
    store.close()

    outside = [each for each in page.links if not each.startswith(("/airflow/okta-mi/", "#"))]
    assert len(outside) == 1
    assert re.fullmatch("/airflow/dags/okta_mi__Sales/runs/scheduled__[0-9-]+", outside[0])


def test_what_every_part_of_airflow_loads_is_cheap() -> None:
    """The scheduler, each worker and each task load the plugin; none of them shows a page."""
    script = (
        "import sys, airflow.plugins_manager; before = set(sys.modules); import okta_mi_provider.plugins.okta_mi;"
        "print(sorted(name for name in set(sys.modules) - before if name.partition('.')[0] in "
        "{'fastapi', 'starlette', 'jinja2', 'sqlalchemy', 'alembic', 'requests'} or name.startswith("
        "('okta_mi_provider.page', 'okta_mi_provider.store', 'airflow.api_fastapi'))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env={**os.environ}
    )
    assert done.stdout.strip().splitlines()[-1] == "[]"


class Page(HTMLParser):
    """What a browser makes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.scripts = 0
        self.handlers: list[str] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        self.handlers += [name for name, _ in attrs if name.startswith("on") or name == "style"]
        self.links += [value or "" for name, value in attrs if name in {"href", "src", "action"}]


def _rows(text: str) -> int:
    """Rows of the last table of a page."""
    return len(re.findall(r"<tr>", text.rpartition("<tbody>")[2])) - text.rpartition("<tbody>")[2].count(
        'class="empty"'
    )


def _csv(text: str, column: str) -> Iterator[Any]:
    return (row[column] for row in csv.DictReader(io.StringIO(text)))


def _without_times(text: str) -> str:
    return re.sub(r"\d{4}-\d\d-\d\d[ T][\d:.]+", "", text)


def _add_dags() -> list[str]:
    """Returns those that other tests have not run before: what has runs cannot be taken away again."""
    from airflow.models.dag import DagModel, DagTag
    from airflow.models.dagbundle import DagBundleModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        there = set(session.scalars(select(DagModel.dag_id)))
        session.merge(DagBundleModel(name="page"))
        session.flush()
        for dag_id in DAGS:
            session.merge(DagModel(dag_id=dag_id, bundle_name="page", is_paused=False, is_stale=False, fileloc="x"))
            if dag_id.startswith("okta_mi__"):
                session.merge(DagTag(dag_id=dag_id, name="okta_mi"))
    return [dag_id for dag_id in DAGS if dag_id not in there]


def _add_stand_ins(folder: Path) -> list[str]:
    """What the groups file makes of its mistakes, as Airflow keeps it."""
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db

    shutil.copy(Path(__file__).resolve().parents[2] / "dags" / "okta_mi_sync.py", folder)
    (folder / "okta_groups.yaml").write_text(WRONG, encoding="utf-8")
    bag = DagBag(str(folder))
    sync_bag_to_db(bag, "page", None)
    return list(bag.dags)


def _remove_dags(dag_ids: list[str]) -> None:
    from airflow.models.dag import DagModel, DagTag
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    with create_session() as session:
        session.execute(delete(DagTag).where(DagTag.dag_id.in_(dag_ids)))
        session.execute(delete(DagModel).where(DagModel.dag_id.in_(dag_ids)))
