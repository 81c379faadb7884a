"""What the store notes of a run, and of its orderly end."""

from __future__ import annotations

import pytest

from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.store import Beginning, History, RunKey, StoreError, StoreJournal
from okta_mi_provider.sync.model import SourceGroup, TargetGroup
from okta_mi_provider.sync.outcome import Status
from okta_mi_provider.sync.plan import ChangeKind
from okta_mi_provider.sync.report import Approval, State
from tests.store.fakes import HOST, ORG, Sync
from tests.store.kept import RUN, ledger, links, statuses

SALES = SourceGroup("00g-Sales", "Sales")


class TestOneRun:
    def test_a_run_is_told_with_all_that_belongs_to_it(self, sync: Sync) -> None:
        result = sync.run(by="ana", key=RUN)

        (run,) = History(sync.store).runs()
        assert (run.dag_id, run.run_id, run.mode, run.dry_run, run.only_user) == (*RUN, "sync", False, False)
        assert (run.org, run.host, run.triggered_by, run.approved_by) == (ORG, HOST, "ana", None)
        assert run.source_groups == (SALES,)
        assert run.target_group == TargetGroup(sync.mi.group_id("Sales"), "Sales")
        assert run.settings == SyncSettings(auto_create="all", max_removals=1_000).to_mapping()
        assert result.report.plan is not None
        assert (run.plan_digest, run.fingerprint) == (result.report.plan.digest, result.report.plan.fingerprint)
        assert (run.source_users, run.users_in_scope, run.state, run.complete) == (2, 2, State.DONE, True)
        assert (run.counts, run.error) == (result.report.counts(), None)
        assert run.ended_at is not None
        assert run.started_at <= run.ended_at

    def test_every_change_is_told_with_what_was_and_what_is(self, sync: Sync) -> None:
        group = sync.mi.add_group("Sales")
        ana = sync.mi.add_user("ana", email="old@example.com", last_name="Smith")
        sync.run(by="cy")

        update_ana, create_bob, add_ana = History(sync.store).changes_of_run(1)
        assert (update_ana.kind, update_ana.user_id) == (ChangeKind.UPDATE_USER, ana.id)
        assert update_ana.old == {"email": "old@example.com", "last_name": "Smith"}
        assert update_ana.new == {"email": "ana@example.com", "last_name": "Doe"}
        assert (create_bob.kind, create_bob.user_id) == (ChangeKind.CREATE_USER, sync.mi.id_of("bob"))
        assert (create_bob.old, create_bob.joined, create_bob.source_id) == (None, True, "00u-bob")
        assert create_bob.new == {
            "email": "bob@example.com",
            "first_name": "Bob",
            "last_name": "Doe",
            "type": "regular",
        }
        assert (add_ana.kind, add_ana.joined, add_ana.old, add_ana.new) == (ChangeKind.ADD_MEMBER, True, None, None)
        for change in (update_ana, create_bob, add_ana):
            assert (change.status, change.group, change.triggered_by, change.host) == (Status.DONE, group, "cy", HOST)

    def test_a_group_that_is_created_is_known_by_its_id_afterwards(self, sync: Sync) -> None:
        sync.run()

        found = {change.group for change in History(sync.store).changes_of_run(1)}
        assert found == {TargetGroup(sync.mi.group_id("Sales"), "Sales")}
        assert {row.group_id for row in ledger(sync).values()} == {sync.mi.group_id("Sales")}

    @pytest.mark.parametrize("values", [{"dry_run": True}, {"mode": "drift"}])
    def test_a_run_that_only_looks_is_told_without_changes(self, sync: Sync, values: dict[str, object]) -> None:
        sync.run(**values)

        (run,) = History(sync.store).runs()
        assert (run.mode, run.dry_run) == (values.get("mode", "sync"), values.get("dry_run", False))
        assert run.plan_digest is not None
        assert not run.complete
        assert History(sync.store).changes_of_run(run.id) == []
        assert sync.mi.writes == 0

    def test_a_refused_plan_is_kept_with_changes_that_were_only_planned(self, sync: Sync) -> None:
        sync.run(sync_user_limit=1)

        (run,) = History(sync.store).runs()
        assert (run.state, run.complete) == (State.REFUSED, False)
        assert run.error is not None
        assert "sync_user_limit" in run.error
        changes = History(sync.store).changes_of_run(run.id)
        assert changes
        assert {change.status for change in changes} == {Status.PLANNED}

    def test_a_group_that_cannot_be_read_is_a_failed_run(self, sync: Sync) -> None:
        sync.run("Nobody")

        (run,) = History(sync.store).runs()
        assert (run.dag_id, run.state, run.plan_digest) == ("cli:Nobody", State.FAILED, None)
        assert run.source_groups == (SourceGroup("", "Nobody"),)
        assert run.error == "Okta has no group named 'Nobody'."

    def test_a_change_that_fails_says_why(self, sync: Sync) -> None:
        sync.mi.failing = {"bob"}
        sync.run()

        (run,) = History(sync.store).runs()
        assert (run.state, run.complete) == (State.FAILED, False)
        (bob,) = [each for each in History(sync.store).changes_of_run(run.id) if each.username == "bob"]
        assert (bob.status, bob.error, bob.joined) == (Status.FAILED, "bob is refused.", False)
        assert set(ledger(sync)) == set(links(sync).values()) == {"ana"}

    def test_every_change_that_fails_says_why_however_many_they_are(self, sync: Sync) -> None:
        sync.okta.join("Sales", "cy", "dan")
        sync.mi.failing = {"bob", "cy", "dan"}
        result = sync.run()

        assert result.report.error is None
        failed = {each.username: each.error for each in History(sync.store).changes_of_run(1) if each.error}
        assert failed == {name: f"{name} is refused." for name in ("bob", "cy", "dan")}

    def test_names_that_no_database_takes_do_no_harm(self, sync: Sync) -> None:
        hostile = {"a\0b", "\ud800", "x'; DROP TABLE okta_mi_runs; --", "%s %(x)s", "é" * 3000}
        for number, name in enumerate(sorted(hostile)):
            sync.okta.join("Sales", name, email=f"{number}@example.com", first_name="a\0\udfff")
        assert sync.run().report.state is State.DONE

        changes = History(sync.store).changes_of_run(1)
        assert {change.status for change in changes} == {Status.DONE}
        assert r"a\u0000b" in {change.username for change in changes}
        assert len(ledger(sync)) == len(hostile) + 2
        assert len(History(sync.store).changes_of_user("É" * 3000)) == 1
        assert sync.run().report.changes == ()

    def test_errors_and_ids_that_no_database_takes_do_no_harm(self, sync: Sync) -> None:
        sync.okta.join("Sales", "a\0b", "cy", "dan")
        sync.mi.failing = {"a\0b"}
        sync.mi.add_group("Sales")
        sync.run()

        (failed,) = History(sync.store).changes_of_user(r"A\u0000B")
        assert (failed.status, failed.error) == (Status.FAILED, r"a\u0000b is refused.")

    def test_who_approved_is_told(self, sync: Sync) -> None:
        sync.run()
        sync.okta.groups["Sales"] = {}
        sync.okta.join("Sales", "cy")
        refused = sync.run(prune="managed", max_removals=1)
        assert refused.report.plan is not None
        assert refused.report.state is State.REFUSED

        sync.run(prune="managed", max_removals=1, approve_plan=refused.report.plan.digest[:12], by="eve")

        run = History(sync.store).runs()[0]
        assert (run.state, run.approved_by, run.triggered_by) == (State.DONE, "eve", "eve")
        assert run.approved_at is not None
        assert {change.approved_by for change in History(sync.store).changes_of_run(run.id)} == {"eve"}

    def test_of_two_who_have_approved_one_plan_each_is_named_for_what_was_written_with_it(self, sync: Sync) -> None:
        """The question was asked again in the middle, and somebody else has answered."""
        plan = sync.run(dry_run=True).report.plan
        assert plan is not None
        key, first = RunKey("dag", "1"), plan.changes[0]
        for name, tried in (("eve", [first]), ("bob", []), ("cy", [])):
            approval = Approval("approved", name, "2026-11-24T10:00:00+00:00", plan.digest)
            beginning = Beginning(SyncSettings(approve="always"), "cron")
            journal = StoreJournal(sync.store, key, beginning, approval=approval).resumed()
            journal.planned(plan)
            journal.begin(tried)

        run = History(sync.store).runs()[0]
        assert run.approved_by == "cy"
        assert [change.approved_by for change in History(sync.store).changes_of_run(run.id)] == [
            "eve" if change == first else "cy" for change in plan.changes
        ]

    def test_whoever_names_the_digest_of_a_plan_that_needs_no_approval_has_not_approved_it(self, sync: Sync) -> None:
        plan = sync.run(dry_run=True).report.plan
        assert plan is not None

        sync.run(approve_plan=plan.digest, by="eve")

        run = History(sync.store).runs()[0]
        assert (run.plan_digest, run.triggered_by, run.approved_by) == (plan.digest, "eve", None)

    def test_that_the_end_cannot_be_noted_is_told_and_loses_no_report(
        self, sync: Sync, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise StoreError("The disk is full.")

        monkeypatch.setattr("okta_mi_provider.store.runs.close", fail)
        result = sync.run()

        assert sync.mi.names_in("Sales") == {"ana", "bob"}
        assert result.report.error == "The end of the sync was not noted: The disk is full."
        assert result.report.counts()["users"]["created"] == 2
        assert result.report.state is State.FAILED


class TestOrderlyEnd:
    """A sync ends before its plan does, and knows what it has not sent."""

    def test_what_was_announced_and_not_sent_is_planned_again(self, sync: Sync) -> None:
        sync.mi.stops_at = 2
        assert "Stopped before the end; 1 change" in str(sync.run().cause)

        assert statuses(sync, 1) == {None: Status.DONE, "ana": Status.DONE, "bob": Status.PLANNED}

    def test_who_is_put_there_by_hand_after_the_brake_has_kept_a_sync_from_it_is_hand_made(self, sync: Sync) -> None:
        names = [f"u{number:03}" for number in range(40)]
        sync.okta.join("Sales", *names)
        sync.mi.failing = {"ana", "bob", *names}
        assert "the rest was not tried" in str(sync.run().cause)
        assert statuses(sync, 1)["u039"] is Status.PLANNED
        sync.mi.failing = set()
        sync.mi.add_user("u039", "Sales")
        sync.okta.leave("Sales", "u039")

        sync.run(prune="managed")

        assert "u039" in sync.mi.names_in("Sales")
        assert "u039" not in ledger(sync)

    def test_that_it_cannot_be_noted_hides_no_other_reason(
        self, sync: Sync, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise StoreError("The disk is full.")

        monkeypatch.setattr("okta_mi_provider.store.changes.withdraw", fail)
        sync.mi.stops_at = 2

        assert str(sync.run().cause).startswith("Stopped before the end")
        assert "1 change not sent, and that could not be noted: The disk is full." in caplog.text
        assert statuses(sync, 1)["bob"] is Status.BEGUN
