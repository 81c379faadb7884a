"""Where the pages take plans and conflicts from when the history has none of them."""

from __future__ import annotations

import pytest
from sqlalchemy import delete

from okta_mi_provider.page import words
from okta_mi_provider.page.findings import conflicts, count_conflicts, findings_of
from okta_mi_provider.page.plan import plan_of, row_of
from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.store import ArtifactKind, Beginning, RunKey, RunRecord, Store, StoreJournal
from okta_mi_provider.store.lookup import Lookup, Wanted
from okta_mi_provider.store.schema import ARTIFACTS
from okta_mi_provider.store.syncs import SyncKey, Syncs, stored_dag_ids
from okta_mi_provider.sync.fetch import GroupSelector
from okta_mi_provider.sync.model import ADMINISTRATOR
from okta_mi_provider.sync.outcome import Status
from okta_mi_provider.sync.plan import ChangeKind
from okta_mi_provider.sync.report import State
from okta_mi_provider.sync.run import Sides, provision
from tests.store.fakes import HOST, ORG, Sync

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

    found = list(conflicts(sync.store, syncs_of(sync), syncs_of(sync).latest()))

    assert newest(sync).plan_digest is None
    assert count_conflicts(syncs_of(sync), syncs_of(sync).latest()) == 2
    assert {(each.user, each.run.run_id) for each in found} == {("ana", "1"), ("twin", "1")}
    assert all("Give each of them one of their own" in each.message for each in found)


def test_without_its_report_their_number_is_told(sync: Sync) -> None:
    sync.run(key=KEY, shared=True)
    with sync.store.writing() as connection:
        connection.execute(delete(ARTIFACTS))

    (told,) = conflicts(sync.store, syncs_of(sync), syncs_of(sync).latest())

    assert told.message.startswith("2 conflicts.")
    assert not told.kept
    assert findings_of(sync.store, newest(sync)) == []


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
    assert {each.user for each in findings_of(sync.store, newest(sync))} == {"ana", "twin"}


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
    assert findings_of(sync.store, newest(sync)) == []


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
