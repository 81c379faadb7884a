"""The store: what is handed over, what is refused, and what several processes do to it at once."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text, update

from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.store import ArtifactKind, ArtifactMissing, Beginning, RunKey, Store, StoreError, snapshots
from okta_mi_provider.store.errors import StoreUnavailable
from okta_mi_provider.store.schema import ARTIFACTS
from okta_mi_provider.sync.memory import LastSync, Link, Memory
from okta_mi_provider.sync.model import Source, SourceGroup, SourceUser, Target, TargetGroup, TargetUser
from okta_mi_provider.sync.snapshot import Snapshot
from tests.servers import Postgres

RUN = RunKey("okta_mi__Sales", "manual__1")
LATER = RunKey("okta_mi__Sales", "manual__2")
LATEST = RunKey("okta_mi__Sales", "manual__3")
OTHER = RunKey("okta_mi__Other", "manual__1")


def begin(store: Store, run: RunKey, *, dry_run: bool = False) -> int:
    return store.begin(run, Beginning(SyncSettings(dry_run=dry_run), "ana"))


TEXTS = st.text(max_size=20)
NUMBERS = st.none() | st.integers(0, 9)
SOURCE_USERS = st.builds(SourceUser, *[TEXTS] * 6)
SOURCE_GROUPS = st.builds(SourceGroup, TEXTS, TEXTS, NUMBERS, NUMBERS)
TARGET_USERS = st.builds(TargetUser, *[TEXTS] * 6, st.booleans())
TARGET_GROUPS = st.builds(TargetGroup, TEXTS, TEXTS)
MEMORIES = st.builds(
    Memory,
    links=st.dictionaries(TEXTS, TEXTS, max_size=3),
    unlinked=st.frozensets(TEXTS, max_size=3),
    former=st.dictionaries(TEXTS, TEXTS, max_size=3),
    half_made=st.frozensets(TEXTS, max_size=3),
    made=st.lists(st.builds(Link, TEXTS, TEXTS, TEXTS), max_size=3).map(tuple),
    disabled=st.frozensets(TEXTS, max_size=3),
    last=st.none() | st.builds(LastSync, st.dictionaries(TEXTS, TEXTS, max_size=3), st.integers(0, 9)),
)
SNAPSHOTS = st.builds(
    Snapshot,
    st.builds(Source, TEXTS, st.lists(SOURCE_GROUPS, max_size=3).map(tuple), st.lists(SOURCE_USERS).map(tuple)),
    st.builds(
        Target,
        TEXTS,
        st.lists(TARGET_USERS).map(tuple),
        st.lists(TARGET_GROUPS).map(tuple),
        st.dictionaries(TEXTS, st.frozensets(TEXTS)),
        st.none() | TARGET_GROUPS,
        st.booleans(),
    ),
    MEMORIES,
)


@given(SNAPSHOTS)
def test_a_snapshot_comes_back_as_it_was(snapshot: Snapshot) -> None:
    assert snapshots.from_json(json.loads(json.dumps(snapshots.to_json(snapshot)))) == snapshot


def test_a_snapshot_of_another_version_is_refused() -> None:
    data = snapshots.to_json(Snapshot(Source("", (SourceGroup("", ""),), ()), Target("")))
    data["source"]["columns"] = ["id"]

    with pytest.raises(ValueError, match="another version"):
        snapshots.from_json(data)


def test_an_artifact_comes_back_with_the_digest_of_its_content(store: Store) -> None:
    data = {"users": ["ana", "bö", "\0", "\ud800"], "number": 1}

    digest = store.save(RUN, ArtifactKind.PLAN, data)

    found = store.load(RUN, ArtifactKind.PLAN, made_by="diff", digest=digest)
    assert found.digest == digest
    assert found.data == data
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


def test_a_missing_artifact_says_that_the_workers_do_not_share_the_store(store: Store) -> None:
    with pytest.raises(ArtifactMissing) as caught:
        store.load(RUN, ArtifactKind.PLAN, made_by="diff", digest="0" * 64)

    message = str(caught.value)
    assert "the workers do not share the store" in message
    assert "[okta_mi] store" in message
    assert str(store) in message
    assert caught.value.fatal


def test_an_artifact_that_nobody_has_made_yet(store: Store) -> None:
    with pytest.raises(ArtifactMissing, match="Run task 'diff' first"):
        store.load(RUN, ArtifactKind.PLAN, made_by="diff")


def test_another_artifact_than_was_handed_over_is_refused(store: Store) -> None:
    store.save(RUN, ArtifactKind.PLAN, {})

    with pytest.raises(ArtifactMissing, match="not the one that task 'diff' has handed over"):
        store.load(RUN, ArtifactKind.PLAN, made_by="diff", digest="0" * 64)


@pytest.mark.parametrize("body", [b"", b"no zlib", b"x\x9c\xabV*\x02\x00\x01\x05\x00\xf6"])
def test_a_damaged_artifact_is_refused(store: Store, body: bytes) -> None:
    store.save(RUN, ArtifactKind.PLAN, {"a": 1})
    with store.writing() as connection:
        connection.execute(update(ARTIFACTS).values(body=body))

    with pytest.raises(ArtifactMissing, match="damaged"):
        store.find(RUN, ArtifactKind.PLAN)


def test_beginning_a_run_again_forgets_its_artifacts_and_those_of_no_other(store: Store) -> None:
    for run in (RUN, OTHER):
        begin(store, run)
        store.save(run, ArtifactKind.PLAN, {})
        store.save(run, ArtifactKind.REPORT, {})

    begin(store, RUN, dry_run=True)

    settings = store.settings(RUN)
    assert settings is not None
    assert SyncSettings.from_mapping(settings) == SyncSettings(dry_run=True)
    assert store.find(RUN, ArtifactKind.PLAN) is None
    assert store.find(RUN, ArtifactKind.REPORT) is not None
    assert store.find(OTHER, ArtifactKind.PLAN) is not None


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

    assert store.newer_plan(RUN) == (LATER.run_id, True)
    assert store.newer_plan(LATER) is None
    begin(store, RUN)
    assert store.newer_plan(RUN) is None
    store.save(RUN, ArtifactKind.PLAN, {})
    assert store.newer_plan(LATER) == (RUN.run_id, True)


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        (SyncSettings(dry_run=True), None),
        (SyncSettings(mode="drift"), None),
        (SyncSettings(only_user="ana"), (LATER.run_id, False)),
        (SyncSettings(), (LATER.run_id, True)),
    ],
)
def test_who_only_looks_has_no_newer_plan_and_who_syncs_one_user_leaves_the_others(
    store: Store, settings: SyncSettings, found: tuple[str, bool] | None
) -> None:
    begin(store, RUN)
    store.begin(LATER, Beginning(settings, "manual"))
    store.save(LATER, ArtifactKind.PLAN, {})
    assert store.newer_plan(RUN) == found


def test_of_newer_plans_one_of_the_whole_group_goes_first(store: Store) -> None:
    begin(store, RUN)
    for run, settings in ((LATER, SyncSettings()), (LATEST, SyncSettings(only_user="ana"))):
        store.begin(run, Beginning(settings, "manual"))
        store.save(run, ArtifactKind.PLAN, {})
    assert store.newer_plan(RUN) == (LATER.run_id, True)


def test_ids_that_are_too_long_are_told_apart() -> None:
    names = ["x" * 300, "x" * 299 + "y", "x" * 249]
    keys = {RunKey.of_command(name).dag_id for name in names} | {RunKey.of_task(n, "t", "r").dag_id for n in names}

    assert len(keys) == 6
    assert all(len(key) <= 250 for key in keys)
    assert RunKey.of_command("Sales").dag_id == "cli:Sales"
    assert RunKey.of_task("dag", "task", "run") == RunKey("dag:task", "run")
    assert RunKey.of_task("dag", "task", "run", 3) == RunKey("dag:task", "run:3")
    assert RunKey.of_command("Sales").run_id != RunKey.of_command("Sales").run_id


def test_the_file_is_for_its_owner_only(path: Path) -> None:
    with_file = Store(f"sqlite:///{path}")
    with_file.save(RUN, ArtifactKind.PLAN, {})

    for file in path.parent.iterdir():
        assert file.stat().st_mode & 0o777 == 0o600, file.name
    with_file.close()


def test_opening_it_again_leaves_the_locks_of_those_who_have_it_open(path: Path) -> None:
    """Without them another process takes itself for the last one, and tidies up what this one is using."""
    first = Store(f"sqlite:///{path}")
    first.save(RUN, ArtifactKind.PLAN, {})
    Store(f"sqlite:///{path}").close()

    # The bytes on which SQLite keeps the lock of everybody who has the file open.
    code = (
        f"import fcntl\nwith open({str(path)!r}, 'r+b') as file:\n"
        "    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 510, 0x40000002)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "BlockingIOError" in done.stderr
    first.close()


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
        ("mysql://host/db", "neither SQLite nor PostgreSQL"),
        ("postgresql://me@127.0.0.1:1/db", "does not answer"),
    ],
)
def test_urls_that_cannot_work(url: str, expected: str) -> None:
    with pytest.raises(StoreError, match=expected):
        Store(url)


def test_a_password_is_in_no_message(postgres_server: Postgres) -> None:
    url = postgres_server.new_database()
    for wrong in ("postgresql+nodriver://me:very-secret@host/db", re.sub(":[^:@/]+@", ":very-secret@", url)):
        with pytest.raises(StoreError) as caught:
            Store(wrong)

        assert "very-secret" not in str(caught.value)
        assert not caught.value.passing


def test_a_database_that_is_not_there_and_a_server_that_goes_away(postgres_server: Postgres) -> None:
    url = postgres_server.new_database()
    with pytest.raises(StoreError, match="does not exist") as caught:
        Store(f"{url}_none")
    assert not caught.value.passing

    store = Store(url)
    with pytest.raises(StoreUnavailable, match="does not answer"):
        _write_while_the_connection_ends(store, postgres_server, url.rpartition("/")[2])
    # The next one opens a new connection.
    assert store.settings(RUN) is None
    store.close()


def _write_while_the_connection_ends(store: Store, server: Postgres, name: str) -> None:
    with store.writing() as connection:
        pid = connection.scalar(text("SELECT pg_backend_pid()"))
        ender = server.connect(name)
        ender.autocommit = True
        ender.cursor().execute("SELECT pg_terminate_backend(%s)", [pid])
        ender.close()
        connection.scalar(text("SELECT 1"))


def test_a_locked_database_may_be_free_later(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store(f"sqlite:///{path}").close()
    monkeypatch.setattr("okta_mi_provider.store.engine._BUSY_TIMEOUT_S", 0.05)
    impatient = Store(f"sqlite:///{path}")
    with sqlite3.connect(path, isolation_level=None) as connection:
        connection.execute("BEGIN IMMEDIATE")

        with pytest.raises(StoreUnavailable, match="locked") as caught:
            begin(impatient, RUN)

    assert caught.value.passing
    assert not caught.value.fatal
    impatient.close()


def test_a_wait_for_another_writer_is_told(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(f"sqlite:///{path}")
    begin(store, RUN)
    assert "Waiting" not in caplog.text
    monkeypatch.setattr("okta_mi_provider.store.engine._TOLD_AFTER_S", 0.05)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")

    def release_once_told() -> None:
        while "Waiting" not in caplog.text:
            time.sleep(0.01)
        other.execute("ROLLBACK")

    with ThreadPoolExecutor(1) as pool:
        released = pool.submit(release_once_told)
        store.save(RUN, ArtifactKind.REPORT, {})
        released.result(timeout=30)

    assert f"Somebody else is writing to the store sqlite:///{path}. Waiting, 60 s at most." in caplog.text
    assert store.find(RUN, ArtifactKind.REPORT) is not None
    other.close()
    store.close()


def _open_and_write(url: str, number: int, start: object) -> None:
    start.wait()  # type: ignore[attr-defined]
    store = Store(url)
    run = RunKey("okta_mi__Sales", f"run{number}")
    begin(store, run)
    store.save(run, ArtifactKind.PLAN, {"number": number})
    store.close()


def test_several_processes_may_make_the_tables_and_write_at_once(store_url: str) -> None:
    context = multiprocessing.get_context("fork")
    start = context.Event()
    processes = [context.Process(target=_open_and_write, args=(store_url, number, start)) for number in range(8)]
    for process in processes:
        process.start()
    start.set()
    for process in processes:
        process.join(60)

    assert [process.exitcode for process in processes] == [0] * 8
    store = Store(store_url)
    for number in range(8):
        found = store.find(RunKey("okta_mi__Sales", f"run{number}"), ArtifactKind.PLAN)
        assert found is not None
        assert found.data == {"number": number}
    store.close()


def test_a_server_that_can_only_be_read_for_a_while_is_tried_again(postgres_server: Postgres) -> None:
    """As one that another server has taken over from."""
    store = Store(postgres_server.new_database())
    with pytest.raises(StoreUnavailable, match="can only be read now: cannot execute") as caught:
        _write_to_a_standby(store)
    assert caught.value.passing
    assert not caught.value.fatal
    store.close()


def _write_to_a_standby(store: Store) -> None:
    with store.writing() as connection:
        connection.execute(text("SET TRANSACTION READ ONLY"))
        connection.execute(update(ARTIFACTS).values(digest=""))
