"""What the store remembers of syncs, whatever becomes of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from okta_mi_provider.page.figures import figures_of
from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.store import Beginning, History, RunKey, Store, StoreError, StoreJournal
from okta_mi_provider.store.runs import INTERRUPTED
from okta_mi_provider.store.schema import LINKS, MEMBERSHIPS, RUNS
from okta_mi_provider.store.settle import NOT_DONE
from okta_mi_provider.sync.apply import upsert_users
from okta_mi_provider.sync.diff import diff
from okta_mi_provider.sync.fetch import GroupSelector, fetch_directory, fetch_source, with_members
from okta_mi_provider.sync.memory import LastSync, Memory
from okta_mi_provider.sync.model import SourceGroup, TargetGroup
from okta_mi_provider.sync.outcome import Outcome, Status
from okta_mi_provider.sync.plan import Change, ChangeKind, Plan
from okta_mi_provider.sync.report import Approval, Report, State
from okta_mi_provider.sync.run import Sides, provision
from okta_mi_provider.sync.snapshot import Snapshot
from tests.store.fakes import HOST, ORG, Mortal, Sync
from tests.unit.worlds import DEFAULT_GROUP, okta_user, snapshot

RUN = RunKey("okta_mi__Sales", "manual__1")
SALES = SourceGroup("00g-Sales", "Sales")


@pytest.fixture
def sync(store: Store) -> Sync:
    made = Sync(store)
    made.okta.join("Sales", "ana", "bob")
    return made


def ledger(sync: Sync, group: str = "Sales") -> dict[str, Any]:
    """The ledger of a group by username."""
    with sync.store.reading() as connection:
        rows = connection.execute(select(MEMBERSHIPS).where(MEMBERSHIPS.c.group_name == group)).all()
    return {row.username: row for row in rows}


def links(sync: Sync) -> dict[str, str]:
    """Usernames in MI by Okta id."""
    with sync.store.reading() as connection:
        return {row.source_id: row.username for row in connection.execute(select(LINKS))}


def statuses(sync: Sync, run: int) -> dict[str | None, Status]:
    return {change.username: change.status for change in History(sync.store).changes_of_run(run)}


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


class TestLedger:
    def test_only_memberships_of_our_making_are_in_it(self, sync: Sync) -> None:
        sync.mi.add_group("Sales")
        sync.mi.add_user("ana", "Sales")
        sync.mi.add_user("bob")
        sync.mi.add_user("hand", "Sales")
        sync.okta.join("Sales", "cy")

        sync.run()

        rows = ledger(sync)
        assert set(rows) == {"bob", "cy"}
        assert (rows["cy"].user_id, rows["cy"].source_id, rows["cy"].source_group_id) == (
            sync.mi.id_of("cy"),
            "00u-cy",
            "00g-Sales",
        )
        assert (rows["cy"].host, rows["cy"].dag_id, rows["cy"].run) == (HOST, "cli:Sales", 1)

    def test_lesson_13_managed_removes_those_whom_we_put_there_and_nobody_else(self, sync: Sync) -> None:
        sync.mi.add_group("Sales")
        sync.mi.add_user("hand", "Sales")
        sync.run(prune="managed")
        sync.okta.leave("Sales", "bob")

        report = sync.run(prune="managed").report

        assert [(each.kind, each.user) for each in report.changes] == [(ChangeKind.REMOVE_MEMBER, "bob")]
        assert sync.mi.names_in("Sales") == {"ana", "hand"}
        assert set(ledger(sync)) == {"ana"}
        (removed,) = History(sync.store).changes_of_run(2)
        assert (removed.left, removed.joined, removed.source_id) == (True, False, "00u-bob")

    def test_a_membership_that_was_taken_away_by_hand_is_not_ours_when_it_is_given_again(self, sync: Sync) -> None:
        sync.run(prune="managed")
        sync.okta.leave("Sales", "bob")
        sync.mi.take_out("bob", "Sales")
        sync.run(prune="managed")
        assert set(ledger(sync)) == {"ana"}
        sync.mi.put_in("bob", "Sales")

        sync.run(prune="managed")

        assert sync.mi.names_in("Sales") == {"ana", "bob"}

    @pytest.mark.parametrize("values", [{"dry_run": True}, {"mode": "drift"}])
    def test_a_run_that_only_looks_forgets_no_membership(self, sync: Sync, values: dict[str, object]) -> None:
        sync.run()
        sync.mi.take_out("bob", "Sales")

        for _ in range(2):
            findings = sync.run(**values).report.findings
            assert "removed_by_hand" in {each.kind for each in findings} or "dry_run" in values
        assert set(ledger(sync)) == {"ana", "bob"}

    def test_what_a_run_makes_that_has_not_ended_is_newer_than_what_another_has_read(self, sync: Sync) -> None:
        """It begins, reads the members, and only then is a user put in by a run that began before."""
        sync.run()
        with sync.store.writing() as connection:
            connection.execute(update(MEMBERSHIPS).where(MEMBERSHIPS.c.username == "bob").values(run=2))
        running = StoreJournal(sync.store, RunKey("dag", "run"), Beginning(SyncSettings(), "cron"))
        running.start()
        assert running.run == 2
        sync.mi.take_out("bob", "Sales")
        sync.okta.leave("Sales", "bob")

        sync.run(prune="managed")

        assert set(ledger(sync)) == {"ana", "bob"}

    def test_what_a_run_makes_that_is_taken_for_interrupted_is_newer_than_what_the_next_has_read(
        self, sync: Sync
    ) -> None:
        """As two runs of a backfill, or a try that goes on although its run was begun anew."""
        group = sync.mi.add_group("Sales")
        chosen = SyncSettings(auto_create="all", prune="managed")
        older, newer = (
            sync.journal(RunKey("dag", run_id), Beginning(chosen, "backfill", ORG, HOST)) for run_id in ("1", "2")
        )
        source = fetch_source(sync.okta, [GroupSelector("Sales")], chosen)
        read = with_members(fetch_directory(sync.mi, chosen), sync.mi, source, chosen)
        plan = diff(Snapshot(source, read, older.recall(source, read, group)), chosen)
        older.planned(plan)
        newer.start()
        read = with_members(fetch_directory(sync.mi, chosen), sync.mi, source, chosen)
        with older:
            for outcome in upsert_users(plan, group, sync.mi, 1, journal=older):
                older.note(outcome)

        newer.recall(source, read, group)

        assert set(ledger(sync)) == {"ana", "bob"}

    def test_what_a_run_has_made_that_was_killed_and_never_repeated_is_forgotten_all_the_same(self, sync: Sync) -> None:
        sync.okta.join("Sales", "cy")
        assert sync.crash(at=4, after=True, target_group="T")
        killed = History(sync.store).runs()[0]
        # What has become of its changes is found out by another sync into the group, which does not end it.
        sync.run(key=RunKey("other", "1"), target_group="T")
        assert History(sync.store).run(killed.id).state is None  # type: ignore[union-attr]
        made = {name for name, row in ledger(sync, "T").items() if row.run == killed.id}
        assert made == {"ana", "bob", "cy"}
        for name in ("bob", "cy"):
            sync.mi.take_out(name, "T")
            sync.okta.leave("Sales", name)
        with sync.store.writing() as connection:
            noted = datetime.now(UTC) - timedelta(days=2)
            connection.execute(update(MEMBERSHIPS).where(MEMBERSHIPS.c.username == "bob").values(at=noted))

        sync.run(key=RunKey("other", "2"), target_group="T")

        # Whoever is put in by hand from now on is nobody's but who has done so; of cy that will be known tomorrow.
        assert set(ledger(sync, "T")) == {"ana", "cy"}

    def test_another_sync_into_the_group_does_not_manage_our_members(self, sync: Sync) -> None:
        sync.okta.join("Marketing", "cy")
        sync.run(key=RunKey("a", "1"), target_group="T", prune="managed")
        sync.run("Marketing", key=RunKey("b", "1"), target_group="T", prune="managed")
        sync.okta.leave("Sales", "bob")
        sync.okta.leave("Marketing", "cy")

        sync.run("Marketing", key=RunKey("b", "2"), target_group="T", prune="managed")

        assert sync.mi.names_in("T") == {"ana", "bob", "cy"}, "an empty source is refused"
        sync.okta.join("Marketing", "dan")
        sync.run("Marketing", key=RunKey("b", "3"), target_group="T", prune="managed")
        assert sync.mi.names_in("T") == {"ana", "bob", "dan"}

    @pytest.mark.parametrize(
        ("groups", "dag_id"), [(("Sales",), "renamed"), (("Sales", "Marketing"), "other"), (("Marketing",), "a")]
    )
    def test_a_membership_is_managed_by_whoever_syncs_its_okta_group_and_by_the_dag_that_made_it(
        self, sync: Sync, groups: tuple[str, ...], dag_id: str
    ) -> None:
        sync.okta.join("Marketing", "cy")
        sync.run(key=RunKey("a", "1"), target_group="T")
        sync.okta.leave("Sales", "bob")

        # Those who are synced have changed, so somebody has to want it.
        first = sync.run(*groups, key=RunKey(dag_id, "1"), target_group="T", prune="managed").report
        assert first.plan is not None
        sync.run(*groups, key=RunKey(dag_id, "1"), target_group="T", prune="managed", approve_plan=first.plan.digest)

        assert "bob" not in sync.mi.names_in("T")

    @pytest.mark.parametrize("of_tasks", [False, True], ids=["commands", "tasks of one operator"])
    def test_who_was_put_into_the_mi_group_for_another_okta_group_is_not_managed_although_the_dag_is_the_same(
        self, sync: Sync, of_tasks: bool
    ) -> None:
        """Commands into one MI group are kept under one name, and so are the tasks of a mapped operator."""
        keys = [RunKey.of_task("dag", "task", "run", index) if of_tasks else RunKey.of_command("T") for index in (0, 1)]
        sync.okta.join("Marketing", "cy", "dan")
        for key, group in zip(keys, ("Sales", "Marketing"), strict=True):
            sync.run(group, key=key, shared=True, target_group="T")
        sync.okta.leave("Marketing", "cy")

        refused = sync.run("Marketing", key=keys[1], shared=True, target_group="T", prune="managed").report

        assert [(each.kind, each.user) for each in refused.changes] == [(ChangeKind.REMOVE_MEMBER, "cy")]
        assert refused.plan is not None
        approve = refused.plan.digest
        sync.run("Marketing", key=keys[1], shared=True, target_group="T", prune="managed", approve_plan=approve)
        assert sync.mi.names_in("T") == {"ana", "bob", "dan"}

    def test_the_first_run_that_removes_more_people_waits_for_a_person(self, sync: Sync) -> None:
        sync.run()
        sync.okta.leave("Sales", "bob")

        refused = sync.run(prune="managed").report

        assert refused.state is State.REFUSED
        assert "prune: off -> managed" in (refused.error or "")
        assert refused.plan is not None
        sync.run(prune="managed", approve_plan=refused.plan.digest)
        assert sync.mi.names_in("Sales") == {"ana"}
        # It was wanted: from now on leavers go by themselves. And to remove nobody any more is no harm.
        sync.okta.join("Sales", "cy", "dan")
        sync.run(prune="managed")
        sync.okta.leave("Sales", "cy")
        assert sync.run(prune="managed").report.state is State.DONE
        sync.okta.join("Sales", "eve")
        assert sync.run(prune="off").report.state is State.DONE

    def test_a_run_of_a_former_version_has_not_noted_prune_and_makes_nothing_unusual(self, sync: Sync) -> None:
        sync.run(prune="managed")
        with sync.store.writing() as connection:
            noted = connection.scalar(select(RUNS.c.fingerprint))
            assert noted is not None
            older = {name: value for name, value in noted.items() if name != "prune"}
            connection.execute(update(RUNS).values(fingerprint=older))
        sync.okta.leave("Sales", "bob")

        assert sync.run(prune="managed").report.state is State.DONE
        assert sync.mi.names_in("Sales") == {"ana"}

    def test_members_of_two_groups_that_are_synced_as_one_leave_when_they_are_in_neither(self, sync: Sync) -> None:
        sync.okta.join("Marketing", "bob", "cy")
        both = ("Sales", "Marketing")
        sync.run(*both, target_group="T")
        sync.okta.leave("Sales", "bob")
        sync.run(*both, target_group="T", prune="managed")
        assert sync.mi.names_in("T") == {"ana", "bob", "cy"}

        sync.okta.leave("Marketing", "bob")
        sync.okta.leave("Marketing", "cy")
        sync.run(*both, target_group="T", prune="managed")

        assert sync.mi.names_in("T") == {"ana"}

    def test_an_mi_that_was_installed_anew_has_other_people(self, sync: Sync) -> None:
        sync.run(prune="managed")
        ids = {name: sync.mi.id_of(name) for name in ("ana", "bob")}
        for name, user_id in zip(("eve", "zoe"), ids.values(), strict=True):
            sync.mi.accounts[user_id] = replace(sync.mi.accounts[user_id], username=name, email=f"{name}@example.com")

        assert sync.run(prune="managed").report.state is State.DONE

        assert {"eve", "zoe"} <= sync.mi.names_in("Sales")


class TestLinks:
    def test_a_user_whose_login_changes_stays_the_same(self, sync: Sync) -> None:
        sync.run()
        sync.okta.groups["Sales"]["ana"] = okta_user("anna.doe", id="00u-ana", email="ana@example.com")

        result = sync.run()

        assert sync.mi.writes == 1, "the first name"
        assert {each.kind for each in result.report.findings} == {"renamed"}
        assert links(sync) == {"00u-ana": "ana", "00u-bob": "bob"}

    def test_a_new_user_with_the_login_of_a_former_one_gets_nothing_of_theirs(self, sync: Sync) -> None:
        sync.run()
        sync.okta.leave("Sales", "ana")
        sync.run()
        sync.okta.join("Sales", "ana", id="00u-new", email="new@example.com")

        for _ in range(2):
            report = sync.run().report
            assert (report.state, report.changes) == (State.FAILED, ())
            assert [(each.kind, each.user) for each in report.conflicts] == [("account_inherited", "ana")]
        assert "00u-new" not in links(sync)
        # Somebody gives the former account another name.
        former = sync.mi.id_of("ana")
        sync.mi.accounts[former] = replace(sync.mi.accounts[former], username="ana-former")
        assert sync.run().report.state is State.DONE
        assert sync.mi.id_of("ana") != former
        assert links(sync)["00u-new"] == "ana"

    def test_those_who_are_found_by_name_are_linked_when_the_plan_is_written(self, sync: Sync) -> None:
        sync.mi.add_group("Sales")
        sync.mi.add_user("ana", "Sales")
        sync.run(dry_run=True)
        assert links(sync) == {}

        sync.run()

        assert links(sync) == {"00u-ana": "ana", "00u-bob": "bob"}

    def test_an_mi_user_has_one_link(self, sync: Sync) -> None:
        sync.run()
        sync.okta.groups["Sales"]["ana"] = okta_user("ana", id="00u-the-new-ana")

        sync.run()

        assert links(sync) == {"00u-the-new-ana": "ana", "00u-bob": "bob"}

    def test_another_org_has_links_of_its_own(self, sync: Sync) -> None:
        sync.run()
        sync.okta.org = "https://other.okta.com"

        sync.run()

        with sync.store.reading() as connection:
            found = connection.execute(select(LINKS.c.org, LINKS.c.username)).all()
        assert {(ORG, "ana"), ("https://other.okta.com", "ana")} <= {tuple(row) for row in found}


class TestMemory:
    def recalled(self, sync: Sync, **values: object) -> Memory:
        """What a sync would remember now."""
        found: list[Memory] = []

        class Listening(Mortal):
            def recall(self, *arguments: Any) -> Memory:
                found.append(super().recall(*arguments))
                return found[-1]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("tests.store.fakes.Mortal", Listening)
            sync.run(dry_run=True, **values)
        return found[0]

    def test_the_last_complete_sync_counts(self, sync: Sync) -> None:
        assert self.recalled(sync).last is None
        plan = sync.run().report.plan
        assert plan is not None
        sync.okta.join("Sales", "cy")
        sync.run(dry_run=True)
        sync.run(mode="drift")
        sync.run(only_user="cy")
        sync.mi.failing = {"ana"}
        sync.okta.join("Sales", "ana", first_name="Changed")
        sync.run()

        assert self.recalled(sync).last == LastSync(plan.fingerprint, 2)
        sync.mi.failing = set()
        sync.run()
        assert self.recalled(sync).last == LastSync(plan.fingerprint, 3)

    def test_the_last_sync_with_another_server_does_not_count(self, sync: Sync) -> None:
        sync.run()
        assert self.recalled(sync).last is not None
        sync.mi.host = "https://other.example.org"
        assert self.recalled(sync).last is None

    def test_the_last_sync_of_another_dag_does_not_count(self, sync: Sync) -> None:
        sync.run(key=RunKey("other", "1"))
        assert self.recalled(sync).last is None

    def test_commands_from_several_groups_into_one_have_each_a_last_sync_as_long_as_they_remove_nobody(
        self, sync: Sync
    ) -> None:
        sync.okta.join("Marketing", "cy")
        for group in ("Sales", "Marketing", "Sales"):
            assert sync.run(group, target_group="T").report.state is State.DONE
        sync.okta.join("Marketing", "dan")

        assert sync.run("Marketing", target_group="T").report.state is State.DONE
        sync.okta.join("Marketing", "eve")
        refused = sync.run("Sales", target_group="T", prune="all").report
        assert refused.state is State.REFUSED
        assert refused.error is not None
        assert "groups: 00g-Marketing -> 00g-Sales" in refused.error

    def test_the_tasks_of_one_operator_for_many_groups_do_not_end_each_other(self, store: Store) -> None:
        names = ("Sales", "Marketing")
        for name in (*names, "Sales"):
            beginning = Beginning(SyncSettings(), "cron", target_group=name, shared=True)
            StoreJournal(store, RunKey.of_task("dag", "task", "run", names.index(name)), beginning).start()

        assert [(run.target_group.name, run.state) for run in History(store).runs()] == [
            ("Sales", None),
            ("Marketing", None),
        ]

    def test_whom_we_have_disabled_is_remembered_until_somebody_enables_the_user(self, sync: Sync) -> None:
        sync.run()
        sync.okta.join("Sales", "bob", status="DEPROVISIONED")
        sync.run(deprovision="disable")
        bob = sync.mi.id_of("bob")
        assert not sync.mi.accounts[bob].enabled

        assert self.recalled(sync).disabled == {bob}
        sync.mi.accounts[bob] = replace(sync.mi.accounts[bob], enabled=True)
        assert self.recalled(sync).disabled == frozenset()

    def test_what_an_undo_has_enabled_is_not_disabled_by_us(self, sync: Sync) -> None:
        sync.run()
        sync.okta.join("Sales", "bob", status="DEPROVISIONED")
        sync.run(deprovision="disable")
        bob = sync.mi.accounts[sync.mi.id_of("bob")]
        change = Change(ChangeKind.ENABLE_USER, "Sales", "00u-bob", bob, replace(bob, enabled=True))
        world = snapshot([])
        plan = replace(diff(world, SyncSettings()), changes=(change,), host=HOST)
        journal = StoreJournal(sync.store, RunKey("cli:Sales", "u"), Beginning(SyncSettings(), "ana", mode="undo"))
        journal.planned(plan)
        journal.begin([change])
        journal.note(Outcome(change, Status.DONE, target_id=bob.id))
        report = Report.of_plan(plan, [Outcome(change, Status.DONE)], dry_run=False, mode="undo")
        assert report.is_complete
        journal.close(report)

        undo = History(sync.store).run(journal.run)
        assert undo is not None
        assert (undo.mode, undo.complete) == ("undo", False)
        # Nobody has asked Okta who is in the group.
        assert figures_of(undo).members is None
        # Somebody disables the user again: that was not us.
        assert self.recalled(sync).disabled == frozenset()


class TestCrash:
    """A process dies at a write. The next sync finds out what became of it."""

    def test_what_has_begun_after_mi_was_read_is_found_out_by_who_reads_it_later(self, sync: Sync) -> None:
        """A long command knows nothing of it: who was created would be nobody's making, and stay for ever."""
        sync.okta.join("Legal", "cy")
        sync.mi.add_group("Sales")
        settings = SyncSettings.from_mapping({"auto_create": "all"})
        command = provision(
            Sides(sync.okta, sync.mi, sync.mi, 1),
            [[GroupSelector(name="Legal")], [GroupSelector(name="Sales")]],
            settings,
            journal_of=lambda name: sync.journal(
                RunKey.of_command(name), Beginning(settings, "eve", ORG, HOST, target_group=name, shared=True)
            ),
        )
        next(command)
        assert sync.crash(at=1, after=True)
        for _ in command:
            pass
        assert statuses(sync, 2)["ana"] is Status.BEGUN
        assert "ana" not in ledger(sync)

        sync.run()
        assert statuses(sync, 2)["ana"] is Status.DONE
        assert "ana" in ledger(sync)

    def test_what_was_done_is_told_of_the_run_that_has_done_it(self, sync: Sync) -> None:
        assert sync.crash(at=2, after=True)
        assert statuses(sync, 1) == {None: Status.DONE, "ana": Status.BEGUN, "bob": Status.BEGUN}

        sync.run()

        _, ana, bob = History(sync.store).changes_of_run(1)
        assert (ana.status, ana.joined, ana.user_id) == (Status.DONE, True, sync.mi.id_of("ana"))
        assert (bob.status, bob.error, bob.passing) == (Status.FAILED, NOT_DONE, True)
        # Whether Ana has come into the Default Group as well was not known.
        assert statuses(sync, 2) == {"bob": Status.DONE, "ana": Status.ALREADY}
        row = ledger(sync)["ana"]
        assert (row.run, row.dag_id, row.source_id, row.source_group_id) == (1, "cli:Sales", "00u-ana", "00g-Sales")
        assert links(sync) == {"00u-ana": "ana", "00u-bob": "bob"}
        first = History(sync.store).run(1)
        assert first is not None
        assert (first.state, first.error, first.complete) == (State.FAILED, INTERRUPTED, False)
        assert first.ended_at is not None

    @pytest.mark.parametrize("after", [True, False])
    def test_a_group_that_was_created_is_told_of_the_run_that_has_created_it(self, sync: Sync, after: bool) -> None:
        assert sync.crash(at=1, after=after)

        sync.run()

        created, ana, _ = History(sync.store).changes_of_run(1)
        assert ana.status is Status.PLANNED
        expected = (Status.DONE, sync.mi.group_id("Sales")) if after else (Status.FAILED, "")
        assert (created.status, created.group.id) == expected

    def test_lesson_16_a_member_whom_a_crashed_run_has_made_is_ours_and_leaves_with_okta(self, sync: Sync) -> None:
        assert sync.crash(at=3, after=True)
        sync.okta.leave("Sales", "bob")

        sync.run(prune="managed")

        assert sync.mi.names_in("Sales") == {"ana"}

    def test_a_user_who_was_created_but_is_no_member_yet_is_created_by_us(self, sync: Sync) -> None:
        assert sync.crash(at=2, after=True)
        sync.mi.take_out("ana", "Sales")

        sync.run()

        _, ana, _ = History(sync.store).changes_of_run(1)
        assert (ana.status, ana.joined) == (Status.DONE, False)
        again = {each.username: each for each in History(sync.store).changes_of_run(2)}["ana"]
        assert (again.kind, again.joined) == (ChangeKind.ADD_MEMBER, True)

    @pytest.mark.parametrize("skips", [False, True])
    def test_a_user_who_was_created_but_is_not_in_the_default_group_gets_there_once(
        self, sync: Sync, skips: bool
    ) -> None:
        assert sync.crash(at=2, after=True, skip_default_group=skips)
        sync.mi.memberships[DEFAULT_GROUP.id].clear()

        # What only looks has no consequences.
        sync.run(dry_run=True)
        sync.run(max_creates=0)
        sync.run()
        inside = set() if skips else {"ana"}
        assert sync.mi.names_in(DEFAULT_GROUP.name) == {"bob", *inside}
        sync.mi.take_out("bob", DEFAULT_GROUP.name)
        sync.mi.memberships[DEFAULT_GROUP.id].clear()
        assert sync.run().report.changes == ()

    def test_a_user_whose_creation_has_failed_and_who_is_there_gets_into_the_default_group(self, sync: Sync) -> None:
        sync.mi.failing = {"ana"}
        sync.run()
        sync.mi.failing = set()
        sync.mi.add_user("ana")
        sync.run()
        assert sync.mi.names_in(DEFAULT_GROUP.name) == {"ana", "bob"}

    def test_somebody_else_of_that_name_does_not(self, sync: Sync) -> None:
        sync.mi.failing = {"ana"}
        sync.run()
        sync.mi.failing = set()
        sync.mi.add_user("ana", email="other@example.com")
        sync.run()
        assert sync.mi.names_in(DEFAULT_GROUP.name) == {"bob"}

    def test_a_member_of_a_crashed_run_who_was_taken_out_and_put_in_by_hand_is_not_ours(self, sync: Sync) -> None:
        sync.okta.join("Sales", *(f"user{number:03}" for number in range(60)))
        assert sync.crash(at=62, after=True)
        assert "bob" in ledger(sync)
        sync.okta.leave("Sales", "bob")
        sync.mi.take_out("bob", "Sales")
        sync.run(prune="managed")
        sync.mi.put_in("bob", "Sales")

        sync.run(prune="managed")

        assert "bob" in sync.mi.names_in("Sales")

    def test_a_removal_that_was_done_is_ours(self, sync: Sync) -> None:
        sync.run(prune="managed")
        sync.okta.leave("Sales", "bob")
        assert sync.crash(at=1, after=True, prune="managed")
        assert "bob" in ledger(sync)

        sync.run(prune="managed")

        (removed,) = History(sync.store).changes_of_run(2)
        assert (removed.status, removed.left) == (Status.DONE, True)
        assert set(ledger(sync)) == {"ana"}

    def test_a_user_who_was_disabled_is_remembered_as_disabled_by_us(self, sync: Sync) -> None:
        sync.run()
        sync.okta.join("Sales", "bob", status="DEPROVISIONED")
        assert sync.crash(at=1, after=True, deprovision="disable")

        sync.run(deprovision="disable")

        assert statuses(sync, 2) == {"bob": Status.DONE}

    def test_a_dry_run_settles_nothing(self, sync: Sync) -> None:
        """It would take what it has planned itself for what MI has."""
        assert sync.crash(at=2, after=True)

        sync.run(dry_run=True)

        assert statuses(sync, 1) == {None: Status.DONE, "ana": Status.BEGUN, "bob": Status.BEGUN}

    def test_what_another_group_is_about_is_left_to_its_own_sync(self, sync: Sync) -> None:
        sync.okta.join("Marketing", "ana")
        assert sync.crash(at=2, after=True)

        sync.run("Marketing")

        assert statuses(sync, 1) == {None: Status.DONE, "ana": Status.BEGUN, "bob": Status.BEGUN}

    def test_outcomes_are_noted_while_they_come_in(self, sync: Sync) -> None:
        sync.okta.join("Sales", *(f"user{number:03}" for number in range(100)))
        assert sync.crash(at=90, after=True)

        done = sum(status is Status.DONE for status in statuses(sync, 1).values())
        assert 90 - 20 - 1 <= done <= 90
        sync.run()
        assert len(sync.mi.names_in("Sales")) == len(ledger(sync)) == 102


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


class TestTries:
    """The tasks of one run, each a process, some of them twice or at the same time."""

    @pytest.fixture
    def plan(self, sync: Sync) -> Plan:
        return diff(snapshot([okta_user("ana"), okta_user("bob")], group=None), SyncSettings(auto_create="all"))

    def journal(self, sync: Sync, *, by: str = "cron") -> StoreJournal:
        return StoreJournal(sync.store, RUN, Beginning(SyncSettings(auto_create="all"), by)).resumed()

    def tried(self, journal: StoreJournal, change: Change, status: Status, **more: Any) -> None:
        journal.begin([change])
        with journal:
            journal.note(Outcome(change, status, **more))

    def test_each_task_goes_on_where_the_last_one_has_ended(self, sync: Sync, plan: Plan) -> None:
        group, ana, bob = plan.changes
        first = self.journal(sync, by="eve")
        first.start()
        first.planned(plan)
        self.tried(first, group, Status.DONE, target_id="7")
        second = self.journal(sync)
        second.planned(plan)
        self.tried(second, ana, Status.DONE, target_id="8", joined=True)
        self.tried(second, bob, Status.FAILED, error="busy", passing=True)

        last = self.journal(sync)
        found = last.outcomes(plan)

        assert found == {
            group.key: Outcome(group, Status.DONE, target_id="7"),
            ana.key: Outcome(ana, Status.DONE, target_id="8", joined=True),
            bob.key: Outcome(bob, Status.FAILED, "busy", passing=True),
        }
        assert sync.store.outcomes(RUN, plan) == found
        assert sync.store.outcomes(RUN, replace(plan, host="another")) == {}
        last.close(Report.of_plan(plan, found.values(), dry_run=False))
        (run,) = History(sync.store).runs()
        assert (run.state, run.target_group.id, run.triggered_by) == (State.FAILED, "7", "eve")
        (row,) = ledger(sync).values()
        assert (row.username, row.group_id, row.user_id, row.dag_id) == ("ana", "7", "8", RUN.dag_id)
        assert {change.triggered_by for change in History(sync.store).changes_of_run(run.id)} == {"eve"}

    def test_a_write_whose_process_died_and_that_is_found_done_is_ours(self, sync: Sync, plan: Plan) -> None:
        group, ana, bob = plan.changes
        first = self.journal(sync)
        first.planned(plan)
        self.tried(first, group, Status.DONE, target_id="7")
        first.begin([ana, bob])

        second = self.journal(sync)
        second.planned(plan)
        self.tried(second, ana, Status.ALREADY, target_id="8")
        self.tried(second, bob, Status.DONE, target_id="9", joined=True)

        assert second.outcomes(plan)[ana.key] == Outcome(ana, Status.DONE, target_id="8", joined=True)
        assert set(ledger(sync)) == {"ana", "bob"}

    def test_what_somebody_else_has_done_meanwhile_is_not_ours(self, sync: Sync, plan: Plan) -> None:
        _, ana, _ = plan.changes
        journal = self.journal(sync)
        journal.planned(plan)
        journal.found_group(TargetGroup("7", "Sales"))
        self.tried(journal, ana, Status.ALREADY, target_id="8")

        assert journal.outcomes(plan)[ana.key].status is Status.ALREADY
        assert ledger(sync) == {}
        assert links(sync) == {"00u-ana": "ana"}

    def test_what_is_withdrawn_is_again_what_it_was(self, sync: Sync, plan: Plan) -> None:
        group, ana, bob = plan.changes
        journal = self.journal(sync)
        journal.planned(plan)
        self.tried(journal, group, Status.DONE, target_id="7")
        self.tried(journal, ana, Status.FAILED, error="busy", passing=True)
        before = journal.outcomes(plan)
        journal.begin([ana, bob])
        journal.withdraw([ana, bob])

        assert journal.outcomes(plan) == before
        assert statuses(sync, journal.run) == {None: Status.DONE, "ana": Status.FAILED, "bob": Status.PLANNED}

    def test_what_another_try_may_have_sent_stays_in_doubt(self, sync: Sync, plan: Plan) -> None:
        _, ana, bob = plan.changes
        first = self.journal(sync)
        first.start()
        second = self.journal(sync)
        for journal in (first, second):
            journal.planned(plan)
        first.begin([ana])
        second.begin([ana])
        first.begin([bob])
        second.begin([bob])
        second.withdraw([ana])
        first.withdraw([bob])

        assert {name: status for name, status in statuses(sync, first.run).items() if name} == {
            "ana": Status.BEGUN,
            "bob": Status.BEGUN,
        }

    @pytest.mark.parametrize("late", [Status.ALREADY, Status.FAILED])
    def test_what_one_try_has_done_is_done_whatever_the_other_one_says(
        self, sync: Sync, plan: Plan, late: Status
    ) -> None:
        """A try that Airflow has given up goes on while the next one writes the same."""
        group, ana, _ = plan.changes
        first, second = self.journal(sync), self.journal(sync)
        first.start()
        second = self.journal(sync)
        first.planned(plan)
        second.planned(plan)
        self.tried(first, group, Status.DONE, target_id="7")
        first.begin([ana])
        second.begin([ana])
        with first:
            first.note(Outcome(ana, Status.DONE, target_id="8", joined=True))
        with second:
            second.note(Outcome(ana, late, error="too late" if late is Status.FAILED else None, target_id="8"))

        assert second.outcomes(plan)[ana.key] == Outcome(ana, Status.DONE, target_id="8", joined=True)
        second.begin([ana])
        assert second.outcomes(plan)[ana.key].status is Status.DONE

    def test_the_other_order_gives_the_same(self, sync: Sync, plan: Plan) -> None:
        _, ana, _ = plan.changes
        first = self.journal(sync)
        first.start()
        second = self.journal(sync)
        for journal in (first, second):
            journal.planned(plan)
            journal.found_group(TargetGroup("7", "Sales"))
            journal.begin([ana])
        with second:
            second.note(Outcome(ana, Status.ALREADY, target_id="8"))
        with first:
            first.note(Outcome(ana, Status.DONE, target_id="8", joined=True))

        assert second.outcomes(plan)[ana.key] == Outcome(ana, Status.DONE, target_id="8", joined=True)
        assert set(ledger(sync)) == {"ana"}

    def test_a_failure_that_a_later_try_makes_good_is_done(self, sync: Sync, plan: Plan) -> None:
        _, ana, _ = plan.changes
        journal = self.journal(sync)
        journal.planned(plan)
        journal.found_group(TargetGroup("7", "Sales"))
        self.tried(journal, ana, Status.FAILED, error="busy", passing=True)
        self.tried(journal, ana, Status.DONE, target_id="8", joined=True)

        assert journal.outcomes(plan)[ana.key] == Outcome(ana, Status.DONE, target_id="8", joined=True)

    def test_a_run_that_begins_again_keeps_what_it_has_written(self, sync: Sync, plan: Plan) -> None:
        group, *_ = plan.changes
        idle = self.journal(sync)
        idle.start()
        wrote = StoreJournal(sync.store, RUN, Beginning(SyncSettings(), "eve"))
        wrote.planned(plan)
        self.tried(wrote, group, Status.DONE, target_id="7")

        again = StoreJournal(sync.store, RUN, Beginning(SyncSettings(), "zoe"))
        again.start()

        assert again.outcomes(plan) == {}
        assert [(run.triggered_by, run.state) for run in History(sync.store).runs()] == [
            ("zoe", None),
            ("eve", State.FAILED),
        ]
        # A try of the earlier one that goes on says so in its own run.
        self.tried(wrote, plan.changes[1], Status.DONE, target_id="8", joined=True)
        assert statuses(sync, wrote.run)["ana"] is Status.DONE

    def test_a_try_whose_run_was_begun_anew_writes_nothing(self, sync: Sync, plan: Plan) -> None:
        old = self.journal(sync)
        old.planned(plan)
        StoreJournal(sync.store, RUN, Beginning(SyncSettings(), "cron")).start()

        with pytest.raises(StoreError, match="not in the store any more"):
            old.begin(plan.changes)
        with pytest.raises(StoreError, match="begun anew"):
            old.planned(plan)

    def test_another_plan_is_not_written_over_one_that_was_begun(self, sync: Sync, plan: Plan) -> None:
        smaller = replace(plan, changes=plan.changes[:1])
        journal = self.journal(sync)
        journal.planned(plan)
        journal.planned(smaller)
        assert len(History(sync.store).changes_of_run(journal.run)) == 1
        self.tried(journal, plan.changes[0], Status.DONE, target_id="7")

        journal.planned(smaller)
        with pytest.raises(StoreError, match="part of another plan was written in run 'manual__1'"):
            journal.planned(plan)

    def test_a_plan_is_noted_although_a_report_was_made_before(self, sync: Sync, plan: Plan) -> None:
        """As when `create_groups` had no connection, `report` ran, and both are cleared."""
        journal = self.journal(sync)
        journal.close(Report.of_plan(plan, dry_run=False, error="no connection"))

        journal.planned(plan)
        journal.begin(plan.changes)

        assert set(statuses(sync, journal.run).values()) == {Status.BEGUN}

    def test_outcomes_that_could_not_be_written_are_written_at_the_end(
        self, sync: Sync, plan: Plan, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        group, ana, _ = plan.changes
        journal = self.journal(sync)
        journal.planned(plan)
        self.tried(journal, group, Status.DONE, target_id="7")
        journal.begin([ana])
        journal.note(Outcome(ana, Status.DONE, target_id="8", joined=True))
        with monkeypatch.context() as patch:
            patch.setattr("okta_mi_provider.store.ledger.put", lambda *_: (_ for _ in ()).throw(StoreError("full")))
            with pytest.raises(StoreError, match="full"):
                journal.flush()
        assert journal.outcomes(plan)[ana.key].status is Status.BEGUN

        journal.close(Report.of_plan(plan, dry_run=False))

        assert journal.outcomes(plan)[ana.key].status is Status.DONE
        assert set(ledger(sync)) == {"ana"}

    def test_who_approved_is_noted_with_the_plan(self, sync: Sync, plan: Plan) -> None:
        answer = Approval("approved", "eve", "2026-11-02T09:30:00+00:00", plan.digest)
        journal = StoreJournal(sync.store, RUN, Beginning(SyncSettings(), "cron"), approval=answer)
        journal.planned(plan)

        (run,) = History(sync.store).runs()
        assert (run.approved_by, run.approved_at and run.approved_at.isoformat()) == ("eve", answer.at)
        assert {change.approved_by for change in History(sync.store).changes_of_run(run.id)} == {"eve"}
