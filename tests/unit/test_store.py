"""The store on SQLite: what is handed over, what is refused, and what several processes do to it at once."""

from __future__ import annotations

import json
import multiprocessing
import os
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okta_mi_provider.store import ArtifactKind, ArtifactMissing, OutcomeLog, RunKey, Store, StoreError, snapshots
from okta_mi_provider.store.errors import StoreUnavailable
from okta_mi_provider.sync.apply import Outcome, Status
from okta_mi_provider.sync.model import (
    Snapshot,
    Source,
    SourceGroup,
    SourceUser,
    Target,
    TargetGroup,
    TargetUser,
)
from okta_mi_provider.sync.plan import Change, ChangeKind, Plan

RUN = RunKey("okta_mi__Sales", "manual__1")
LATER = RunKey("okta_mi__Sales", "manual__2")
OTHER = RunKey("okta_mi__Other", "manual__1")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "okta_mi.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    opened = Store(f"sqlite:///{path}")
    yield opened
    opened.close()


def begin(store: Store, run: RunKey) -> None:
    store.begin(run, group="Sales", settings={"dry_run": False})


def plan(*users: str) -> Plan:
    people = [TargetUser("", user, user, "", "", "regular") for user in users]
    return Plan(
        org="https://acme.okta.com",
        source_group=SourceGroup("00g1", "Sales"),
        host="https://mi.example.org",
        target_group=TargetGroup("", "Sales"),
        default_group=None,
        changes=(
            Change(ChangeKind.CREATE_GROUP, "Sales"),
            *(Change(ChangeKind.CREATE_USER, "Sales", after=person) for person in people),
        ),
        findings=(),
        source_users=len(users),
        users_in_scope=len(users),
        unchanged=0,
        skipped=0,
        conflicts=0,
    )


TEXTS = st.text(max_size=20)
SOURCE_USERS = st.builds(SourceUser, *[TEXTS] * 6)
TARGET_USERS = st.builds(TargetUser, *[TEXTS] * 6, st.booleans())
TARGET_GROUPS = st.builds(TargetGroup, TEXTS, TEXTS)
SNAPSHOTS = st.builds(
    Snapshot,
    st.builds(Source, TEXTS, st.builds(SourceGroup, TEXTS, TEXTS), st.lists(SOURCE_USERS).map(tuple)),
    st.builds(
        Target,
        TEXTS,
        st.lists(TARGET_USERS).map(tuple),
        st.lists(TARGET_GROUPS).map(tuple),
        st.dictionaries(TEXTS, st.frozensets(TEXTS)),
        st.none() | TARGET_GROUPS,
        st.booleans(),
    ),
)


@given(SNAPSHOTS)
def test_a_snapshot_comes_back_as_it_was(snapshot: Snapshot) -> None:
    assert snapshots.from_json(json.loads(json.dumps(snapshots.to_json(snapshot)))) == snapshot


def test_a_snapshot_from_before_there_was_the_choice_ignores_the_case_of_usernames() -> None:
    data = snapshots.to_json(Snapshot(Source("", SourceGroup("", ""), ()), Target("", username_casefold=False)))
    del data["target"]["username_casefold"]

    assert snapshots.from_json(data).target.username_casefold


def test_a_snapshot_of_another_version_is_refused() -> None:
    data = snapshots.to_json(Snapshot(Source("", SourceGroup("", ""), ()), Target("")))
    data["source"]["columns"] = ["id"]

    with pytest.raises(ValueError, match="another version"):
        snapshots.from_json(data)


def test_an_artifact_comes_back_with_the_digest_of_its_content(store: Store) -> None:
    data = plan("ana", "bö").to_json()

    digest = store.save(RUN, ArtifactKind.PLAN, data)

    found = store.load(RUN, ArtifactKind.PLAN, made_by="diff", digest=digest)
    assert found.digest == digest == plan("ana", "bö").digest
    assert Plan.from_json(found.data) == plan("ana", "bö")
    assert store.find(OTHER, ArtifactKind.PLAN) is None
    assert store.find(RUN, ArtifactKind.SNAPSHOT) is None


def test_the_last_one_counts_until_it_is_forgotten(store: Store) -> None:
    store.save(RUN, ArtifactKind.FAILURE, {"error": "a"})
    store.save(RUN, ArtifactKind.FAILURE, {"error": "b"})

    found = store.find(RUN, ArtifactKind.FAILURE)
    assert found is not None
    assert found.data == {"error": "b"}
    store.forget(RUN, ArtifactKind.FAILURE)
    assert store.find(RUN, ArtifactKind.FAILURE) is None


def test_a_missing_artifact_says_that_the_workers_do_not_share_the_store(store: Store, path: Path) -> None:
    with pytest.raises(ArtifactMissing) as caught:
        store.load(RUN, ArtifactKind.PLAN, made_by="diff", digest="0" * 64)

    message = str(caught.value)
    assert "the workers do not share the store" in message
    assert "[okta_mi] store" in message
    assert str(path) in message
    assert caught.value.fatal


def test_an_artifact_that_nobody_has_made_yet(store: Store) -> None:
    with pytest.raises(ArtifactMissing, match="Run task 'diff' first"):
        store.load(RUN, ArtifactKind.PLAN, made_by="diff")


def test_another_artifact_than_was_handed_over_is_refused(store: Store) -> None:
    store.save(RUN, ArtifactKind.PLAN, {})

    with pytest.raises(ArtifactMissing, match="not the one that task 'diff' has handed over"):
        store.load(RUN, ArtifactKind.PLAN, made_by="diff", digest="0" * 64)


@pytest.mark.parametrize("body", [b"", b"no zlib", b"x\x9c\xabV*\x02\x00\x01\x05\x00\xf6"])
def test_a_damaged_artifact_is_refused(store: Store, path: Path, body: bytes) -> None:
    store.save(RUN, ArtifactKind.PLAN, {"a": 1})
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE okta_mi_artifacts SET body = ?", [body])

    with pytest.raises(ArtifactMissing, match="damaged"):
        store.find(RUN, ArtifactKind.PLAN)


def test_beginning_a_run_again_forgets_what_was_left_of_it_and_of_no_other(store: Store) -> None:
    for run in (RUN, OTHER):
        begin(store, run)
        store.save(run, ArtifactKind.PLAN, {})
        store.add_outcomes(run, "d", [Outcome(plan().changes[0], Status.DONE)])

    store.begin(RUN, group="Sales", settings={"dry_run": True})

    assert store.settings(RUN) == {"dry_run": True}
    assert store.find(RUN, ArtifactKind.PLAN) is None
    assert store.outcomes(RUN, plan(), "d") == {}
    assert store.find(OTHER, ArtifactKind.PLAN) is not None
    assert len(store.outcomes(OTHER, plan(), "d")) == 1


def test_the_settings_of_a_run_that_has_not_begun(store: Store) -> None:
    assert store.settings(RUN) is None


def test_a_plan_is_newer_by_the_order_in_which_runs_began(store: Store) -> None:
    for run in (RUN, LATER, OTHER):
        begin(store, run)
        assert store.newer_plan(RUN) is None
    store.save(OTHER, ArtifactKind.PLAN, {})
    store.save(RUN, ArtifactKind.PLAN, {})
    assert store.newer_plan(RUN) is None

    store.save(LATER, ArtifactKind.PLAN, {})

    assert store.newer_plan(RUN) == LATER.run_id
    assert store.newer_plan(LATER) is None
    begin(store, RUN)
    assert store.newer_plan(RUN) is None
    store.save(RUN, ArtifactKind.PLAN, {})
    assert store.newer_plan(LATER) == RUN.run_id


def test_the_last_attempt_of_a_change_counts_but_what_was_done_is_done(store: Store) -> None:
    group, ana, bo, cy = plan("ana", "bo", "cy").changes
    store.add_outcomes(RUN, "d", [Outcome(group, Status.DONE, target_id="7"), Outcome(ana, Status.DONE, target_id="8")])
    store.add_outcomes(RUN, "d", [Outcome(bo, Status.FAILED, "busy", True), Outcome(cy, Status.FAILED, "no", False)])
    store.add_outcomes(RUN, "other plan", [Outcome(cy, Status.DONE)])
    store.add_outcomes(
        RUN, "d", [Outcome(group, Status.ALREADY, target_id="9"), Outcome(bo, Status.DONE, target_id="1")]
    )

    found = store.outcomes(RUN, plan("ana", "bo", "cy"), "d")

    assert found == {
        group.key: Outcome(group, Status.DONE, target_id="9"),
        ana.key: Outcome(ana, Status.DONE, target_id="8"),
        bo.key: Outcome(bo, Status.DONE, target_id="1"),
        cy.key: Outcome(cy, Status.FAILED, "no", False),
    }


def test_outcomes_are_written_while_they_come_in(store: Store) -> None:
    everybody = plan(*(f"user{number}" for number in range(100)))
    changes = everybody.changes[1:]

    def noted() -> int:
        return len(store.outcomes(RUN, everybody, "d"))

    def stream() -> Iterator[int]:
        with OutcomeLog(store, RUN, "d") as log:
            for change in changes:
                log.add(Outcome(change, Status.DONE))
                yield noted()

    assert all(count >= number - 19 for number, count in enumerate(stream(), start=1))
    assert noted() == 100


def test_what_came_in_before_an_error_is_kept(store: Store) -> None:
    def die() -> None:
        with OutcomeLog(store, RUN, "d") as log:
            log.add(Outcome(plan().changes[0], Status.DONE))
            raise KeyError

    with pytest.raises(KeyError):
        die()

    assert len(store.outcomes(RUN, plan(), "d")) == 1


def test_old_runs_of_a_dag_are_forgotten_with_all_that_belongs_to_them(store: Store, path: Path) -> None:
    for run in (RUN, LATER, OTHER):
        begin(store, run)
        store.save(run, ArtifactKind.SNAPSHOT, {})
        store.add_outcomes(run, "d", [Outcome(plan().changes[0], Status.DONE)])
    long_ago = (datetime.now(UTC) - timedelta(days=31)).strftime("%Y-%m-%d %H:%M:%S.%f")
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE okta_mi_runs SET started_at = ? WHERE run_id = ?", [long_ago, RUN.run_id])

    store.forget_old_runs(RUN.dag_id, days=30)

    assert store.settings(RUN) is None
    assert store.find(RUN, ArtifactKind.SNAPSHOT) is None
    assert store.outcomes(RUN, plan(), "d") == {}
    for kept in (LATER, OTHER):
        assert store.settings(kept) is not None
        assert store.find(kept, ArtifactKind.SNAPSHOT) is not None
        assert store.outcomes(kept, plan(), "d") != {}


def test_the_file_is_for_its_owner_only(store: Store, path: Path) -> None:
    store.save(RUN, ArtifactKind.PLAN, {})

    for file in path.parent.iterdir():
        assert file.stat().st_mode & 0o777 == 0o600, file.name


@pytest.mark.parametrize("content", [b"this is not a database, but long enough to be one" * 100, None])
def test_a_file_that_is_no_database_and_a_directory_that_is_not_there(path: Path, content: bytes | None) -> None:
    if content is None:
        path = path.parent / "none" / "okta_mi.db"
    else:
        path.write_bytes(content)

    with pytest.raises(StoreError, match=r"cannot be used: .*It is set by \[okta_mi\] store") as caught:
        Store(f"sqlite:///{path}")

    assert not caught.value.passing


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_file_that_cannot_be_written(path: Path) -> None:
    Store(f"sqlite:///{path}").close()
    path.chmod(0o400)

    with pytest.raises(StoreError, match=r"\[okta_mi\] store"):
        Store(f"sqlite:///{path}")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("nonsense", "neither a SQLAlchemy URL nor the id"),
        ("foo://host/db", "driver"),
        ("postgresql+nodriver://host/db", "driver"),
    ],
)
def test_urls_that_cannot_work(url: str, expected: str) -> None:
    with pytest.raises(StoreError, match=expected):
        Store(url)


def test_a_password_is_in_no_message() -> None:
    with pytest.raises(StoreError) as caught:
        Store("postgresql+nodriver://me:very-secret@host/db")

    assert "very-secret" not in str(caught.value)


def test_a_locked_database_may_be_free_later(store: Store, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("okta_mi_provider.store.engine._BUSY_TIMEOUT_S", 0.05)
    impatient = Store(f"sqlite:///{path}")
    with sqlite3.connect(path, isolation_level=None) as connection:
        connection.execute("BEGIN IMMEDIATE")

        with pytest.raises(StoreUnavailable, match="locked") as caught:
            begin(impatient, RUN)

    assert caught.value.passing
    assert not caught.value.fatal
    impatient.close()


def _open_and_write(path: str, number: int, start: object) -> None:
    start.wait()  # type: ignore[attr-defined]
    store = Store(f"sqlite:///{path}")
    run = RunKey("okta_mi__Sales", f"run{number}")
    begin(store, run)
    store.save(run, ArtifactKind.PLAN, {"number": number})
    store.add_outcomes(run, "d", [Outcome(plan().changes[0], Status.DONE)] * 50)
    store.close()


def test_several_processes_may_make_the_tables_and_write_at_once(path: Path) -> None:
    context = multiprocessing.get_context("fork")
    start = context.Event()
    processes = [context.Process(target=_open_and_write, args=(str(path), number, start)) for number in range(8)]
    for process in processes:
        process.start()
    start.set()
    for process in processes:
        process.join(60)

    assert [process.exitcode for process in processes] == [0] * 8
    store = Store(f"sqlite:///{path}")
    for number in range(8):
        found = store.find(RunKey("okta_mi__Sales", f"run{number}"), ArtifactKind.PLAN)
        assert found is not None
        assert found.data == {"number": number}
    store.close()
