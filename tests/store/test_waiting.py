"""What waits for people: counted without the reports, and found in a few of them, whatever others have."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from sqlalchemy import delete, update

from okta_mi_provider.page.findings import Conflict, conflicts, count_conflicts, number_of_rows, speaking_of
from okta_mi_provider.store import RunKey, Store, plans, reports
from okta_mi_provider.store.schema import ARTIFACTS, RUNS
from okta_mi_provider.store.syncs import Syncs, Waiting, stored_dag_ids
from tests.store.fakes import Sync
from tests.store.reading import artifacts_read, statements_sent


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (reports, plans):
        monkeypatch.setattr(module, "PIECE", 3)


@pytest.fixture
def sync(store: Store) -> Sync:
    return Sync(store)


def leave(sync: Sync, group: str, number: int, *, dag_id: str | None = None, run_id: str = "1") -> None:
    """A run that has left so many conflicts."""
    names = [f"{group}{place:03}" for place in range(number)]
    sync.okta.join(group, *names, email=f"{group}@example.com")
    sync.run(group, key=RunKey(dag_id or f"okta_mi__{group}", run_id), shared=True)


def fail(sync: Sync, group: str, *, dag_id: str | None = None, run_id: str) -> None:
    """A run that does not come to a plan."""
    members = sync.okta.groups.pop(group)
    sync.run(group, key=RunKey(dag_id or f"okta_mi__{group}", run_id), shared=True)
    sync.okta.groups[group] = members


def waiting(sync: Sync) -> list[Waiting]:
    return Syncs(sync.store, stored_dag_ids(sync.store)).waiting()


def numbers(found: Sequence[Waiting]) -> dict[str, int]:
    return {each.target_group.name: each.conflicts for each in found}


def users(found: Sequence[Conflict]) -> list[str | None]:
    return [each.user for each in found]


def test_groups_are_in_the_order_of_their_names(sync: Sync) -> None:
    for group in ("beta", "Alpha", "delta", "Gamma"):
        leave(sync, group, 2)
    sync.okta.join("Omega", "well")
    sync.run("Omega", key=RunKey("okta_mi__Omega", "1"), shared=True)

    assert [each.target_group.name for each in waiting(sync)] == ["Alpha", "beta", "delta", "Gamma"]


def test_the_last_run_that_came_to_a_plan_counts_but_not_one_of_long_ago(sync: Sync) -> None:
    for group in ("near", "far"):
        leave(sync, group, 2)
    for number in range(4):
        fail(sync, "near", run_id=f"failed{number}")
    for number in range(5):
        fail(sync, "far", run_id=f"failed{number}")

    assert numbers(waiting(sync)) == {"near": 2}


def test_groups_of_one_mapped_task_are_looked_back_for_each(sync: Sync) -> None:
    task = "nightly:provision"
    leave(sync, "One", 2, dag_id=task, run_id="1:0")
    leave(sync, "Two", 3, dag_id=task, run_id="1:1")
    for number in range(4):
        fail(sync, "Two", dag_id=task, run_id=f"{number + 2}:1")
    fail(sync, "One", dag_id=task, run_id="6:0")

    assert numbers(waiting(sync)) == {"One": 2, "Two": 3}


def test_each_group_counts_once_however_many_statements_it_takes(sync: Sync, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        leave(sync, f"Mapped{number}", 2, dag_id="nightly:provision", run_id=f"1:{number}")
        leave(sync, f"group{number}", 2)
        fail(sync, f"group{number}", run_id="2")
    monkeypatch.setattr("okta_mi_provider.store.batches.MOST_IDS", 1)

    names = [each.target_group.name for each in waiting(sync)]

    assert names == [f"{kind}{number}" for kind in ("group", "Mapped") for number in range(3)]


def test_a_command_is_one_sync_whatever_its_group_is_called(sync: Sync) -> None:
    leave(sync, "Sales", 2, dag_id="cli:Sales", run_id="1")
    fail(sync, "Sales", dag_id="cli:Sales", run_id="2")
    with sync.store.writing() as connection:
        connection.execute(update(RUNS).where(RUNS.c.run_id == "2").values(target_group="not known"))

    assert numbers(waiting(sync)) == {"Sales": 2}


def test_who_may_not_see_a_group_has_it_in_no_number(sync: Sync) -> None:
    for group in ("Mine", "Other"):
        leave(sync, group, 2)
    leave(sync, "Later", 3)
    fail(sync, "Later", run_id="2")
    runs = Syncs(sync.store, stored_dag_ids(sync.store)).latest().values()
    syncs = Syncs(sync.store, ["okta_mi__Mine"])

    assert numbers(syncs.waiting()) == {"Mine": 2}
    assert numbers(syncs.waiting([run.id for run in runs])) == {"Mine": 2}
    assert count_conflicts(syncs, syncs.latest().values()) == 2
    assert count_conflicts(syncs, [run for run in runs if run.plan_digest is None]) == 0
    assert Syncs(sync.store, []).waiting() == []


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 100])
def test_pages_make_the_whole_list_each_row_once(sync: Sync, limit: int) -> None:
    for group, number in (("a", 2), ("b", 10), ("c", 2), ("d", 7)):
        leave(sync, group, number)
    with sync.store.writing() as connection:
        connection.execute(delete(ARTIFACTS).where(ARTIFACTS.c.dag_id == "okta_mi__c"))
    found = waiting(sync)
    whole = list(conflicts(sync.store, found))
    assert number_of_rows(found) == len(whole) == 2 + 10 + 1 + 7

    pages = [list(conflicts(sync.store, found, offset=offset, limit=limit)) for offset in range(0, len(whole), limit)]

    assert [each for page in pages for each in page] == whole
    assert [len(page) for page in pages[:-1]] == [limit] * (len(pages) - 1)
    assert [each.message.partition(".")[0] for each in whole if not each.kept] == ["2 conflicts"]


def test_only_the_reports_of_a_page_are_read_and_of_a_long_one_only_a_piece(sync: Sync) -> None:
    for group, number in (("a", 2), ("b", 20), ("c", 2)):
        leave(sync, group, number)
    found = waiting(sync)

    with artifacts_read(sync.store) as seen:
        assert users(list(conflicts(sync.store, found, offset=0, limit=2))) == ["a000", "a001"]
    assert seen == ["report"]
    with artifacts_read(sync.store) as seen:
        # One more, to see where its conflicts end.
        assert users(list(conflicts(sync.store, found, offset=12, limit=2))) == ["b010", "b011"]
    assert seen == ["report", "report_findings:6", "report_findings:3"]


def test_neither_counting_nor_a_page_asks_more_the_more_groups_have_conflicts(sync: Sync) -> None:
    def asked() -> tuple[int, int]:
        syncs = Syncs(sync.store, stored_dag_ids(sync.store))
        newest = syncs.latest().values()
        with statements_sent(sync.store) as counting:
            assert count_conflicts(syncs, newest) == 2 * len(newest)
        with statements_sent(sync.store) as showing:
            assert len(list(conflicts(sync.store, syncs.waiting(), offset=2, limit=4))) == 4
        return len(counting), len(showing)

    for number in range(4):
        leave(sync, f"group{number:02}", 2)
    fail(sync, "group02", run_id="2")
    few = asked()
    for number in range(4, 20):
        leave(sync, f"group{number:02}", 2)
        if number % 2:
            fail(sync, f"group{number:02}", run_id="2")

    assert asked() == few


def test_a_run_that_has_more_than_it_has_counted_loses_none(sync: Sync) -> None:
    """Of a single user who shares a name with another one, both have a conflict, and one is counted."""
    for group in ("a", "b"):
        leave(sync, group, 5)
    with sync.store.writing() as connection:
        counts = {"users": {"conflicts": 3}}
        connection.execute(update(RUNS).where(RUNS.c.dag_id == "okta_mi__a").values(counts=counts))
    found = waiting(sync)

    pages = [list(conflicts(sync.store, found, offset=offset, limit=2)) for offset in (0, 2, 4, 6)]

    assert [len(page) for page in pages] == [2, 4, 2, 2]
    assert sorted({str(each.user) for page in pages for each in page}) == sorted(
        f"{group}{number:03}" for group in "ab" for number in range(5)
    )


def test_a_run_that_has_fewer_than_it_has_counted_says_nothing_wrong(sync: Sync) -> None:
    leave(sync, "a", 2)
    with sync.store.writing() as connection:
        connection.execute(update(RUNS).values(counts={"users": {"conflicts": 9}}))

    assert users(list(conflicts(sync.store, waiting(sync), offset=0, limit=4))) == ["a000", "a001"]
    assert list(conflicts(sync.store, waiting(sync), offset=4, limit=4)) == []


@pytest.mark.parametrize("kind", ["report", "report_findings:1"])
def test_what_is_damaged_is_told_in_place_of_it(sync: Sync, kind: str) -> None:
    leave(sync, "a", 8)
    with sync.store.writing() as connection:
        connection.execute(update(ARTIFACTS).where(ARTIFACTS.c.kind == kind).values(body=b"x"))

    (told,) = conflicts(sync.store, waiting(sync), offset=2, limit=3)

    assert told.message.startswith("8 conflicts. The report is not in the store any more")
    assert not told.kept


def test_a_text_is_looked_for_in_all_of_them(sync: Sync) -> None:
    for group, number in (("Sales", 4), ("Finance", 12)):
        leave(sync, group, number)

    found = conflicts(sync.store, waiting(sync))

    assert users(speaking_of(found, " FINANCE011 ")) == ["Finance011"]
