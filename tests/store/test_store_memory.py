"""What the store remembers of earlier syncs: who is who, and what the last one was."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from okta_mi_provider.page.figures import figures_of
from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.store import Beginning, History, RunKey, Store, StoreJournal
from okta_mi_provider.store.schema import LINKS
from okta_mi_provider.sync.diff import diff
from okta_mi_provider.sync.memory import LastSync, Memory
from okta_mi_provider.sync.outcome import Outcome, Status
from okta_mi_provider.sync.plan import Change, ChangeKind
from okta_mi_provider.sync.report import Report, State
from tests.store.fakes import HOST, ORG, Mortal, Sync
from tests.store.kept import links
from tests.unit.worlds import okta_user, snapshot


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
