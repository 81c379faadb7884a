"""The generated parts of the documents: up to date, each once, and made of everything there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from okta_mi_provider.cli.commands import COMMANDS
from okta_mi_provider.get_provider_info import get_provider_info
from okta_mi_provider.settings import options
from scripts.reference import pages
from scripts.reference.markdown import prose, table
from scripts.reference.sections import SECTIONS
from scripts.reference.sentences import calls


def test_every_page_is_up_to_date() -> None:
    names = [path.relative_to(pages.REPOSITORY).as_posix() for path in pages.out_of_date()]
    assert names == [], "run: make reference"


def test_every_command_and_every_setting_is_there() -> None:
    commands, settings = SECTIONS["commands"](), SECTIONS["settings"]()
    assert all(f"\n## okta-mi {command.name}\n" in f"\n{commands}" for command in COMMANDS)
    assert all(f"\n| `{name}` |" in settings for name in options())
    assert commands.count("| exit code | meaning |") == len(COMMANDS) + 1
    assert "| 3 | refused by a limit before any write |" in commands


def test_every_field_of_a_connection_is_there() -> None:
    for kind in get_provider_info()["connection-types"]:
        rows = SECTIONS[f"connection {kind['connection-type']}"]()
        assert all(f"| `{field}` |" in rows for field in kind["conn-fields"])


@pytest.fixture
def documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a single page, and a single part that can be made."""
    monkeypatch.setattr(pages, "REPOSITORY", tmp_path)
    monkeypatch.setattr(pages, "SECTIONS", {"numbers": lambda: "| 1 |\n|---|"})
    (tmp_path / "docs").mkdir()
    return tmp_path / "docs" / "page.md"


def test_a_part_is_written_between_its_lines_and_nothing_else_is_touched(documents: Path) -> None:
    documents.write_text("# Page\n\n<!-- reference: numbers -->\nold\n<!-- /reference -->\n\nby hand\n")

    changed = pages.out_of_date()
    wanted = "# Page\n\n<!-- reference: numbers -->\n\n| 1 |\n|---|\n\n<!-- /reference -->\n\nby hand\n"
    assert changed[documents] == wanted
    documents.write_text(wanted)
    assert documents not in pages.out_of_date()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "No page has the parts numbers"),
        ("<!-- reference: letters -->\n<!-- /reference -->", "page.md: there is no part 'letters'"),
        ("<!-- reference: numbers -->\n<!-- /reference -->\n" * 2, "the part 'numbers' stands in page.md already"),
    ],
)
def test_a_part_that_is_missing_unknown_or_there_twice_is_an_error(documents: Path, text: str, said: str) -> None:
    documents.write_text(text)

    with pytest.raises(pages.PageError, match=said):
        pages.out_of_date()


def test_plain_text_becomes_markdown_that_means_the_same() -> None:
    assert prose("all: write <b> into user_type; see `x_y`, okta_groups.yaml", ("all",)) == (
        "`all`: write &lt;b> into `user_type`; see `x_y`, `okta_groups.yaml`"
    )
    assert table(("a", "b"), [("1|2", "x\ny")]) == "| a | b |\n|---|---|\n| 1\\|2 | x y |"


def test_a_sentence_is_found_with_gaps_where_it_is_filled_in() -> None:
    messages = {said.arguments[1] for said in calls() if said.call == "Finding" and len(said.arguments) > 1}
    assert "... has left the Okta group, and stays in MI group ...: prune is off." in messages
