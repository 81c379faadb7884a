"""The documents name what there is, and link to what exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from okta_mi_provider.entry_options import ENTRY_OPTIONS, NAMES
from okta_mi_provider.get_provider_info import get_provider_info
from okta_mi_provider.settings import options

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]


def _rows(page: str) -> str:
    text = (REPOSITORY / "docs" / page).read_text(encoding="utf-8")
    return "\n".join(line for line in text.splitlines() if line.startswith("|"))


def test_every_setting_has_a_row_with_its_flags() -> None:
    rows = _rows("options.md")
    for name, option in options().items():
        (row,) = [line for line in rows.splitlines() if line.startswith(f"| `{name}` |")]
        assert ("yes" in row.split("|")[4]) is option.in_form, name
        flags = list(option.flag_values or option.flags)
        assert all(flag in row or f"--no-{flag[2:]}" in row for flag in flags), name


def test_every_key_of_an_entry_has_a_row() -> None:
    rows = _rows("options.md")
    assert all(f"| `{name}` |" in rows for name in (*NAMES, *ENTRY_OPTIONS))


def test_every_field_of_a_connection_is_explained() -> None:
    text = (REPOSITORY / "docs" / "connections.md").read_text(encoding="utf-8")
    for kind in get_provider_info()["connection-types"]:
        assert all(f"`{field}`" in text for field in kind["conn-fields"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_that_exist(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
