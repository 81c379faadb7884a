"""docs/history.md and docs/security.md: they have all tables of the store, and their SQL does what they say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import text

from okta_mi_provider.store import Store
from okta_mi_provider.store.retention import Retention
from okta_mi_provider.store.schema import METADATA
from okta_mi_provider.sync.outcome import Status
from okta_mi_provider.sync.plan import ChangeKind
from tests.store.fakes import Sync

DOCUMENTS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCUMENTS / "history.md").read_text(encoding="utf-8")
SECURITY = (DOCUMENTS / "security.md").read_text(encoding="utf-8")


def _sql(page: str) -> list[str]:
    return re.findall(r"^```sql\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


QUESTIONS = _sql(PAGE)


def test_there_is_no_other_table() -> None:
    assert set(re.findall(r"^### `(\w+)`$", PAGE, re.MULTILINE)) == set(METADATA.tables)


def test_the_security_page_says_of_every_table_whether_people_are_in_it() -> None:
    rows = "\n".join(line for line in SECURITY.splitlines() if line.startswith("| `okta_mi_"))
    assert [name for name in METADATA.tables if f"`{name}`" not in rows] == []


@pytest.mark.parametrize("words", [ChangeKind, [*Status], ["done", "failed", "refused"], ["sync", "drift", "undo"]])
def test_values_of_columns_are_told(words: list[str]) -> None:
    assert all(f"`{word}`" in PAGE for word in words)


def test_the_defaults_are_those_of_the_package() -> None:
    for setting, days in zip(("retention_days", "history_days"), Retention(), strict=True):
        assert re.search(rf"`\[okta_mi\] {setting}` \| {days} \|", PAGE)


@pytest.fixture
def sync(store: Store) -> Sync:
    """A store with something to tell: people come, change and go."""
    made = Sync(store)
    made.okta.join("Sales", "ana", username="Ana@Example.com")
    made.okta.join("Sales", "bob")
    made.run(prune="managed")
    made.okta.join("Sales", "ana", username="Ana@Example.com", email="new@example.com")
    made.okta.leave("Sales", "bob")
    made.run(prune="managed")
    made.run("Nobody")
    return made


def test_there_are_questions() -> None:
    assert len(QUESTIONS) == 6


@pytest.mark.parametrize("question", QUESTIONS, ids=range(len(QUESTIONS)))
def test_every_question_has_an_answer_on_both_databases(sync: Sync, question: str) -> None:
    with sync.store.reading() as connection:
        found = connection.execute(text(question.replace("2026-11-01", "2020-01-01"))).mappings().all()

    assert found
    if "AS access" in question:
        assert [(row["username"], row["access"]) for row in found] == [
            ("Ana@Example.com", "got"),
            ("bob", "got"),
            ("bob", "lost"),
        ]
    if "AS before" in question:
        assert [(row["before"], row["after"]) for row in found] == [("ana@example.com", "new@example.com")]


def test_a_person_is_forgotten_and_the_others_are_not(sync: Sync) -> None:
    sync.okta.join("Sales", "carl")
    sync.run(by="ana@example.com")
    with sync.store.reading() as connection:
        source_id = connection.execute(
            text("SELECT source_id FROM okta_mi_links WHERE username = 'Ana@Example.com'")
        ).scalar_one()
    with sync.store.writing() as connection:
        # What no run of this test leaves.
        connection.execute(
            text("INSERT INTO okta_mi_unfinished (host, org, source_id, username, email, run, at) "
                 "SELECT host, org, source_id, username, lower(username), run, at FROM okta_mi_links")
        )  # fmt: skip
    statements = [each for block in _sql(SECURITY) for each in block.replace("00u1ana", source_id).split(";")]
    with sync.store.writing() as connection:
        for statement in filter(str.strip, statements):
            connection.execute(text(statement))

    left = {}
    with sync.store.reading() as connection:
        for table in METADATA.tables:
            rows = connection.execute(text(f"SELECT * FROM {table}")).all()
            left[table] = str(rows).casefold()
    assert [name for name, rows in left.items() if "ana@example.com" in rows or source_id.casefold() in rows] == []
    for table in ("okta_mi_changes", "okta_mi_memberships", "okta_mi_links", "okta_mi_unfinished"):
        assert "carl" in left[table], table
    assert "forgotten" in left["okta_mi_runs"]
