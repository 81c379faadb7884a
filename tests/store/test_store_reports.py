"""Reports in the store: the first rows of their long parts are in the head, the others in pieces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from okta_mi_provider.store import ArtifactKind, ArtifactMissing, Beginning, RunKey, Store, plans, reports
from okta_mi_provider.store.reports import StoredReport
from okta_mi_provider.store.schema import ARTIFACTS
from okta_mi_provider.sync.plan import Finding, FindingClass
from tests.store.fakes import Sync
from tests.store.reading import artifacts_read
from tests.unit.worlds import settings

RUN = RunKey("okta_mi__Sales", "1")


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (reports, plans):
        monkeypatch.setattr(module, "PIECE", 3)


def report(changes: int, findings: int) -> dict[str, Any]:
    """Of both so many, and a notice behind them."""
    notice = Finding("backfill", "This run belongs to a backfill.")
    told = [Finding("twins", f"user{number}", f"u{number}", FindingClass.CONFLICT) for number in range(findings)]
    return {
        "plan_digest": "d",
        "changes": [{"user": f"u{number}"} for number in range(changes)],
        "findings": [each.to_json() for each in (*told, notice)],
    }


def begin(store: Store, key: RunKey = RUN) -> int:
    return store.begin(key, Beginning(settings(), "alice"))


def load(store: Store, run: int) -> StoredReport:
    (found,) = store.reports([run])
    assert found
    return found


def kinds(store: Store) -> set[str]:
    with store.reading() as connection:
        return set(connection.scalars(select(ARTIFACTS.c.kind)))


@pytest.mark.parametrize("sizes", [(0, 0), (2, 2), (3, 3), (4, 6), (10, 1), (1, 10)])
def test_it_is_the_same_report(store: Store, sizes: tuple[int, int]) -> None:
    run, said = begin(store), report(*sizes)

    store.save_report(RUN, said)

    found = load(store, run)
    assert found.plan_digest == "d"
    assert list(found.changes) == said["changes"]
    assert [each.to_json() for each in found.findings] == said["findings"]


def test_who_looks_at_a_few_rows_reads_only_those(store: Store) -> None:
    run = begin(store)
    store.save_report(RUN, report(10, 10))

    with artifacts_read(store) as seen:
        found = load(store, run)
        assert (len(found.changes), len(found.findings), found.findings[2].user) == (10, 11, "u2")
        assert seen == ["report"]
        assert [each.user for each in found.findings[7:9]] == ["u7", "u8"]
        assert seen == ["report", "report_findings:2"]


def test_an_ordinary_report_is_one_row_as_it_is(store: Store) -> None:
    begin(store)
    store.save_report(RUN, said := report(3, 2))

    found = store.find(RUN, ArtifactKind.REPORT)
    assert found
    assert found.data == said
    assert kinds(store) == {"report"}


def test_one_that_an_earlier_version_has_put_into_one_row_is_read(store: Store) -> None:
    run = begin(store)
    store.save(RUN, ArtifactKind.REPORT, said := report(10, 7))

    found = load(store, run)

    assert list(found.changes) == said["changes"]
    assert [each.to_json() for each in found.findings[5:]] == said["findings"][5:]


def test_a_smaller_report_leaves_nothing_of_a_larger_one(store: Store) -> None:
    run = begin(store)
    store.save_report(RUN, report(10, 10))
    store.save_report(RUN, said := report(1, 1))

    assert kinds(store) == {"report"}
    assert len(load(store, run).findings) == len(said["findings"])


def test_a_report_stays_as_a_whole_until_there_is_a_new_one_but_is_not_that_of_the_new_run(store: Store) -> None:
    first = begin(store)
    store.save_report(RUN, report(4, 4))
    before = kinds(store)
    store.save(RUN, ArtifactKind.SNAPSHOT, {})

    again = begin(store)

    assert kinds(store) == before
    assert len(before) == 3
    # The first run wrote nothing, and is forgotten; the report is found by the key, which is that of the second.
    assert next(store.reports([first])) is None
    assert load(store, again).plan_digest == "d"


def test_reports_come_in_the_order_of_the_runs_and_those_that_are_not_there_are_none(store: Store) -> None:
    keys = [RunKey("okta_mi__Sales", str(number)) for number in range(4)]
    runs = [begin(store, key) for key in keys]
    for number in (0, 2, 3):
        store.save_report(keys[number], {**report(1, 1), "plan_digest": str(number)})
    with store.writing() as connection:
        connection.execute(update(ARTIFACTS).where(ARTIFACTS.c.run_id == "3").values(body=b"x"))

    wanted: Sequence[int] = [runs[2], runs[3], runs[1], runs[0], 999]

    assert [each and each.plan_digest for each in store.reports(wanted)] == ["2", None, None, "0", None]


@pytest.mark.parametrize("damage", ["gone", "exchanged", "damaged"])
def test_a_piece_that_is_not_what_was_stored_is_told(store: Store, damage: str) -> None:
    run = begin(store)
    store.save_report(RUN, report(1, 10))
    piece = ARTIFACTS.c.kind == "report_findings:1"
    with store.writing() as connection:
        if damage == "gone":
            connection.execute(delete(ARTIFACTS).where(piece))
        elif damage == "damaged":
            connection.execute(update(ARTIFACTS).where(piece).values(body=b"x"))
    if damage == "exchanged":
        store.save(RUN, ArtifactKind.REPORT_FINDINGS, [], part=1)
    found = load(store, run)

    assert len(found.findings[:3]) == 3
    with pytest.raises(ArtifactMissing):
        found.findings[3]
    assert found.findings[6].user == "u6"


def test_what_syncs_leave_is_kept_so_too(store: Store) -> None:
    """Of a command, or a single operator, nobody else stores the report."""
    sync = Sync(store)
    sync.okta.join("Sales", *(f"user{number}" for number in range(5)), email="same@example.com")
    sync.run(key=RUN, shared=True)

    (found,) = store.reports([1])

    assert found
    assert {each.user for each in found.findings} == {f"user{number}" for number in range(5)}
    assert "report_findings:1" in kinds(store)
