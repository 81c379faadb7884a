"""Who sees which page of which DAG: nobody without logging in, and nobody what they may not read."""

from __future__ import annotations

import re

import pytest

from tests.airflow.page.conftest import Client
from tests.airflow.page.reading import column, rows, without_times

pytestmark = pytest.mark.usefixtures("migrated")

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
    "/okta-mi/csv/findings?id=1&cls=notice",
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

        assert rows(text) == 1
        assert "Sales" in text
        for other in ("Finance", "Everybody", "Marketing", "Hostile", "nightly", "cli:", "Newcomers"):
            assert other not in text
        assert re.search(r"All groups</span><br><span class=\"number\">1<", text)
        assert list(column(of("sam").get("/okta-mi/csv/syncs").text, "dag_id")) == ["okta_mi__Sales"]

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
            assert without_times(hidden.text) == without_times(missing.text)

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
