"""`--report FILE`: the name of the file says in which form it is written."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from okta_mi_provider.sync.model import SourceGroup
from tests.integration.conftest import Provision
from tests.integration.world import ENVIRONMENT, MetricInsights, Okta, Run, World, login

HEADING = "source,class,kind,user,group,fields,status,message"

#: A run, and what is in the file that it has written.
Written = Callable[..., tuple[Run, str]]


@pytest.fixture
def written(okta_mi: Provision, world: World, tmp_path: Path) -> Written:
    """Runs `okta-mi provision --report` with a file of this name."""

    def run(name: str, *words: str) -> tuple[Run, str]:
        done = okta_mi("provision", *world.options, "--report", str(tmp_path / name), *words, env=ENVIRONMENT)
        with (tmp_path / name).open(encoding="utf-8", newline="") as file:
            return done, file.read()

    return run


def rows_of(text: str) -> list[dict[str, str]]:
    """What a spreadsheet makes of CSV. Each line has as many cells as the heading, and there is one heading."""
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert text.splitlines()[0] == HEADING
    assert text.count(HEADING) == 1
    assert all(None not in row and None not in row.values() for row in rows)
    return rows


def shown(text: str) -> list[Token]:
    """What a page makes of Markdown: GitHub's flavour, which makes links of addresses, too."""
    return [each for token in MarkdownIt("gfm-like").parse(text) for each in (token, *(token.children or []))]


def headings_of(text: str) -> list[str]:
    """The largest headings of a page, as people read them."""
    tokens = shown(text)
    titles = [tokens[at + 1] for at, token in enumerate(tokens) if (token.type, token.tag) == ("heading_open", "h3")]
    return ["".join(part.content for part in title.children or []) for title in titles]


# ---------------------------------------------------------------------- which form


@pytest.mark.usefixtures("finance")
@pytest.mark.parametrize("name", ["report.json", "report", "report.txt", "report.csv.json", "csv", "report.md.bak"])
def test_any_other_name_is_json(written: Written, name: str) -> None:
    _, text = written(name, "-a", "all", "Finance")
    assert json.loads(text)["state"] == "done"


@pytest.mark.usefixtures("finance")
@pytest.mark.parametrize("name", ["report.csv", "REPORT.CSV", "Finance.2026.Csv", ".csv"])
def test_a_name_of_csv(written: Written, name: str) -> None:
    run, text = written(name, "-a", "all", "Finance")
    assert (run.code, run.err) == (0, "")
    rows = rows_of(text)
    assert [(row["class"], row["kind"], row["user"], row["status"]) for row in rows] == [
        ("change", "create_group", "", "done"),
        ("change", "create_user", login("ana"), "done"),
        ("change", "create_user", login("bruno"), "done"),
    ]
    assert {(row["source"], row["group"]) for row in rows} == {("Finance", "Finance")}


@pytest.mark.usefixtures("finance")
@pytest.mark.parametrize("name", ["report.md", "Report.MD"])
def test_a_name_of_markdown(written: Written, name: str) -> None:
    run, text = written(name, "-a", "all", "Finance")
    assert (run.code, run.err) == (0, "")
    assert headings_of(text) == ["Sync of Okta group 'Finance' into MI group 'Finance': done"]
    assert "| users created | 2 |\n" in text
    assert "* created user 'ana\\@" in text.replace("\u2060", ""), "the report names everybody, whatever the summary"


@pytest.mark.usefixtures("finance")
def test_a_report_for_people_is_for_the_owner_too(written: Written, tmp_path: Path) -> None:
    for name in ("report.csv", "report.md"):
        written(name, "-a", "all", "Finance")
        assert (tmp_path / name).stat().st_mode & 0o077 == 0


# ---------------------------------------------------------------------- several groups


def test_several_groups_are_one_table_with_one_heading(
    written: Written, finance: SourceGroup, okta: Okta, mi: MetricInsights
) -> None:
    okta.group("Sales", "carla")
    mi.add_user("x", email=login("carla"))
    run, text = written("report.csv", "-a", "all", "Nobody", "Finance", "Sales")
    assert run.code == 1
    rows = rows_of(text)
    assert [(row["source"], row["class"], row["kind"]) for row in rows] == [
        ("Nobody", "error", "failed"),
        ("Finance", "change", "create_group"),
        ("Finance", "change", "create_user"),
        ("Finance", "change", "create_user"),
        ("Sales", "change", "create_group"),
        ("Sales", "conflict", "email_taken"),
    ]
    assert "'Nobody'" in rows[0]["message"], "a group without a plan must not look like one with nothing to do"
    assert login("carla") in rows[-1]["message"]


def test_several_groups_follow_one_another_in_markdown(written: Written, finance: SourceGroup, okta: Okta) -> None:
    okta.group("Sales", "carla")
    _, text = written("report.md", "-a", "all", "Nobody", "Finance", "Sales")
    assert headings_of(text) == [
        "Sync of Okta group 'Nobody' into MI group 'Nobody': FAILED",
        "Sync of Okta group 'Finance' into MI group 'Finance': done",
        "Sync of Okta group 'Sales' into MI group 'Sales': done",
    ]


def test_a_refused_plan_says_so(written: Written, finance: SourceGroup) -> None:
    run, text = written("report.csv", "-a", "all", "--sync-user-limit", "1", "Finance")
    assert run.code == 3
    error, *changes = rows_of(text)
    assert (error["class"], error["kind"]) == ("error", "refused")
    assert {row["status"] for row in changes} == {"planned"}
    assert "REFUSED, nothing was written" in written("r.md", "-a", "all", "--sync-user-limit", "1", "Finance")[1]


# ---------------------------------------------------------------------- other people's text


@pytest.fixture
def hostile(okta: Okta) -> str:
    """A group whose name and members were named by somebody who means no good; its name."""
    name = "=cmd()|'/C calc'!A0"
    group = okta.group(name)
    okta.user("=cmd()@acme.example", group, firstName="=1+1", lastName="two\nlines | and a pipe")
    okta.user("+1@acme.example", group, firstName="<img src=x onerror=alert(1)>", lastName="[a](http://evil.example)")
    okta.user("-2@acme.example", group, firstName="\n# h", lastName="www.evil.example\u202e\x1b[31m")
    okta.user("@sum@acme.example", group, status="SUSPENDED")
    return name


def test_no_name_becomes_a_formula_or_a_row(written: Written, hostile: str) -> None:
    run, text = written("report.csv", "-a", "all", hostile)
    assert run.code == 0, run.err
    rows = rows_of(text)
    assert [(row["class"], row["user"]) for row in rows] == [
        ("change", ""),
        ("change", "'+1@acme.example"),
        ("change", "'-2@acme.example"),
        ("change", "'=cmd()@acme.example"),
        ("notice", "'@sum@acme.example"),
    ]
    assert {row["source"] for row in rows} == {row["group"] for row in rows} == {f"'{hostile}"}
    assert text.count("\n") == len(rows) + 1, "a name cannot begin a line"
    assert not any(cell[:1] in {"=", "+", "-", "@"} or cell[:1].isspace() for row in rows for cell in row.values())
    assert "two\\u000alines | and a pipe" in rows[3]["fields"]
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_no_name_becomes_markup(written: Written, hostile: str) -> None:
    _, text = written("report.md", "-a", "all", hostile)
    assert {token.type.removesuffix("_open").removesuffix("_close") for token in shown(text)} == {
        "heading", "paragraph", "inline", "text", "bullet_list", "list_item",
        "table", "thead", "tbody", "tr", "th", "td",
    }  # fmt: skip
    assert headings_of(text) == [f"Sync of Okta group '{hostile}' into MI group '{hostile}': done"]
    assert "two\\\\u000alines \\| and a pipe" in text
    assert "\x1b" not in text
    assert "\u202e" not in text


# ---------------------------------------------------------------------- a wrong place


@pytest.mark.usefixtures("finance")
@pytest.mark.parametrize("name", ["missing/report.csv", "missing/report.md", "folder.csv"])
def test_a_place_that_cannot_be_written_is_found_out_before_the_sync(
    okta_mi: Provision, world: World, tmp_path: Path, name: str
) -> None:
    (tmp_path / "folder.csv").mkdir()
    path = tmp_path / name
    run = okta_mi("provision", *world.options, "--report", str(path), "-a", "all", "Finance", env=ENVIRONMENT)
    assert run.code == 2
    assert run.err == f"okta-mi provision: --report {path}: cannot write a file there.\n"
    assert world.requests_sent() == 0
