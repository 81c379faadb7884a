"""Several tries of a task, one after the other or at the same time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.store import Beginning, History, StoreError, StoreJournal
from okta_mi_provider.sync.diff import diff
from okta_mi_provider.sync.model import SourceGroup, TargetGroup
from okta_mi_provider.sync.outcome import Outcome, Status
from okta_mi_provider.sync.plan import Change, Plan
from okta_mi_provider.sync.report import Approval, Report, State
from tests.store.fakes import Sync
from tests.store.kept import RUN, ledger, links, statuses
from tests.unit.worlds import okta_user, snapshot

SALES = SourceGroup("00g-Sales", "Sales")


class TestTries:
    """The tasks of one run, each a process, some of them twice or at the same time."""

    @pytest.fixture
    def plan(self, sync: Sync) -> Plan:
        return diff(snapshot([okta_user("ana"), okta_user("bob")], group=None), SyncSettings(auto_create="all"))

    def journal(self, sync: Sync, *, by: str = "cron") -> StoreJournal:
        return StoreJournal(sync.store, RUN, Beginning(SyncSettings(auto_create="all"), by)).resumed()

    def two_tries(self, sync: Sync) -> tuple[StoreJournal, StoreJournal]:
        """Two tries that go on at the same time: Airflow has given up the first one."""
        first = self.journal(sync)
        first.start()
        return first, self.journal(sync)

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
        first, second = self.two_tries(sync)
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
        first, second = self.two_tries(sync)
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
        first, second = self.two_tries(sync)
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
