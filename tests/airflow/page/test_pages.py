"""What the pages say of DAGs, runs, plans and conflicts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete

from okta_mi_provider.store import RunKey, Store
from okta_mi_provider.store.schema import ARTIFACTS, CHANGES
from tests.airflow.page.conftest import MANY, Client
from tests.airflow.page.reading import column, rows
from tests.standalone.page_world import age, dag_of
from tests.store.fakes import Sync

pytestmark = pytest.mark.usefixtures("migrated")


class TestTabs:
    def test_of_a_dag_of_ours(self, of: Client) -> None:
        assert "<bdi>Sales</bdi></h1>" in of("root").get("/okta-mi/dag?dag_id=okta_mi__Sales").text
        assert "has not run yet" in of("root").get("/okta-mi/dag?dag_id=okta_mi__Newcomers").text

    def test_of_a_dag_with_tasks_that_sync(self, of: Client) -> None:
        text = of("root").get("/okta-mi/dag?dag_id=nightly").text
        assert rows(text) == 3
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


class TestPlans:
    def test_a_long_plan_comes_page_by_page(self, of: Client, runs: dict[str, int]) -> None:
        run = runs[dag_of("Everybody")]
        first = of("root").get(f"/okta-mi/run?id={run}").text
        last = of("root").get(f"/okta-mi/run?id={run}&page=999").text

        assert rows(first) == 100
        assert "Changes 1–100 of 251" in first
        assert "Page 3 of 3" in last
        assert rows(last) == 51
        found = of("root").get(f"/okta-mi/run?id={run}&q=U00042&kind=create_user&status=planned").text
        assert rows(found) == 1
        assert "u00042@example.com" in found
        assert len(list(column(of("root").get(f"/okta-mi/csv/run?id={run}").text, "user"))) == MANY + 1
        only = of("root").get(f"/okta-mi/csv/run?id={run}&q=U00042").text
        assert list(column(only, "user")) == ["u00042"]

    def test_what_was_only_looked_at_is_shown_from_its_report(self, of: Client, runs: dict[str, int]) -> None:
        text = of("root").get(f"/okta-mi/run?id={runs['nightly:plans']}").text

        assert "Dry run" in text
        assert rows(text) == 3
        assert "dry@example.com" in text
        assert rows(of("root").get(f"/okta-mi/run?id={runs['nightly:plans']}&q=DRY").text) == 1

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


@pytest.fixture
def own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """An empty store of this test only, which the pages show instead."""
    store = Store(f"sqlite:///{tmp_path / 'own.db'}")
    monkeypatch.setenv("AIRFLOW__OKTA_MI__STORE", f"sqlite:///{tmp_path / 'own.db'}")
    yield store
    store.close()


def test_what_was_is_not_to_come_where_clocks_differ(of: Client, own_store: Store) -> None:
    sync = Sync(own_store)
    sync.okta.join("Sales", "ana")
    sync.run("Sales", key=RunKey("okta_mi__Sales", "1"))
    age(own_store, datetime.now(UTC) + timedelta(minutes=5))

    for path in ("/okta-mi/", "/okta-mi/group?dag=okta_mi__Sales", "/okta-mi/run?id=1"):
        text = of("root").get(path).text
        assert not re.search(r">in \d+ ", text), path
        assert ">just now<" in text


def test_a_plan_without_changes_says_so_and_points_to_its_conflicts(of: Client, own_store: Store) -> None:
    sync = Sync(own_store)
    sync.okta.join("Sales", "ana", "bob")
    sync.run("Sales", key=RunKey("okta_mi__Sales", "1"), shared=True)
    sync.run("Sales", key=RunKey("okta_mi__Sales", "2"), shared=True)
    sync.okta.join("Sales", "twin", email="ana@example.com")
    sync.run("Sales", key=RunKey("okta_mi__Sales", "3"), shared=True)
    sync.okta.groups.pop("Sales")
    sync.run("Sales", key=RunKey("okta_mi__Sales", "4"), shared=True)
    with own_store.writing() as connection:
        connection.execute(delete(ARTIFACTS).where(ARTIFACTS.c.run_id == "2"))
    said = {
        2: "The plan has no changes: nothing had to be changed.",
        3: "The plan has no changes; 2 conflicts are above.",
        4: "It did not come to a plan.",
    }

    for run, sentence in said.items():
        assert sentence in of("root").get(f"/okta-mi/run?id={run}").text
    with own_store.writing() as connection:
        connection.execute(delete(ARTIFACTS))
        connection.execute(delete(CHANGES))
    assert "The changes of this plan are not kept any more" in of("root").get("/okta-mi/run?id=1").text
    assert "no changes, and 2 conflicts. The report is not in the store any more" in (
        of("root").get("/okta-mi/run?id=3").text
    )
