"""What a sync has read last, and what an org has said of its groups, for those that come after."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.store import ArtifactKind, Beginning, RunKey, Store, okta_changes, snapshots
from okta_mi_provider.store.schema import CHANGED_GROUPS
from okta_mi_provider.sync.incremental import Changed
from okta_mi_provider.sync.model import Source, SourceGroup, Stamp
from tests.unit.worlds import okta_user, snapshot

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
STAMP = Stamp(NOON - timedelta(hours=9, microseconds=7000), NOON - timedelta(days=9), NOON)
READ = Source("https://acme.okta.com", (SourceGroup("00g1", "Sales", 1, 1, STAMP),), (okta_user("ana"),), NOON)
SETTINGS = SyncSettings(incremental=True)
OLD, NEW = RunKey("okta_mi__Sales", "manual__1"), RunKey("okta_mi__Sales", "manual__2")


@pytest.fixture
def read(store: Store) -> Store:
    """A store with the snapshot of a run."""
    store.begin(OLD, Beginning(SETTINGS, "ana"))
    store.save(OLD, ArtifactKind.SNAPSHOT, snapshots.to_json(replace(snapshot([]), source=READ)))
    store.begin(NEW, Beginning(SETTINGS, "ana"))
    return store


def test_what_the_last_run_has_read_is_found(read: Store) -> None:
    assert read.last_source(NEW, SETTINGS) == READ
    assert read.last_source(NEW, replace(SETTINGS, only_user="ana", approve_plan="0" * 12)) == READ


def test_but_not_with_other_settings_nor_for_others_nor_by_itself(read: Store) -> None:
    assert read.last_source(NEW, replace(SETTINGS, email_attr="secondEmail")) is None
    assert read.last_source(NEW, replace(SETTINGS, dry_run=True)) is None
    assert read.last_source(RunKey("okta_mi__Support", "manual__2"), SETTINGS) is None
    assert read.last_source(OLD, SETTINGS) is None


def test_a_snapshot_of_another_version_is_read_again(read: Store) -> None:
    old = snapshots.to_json(snapshot([]))
    del old["source"]["checked_at"]
    read.save(OLD, ArtifactKind.SNAPSHOT, old)
    assert read.last_source(NEW, SETTINGS) is None
    read.save(OLD, ArtifactKind.SNAPSHOT, {"source": {**old["source"], "columns": ["id"]}})
    assert read.last_source(NEW, SETTINGS) is None


def test_what_an_org_has_said_is_good_for_a_minute(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    said = Changed(NOON - timedelta(days=1), NOON, {"00g1": STAMP, "00g\0'": None})
    store.save_changed_groups(READ.org, said)

    assert store.changed_groups(READ.org, said.since) == replace(said, stamps={"00g1": STAMP, "00g\\u0000'": None})
    assert store.changed_groups(READ.org, NOON) is not None
    assert store.changed_groups(READ.org, said.since - timedelta(seconds=1)) is None
    assert store.changed_groups("https://other.okta.com", said.since) is None
    monkeypatch.setattr(okta_changes, "_FRESH", timedelta(0))
    assert store.changed_groups(READ.org, said.since) is None


@pytest.mark.parametrize("ahead", [timedelta(hours=3), timedelta(days=3)])
def test_what_a_machine_has_noted_whose_clock_is_ahead_is_not_new_until_then(store: Store, ahead: timedelta) -> None:
    said = Changed(NOON - timedelta(days=1), NOON, {})
    store.save_changed_groups(READ.org, said)
    with store.writing() as connection:
        connection.execute(update(CHANGED_GROUPS).values(at=datetime.now(UTC) + ahead))

    assert store.changed_groups(READ.org, said.since) is None
