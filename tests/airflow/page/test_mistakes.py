"""Errors in the groups file, and groups that have not run yet, on the pages."""

from __future__ import annotations

import html
import re

import pytest

from tests.airflow.page.conftest import Client
from tests.airflow.page.reading import Page, column, rows

pytestmark = pytest.mark.usefixtures("migrated")


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
        assert list(column(of("root").get("/okta-mi/csv/syncs?state=broken").text, "state")) == ["broken", "broken"]
        assert "Wrong" not in of("root").get("/okta-mi/csv/syncs?state=never").text
        assert rows(of("root").get("/okta-mi/?state=broken").text) == 2

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
        assert rows(answer.text) == 1
        assert Page(answer.text).scripts == 1

    def test_what_airflow_has_no_documentation_of_is_told_without(self) -> None:
        from okta_mi_provider.page.flows import mistakes

        assert mistakes(["okta_mi__Sales", "unknown"]) == {}
        assert mistakes([]) == {}

    def test_a_group_that_has_not_run_has_a_page(self, of: Client) -> None:
        assert "has not run yet" in of("root").get("/okta-mi/group?dag=okta_mi__Newcomers").text
        assert of("root").get("/okta-mi/group?dag=nightly").status_code == 404
        assert of("root").get("/okta-mi/group?dag=foreign").status_code == 404
