"""`okta-mi discover` and `okta-mi validate` over real HTTP."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from okta_mi_provider.groups_file import parse
from tests.integration.world import ENVIRONMENT, MetricInsights, Okta, Run, World

Command = Callable[..., Run]


@pytest.fixture
def discover(okta_mi: Command, okta: Okta) -> Command:
    return lambda *words, env=ENVIRONMENT: okta_mi("discover", "--okta-host", okta.url, *words, env=env)


@pytest.fixture
def groups(okta: Okta) -> dict[str, str]:
    made = {name: okta.group(name) for name in ("MI - Sales", "MI - Finance", "mi - lower", "Other MI - x")}
    okta.user("ana", made["MI - Sales"])
    okta.user("bo", made["MI - Sales"])
    return made


def rows(run: Run) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(run.out)
    return found


@pytest.mark.usefixtures("groups")
@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("MI - *", ["MI - Finance", "MI - Sales"]),
        ("* - *", ["MI - Finance", "MI - Sales", "Other MI - x", "mi - lower"]),
        ("?I - [A-F]*", ["MI - Finance"]),
        ("MI - Sales", ["MI - Sales"]),
    ],
)
def test_what_matches(pattern: str, expected: list[str], discover: Command, okta: Okta) -> None:
    run = discover(pattern, "--format", "json")

    assert run.code == 0
    assert [row["name"] for row in rows(run)] == expected
    assert okta.writes() == []


def test_what_is_told_of_a_group(groups: dict[str, str], discover: Command) -> None:
    group_id = groups["MI - Sales"]
    table = discover("MI - S*").out.splitlines()

    assert table[0].split() == ["NAME", "ID", "TYPE", "MEMBERS", "IN_FILE"]
    assert table[1].split() == ["MI", "-", "Sales", group_id, "OKTA_GROUP", "2"]
    assert rows(discover("MI - S*", "--format", "json")) == [
        {"name": "MI - Sales", "id": group_id, "type": "OKTA_GROUP", "members": 2, "in_file": None, "source": None}
    ]
    (row,) = csv.DictReader(io.StringIO(discover("MI - S*", "--format", "csv").out))
    assert (row["name"], row["members"]) == ("MI - Sales", "2")


def test_all_pages_are_read(okta: Okta, discover: Command) -> None:
    for number in range(450):
        okta.system.org.add_group(f"MI - {number:03d}")

    run = discover("MI - *", "--format", "json")

    assert [row["name"] for row in rows(run)] == [f"MI - {number:03d}" for number in range(450)]
    assert len(okta.requests("GET", "/api/v1/groups")) == 3


@pytest.mark.usefixtures("groups")
def test_a_file_is_written_and_then_added_to(discover: Command, okta: Okta, tmp_path: Path) -> None:
    file = tmp_path / "okta_groups.yaml"
    assert discover("MI - *", "--output", str(file)).code == 0
    file.write_text(file.read_text("utf-8") + "# mine\n", encoding="utf-8")
    okta.group("MI - Ops")

    run = discover("MI - *", "--output", str(file), "--format", "json")

    assert run.code == 0
    assert "1 entry added" in run.err
    assert [(row["name"], row["in_file"]) for row in rows(run)] == [
        ("MI - Finance", True), ("MI - Ops", False), ("MI - Sales", True),
    ]  # fmt: skip
    text = file.read_text("utf-8")
    assert text.endswith("groups:\n  - MI - Finance\n  - MI - Sales\n  - MI - Ops\n# mine\n")
    assert discover("MI - *", "--output", str(file)).err == f"{file}: nothing to add.\n"
    assert file.read_text("utf-8") == text


@pytest.mark.usefixtures("groups")
def test_what_a_groups_file_has_is_not_written_again(discover: Command, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("groups: [{name: MI - Sales, force: true}, {name: MI - Broken, colour: red}]", encoding="utf-8")

    run = discover("MI - *", "--groups-file", str(file), "--format", "yaml")
    assert yaml.safe_load(run.out) == {"groups": ["MI - Finance"]}

    before = file.read_text("utf-8")
    run = discover("MI - *", "--output", str(file))
    assert run.code == 2
    assert "is left as it is" in run.err
    assert file.read_text("utf-8") == before


def test_namesakes_are_written_by_id(okta: Okta, discover: Command) -> None:
    made, imported = okta.group("MI - Twin"), okta.imported_group("MI - Twin", "0oaDIRECTORY")

    run = discover("MI - *", "--format", "yaml")

    assert {each["id"] for each in yaml.safe_load(run.out)["groups"]} == {made, imported}
    assert "# MI - Twin (OKTA_GROUP)" in run.out
    assert "# MI - Twin (APP_GROUP, imported by" in run.out


def test_hostile_names(okta: Okta, discover: Command, tmp_path: Path) -> None:
    names = ["MI\n- injected", "MI \u202etxt", "MI # comment: {x}", "MI \x1b[31m", "MI '=1+1", "MI " + "x" * 300]
    made = {okta.group(name) for name in names}
    file = tmp_path / "okta_groups.yaml"

    run = discover("MI*", "--output", str(file))

    assert run.code == 0, run.err
    assert len(run.out.splitlines()) == len(names) + 1
    assert "\x1b" not in run.out
    assert "\u202e" not in run.out + file.read_text("utf-8")
    entries = parse(file.read_text("utf-8"), "okta_groups.yaml").entries
    assert {each.name for each in entries if each.name} == {names[1], names[2], names[4]}
    assert {each.group_id for each in entries if each.group_id} < made


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["Nothing*"], 1, "Okta has no group that matches 'Nothing*'"),
        ([""], 2, "Which groups?"),
        (["M*", "--groups-file", "nowhere.yaml"], 2, "nowhere.yaml"),
        (["M*", "--okta-conn-id", "x"], 2, "exclude each other"),
    ],
)
def test_what_cannot_be_done(words: list[str], code: int, said: str, discover: Command) -> None:
    run = discover(*words)

    assert run.code == code
    assert said in run.err
    assert run.out == ""


def test_trouble_with_okta(okta: Okta, discover: Command) -> None:
    assert discover("M*", env={"OKTA_API_TOKEN": "wrong"}).code == 2
    okta.fault("500")
    assert discover("M*").code == 1


@pytest.fixture
def validate(okta_mi: Command, world: World, tmp_path: Path) -> Command:
    def run(text: str, *words: str) -> Run:
        file = tmp_path / "okta_groups.yaml"
        file.write_text(text, encoding="utf-8")
        return okta_mi("validate", str(file), *words, env=ENVIRONMENT)

    return run


def test_every_mistake_has_its_line_and_a_suggestion(validate: Command, world: World) -> None:
    run = validate(
        "defaults:\n  auto_crete: all\ngroups:\n  - name: A\n    user_tpye: regular\n    prune: sometimes\n"
        "  - A\n  - B\n  - schedul: '@daily'\n"
    )

    assert run.code == 2
    lines = [line.partition("okta_groups.yaml:")[2] for line in run.out.splitlines()]
    assert [line.partition(": ")[0] for line in lines[:-1]] == ["2:3", "4:1", "5:5", "6:12", "7:1", "9:5", "9:5"]
    assert [line.partition("did you mean ")[2] for line in lines if "did you mean" in line] == [
        "auto_create?", "user_type?", "schedule?",
    ]  # fmt: skip
    assert "7 mistakes, 0 entries to sync." in lines[-1]
    assert world.requests_sent() == 0


def test_a_good_file(validate: Command) -> None:
    run = validate("groups: [A, B]")
    assert (run.code, run.err) == (0, "")
    assert run.out.endswith("okta_groups.yaml: no mistakes, 2 entries to sync.\n")
    document = json.loads(validate("groups: [A, {name: B, x: 1}]", "--json").out)
    assert (document["entries"], document["live"]) == (1, None)
    assert document["mistakes"] == [
        {"line": 1, "column": 23, "message": document["mistakes"][0]["message"]},
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "groups: [", "groups: {}"])
def test_a_file_that_is_none(text: str, validate: Command) -> None:
    run = validate(text, "--live")
    assert run.code == 2
    assert "1 mistake, 0 entries to sync." in run.out


def test_no_file_at_all(okta_mi: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    run = okta_mi("validate")
    assert run.code == 2
    assert run.out.startswith("okta_groups.yaml: No such file")


def test_live(validate: Command, world: World, okta: Okta, mi: MetricInsights) -> None:
    okta.group("Sales", "ana")
    okta.group("New")
    okta.group("finance")
    okta.group("Twin")
    okta.imported_group("Twin", "0oaDIRECTORY")
    okta.group("Unmade")
    mi.add_group("Sales")
    text = (
        "groups:\n- Sales\n- {name: New, auto_create: groups}\n- Finance\n- Twin\n- Unmade\n"
        "- {name: Sales x, id: 00gnowherenowhere123}\n- {groups: [New, Sales], target_group: Both}\n"
    )
    document = json.loads(validate(text, "--live", *world.options, "--json").out)
    said = {(row["section"].partition(",")[0], row["subject"]): row for row in document["live"]}
    verdicts = {key: row["verdict"] for key, row in said.items()}

    assert verdicts == {
        ("Okta", "connection"): "fine",
        ("Okta", "Sales"): "fine",
        ("Okta", "New"): "fine",
        ("Okta", "Finance"): "wrong",
        ("Okta", "Twin"): "wrong",
        ("Okta", "Unmade"): "fine",
        ("Okta", "Sales x"): "wrong",
        ("Okta", "Both"): "fine",
        ("Metric Insights", "connection"): "fine",
        ("Metric Insights", "Sales"): "fine",
        ("Metric Insights", "New"): "fine",
        ("Metric Insights", "Unmade"): "wrong",
        ("Metric Insights", "Both"): "wrong",
    }
    assert "1 user" in said["Okta", "Sales"]["said"]
    assert "'finance'" in said["Okta", "Finance"]["said"]
    assert "line 4: " in said["Okta", "Finance"]["said"]
    assert "2 groups named 'Twin'" in said["Okta", "Twin"]["said"]
    assert "will be created" in said["Metric Insights", "New"]["said"]
    assert "auto_create 'groups' or 'all'" in said["Metric Insights", "Unmade"]["said"]
    assert mi.writes() == okta.writes() == []


def test_live_exit_codes(validate: Command, world: World, okta: Okta) -> None:
    okta.group("Sales")
    good = "groups: [{name: Sales, auto_create: all}]"

    assert validate(good, "--live", *world.options).code == 0
    assert validate("groups: [Sales]", "--live", *world.options).code == 1
    assert validate("groups: [Sales, {name: X, y: 1}]", "--live", *world.options).code == 2
    run = validate(good, "--live", "--mi-host", world.mi.url)
    assert run.code == 1
    assert "WRONG" in run.out


def test_live_tells_what_is_wrong_with_each_connection(validate: Command, world: World, okta: Okta) -> None:
    okta.group("Sales")
    options = [*world.options]
    options[options.index("--mi-user") + 1] = "nobody"
    run = validate("groups: [Sales]", "--live", *options)

    assert run.code == 1
    assert "ok     connection: Connected to" in run.out
    assert "WRONG  connection" in run.out
