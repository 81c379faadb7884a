"""What the pages ask the store: page by page, in the order of danger, and only of DAGs that one may see."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.event import listen, remove

from okta_mi_provider.store import ArtifactKind, History, RunKey, Store
from okta_mi_provider.store.lookup import Lookup, Wanted, danger_of
from okta_mi_provider.store.syncs import SyncKey, Syncs, stored_dag_ids
from okta_mi_provider.sync.approval_text import body
from okta_mi_provider.sync.model import ADMINISTRATOR
from okta_mi_provider.sync.outcome import Status
from okta_mi_provider.sync.plan import ChangeKind
from okta_mi_provider.sync.report import State
from tests.store.fakes import HOST, Sync

SALES, OTHER = RunKey("okta_mi__Sales", "1"), RunKey("okta_mi__Other", "1")


@pytest.fixture
def sync(store: Store) -> Sync:
    """Two DAGs: one with several runs, and one that not everybody may see."""
    made = Sync(store)
    made.okta.join("Sales", "ana", "Bö", "cy")
    made.okta.join("Other", "ana", "secret")
    made.run(key=SALES, prune="managed")
    made.okta.join("Sales", "ana", email="new@example.com")
    made.okta.join("Sales", "cy", last_name="Smith")
    made.okta.join("Sales", "dan")
    made.okta.leave("Sales", "Bö")
    made.run(key=SALES._replace(run_id="2"), prune="managed")
    made.run("Other", key=OTHER)
    return made


def lookup(sync: Sync, *dag_ids: str) -> Lookup:
    return Lookup(sync.store, dag_ids or ("okta_mi__Sales", "okta_mi__Other"))


class TestSyncs:
    def test_the_latest_run_of_each_that_may_be_seen(self, sync: Sync) -> None:
        assert stored_dag_ids(sync.store) == ["okta_mi__Other", "okta_mi__Sales"]
        both = Syncs(sync.store, ["okta_mi__Sales", "okta_mi__Other", "unknown"]).latest()
        assert {key.dag_id: run.id for key, run in both.items()} == {"okta_mi__Sales": 2, "okta_mi__Other": 3}
        assert set(Syncs(sync.store, ["okta_mi__Sales"]).latest()) == {SyncKey("okta_mi__Sales")}
        assert Syncs(sync.store, []).latest() == {}

    def test_a_mapped_task_has_a_sync_for_each_group(self, sync: Sync) -> None:
        for group in ("Sales", "Other"):
            sync.run(group, key=RunKey.of_task("mine", "provision", "run"))
        sync.run("Sales", key=RunKey.of_command("Sales"))

        found = Syncs(sync.store, stored_dag_ids(sync.store)).latest()

        assert {key for key in found if ":" in key.dag_id} == {
            SyncKey("mine:provision", "Sales"),
            SyncKey("mine:provision", "Other"),
            SyncKey("cli:Sales"),
        }

    def test_runs_page_by_page(self, sync: Sync) -> None:
        syncs, key = Syncs(sync.store, ["okta_mi__Sales"]), SyncKey("okta_mi__Sales")

        assert [run.id for run in syncs.runs(key, limit=1)] == [2]
        assert [run.id for run in syncs.runs(key, offset=1, limit=1)] == [1]
        assert syncs.count(key) == 2
        assert syncs.count(key, state=State.FAILED) == 0
        assert syncs.runs(SyncKey("okta_mi__Other")) == []
        assert syncs.count(SyncKey("okta_mi__Other")) == 0
        assert syncs.run(1) is not None
        assert syncs.run(3) is None
        assert [run.id for run in syncs.runs_named(["okta_mi__Sales", "okta_mi__Other"], "1")] == [1]

    def test_points_are_of_real_syncs_only(self, sync: Sync) -> None:
        sync.run(key=SALES._replace(run_id="3"), dry_run=True)
        sync.run(key=SALES._replace(run_id="4"), mode="drift")
        syncs = Syncs(sync.store, ["okta_mi__Sales"])

        points = syncs.points(SyncKey("okta_mi__Sales"), 30)

        assert [point.run for point in points] == [1, 2]
        assert points[1].counts["memberships"] == {"added": 1, "removed": 1}
        assert [point.run for point in syncs.points(SyncKey("okta_mi__Sales"), 1)] == [2]
        assert syncs.points(SyncKey("okta_mi__Other"), 30) == []


class TestChanges:
    def test_the_dangerous_ones_come_first(self, sync: Sync) -> None:
        found = lookup(sync).of_run(2)

        ranks = [
            danger_of(
                each.kind,
                (each.old or {}).get("type"),
                of_administrator=bool(each.administrator),
                new_address="email" in (each.new or {}),
            )
            for each in found
        ]
        assert ranks == sorted(ranks)
        assert found[0].kind is ChangeKind.REMOVE_MEMBER
        assert len(found) == sum(lookup(sync).tally(2).values()) == lookup(sync).count_of_run(2)

    def test_administrators_come_where_an_approval_has_them(self, store: Store) -> None:
        """Who gets into a group is more than anybody if it is an administrator: that was shown behind all new users."""
        made = Sync(store)
        made.okta.join("Sales", "ana", "root", "zoe", "guest")
        made.mi.add_user("root", type=ADMINISTRATOR)
        made.mi.add_user("guest")
        plan = made.run(key=SALES).report.plan
        assert plan

        found = [each.username for each in lookup(made).of_run(1) if each.username]

        asked = re.findall(r"^\* (?:create|change|add|remove) `(\w+)`", body(plan, hours=1), re.MULTILINE)
        assert found == asked
        assert found[0] == "root"

    def test_page_by_page_nothing_is_lost_or_told_twice(self, sync: Sync) -> None:
        all_of_them = lookup(sync).of_run(2)
        pages = [lookup(sync).of_run(2, offset=start, limit=2) for start in range(0, len(all_of_them), 2)]

        assert [each for page in pages for each in page] == all_of_them

    @pytest.mark.parametrize(
        ("wanted", "names"),
        [
            (Wanted("AN"), {"ana", "dan"}),
            (Wanted("new@EXAMPLE"), {"ana"}),
            (Wanted("00u-cy"), {"cy"}),
            (Wanted(kind=ChangeKind.REMOVE_MEMBER), {"Bö"}),
            (Wanted("BÖ"), {"Bö"}),
            (Wanted(status=Status.FAILED), set()),
            (Wanted("%"), set()),
            (Wanted("_"), set()),
        ],
    )
    def test_filtered(self, sync: Sync, wanted: Wanted, names: set[str]) -> None:
        found = lookup(sync).of_run(2, wanted)

        assert {each.username for each in found} == names
        assert lookup(sync).count_of_run(2, wanted) == len(found)

    def test_of_a_user_the_latest_first(self, sync: Sync) -> None:
        found = lookup(sync).of_user("ANA")

        assert [each.run for each in found] == sorted((each.run for each in found), reverse=True)
        assert {each.group.name for each in found} == {"Sales", "Other"}
        assert lookup(sync).of_user("00u-ana") == found
        assert lookup(sync).of_user("ana", offset=1, limit=1) == found[1:2]
        assert lookup(sync).count_of_user("ana") == len(found)
        assert lookup(sync).of_user("an") == []

    def test_where_a_user_is_a_member_by_us(self, sync: Sync) -> None:
        (ana,) = lookup(sync).identities("ana")

        assert (ana.host, ana.source_id, ana.username) == (HOST, "00u-ana", "ana")
        assert [each.group for each in lookup(sync).standing([ana])] == ["Other", "Sales"]
        assert [each.group for each in lookup(sync, "okta_mi__Sales").standing([ana])] == ["Sales"]
        assert lookup(sync).standing([ana._replace(host="https://other.example.org")]) == []
        assert lookup(sync).standing(lookup(sync).identities("Bö")) == []

    def test_search_finds_parts_of_names(self, sync: Sync) -> None:
        assert lookup(sync).search("A", limit=10) == ["ana", "dan"]
        assert lookup(sync).search("A", limit=1) == ["ana"]
        assert lookup(sync).search("secret", limit=10) == ["secret"]
        assert lookup(sync).search("%", limit=10) == []

    def test_what_one_may_not_see_is_nowhere(self, sync: Sync) -> None:
        sales = lookup(sync, "okta_mi__Sales")

        assert sales.of_run(3) == []
        assert sales.count_of_run(3) == 0
        assert sales.tally(3) == {}
        assert sales.identities("secret") == []
        assert sales.of_user("secret") == []
        assert sales.search("secret", limit=10) == []
        assert {each.dag_id for each in sales.of_user("ana")} == {"okta_mi__Sales"}
        assert Lookup(sync.store, []).of_user("ana") == []


def test_no_page_reads_a_whole_table(path: Path) -> None:
    sync = Sync(Store(f"sqlite:///{path}"))
    sync.okta.join("Sales", "ana")
    sync.run(key=SALES)
    said: list[str] = []
    listen(Engine, "before_cursor_execute", note := lambda _c, _cur, statement, *_: said.append(statement))
    key, found = SyncKey("okta_mi__Sales"), Lookup(sync.store, ["okta_mi__Sales"])
    syncs = Syncs(sync.store, stored_dag_ids(sync.store))
    syncs.latest(), syncs.points(key, 30), syncs.runs(key, limit=25), syncs.count(key), syncs.run(1)
    syncs.runs_named(["okta_mi__Sales"], "1")
    found.of_run(1, Wanted("ana")), found.tally(1), found.of_user("ana"), found.count_of_user("ana")
    found.standing(found.identities("ana")), found.search("ana", limit=10)
    remove(Engine, "before_cursor_execute", note)

    plans = []
    with sqlite3.connect(path) as connection:
        for statement in said:
            rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}", ["0"] * statement.count("?"))
            plans += [row[3] for row in rows]
    used = " ".join(plans)
    for index in ("runs_by_begin", "changes_of_run", "changes_of_user", "changes_of_username", "memberships_of_user"):
        assert f"INDEX okta_mi_{index} " in used, index
    assert [plan for plan in plans if plan.startswith("SCAN okta_mi") and "INDEX" not in plan] == []


def test_of_a_sync_without_a_task_for_it_the_report_is_kept_too(store: Store) -> None:
    """The task `report` of a generated DAG stores its own; a single operator and the command line have none."""
    sync = Sync(store)
    sync.okta.join("Sales", "ana")
    sync.okta.join("Sales", "twin", email="ana@example.com")
    result = sync.run("Sales")

    (run,) = History(store).runs()
    found = store.find(RunKey(run.dag_id, run.run_id), ArtifactKind.REPORT)

    assert found is not None
    assert found.data == result.report.to_json()
    assert {each["class"] for each in found.data["findings"]} == {"conflict"}


@pytest.mark.parametrize("text", ["Érika", "érika", "MÜLLER", "müll", "İstanbul", "Ödland", "ÖDLAND"])
def test_a_value_is_found_as_it_is_shown_whatever_its_language(store: Store, text: str) -> None:
    """SQLite makes ASCII small and leaves the rest: who looked for what the page shows did not find it."""
    sync = Sync(store)
    sync.okta.join("Ödland", "ana", first_name="Érika", last_name="MÜLLER", email="ana@İstanbul.example")
    sync.run("Ödland", key=SALES)

    assert "ana" in {each.username for each in lookup(sync).of_run(1, Wanted(text))}


def test_what_no_database_takes_is_looked_for_as_it_is_stored(store: Store) -> None:
    sync = Sync(store)
    sync.okta.join("Sales", "ana", last_name="a\0b")
    sync.okta.join("Sales", "bo", last_name="a\udcffb")
    sync.okta.join("Sales", "cy")
    sync.run(key=SALES)

    assert {each.username for each in lookup(sync).of_run(1, Wanted("A\0B"))} == {"ana"}
    assert {each.username for each in lookup(sync).of_run(1, Wanted("\udcff"))} == {"bo"}
