"""Plans in the store: as a whole what was stored, and in pieces no more is read than is looked at."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, delete, event, func, select, update
from sqlalchemy.engine import URL

from okta_mi_provider.store import (
    ArtifactKind,
    ArtifactMissing,
    Beginning,
    RunKey,
    Store,
    StoreJournal,
    engine,
)
from okta_mi_provider.store import plans as stored
from okta_mi_provider.store.artifacts import pack
from okta_mi_provider.store.plans import StoredRows
from okta_mi_provider.store.schema import ARTIFACTS, CHANGES, LINKS
from okta_mi_provider.sync import plan as planning
from okta_mi_provider.sync.chunks import Chunk, first_removal
from okta_mi_provider.sync.diff import diff
from okta_mi_provider.sync.memory import Link
from okta_mi_provider.sync.plan import Plan
from tests.unit.worlds import mi_user, okta_user, settings, snapshot

RUN = RunKey("okta_mi__Sales", "1")


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "PIECE", 3)
    monkeypatch.setattr(stored, "PIECE", 3)


@pytest.fixture
def plan() -> Plan:
    """Seven who come, four who go, two in conflict."""
    comers = [okta_user(f"new{number}") for number in range(7)]
    twins = [okta_user("one", email="same@x.y"), okta_user("two", email="same@x.y")]
    goers = [mi_user(f"old{number}") for number in range(4)]
    wanted = settings(auto_create="all", prune="all", max_removals="100%")
    made = diff(snapshot([*comers, *twins], goers, members={user.id for user in goers}), wanted)
    assert (len(made.changes), len(made.findings)) == (11, 2)
    return replace(made, matched=tuple(Link(f"00u{number}", str(number), f"u{number}") for number in range(4)))


@pytest.fixture
def kept(store: Store, plan: Plan) -> Store:
    store.begin(RUN, Beginning(settings(), "alice"))
    assert store.save_plan(RUN, plan) == plan.digest
    return store


def load(store: Store) -> Plan:
    found = store.find_plan(RUN)
    assert found
    return found


@contextmanager
def reads(store: Store) -> Iterator[list[str]]:
    """Which artifacts are read meanwhile."""
    seen: list[str] = []

    def note(_: object, __: object, statement: str, parameters: object, *rest: object) -> None:
        if statement.startswith("SELECT") and "okta_mi_artifacts" in statement:
            values = parameters.values() if isinstance(parameters, dict) else parameters
            seen.extend(value for value in values if str(value).startswith("plan"))  # type: ignore[union-attr]

    with store.reading() as connection:
        engine = connection.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_it_is_the_same_plan(kept: Store, plan: Plan) -> None:
    found = load(kept)

    assert found.digest == plan.digest
    assert found.to_json() == plan.to_json()
    assert list(found.changes) == list(plan.changes)
    assert (found.changes[10], found.changes[-11], found.changes[2:8:2]) == (
        plan.changes[10],
        plan.changes[0],
        plan.changes[2:8:2],
    )
    with pytest.raises(IndexError):
        found.changes[11]


def test_who_writes_a_few_changes_reads_only_those(kept: Store, plan: Plan) -> None:
    with reads(kept) as seen:
        found = load(kept)
        assert found.digest == plan.digest
        assert len(found.changes) == 11
        assert seen == ["plan"]
        assert tuple(found.changes[3:6]) == plan.changes[3:6]
        assert seen == ["plan", "plan_changes:1"]
        assert Chunk(3, 6, 11).positions(found) == range(3, 6)
        assert seen == ["plan", "plan_changes:1", "plan_changes:0"]


def test_where_taking_begins_is_found_by_a_few_looks(kept: Store, plan: Plan) -> None:
    assert first_removal(load(kept)) == first_removal(plan) == 7


def test_who_goes_over_all_changes_once_keeps_none_of_them(kept: Store, plan: Plan) -> None:
    changes = load(kept).changes
    assert isinstance(changes, StoredRows)
    assert changes[4] == plan.changes[4]
    assert tuple(changes.once()) == plan.changes
    assert set(changes._pieces) == {1}


def test_a_smaller_plan_leaves_nothing_of_a_larger_one(kept: Store, plan: Plan) -> None:
    small = replace(plan, changes=plan.changes[:2], findings=(), matched=())
    assert small.digest != plan.digest

    kept.save_plan(RUN, small)

    assert load(kept).to_json() == small.to_json()
    with kept.reading() as connection:
        kinds = set(connection.scalars(select(ARTIFACTS.c.kind)))
    assert kinds == {"plan", "plan_changes:0"}


@pytest.mark.parametrize("part", ["changes", "matched", "findings"])
def test_a_piece_that_was_exchanged_is_not_taken_for_one_of_the_plan(kept: Store, part: str) -> None:
    other = pack([["00ueve", "666", "eve"]] if part == "matched" else [])
    with kept.writing() as connection:
        connection.execute(
            update(ARTIFACTS).where(ARTIFACTS.c.kind == f"plan_{part}:0").values(digest=other.digest, body=other.body)
        )
    found = load(kept)

    with pytest.raises(ArtifactMissing, match="was made anew while it was read"):
        list(getattr(found, part))


def test_a_piece_that_is_gone_or_damaged_is_told(kept: Store) -> None:
    with kept.writing() as connection:
        connection.execute(delete(ARTIFACTS).where(ARTIFACTS.c.kind == "plan_changes:2"))
        connection.execute(update(ARTIFACTS).where(ARTIFACTS.c.kind == "plan_changes:1").values(body=b"x"))
    found = load(kept)

    assert len(list(found.changes[:3])) == 3
    with pytest.raises(ArtifactMissing, match="made anew"):
        found.changes[6]
    with pytest.raises(ArtifactMissing, match="damaged"):
        found.changes[3]


def test_pieces_that_do_not_make_the_digest_of_the_plan_are_told(kept: Store) -> None:
    head = kept.find(RUN, ArtifactKind.PLAN)
    assert head
    other = pack([])
    head.data["long"]["changes"]["pieces"][0] = other.digest
    kept.save(RUN, ArtifactKind.PLAN, head.data)

    with pytest.raises(ArtifactMissing, match="is damaged in the store"):
        kept.find_plan(RUN)


def test_a_plan_of_another_version_is_told(kept: Store, plan: Plan) -> None:
    kept.save(RUN, ArtifactKind.PLAN, plan.to_json())

    with pytest.raises(ArtifactMissing, match="another version of okta-mi-provider"):
        kept.find_plan(RUN)


@pytest.mark.parametrize("part", ["changes", "findings", "matched"])
def test_a_piece_of_another_version_is_told_once_somebody_looks(
    kept: Store, plan: Plan, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """The head of a plan may be as ours, and its rows not: an attribute more of each user is in these alone."""
    as_written = Plan.to_json

    def with_more(self: Plan) -> dict[str, Any]:
        data = as_written(self)
        data[part] = [[*row, "more"] if isinstance(row, list) else {"more": 1} for row in data[part]]
        return data

    with monkeypatch.context() as patch:
        patch.setattr(Plan, "to_json", with_more)
        kept.save_plan(RUN, plan)
    found = load(kept)

    with pytest.raises(ArtifactMissing, match=r"another version of okta-mi-provider\. Clear its first task"):
        list(getattr(found, part))


def test_a_plan_that_another_try_has_made_meanwhile_is_not_read_with_the_old_one(kept: Store, plan: Plan) -> None:
    found = load(kept)
    kept.save_plan(RUN, replace(plan, changes=plan.changes[1:]))

    with pytest.raises(ArtifactMissing, match="made anew"):
        found.changes[0]


def test_the_task_that_reads_gets_what_the_one_before_has_handed_over(kept: Store, plan: Plan) -> None:
    assert kept.load_plan(RUN, made_by="diff", digest=plan.digest).digest == plan.digest
    with pytest.raises(ArtifactMissing, match="is not the one that task 'diff' has handed over"):
        kept.load_plan(RUN, made_by="diff", digest="0" * 64)
    with pytest.raises(ArtifactMissing, match="is not in the store"):
        kept.load_plan(RunKey("another", "1"), made_by="diff")


@pytest.fixture
def without_log(path: Path, plan: Plan, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store on a disk where SQLite has no log of writes, with a plan that does not fit into its memory."""

    def opened(url: URL, *, connect_args: Mapping[str, Any], **options: Any) -> Engine:
        return create_engine(url, connect_args={**connect_args, "factory": _WithoutLog}, **options)

    monkeypatch.setattr(engine, "create_engine", opened)
    monkeypatch.setattr(engine, "_BUSY_TIMEOUT_S", 0.01)
    store = Store(f"sqlite:///{path}")
    with store.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "delete"
    store.begin(RUN, Beginning(settings(), "alice"))
    changes = [replace(plan.changes[0], group=f"Sales {number}") for number in range(300)]
    store.save_plan(RUN, replace(plan, changes=tuple(changes)))
    yield store
    store.close()


def test_a_plan_is_noted_where_who_writes_keeps_readers_out(without_log: Store) -> None:
    """The task that notes it reads the plan from the same file."""
    with StoreJournal(without_log, RUN, Beginning(settings(), "alice")).resumed() as journal:
        journal.planned(load(without_log))

    with without_log.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(CHANGES)) == 300
        assert connection.scalar(select(func.count()).select_from(LINKS)) == 4


def test_outcomes_are_found_where_who_reads_keeps_writers_out(
    without_log: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer who waits for a reader lets nobody begin to read, not even that one, who reads the plan beside."""
    found = load(without_log)
    with StoreJournal(without_log, RUN, Beginning(settings(), "alice")).resumed() as journal:
        journal.planned(found)
        journal.begin(found.changes[:200])
    read, found = Store.find, load(without_log)

    def while_somebody_writes(self: Store, *what: Any, **more: Any) -> Any:
        with closing(sqlite3.connect(path, timeout=0)) as other:
            other.execute("UPDATE okta_mi_runs SET triggered_by = 'bob'")
            other.commit()
        return read(self, *what, **more)

    monkeypatch.setattr(Store, "find", while_somebody_writes)

    assert len(without_log.outcomes(RUN, found)) == 200


class _WithoutLog(sqlite3.Connection):
    """As on a disk that has no memory that processes share; and as if the plan were much larger."""

    def cursor(self, *_: Any) -> sqlite3.Cursor:
        return super().cursor(_CursorWithoutLog)


class _CursorWithoutLog(sqlite3.Cursor):
    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        return super().execute("PRAGMA cache_size=5" if "journal_mode=WAL" in sql else sql, *parameters)


@given(st.lists(st.integers(), max_size=20), st.integers(-25, 25), st.slices(20))
def test_rows_are_a_sequence_as_any_other(rows: list[int], place: int, some: slice) -> None:
    pieces = [tuple(rows[at : at + 3]) for at in range(0, len(rows), 3)]
    made = StoredRows(len(rows), "digest", pieces.__getitem__)

    assert (list(made), len(made), list(reversed(made))) == (rows, len(rows), rows[::-1])
    assert list(made[some]) == rows[some]
    assert (0 in made) is (0 in rows)
    if -len(rows) <= place < len(rows):
        assert made[place] == rows[place]
    else:
        with pytest.raises(IndexError):
            made[place]
