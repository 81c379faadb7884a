"""What people ask the store, and what it forgets."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, update
from sqlalchemy.event import listen, remove

from okta_mi_provider.store import ArtifactKind, History, Retention, RunKey, Store, StoreError
from okta_mi_provider.store.history import last_written
from okta_mi_provider.store.retention import parse_days
from okta_mi_provider.store.schema import ARTIFACTS, CHANGES, LINKS, MEMBERSHIPS, RUNS
from okta_mi_provider.sync.outcome import Status
from okta_mi_provider.sync.plan import ChangeKind
from okta_mi_provider.sync.report import State
from tests.store.fakes import HOST, Sync

LONG_AGO = datetime.now(UTC) - timedelta(days=500)


@pytest.fixture
def sync(store: Store) -> Sync:
    made = Sync(store)
    made.okta.join("Sales", "ana", "Bö")
    return made


@pytest.fixture
def history(store: Store) -> History:
    return History(store)


def age(store: Store, run: int, when: datetime = LONG_AGO) -> None:
    """Lets a run and its changes be of another time."""
    with store.writing() as connection:
        connection.execute(update(RUNS).where(RUNS.c.id == run).values(started_at=when))
        connection.execute(update(CHANGES).where(CHANGES.c.run == run).values(at=when))


class TestRuns:
    def test_the_latest_comes_first(self, sync: Sync, history: History) -> None:
        for _ in range(3):
            sync.run()

        assert [run.id for run in history.runs()] == [3, 2, 1]
        assert [run.id for run in history.runs(limit=2)] == [3, 2]
        assert history.run(2) == history.runs()[1]
        assert history.run(99) is None

    def test_by_dag_and_by_group(self, sync: Sync, history: History) -> None:
        sync.okta.join("Marketing", "cy")
        sync.run(key=RunKey("a", "1"))
        sync.run("Marketing", key=RunKey("b", "1"))

        assert [run.dag_id for run in history.runs(dag_id="a")] == ["a"]
        assert [run.dag_id for run in history.runs(group="Marketing")] == ["b"]
        assert [run.dag_id for run in history.runs(group=sync.mi.group_id("Sales"))] == ["a"]
        assert history.runs(group="sales") == []

    def test_by_time(self, sync: Sync, store: Store, history: History) -> None:
        sync.run()
        sync.run()
        age(store, 1)

        assert [run.id for run in history.runs(since=LONG_AGO + timedelta(seconds=1))] == [2]
        assert [run.id for run in history.runs(since=LONG_AGO)] == [2, 1]
        assert history.runs()[1].started_at == LONG_AGO

    def test_by_how_they_ended(self, sync: Sync, store: Store, history: History) -> None:
        sync.run()
        sync.run(sync_user_limit=1)
        sync.mi.failing = {"cy"}
        sync.okta.join("Sales", "cy")
        sync.run()
        assert sync.crash(at=1, after=True, target_group="Elsewhere")

        found = {state: [run.id for run in history.runs(state=state)] for state in (*State, "running")}
        assert found == {State.DONE: [1], State.REFUSED: [2], State.FAILED: [3], "running": [4]}


class TestChanges:
    @pytest.mark.parametrize("who", ["bö", "BÖ", "Bö", "00u-Bö"])
    def test_of_a_user_by_any_name(self, sync: Sync, history: History, who: str) -> None:
        sync.run()
        sync.okta.join("Sales", "Bö", last_name="Smith")
        sync.run()

        found = history.changes_of_user(who)

        assert [(each.run, each.kind) for each in found] == [(1, ChangeKind.CREATE_USER), (2, ChangeKind.UPDATE_USER)]
        assert history.changes_of_user(sync.mi.id_of("Bö")) == found
        assert history.changes_of_user("ö") == []
        assert history.changes_of_user("00U-BÖ") == []

    def test_what_was_never_tried_is_told_on_request(self, sync: Sync, history: History) -> None:
        assert sync.crash(at=1, after=True)

        assert history.changes_of_user("ana") == []
        (planned,) = history.changes_of_user("ana", planned=True)
        assert planned.status is Status.PLANNED
        assert len(history.changes_of_run(1)) == 3
        assert [each.kind for each in history.changes_of_group("Sales")] == [ChangeKind.CREATE_GROUP]
        assert len(history.changes_of_group("Sales", planned=True)) == 3

    def test_of_a_group_since_a_time(self, sync: Sync, store: Store, history: History) -> None:
        sync.run(prune="managed")
        age(store, 1)
        sync.okta.leave("Sales", "ana")
        sync.run(prune="managed")

        recent = datetime.now(UTC) - timedelta(hours=1)
        for group in ("Sales", sync.mi.group_id("Sales")):
            assert len(history.changes_of_group(group)) == 4
            (change,) = history.changes_of_group(group, since=recent)
            assert (change.username, change.kind, change.left) == ("ana", ChangeKind.REMOVE_MEMBER, True)
        assert len(history.changes_of_user("ana", since=recent)) == 1
        assert history.changes_of_group("Default Group") == []

    def test_another_server_has_other_people(self, sync: Sync, history: History) -> None:
        sync.run()

        assert len(history.changes_of_user("ana", host=HOST)) == 1
        assert history.changes_of_user("ana", host="https://other.example.org") == []
        assert history.changes_of_group("Sales", host="https://other.example.org") == []

    def test_what_we_have_last_written_of_each_attribute(self, sync: Sync, store: Store) -> None:
        sync.run()
        sync.okta.join("Sales", "ana", last_name="Smith")
        sync.run()
        sync.mi.failing = {"ana"}
        sync.okta.join("Sales", "ana", last_name="Refused")
        sync.run()
        ana, bo = sync.mi.id_of("ana"), sync.mi.id_of("Bö")

        with store.reading() as connection:
            found = last_written(connection, HOST, [ana, "unknown", *map(str, range(2000, 3500))])
            both = last_written(connection, HOST, [ana, bo])
            elsewhere = last_written(connection, "https://other.example.org", [ana])

        assert found == {
            ana: {"email": "ana@example.com", "first_name": "Ana", "last_name": "Smith", "type": "regular"}
        }
        assert set(both) == {ana, bo}
        assert elsewhere == {}

    def test_what_later_runs_have_done_to_the_users_of_a_run(self, sync: Sync, history: History) -> None:
        sync.run(prune="managed")
        sync.okta.join("Sales", "ana", last_name="Smith")
        sync.okta.leave("Sales", "Bö")
        sync.okta.join("Sales", "cy")
        sync.run(prune="managed")
        sync.okta.join("Sales", "ana", status="DEPROVISIONED")
        sync.run(deprovision="disable")

        third, second, first = history.runs()
        assert [(each.run, each.username, each.kind) for each in history.touched_later(first)] == [
            (2, "ana", ChangeKind.UPDATE_USER),
            (2, "Bö", ChangeKind.REMOVE_MEMBER),
            (3, "ana", ChangeKind.DISABLE_USER),
        ]
        assert [(each.run, each.username) for each in history.touched_later(second)] == [(3, "ana")]
        assert history.touched_later(third) == []

    def test_what_a_later_run_may_have_done_counts_and_what_it_has_not_does_not(
        self, sync: Sync, store: Store, history: History
    ) -> None:
        sync.run()
        sync.okta.join("Sales", "ana", last_name="Smith")
        sync.run()
        for status, counts in (("begun", True), ("already", True), ("planned", False), ("failed", False)):
            with store.writing() as connection:
                connection.execute(update(CHANGES).where(CHANGES.c.run == 2).values(status=status))
            assert bool(history.touched_later(history.runs()[1])) is counts, status

    def test_what_was_noted_later_is_later_whichever_run_began_first(
        self, sync: Sync, store: Store, history: History
    ) -> None:
        """One of them may have waited for somebody who approves it."""
        sync.run()
        sync.okta.join("Sales", "ana", last_name="Smith")
        sync.run()
        second, first = history.runs()
        assert history.touched_later(second) == []
        age(store, 2, LONG_AGO)
        assert {each.run for each in history.touched_later(second)} == {1}
        assert {each.run for each in history.touched_later(first)} == {2}

    def test_another_server_has_other_users(self, sync: Sync, store: Store, history: History) -> None:
        sync.run()
        sync.okta.join("Sales", "ana", last_name="Smith")
        sync.run()
        with store.writing() as connection:
            connection.execute(update(RUNS).where(RUNS.c.id == 2).values(host="https://other.example.org"))
        assert history.touched_later(history.runs()[1]) == []


class TestRetention:
    def rows(self, store: Store) -> dict[str, int]:
        with store.reading() as connection:
            return {
                table.name.removeprefix("okta_mi_"): len(connection.execute(select(table)).all())
                for table in (RUNS, CHANGES, MEMBERSHIPS, LINKS, ARTIFACTS)
            }

    def test_old_runs_go_but_not_what_later_ones_stand_on(self, sync: Sync, store: Store) -> None:
        sync.run(prune="managed")
        sync.okta.join("Sales", "cy")
        sync.run(prune="managed")
        sync.mi.failing = {"dan"}
        sync.okta.join("Sales", "dan")
        sync.run()
        for run in (1, 2, 3):
            age(store, run)

        store.forget_old(Retention())

        # The second one is the last that was complete; its change stays, and so do the ledger and the links. The
        # reports are young.
        assert self.rows(store) == {"runs": 1, "changes": 1, "memberships": 3, "links": 3, "artifacts": 3}
        assert [run.id for run in History(store).runs()] == [2]
        sync.okta.leave("Sales", "ana")
        sync.mi.failing = set()
        sync.run(prune="managed")
        assert sync.mi.names_in("Sales") == {"Bö", "cy", "dan"}

    def test_what_is_in_doubt_stays_until_it_is_settled(self, sync: Sync, store: Store) -> None:
        assert sync.crash(at=2, after=True)
        age(store, 1)

        store.forget_old(Retention())

        assert self.rows(store)["changes"] == 3
        sync.run()
        assert self.rows(store)["memberships"] == 2

    def test_what_was_only_planned_goes_sooner(self, sync: Sync, store: Store) -> None:
        sync.run()
        with store.writing() as connection:
            connection.execute(update(CHANGES).where(CHANGES.c.username == "ana").values(status="planned"))
        age(store, 1, datetime.now(UTC) - timedelta(days=31))

        store.forget_old(Retention())

        assert {each.username for each in History(store).changes_of_run(1)} == {None, "Bö"}

    def test_artifacts_go_by_their_own_age(self, store: Store) -> None:
        run = RunKey("dag", "run")
        for kind in (ArtifactKind.PLAN, ArtifactKind.REPORT):
            store.save(run, kind, {})
        with store.writing() as connection:
            old = datetime.now(UTC) - timedelta(days=31)
            connection.execute(update(ARTIFACTS).where(ARTIFACTS.c.kind == "plan").values(created_at=old))

        store.forget_old(Retention(days=32))
        assert store.find(run, ArtifactKind.PLAN) is not None
        store.forget_old(Retention())

        assert store.find(run, ArtifactKind.PLAN) is None
        assert store.find(run, ArtifactKind.REPORT) is not None

    def test_what_is_young_stays(self, sync: Sync, store: Store) -> None:
        sync.run()
        before = self.rows(store)

        store.forget_old(Retention(days=1, history_days=1))

        assert self.rows(store) == before

    def test_that_it_cannot_be_done_ends_no_sync(
        self, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail(*_: object) -> None:
            raise StoreError("The disk is full.")

        monkeypatch.setattr("okta_mi_provider.store.retention.forget", fail)
        store.forget_old(Retention())

        assert "was not deleted from the store: The disk is full." in caplog.text

    def test_what_every_sync_looks_for_is_found_by_an_index(self, path: Path) -> None:
        """SQLite uses one with a condition only for a query that says the same words."""
        sync = Sync(Store(f"sqlite:///{path}"))
        sync.okta.join("Sales", "ana")
        sync.run()
        said: list[str] = []
        listen(Engine, "before_cursor_execute", note := lambda _c, _cur, statement, *_: said.append(statement))
        sync.run()
        sync.store.forget_old(Retention())
        remove(Engine, "before_cursor_execute", note)
        plans = []
        with sqlite3.connect(path) as connection:
            for statement in said:
                if statement.startswith(("SELECT", "DELETE")):
                    rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}", ["0"] * statement.count("?"))
                    plans += [row[3] for row in rows]
        used = " ".join(plans)
        for index in ("changes_in_doubt", "changes_planned", "changes_of_access", "artifacts_by_time", "runs_by_time"):
            assert f"INDEX okta_mi_{index}" in used, index
        assert [plan for plan in plans if plan.startswith("SCAN okta_mi") and "INDEX" not in plan] == []

    @pytest.mark.parametrize("text", ["0", "-1", "1.5", "", "x", "36501", "²"])
    def test_a_number_of_days_that_cannot_be(self, text: str) -> None:
        with pytest.raises(StoreError, match=r"\[okta_mi\] history_days is .*a whole number from 1"):
            parse_days("history_days", text)
        assert parse_days("history_days", " 400 ") == 400
