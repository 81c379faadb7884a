"""What a DAG says of itself: complete, in words, with where each value is from, and with no name that is markup."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from okta_mi_provider.dag_doc import DOCS, SECTIONS, doc, schedule_in_words
from okta_mi_provider.entry import Entry
from okta_mi_provider.entry_options import ENTRY_OPTIONS
from okta_mi_provider.groups_file import parse
from okta_mi_provider.okta_pool import OktaPool
from okta_mi_provider.settings import lasting
from okta_mi_provider.write_pools import WritePool

pytestmark = pytest.mark.airflow

REPOSITORY = Path(__file__).resolve().parents[2]
#: A cell ends at a bar that nobody has escaped.
CELL_END = re.compile(r"(?<!\\)\|")


def entry(text: str) -> Entry:
    (found,) = parse(text, "okta_groups.yaml").entries
    return found


def rows(text: str) -> dict[str, tuple[str, str]]:
    """Value and origin by the first cell of each row of the tables."""
    cells = [[cell.strip() for cell in CELL_END.split(line)[1:-1]] for line in text.splitlines() if line[:1] == "|"]
    assert all(len(each) == 3 for each in cells)
    return {first: (value, origin) for first, value, origin in cells}


def test_every_setting_has_a_row() -> None:
    shown = [key for _, keys in SECTIONS.values() for key in keys]

    assert sorted(shown) == sorted([*lasting(), *ENTRY_OPTIONS])
    found = rows(doc(entry("groups: [Sales]")))
    assert all(any(f"(`{key}`)" in first for first in found) for key in shown)


def test_values_are_in_words_and_say_where_they_are_from() -> None:
    found = rows(
        doc(
            entry("""
                defaults: {auto_create: all, schedule: '30 6 * * 1-5', max_creates: 10%}
                groups: [{name: Sales, prune: managed, max_creates: 500, approvers: [bob, carol], approve: always}]
            """)
        )
    )

    assert found["Okta group"] == ("**Sales**", "**this entry**")
    assert found["Create what is missing (`auto_create`)"] == (
        "`all`: create missing groups and users",
        "defaults of the file",
    )
    assert found["Schedule (`schedule`)"] == (
        "from Monday to Friday at 06:30 UTC (`30 6 * * 1-5`)",
        "defaults of the file",
    )
    assert found["Most created users (`max_creates`)"] == ("500", "**this entry**")
    assert found["Most removals (`max_removals`)"] == ("20%", "built in")
    assert found["Most changed users (`max_updates`)"] == ("no limit", "built in")
    assert found["Who may approve (`approvers`)"] == ("bob, carol", "**this entry**")
    assert found["Leavers (`prune`)"][0].startswith("`managed`: those are removed whom a sync has put there")
    assert found["Protect administrators (`protect_administrators`)"] == ("yes", "built in")


def test_the_pools_of_the_configuration() -> None:
    found = rows(doc(entry("groups: [Sales]"), OktaPool("okta|api", 4), WritePool("mi_writes", 8, 4)))

    assert found["Pool of fetch"] == (r"okta\|api", "configuration of Airflow")
    assert found["Pool of the tasks that write"][0] == r"mi\_writes, 4 of 8 slots for each task"


def test_several_groups_and_a_mapped_attribute() -> None:
    several = doc(entry("groups: [{groups: [Sales EU, Sales US], target_group: Sales}]"))
    mapped = doc(entry("groups: [{name: Staff, map_attr_to_group: department}]"))

    assert rows(several)["Okta groups"] == ("**Sales EU**, **Sales US**", "**this entry**")
    assert "the task `sync` tells" in mapped


@pytest.mark.parametrize(
    "name",
    [
        "<script>alert(1)</script>",
        "a | b | c",
        "[click](javascript:alert(1))",
        "![x](https://evil.example/x.png)",
        "`code` **bold** # head",
        "https://evil.example",
        "x\\| y",
        "{{ 1/0 }}",
        "</td></tr></table>",
    ],
)
def test_a_hostile_name_is_text(name: str) -> None:
    said = name.replace("'", "''")
    text = doc(entry(f"groups: [{{name: '{said}', owner: '{said}', tags: ['{said}'], pool: '{said}'}}]"))

    # The same rows as always, and nothing in any but what was escaped.
    assert len(rows(text)) == len(rows(doc(entry("groups: [Sales]"))))
    for line in text.splitlines():
        bare = re.sub(r"\\.", "", line)
        assert "<" not in bare
        assert "://evil.example" not in bare
        assert "javascript:" not in bare
    links = re.findall(r"(?<!\\)\]\(([^)]*)\)", text)
    assert all(link.startswith((DOCS, "/dags/okta_mi__")) for link in links)


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("@daily", "daily"),
        ("0 6 * * *", "every day at 06:00 UTC"),
        ("5 23 * * 0", "every Sunday at 23:05 UTC"),
        ("5 23 * * 7", "every Sunday at 23:05 UTC"),
        ("30 6 * * mon-fri", "from Monday to Friday at 06:30 UTC"),
        ("15 * * * *", "every hour at minute 15"),
        ("*/10 * * * *", "every 10 minutes"),
        ("*/1 * * * *", "every minute"),
        ("*/45 * * * *", ""),
        ("*/0 * * * *", ""),
        ("0 6 1 * *", ""),
        ("0 6 * * 1,3", ""),
    ],
)
def test_a_schedule_in_words(schedule: str, words: str) -> None:
    assert schedule_in_words(schedule) == words


def test_the_documents_are_there() -> None:
    project = (REPOSITORY / "pyproject.toml").read_text("utf-8")
    (documentation,) = re.findall(r'^Documentation = "([^"#]+)', project, re.MULTILINE)
    # A directory, and the files in it.
    assert documentation.replace("/tree/", "/blob/") == DOCS
    for page, _ in SECTIONS.values():
        name, _, anchor = page.partition("#")
        text = (REPOSITORY / "docs" / name).read_text("utf-8")
        heads = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", head).lower().replace(" ", "-") for head in heads}
        assert not anchor or anchor in anchors
