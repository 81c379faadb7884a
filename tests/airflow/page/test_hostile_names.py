"""What becomes of hostile names on the pages and in their files."""

from __future__ import annotations

import csv
import io
from urllib.parse import urlencode

import pytest

from tests.airflow.page.conftest import Client
from tests.airflow.page.reading import Page, column
from tests.standalone.page_world import HOSTILE, dag_of

pytestmark = pytest.mark.usefixtures("migrated")


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

        users = list(column(text, "user"))
        assert '\'=HYPERLINK("http://evil.example/","click")' in users
        assert not [cell for row in csv.reader(io.StringIO(text)) for cell in row if cell[:1] in "=+-@" and cell]
