"""The documents name what there is, and link to what exists."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from okta_mi_provider.clients.metric_insights_dialect import switches
from okta_mi_provider.clients.metric_insights_kinds import Seconds
from okta_mi_provider.kinds import Choice

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted((REPOSITORY / "docs").glob("*.md"))]


def _rows(page: str) -> str:
    text = (REPOSITORY / "docs" / page).read_text(encoding="utf-8")
    return "\n".join(line for line in text.splitlines() if line.startswith("|"))


def test_every_switch_of_the_dialect_has_one_row_with_its_default_and_values() -> None:
    rows = _rows("compatibility.md").splitlines()
    for name, switch in switches().items():
        (row,) = [line for line in rows if line.startswith(f"| `{name}` |")]
        cells = [cell.strip() for cell in row.strip("|").replace("\\|", "").split("|")]
        assert len(cells) == 7, name
        _, _, default, others, _, _, doctor = cells
        plain = switch.default if isinstance(switch.kind, Choice) else json.dumps(switch.default)
        spelt = "none" if switch.default is None else f"`{plain.removesuffix('.0')}`"
        assert default.startswith(spelt), name
        if isinstance(switch.kind, Choice):
            assert all(f"`{value}`" in others for value in switch.kind.values if value != switch.default), name
        if isinstance(switch.kind, Seconds):
            assert f"from {switch.kind.least:g} to {switch.kind.most:g}" in others, name
        assert doctor.startswith(("yes", "no")), name


def test_the_table_of_switches_has_no_other_rows() -> None:
    text = (REPOSITORY / "docs" / "compatibility.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == set(switches())


def test_what_the_connection_says_of_switches_is_what_the_dialect_has() -> None:
    text = (REPOSITORY / "docs" / "connections.md").read_text(encoding="utf-8")
    assert "(compatibility.md)" in text
    assert all(f"`{name}`" in text for name, switch in switches().items() if switch.title)


def test_every_test_that_a_page_names_exists_once() -> None:
    tests = {
        (path.relative_to(REPOSITORY / "tests").as_posix(), name)
        for path in (REPOSITORY / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    named = [
        found
        for page in ("reliability.md", "security.md")
        for found in re.findall(r"`([\w/]+\.py)::(\w+)`", (REPOSITORY / "docs" / page).read_text(encoding="utf-8"))
    ]
    assert len(named) > 130
    for file, name in named:
        homes = [path for path, test in tests if test == name and f"/{path}".endswith(f"/{file}")]
        assert len(homes) == 1, f"{file}::{name} is in {homes or 'no file'}"


def test_every_behaviour_says_what_the_user_sees_and_names_a_test() -> None:
    lines = _rows("reliability.md").splitlines()
    rows = [line for line in lines if not line.startswith("|---") and not line.endswith("| test |")]
    for row in rows:
        behaviour, seen, test = (cell.strip() for cell in row.strip("|").split(" | "))
        assert all((behaviour, seen)), row
        assert "::test_" in test, row


def test_all_twenty_mistakes_of_other_clients_have_a_row() -> None:
    numbers = re.findall(r"^\| (\d+)\. ", _rows("reliability.md"), re.MULTILINE)
    assert numbers == [str(number) for number in range(1, 21)]


def test_every_dependency_is_accounted_for_and_no_sdk_is_among_them() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {re.split(r"[^\w-]", each, maxsplit=1)[0] for each in project["dependencies"]}
    dependencies = _rows("architecture.md")
    assert [name for name in sorted(names) if f"`{name}`" not in dependencies] == []
    assert "okta" not in names


def test_the_architecture_names_every_module_of_the_sync_and_none_that_is_not_there() -> None:
    text, package = (REPOSITORY / "docs" / "architecture.md").read_text("utf-8"), REPOSITORY / "okta_mi_provider"
    modules = [path.stem for path in sorted((package / "sync").glob("[!_]*.py"))]
    assert [name for name in modules if not re.search(rf"`(sync[/.])?{name}\b", text)] == []
    named = re.findall(r"`([\w/]+\.py)`", text)
    assert [path for path in named if not (package / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_that_exist(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
