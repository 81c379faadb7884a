"""Which memberships are of our making, whatever becomes of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.store import Beginning, History, RunKey, StoreJournal
from okta_mi_provider.store.schema import MEMBERSHIPS, RUNS
from okta_mi_provider.sync.apply import upsert_users
from okta_mi_provider.sync.diff import diff
from okta_mi_provider.sync.fetch import GroupSelector, fetch_directory, fetch_source, with_members
from okta_mi_provider.sync.plan import ChangeKind
from okta_mi_provider.sync.report import State
from okta_mi_provider.sync.snapshot import Snapshot
from tests.store.fakes import HOST, ORG, Sync
from tests.store.kept import ledger


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

        report = sync.run("Marketing", key=keys[1], shared=True, target_group="T", prune="managed").report

        assert [(each.kind, each.user) for each in report.changes] == [(ChangeKind.REMOVE_MEMBER, "cy")]
        assert sync.mi.names_in("T") == {"ana", "bob", "dan"}

    def test_leavers_go_as_soon_as_that_is_switched_on(self, sync: Sync) -> None:
        sync.run()
        sync.okta.leave("Sales", "bob")

        assert sync.run(prune="managed").report.state is State.DONE
        assert sync.mi.names_in("Sales") == {"ana"}

    def test_the_first_run_that_also_removes_whom_others_have_added_waits_for_a_person(self, sync: Sync) -> None:
        sync.run()
        sync.mi.add_user("eve", "Sales")

        refused = sync.run(prune="all").report

        assert refused.state is State.REFUSED
        assert "prune: off -> all" in (refused.error or "")
        assert refused.plan is not None
        sync.run(prune="all", approve_plan=refused.plan.digest)
        assert sync.mi.names_in("Sales") == {"ana", "bob"}
        # It was wanted: from now on they go by themselves. And to remove nobody any more is no harm.
        sync.mi.put_in("eve", "Sales")
        assert sync.run(prune="all").report.state is State.DONE
        sync.okta.join("Sales", "cy")
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
