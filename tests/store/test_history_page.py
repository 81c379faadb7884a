"""docs/history.md: it has the tables of the store and no others, and its questions have answers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import text

from okta_mi_provider.store import Store
from okta_mi_provider.store.retention import Retention
from okta_mi_provider.store.schema import METADATA
from okta_mi_provider.sync.apply import Status
from okta_mi_provider.sync.plan import ChangeKind
from tests.store.fakes import Sync

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "history.md").read_text(encoding="utf-8")
QUESTIONS = re.findall(r"^```sql\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_there_is_no_other_table() -> None:
    assert set(re.findall(r"^### `(\w+)`$", PAGE, re.MULTILINE)) == set(METADATA.tables)


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
