"""Where the pages take plans and conflicts from when the history has none of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import delete

from okta_mi_provider.page import words
from okta_mi_provider.page.findings import conflicts, count_conflicts, findings_of
from okta_mi_provider.page.overview import group_charts
from okta_mi_provider.page.plan import PlanPage, plan_of, row_of
from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.store import ArtifactKind, Beginning, RunKey, RunRecord, Store, StoreJournal
from okta_mi_provider.store.lookup import Lookup, Wanted
from okta_mi_provider.store.schema import ARTIFACTS, CHANGES
from okta_mi_provider.store.syncs import SyncKey, Syncs, stored_dag_ids
from okta_mi_provider.sync.diff import diff
from okta_mi_provider.sync.fetch import GroupSelector
from okta_mi_provider.sync.model import ADMINISTRATOR
from okta_mi_provider.sync.outcome import Outcome, Status
from okta_mi_provider.sync.plan import Change, ChangeKind, FindingClass
from okta_mi_provider.sync.report import Report, State
from okta_mi_provider.sync.run import Sides, provision
from tests.store.fakes import HOST, ORG, Sync
from tests.unit.worlds import mi_user, settings, snapshot

KEY = RunKey("nightly:provision", "1")


@pytest.fixture
def sync(store: Store) -> Sync:
    """Two users of one address, and one who is well."""
    made = Sync(store)
    made.okta.join("Sales", "ana", "bob")
    made.okta.join("Sales", "twin", email="ana@example.com")
    return made


def syncs_of(sync: Sync) -> Syncs:
    return Syncs(sync.store, stored_dag_ids(sync.store))


def newest(sync: Sync) -> RunRecord:
    (run,) = syncs_of(sync).latest().values()
    return run


def test_conflicts_are_those_of_the_last_run_that_came_to_a_plan(sync: Sync) -> None:
    sync.run(key=KEY, shared=True)
    sync.okta.groups.pop("Sales")
    sync.run(key=KEY._replace(run_id="2"), shared=True)

    found = list(conflicts(sync.store, syncs_of(sync).waiting()))

    assert newest(sync).plan_digest is None
    assert count_conflicts(syncs_of(sync), [newest(sync)]) == 2
    assert {(each.user, each.run.id) for each in found} == {("ana", 1), ("twin", 1)}
    assert all("Give each of them one of their own" in each.message for each in found)


def test_without_its_report_their_number_is_told(sync: Sync) -> None:
    sync.run(key=KEY, shared=True)
    with sync.store.writing() as connection:
        connection.execute(delete(ARTIFACTS))

    (told,) = conflicts(sync.store, syncs_of(sync).waiting())

    assert told.message.startswith("2 conflicts.")
    assert not told.kept
    assert not findings_of(sync.store, newest(sync)).kept


@pytest.mark.parametrize("kind", [ArtifactKind.PLAN, ArtifactKind.REPORT])
def test_a_dry_run_is_shown_from_what_was_stored(sync: Sync, kind: ArtifactKind) -> None:
    result = sync.run(key=KEY, dry_run=True)
    assert result.report.plan
    if kind is ArtifactKind.PLAN:
        sync.store.save_plan(KEY, result.report.plan)
    else:
        sync.store.save(KEY, kind, result.report.to_json())
    lookup = Lookup(sync.store, [KEY.dag_id])

    whole = plan_of(sync.store, lookup, newest(sync), Wanted())

    assert {(row.user, row.status) for row in whole.rows} == {("bob", Status.PLANNED), (None, Status.PLANNED)}
    assert whole.total == sum(whole.tally.values()) == 2
    one = plan_of(sync.store, lookup, newest(sync), Wanted("BOB@"), limit=1)
    assert [row.fields["email"] for row in one.rows] == [(None, "bob@example.com")]
    assert plan_of(sync.store, lookup, newest(sync), Wanted(status=Status.FAILED)).total == 0
    found = findings_of(sync.store, newest(sync))
    assert (found.conflicts, found.notices) == (2, 0)
    assert {each.user for each in found.some(FindingClass.CONFLICT) or ()} == {"ana", "twin"}


def test_a_plan_is_shown_while_it_waits_for_a_person(sync: Sync) -> None:
    plan = sync.run(key=RunKey("other", "1")).report.plan
    assert plan
    sync.store.begin(KEY, Beginning(SyncSettings(), "alice"))
    sync.store.save_plan(KEY, plan)
    run = next(run for key, run in syncs_of(sync).latest().items() if key.dag_id == KEY.dag_id)

    assert run.state is None
    assert plan_of(sync.store, Lookup(sync.store, [KEY.dag_id]), run, Wanted()).total == len(plan.changes)


def test_what_an_earlier_attempt_has_stored_is_not_taken_for_that_of_this_one(sync: Sync) -> None:
    sync.run(key=KEY, shared=True, dry_run=True)
    first = newest(sync)
    sync.store.begin(KEY, Beginning(SyncSettings(), "alice", target_group="Sales"))
    lookup = Lookup(sync.store, [KEY.dag_id])

    assert newest(sync).id != first.id
    assert plan_of(sync.store, lookup, newest(sync), Wanted()).total == 0
    assert plan_of(sync.store, lookup, first, Wanted()).total == 0


def test_a_plan_of_another_version_is_none(sync: Sync) -> None:
    sync.run(key=KEY, dry_run=True)
    sync.store.save(KEY, ArtifactKind.PLAN, {"changes": [{"strange": True}]})

    assert plan_of(sync.store, Lookup(sync.store, [KEY.dag_id]), newest(sync), Wanted()).total == 0
    assert not findings_of(sync.store, newest(sync)).kept


class TestPlansWithoutChanges:
    """A plan that has none is told from one that is not kept any more."""

    def plan(self, sync: Sync) -> PlanPage:
        return plan_of(sync.store, Lookup(sync.store, stored_dag_ids(sync.store)), newest(sync), Wanted())

    def forget_artifacts(self, sync: Sync) -> None:
        with sync.store.writing() as connection:
            connection.execute(delete(ARTIFACTS))

    def test_one_with_nothing_but_conflicts_has_none(self, sync: Sync) -> None:
        sync.run(key=KEY, shared=True)
        assert self.plan(sync).total == 2
        sync.run(key=KEY._replace(run_id="2"), shared=True)

        for _ in range(2):
            assert (newest(sync).state, self.plan(sync).total, self.plan(sync).kept) == (State.FAILED, 0, True)
            self.forget_artifacts(sync)

    @pytest.mark.parametrize("mode", [{"dry_run": True}, {"mode": "drift"}])
    def test_what_was_only_looked_at_is_known_as_long_as_it_is_kept(self, sync: Sync, mode: dict[str, object]) -> None:
        sync.run(key=KEY)
        sync.run(key=KEY._replace(run_id="2"), shared=True, **mode)
        assert (self.plan(sync).total, self.plan(sync).kept) == (0, True)

        self.forget_artifacts(sync)

        assert (self.plan(sync).total, self.plan(sync).kept) == (0, False)

    def test_one_that_was_refused_and_forgotten_had_some(self, sync: Sync) -> None:
        sync.run(key=KEY, max_creates=0, auto_create="all")
        assert newest(sync).state is State.REFUSED
        assert self.plan(sync).total == 2

        with sync.store.writing() as connection:
            connection.execute(delete(CHANGES))
        self.forget_artifacts(sync)

        assert (self.plan(sync).total, self.plan(sync).kept) == (0, False)

    def test_one_of_which_a_person_was_forgotten_had_some(self, sync: Sync) -> None:
        sync.run(key=KEY)
        with sync.store.writing() as connection:
            connection.execute(delete(CHANGES))
        self.forget_artifacts(sync)

        assert not self.plan(sync).kept

    def test_without_a_plan_there_is_none(self, sync: Sync) -> None:
        sync.okta.groups.pop("Sales")
        sync.run(key=KEY, shared=True)

        assert newest(sync).plan_digest is None
        assert not self.plan(sync).kept


def test_only_runs_that_did_not_get_through_as_a_whole_are_lost(sync: Sync) -> None:
    sync.run(key=KEY)
    sync.okta.join("Sales", "cleo", "dan")
    sync.mi.failing = {"cleo"}
    sync.run(key=KEY._replace(run_id="2"))
    sync.run(key=KEY._replace(run_id="3"), max_creates=0)
    sync.okta.groups.pop("Sales")
    sync.run(key=KEY._replace(run_id="4"))

    points = syncs_of(sync).points(SyncKey.of(KEY.dag_id, "Sales"), 10)

    assert [point.stopped for point in points] == [False, False, True, True]
    chart = group_charts(points)[-1]
    assert [bar.label.partition(": ")[2] for bar in chart.bars] == ["1", "refused", "failed"]


def test_users_are_known_if_there_are_changes_that_one_may_see(sync: Sync) -> None:
    sync.run(key=KEY)

    assert Lookup(sync.store, [KEY.dag_id]).known({"BOB", "ana", "x" * 300}) == {"bob"}
    assert Lookup(sync.store, ["other"]).known({"bob"}) == set()
    assert Lookup(sync.store, [KEY.dag_id]).known([]) == set()


def test_a_look_for_drift_that_has_found_some_is_told_from_a_sync_that_has_failed(sync: Sync) -> None:
    sync.okta.leave("Sales", "twin")
    sync.run(key=KEY, mode="drift")
    sync.run(key=KEY._replace(run_id="2"), shared=True)
    sync.run(key=KEY._replace(run_id="3"), mode="drift")
    sync.okta.groups.pop("Sales")
    sync.run(key=KEY._replace(run_id="4"), mode="drift")
    syncs, key = syncs_of(sync), SyncKey.of(KEY.dag_id, "Sales")

    states = [words.state_of(run) for run in syncs.runs(key)]

    assert states == ["failed", "done", "done", "differs"]
    assert [run.run_id for run in syncs.runs(key, state="differs")] == ["1"]
    assert [run.run_id for run in syncs.runs(key, state=State.FAILED)] == ["4"]
    assert (syncs.count(key, state="differs"), syncs.count(key, state=State.DONE)) == (1, 2)


def test_a_look_for_drift_that_broke_off_after_its_plan_has_failed(sync: Sync) -> None:
    """Nobody has looked to the end, so nobody knows whether anything differs."""
    plan = sync.run(key=KEY, mode="drift").report.plan
    assert plan
    begun = Beginning(SyncSettings(mode="drift"), "cron", target_group="Sales")
    with StoreJournal(sync.store, KEY._replace(run_id="2"), begun) as journal:
        why = "Failed without leaving a reason: create_groups. See the log."
        journal.close(Report.of_plan(plan, dry_run=False, error=why, mode="drift"))
    syncs, key = syncs_of(sync), SyncKey.of(KEY.dag_id, "Sales")

    assert [words.state_of(run) for run in syncs.runs(key)] == ["failed", "differs"]
    assert [run.run_id for run in syncs.runs(key, state="differs")] == ["1"]
    assert [run.run_id for run in syncs.runs(key, state=State.FAILED)] == ["2"]


def test_a_link_to_a_user_means_nobody_else_on_another_server(store: Store) -> None:
    """Servers of MI count their users: without an Okta id, the number alone would show two people as one."""
    other = "https://mi-test.example.org"
    for host, name in ((HOST, "hand"), (other, "stranger")):
        sync = Sync(store)
        sync.okta.join("Sales", "ana")
        sync.mi.add_group("Sales")
        sync.mi.add_user(name, "Sales")
        values = {"auto_create": "all", "prune": "all", "max_removals": 10}
        settings = SyncSettings.from_mapping(values)
        begun = Beginning(settings, "cron", ORG, host, target_group="Sales", shared=True)
        key = RunKey(f"okta_mi__{name}", "1")
        list(
            provision(
                Sides(sync.okta, sync.mi, sync.mi, 1),
                [[GroupSelector(name="Sales")]],
                settings,
                journal_of=lambda _, begun=begun, key=key: StoreJournal(store, key, begun),
            )
        )
    lookup = Lookup(store, ["okta_mi__hand", "okta_mi__stranger"])
    (removed,) = lookup.of_run(1, Wanted(kind=ChangeKind.REMOVE_MEMBER))
    (elsewhere,) = lookup.of_run(2, Wanted(kind=ChangeKind.REMOVE_MEMBER))
    assert removed.user_id == elsewhere.user_id

    who = row_of(removed).who

    assert who
    assert {each.username for each in lookup.identities(who)} == {"hand"}
    assert {each.username for each in lookup.of_user(who)} == {"hand"}


def test_what_was_only_looked_at_is_found_by_either_id(sync: Sync) -> None:
    bob = sync.mi.add_user("bob", email="old@example.com")
    result = sync.run(key=KEY, dry_run=True)
    assert result.report.plan
    sync.store.save_plan(KEY, result.report.plan)
    lookup = Lookup(sync.store, [KEY.dag_id])

    for wanted in (bob.id, "00u-bob"):
        found = plan_of(sync.store, lookup, newest(sync), Wanted(wanted))
        assert {row.user for row in found.rows} == {"bob"}, wanted


def test_administrators_come_first_before_and_after_a_plan_is_written(sync: Sync) -> None:
    sync.okta.join("Sales", "root")
    sync.mi.add_user("root", type=ADMINISTRATOR)
    dry = sync.run(key=KEY, dry_run=True)
    assert dry.report.plan
    sync.store.save_plan(KEY, dry.report.plan)
    lookup = Lookup(sync.store, [KEY.dag_id])
    looked_at = plan_of(sync.store, lookup, newest(sync), Wanted()).rows
    sync.run(key=KEY._replace(run_id="2"))
    written = plan_of(sync.store, lookup, newest(sync), Wanted()).rows

    assert [(row.user, row.danger) for row in written] == [(row.user, row.danger) for row in looked_at]
    assert (written[0].user, written[0].danger, written[0].of_administrator) == ("root", 1, True)


def undo(sync: Sync, number: int, undoes: int, *statuses: Status) -> int:
    """An undo of a run, with what became of its changes; returns its id."""
    changes = [
        Change(ChangeKind.REMOVE_MEMBER, "Sales", before=user, after=user)
        for user in (mi_user(f"u{place}") for place in range(len(statuses)))
    ]
    plan = replace(diff(snapshot([], []), settings()), host=HOST, changes=tuple(changes))
    begun = Beginning(SyncSettings(), "eve", ORG, HOST, target_group="Sales", mode="undo", undoes=undoes)
    with StoreJournal(sync.store, RunKey("cli:Sales", str(number)), begun) as journal:
        journal.planned(plan)
        for change, status in zip(changes, statuses, strict=True):
            if status is not Status.PLANNED:
                journal.begin([change])
            if status not in {Status.PLANNED, Status.BEGUN}:
                journal.note(Outcome(change, status))
    return journal.run


def test_which_runs_were_taken_back_is_told_to_whoever_sees_them(sync: Sync) -> None:
    sync.run(key=KEY, shared=True)
    undoes = newest(sync).id
    before = undo(sync, 1, undoes, Status.DONE, Status.DONE)
    after = undo(sync, 2, undoes, Status.ALREADY)

    seen = syncs_of(sync).taken_back([undoes, before])

    assert {run: (each.run, each.left) for run, each in seen.items()} == {undoes: (after, 0)}
    assert {run: each.run for run, each in Syncs(sync.store, [KEY.dag_id]).taken_back([undoes]).items()} == {
        undoes: None
    }
    assert syncs_of(sync).taken_back([]) == {}
    found = syncs_of(sync).run(after)
    assert found
    assert found.undoes == undoes


def test_an_undo_that_has_come_to_nothing_has_taken_nothing_back(sync: Sync) -> None:
    """Whoever reads that a run was taken back believes that what it gave is gone."""
    sync.run(key=KEY, shared=True)
    undoes = newest(sync).id

    undo(sync, 1, undoes, Status.FAILED, Status.BEGUN, Status.PLANNED)
    assert syncs_of(sync).taken_back([undoes]) == {}

    partly = undo(sync, 2, undoes, Status.DONE, Status.FAILED, Status.BEGUN, Status.PLANNED)
    undo(sync, 3, undoes, Status.FAILED)
    (seen,) = syncs_of(sync).taken_back([undoes]).values()
    assert (seen.run, seen.left) == (partly, 3)
