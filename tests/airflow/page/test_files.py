"""The pages as files of CSV."""

from __future__ import annotations

import csv
import html
import io
import re

import pytest

from tests.airflow.page.conftest import Client
from tests.airflow.page.reading import rows

pytestmark = pytest.mark.usefixtures("migrated")


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

        assert rows(some) < rows(whole)
        for page in (whole, some):
            (link,) = re.findall(r'href="([^"]*/csv/[^"]*)"', page)
            assert len(list(csv.reader(io.StringIO(of("root").get(html.unescape(link)).text)))) == rows(page) + 1

    def test_what_has_not_run_yet_is_in_it(self, of: Client) -> None:
        syncs = csv.DictReader(io.StringIO(of("root").get("/okta-mi/csv/syncs").text))
        (newcomers,) = [row for row in syncs if row["dag_id"] == "okta_mi__Newcomers"]
        assert (newcomers["state"], newcomers["run"]) == ("never", "")

    def test_of_a_dag_that_one_may_not_read_there_is_none(self, of: Client) -> None:
        assert of("sam").get("/okta-mi/csv/dag?dag_id=nightly").status_code == 404
        assert of("sam").get("/okta-mi/csv/group?dag=okta_mi__Finance&state=failed").status_code == 404
