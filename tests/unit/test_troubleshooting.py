"""docs/troubleshooting.md: whatever error somebody can get, there is an entry for it.

The sentences are read from the source: all that is said by an error class, of settings and groups files, and as a
conflict; and what the clients add to an answer of Okta or MI. An entry names a message by a part of it, `...` for what
is filled in.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from scripts.reference.sentences import GAP, PACKAGE, Said, calls, returned

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
ENTRY = re.compile(r"^\| (`.*`) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
#: What says things besides errors: mistakes of a groups file, settings, and what needs a person.
SPEAKERS = {"Problem", "Mistake", "AirflowFailException", "_conflict"}
#: Errors that are for developers: each is caught by whoever calls, and told as something else.
CAUGHT = {"_NotUnderstood", "Unclosed", "CannotAdd"}
#: What is said when all is well.
GOOD = "Connected to "
#: Shorter is no sentence, but the key that it is about, or a part of one.
LEAST_WORDS = 3


@cache
def error_classes() -> frozenset[str]:
    """Every class of the package that is an error, by the names of what it is derived from."""
    bases: dict[str, set[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        if "simulators" not in path.parts:
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef):
                    bases[node.name] = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
    errors = {"Exception", "ValueError", "RuntimeError"}
    while more := {name for name, parents in bases.items() if parents & errors} - errors:
        errors |= more
    return frozenset(errors & bases.keys()) - CAUGHT


def is_speaker(said: Said) -> bool:
    return said.call in error_classes() | SPEAKERS


@cache
def sentences() -> tuple[tuple[str, str], ...]:
    """Everything that can be said, with where it is. What stands in one message is on lines of one text."""
    return tuple((text, where) for text, where in _sentences() if text)


def _sentences() -> Iterator[tuple[str, str]]:
    for said in calls():
        if is_speaker(said):
            texts = (each for each in (*said.arguments, *said.named.values()) if each and _is_sentence(each))
            yield "\n".join(texts), said.where
    for text, where in returned("clients"):
        if _is_sentence(text) and text.endswith((".", ":", "?")) and not re.search(r"[^.]\.\.\.$", text):
            yield text, where


def _is_sentence(text: str) -> bool:
    return not text.startswith(GOOD) and len(text.replace(GAP, " ").split()) >= LEAST_WORDS


def patterns() -> list[re.Pattern[str]]:
    """The messages of all entries."""
    named = [part for cell, _, _ in ENTRY.findall(PAGE) for part in re.findall(r"`([^`]+)`", cell)]
    return [re.compile(".*".join(map(re.escape, filter(None, part.split(GAP))))) for part in named]


def test_there_is_an_entry_for_everything_that_can_be_said() -> None:
    known = patterns()
    missing = sorted(f"{where}: {text}" for text, where in sentences() if not any(each.search(text) for each in known))
    assert missing == [], "\n".join(missing)


def test_every_entry_is_about_something_that_is_said() -> None:
    """Also by what is no error: a warning, a notice, a sentence put together from several."""
    texts = "\n".join(path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py")))
    # Literals that stand behind each other are one.
    everything = re.sub(r"\"\s*\n\s*f?\"", "", texts)
    strange = [
        pattern.pattern
        for pattern in patterns()
        if not any(pattern.search(text) for text, _ in sentences())
        and not all(part in everything for part in re.split(r"\.\*", pattern.pattern.replace("\\", "")) if part)
    ]
    assert strange == []


def test_each_entry_says_what_it_means_and_what_to_do() -> None:
    entries = ENTRY.findall(PAGE)
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| message |")]
    assert len(entries) == len(rows) > 100
    assert all(len(cell.split()) >= 2 for _, meaning, action in entries for cell in (meaning, action))


@pytest.mark.parametrize("name", ["ConfigurationError", "GroupNotFound", "StoreUnavailable", "PlanStale", "Deadlock"])
def test_errors_are_known_by_what_they_are_derived_from(name: str) -> None:
    assert name in error_classes()
