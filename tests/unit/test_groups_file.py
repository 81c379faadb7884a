"""The groups file: what it may say, and the line of every mistake."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from okta_mi_provider import yaml_nodes
from okta_mi_provider.groups_file import GroupsFile, GroupsFileError, dag_id, parse, read
from okta_mi_provider.groups_schema import json_schema
from okta_mi_provider.settings import SyncSettings

FILE = "okta_groups.yaml"


def mistakes(text: str) -> list[str]:
    """What the error about the whole file lists."""
    with pytest.raises(GroupsFileError) as caught:
        parse(text, FILE)
    return [each.at(FILE) for each in caught.value.mistakes]


def broken(groups: GroupsFile) -> dict[str, list[str]]:
    return {each.dag_id: [mistake.at(FILE) for mistake in each.mistakes] for each in groups.broken}


def test_a_name_is_enough() -> None:
    groups = parse("groups: [Sales]", FILE)

    (entry,) = groups.entries
    assert (entry.dag_id, entry.title, entry.name, entry.group_id) == ("okta_mi__Sales", "Sales", "Sales", None)
    assert entry.settings == SyncSettings()
    assert (entry.okta_conn_id, entry.metric_insights_conn_id) == ("okta_default", "metric_insights_default")
    assert (entry.schedule, entry.tags, entry.owner, entry.retries, entry.pool) == (None, (), None, 2, "default_pool")
    assert groups.broken == ()


def test_an_entry_says_everything_and_goes_before_the_defaults() -> None:
    text = """
defaults: {auto_create: groups, schedule: "@daily", tags: [b, a], statuses: [ACTIVE]}
groups:
  - name: Sales
    id: 00gabcdefghijklmnop1
    auto_create: all
    user_type: power_user
    okta_conn_id: okta_eu
    metric_insights_conn_id: mi_eu
    schedule: null
    tags: [z, y, z]
    owner: bi-team
    retries: 0
    pool: okta_api
  - Finance
"""
    finance, sales = parse(text, FILE).entries

    assert sales.settings == SyncSettings(auto_create="all", user_type="power_user", statuses=("ACTIVE",))
    assert (sales.group_id, sales.okta_conn_id, sales.metric_insights_conn_id) == (
        "00gabcdefghijklmnop1", "okta_eu", "mi_eu",
    )  # fmt: skip
    assert (sales.schedule, sales.tags, sales.owner, sales.retries, sales.pool) == (
        None, ("y", "z"), "bi-team", 0, "okta_api",
    )  # fmt: skip
    assert (finance.settings.auto_create, finance.schedule, finance.tags) == ("groups", "@daily", ("a", "b"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Sales_EMEA-1.0", "okta_mi__Sales_EMEA-1.0"),
        ("MI - Finance", "okta_mi__MI-Finance-"),
        ("Équipe Données 数据", "okta_mi__Equipe-Donnees-"),
        ("数据", "okta_mi__group-"),
        ("x" * 241, "okta_mi__" + "x" * 241),
        ("x" * 242, "okta_mi__" + "x" * 232 + "-"),
        ("Sales\u00a0", "okta_mi__Sales-"),
    ],
)
def test_dag_ids(name: str, expected: str) -> None:
    own = dag_id(name)

    assert own.startswith(expected)
    assert len(own) <= 250
    assert len(own) - len(expected) == (8 if expected.endswith("-") else 0)


@given(st.text(min_size=1), st.text(min_size=1))
def test_dag_ids_are_valid_and_differ_as_the_names_do(one: str, other: str) -> None:
    for name in (one, other):
        if name.isprintable():
            assert yaml.safe_load(dag_id(name)) == dag_id(name)
    if one != other and all(name.isprintable() for name in (one, other)):
        assert dag_id(one) != dag_id(other)


def test_the_id_alone_names_the_dag() -> None:
    (entry,) = parse("groups: [{id: 00gabcdefghijklmnop1}]", FILE).entries

    assert (entry.dag_id, entry.title, entry.name) == (
        "okta_mi__00gabcdefghijklmnop1", "00gabcdefghijklmnop1", None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", f"{FILE}:1:1: must be a mapping with the keys defaults and groups"),
        ("- Sales", f"{FILE}:1:1: must be a mapping"),
        ("just words", f"{FILE}:1:1: must be a mapping"),
        ("defaults: {}", f"{FILE}:1:1: groups: missing"),
        ("groups:", f"{FILE}:1:8: groups: must be a list with at least one group"),
        ("groups: []", f"{FILE}:1:9: groups: must be a list with at least one group"),
        ("groups: Sales", f"{FILE}:1:9: groups: must be a list with at least one group"),
        ("groups: [Sales]\ngroup: x", f"{FILE}:2:1: group: unknown key; did you mean groups?"),
        ("groups: [Sales]\ngroups: [x]", f"{FILE}:2:1: groups: is there already, on line 1"),
        ("groups: [Sales]\ndefaults: []", f"{FILE}:2:11: defaults: must be a mapping"),
        ("groups: [Sales]\ndefaults: {name: x}", f"{FILE}:2:12: name: unknown key"),
        ("groups: [Sales]\ndefaults:\n  auto_create: most", f"{FILE}:3:16: auto_create: 'most' is not allowed"),
        ("groups: [Sales]\n? [a]\n: b", f"{FILE}:2:3: a key must be a word"),
        ("groups: [Sales\n", "not YAML"),
        ("groups: [Sales]\n\tx: 1", "not YAML"),
        ("groups: [Sales]\n---\ngroups: [x]", "not YAML"),
        ("groups: [*nobody]", "not YAML"),
        ("groups: [Sales]\n# ü\n- \x00", f"{FILE}:3:3: not YAML: the character '\\u0000' is not allowed"),
        ("groups: " + "[" * 100_000, f"{FILE}:1:28: nested too deeply"),
    ],
)
def test_a_file_that_cannot_be_used_as_a_whole(text: str, expected: str) -> None:
    assert expected in "\n".join(mistakes(text))


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("2024", "name: 2024 is not a text for YAML; put it in quotes: '2024'"),
        ("yes", "name: yes is not a text for YAML; put it in quotes: 'yes'"),
        ("null", "name: null is not a text"),
        ("1e3", None),
        ("2024-01-01", None),
        ("~", "name: ~ is not a text"),
        ('""', "name: '' is not allowed"),
        ('" "', "name: ' ' is not allowed"),
        ("", "name: empty; allowed: a text"),
        ('"a\\nb"', "name: 'a\\nb' has an invisible character"),
        ("{name: 7, id: 00g1}", "name: 7 is not a text"),
        ("{name: [a]}", "name: ['a'] is not allowed"),
        ("{auto_create: all}", "a group without a name; give name, id, or groups"),
        ("[Sales]", "a group must be a name or a mapping"),
        ("!!python/object:os.system x", "name: tags such as tag:yaml.org,2002:python/object:os.system are not"),
        ("!secret x", "name: tags such as !secret are not allowed"),
        ("!!int x", "name: 'x' is not a number"),
    ],
)
def test_an_entry_without_a_readable_name_cannot_vanish(entry: str, expected: str | None) -> None:
    groups = parse(f"groups:\n  - {entry}\n  - Good\n", FILE)

    if expected is None:
        assert [each.name for each in groups.entries] == sorted([entry, "Good"])
    else:
        (stand_in,) = groups.broken
        (found,) = stand_in.mistakes
        assert found.message.startswith(expected)
        assert found.line == 2
        assert stand_in.dag_id.startswith("okta_mi__")
        assert [each.name for each in groups.entries] == ["Good"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("auto_create: most", f"{FILE}:3:18: auto_create: 'most' is not allowed; allowed: none, groups, all"),
        ("auto_crate: all", f"{FILE}:3:5: auto_crate: unknown key; did you mean auto_create?"),
        ("okta_token: x", f"{FILE}:3:5: okta_token: unknown key; "),
        ("api_secret: x", f"{FILE}:3:5: api_secret: unknown key; secrets belong into the Airflow connection"),
        ("mi_conn_id: x", f"{FILE}:3:5: mi_conn_id: unknown key; did you mean"),
        ("force: 'true'", f"{FILE}:3:12: force: 'true' is not allowed; allowed: true, false"),
        (
            "sync_user_limit: 0",
            f"{FILE}:3:22: sync_user_limit: 0 is not allowed; allowed: a whole number from 1 to 100,000,000",
        ),
        ("sync_user_limit: 1.5", f"{FILE}:3:22: sync_user_limit: 1.5 is not allowed"),
        ("retries: -1", f"{FILE}:3:14: retries: -1 is not allowed"),
        ("retries: true", f"{FILE}:3:14: retries: true is not allowed"),
        ("tags: red", f"{FILE}:3:11: tags: 'red' is not allowed; allowed: a list of texts"),
        ("tags: [1]", f"{FILE}:3:11: tags: 1 is not allowed; allowed: a text"),
        ("tags: [[a]]", f"{FILE}:3:11: tags: a list may hold nothing but words and numbers here"),
        ("pool: {a: b}", f"{FILE}:3:11: pool: a mapping is not allowed here"),
        ("pool: null", f"{FILE}:3:11: pool: null is not allowed"),
        ("owner: ''", f"{FILE}:3:12: owner: '' is not allowed"),
        ("schedule: hourly", f"{FILE}:3:15: schedule: 'hourly' is not a schedule (1 fields)"),
        ("schedule: '61 * * * *'", f"{FILE}:3:15: schedule: '61 * * * *' is not a schedule"),
        ("schedule: '0 0 31 2 *'", f"{FILE}:3:15: schedule: '0 0 31 2 *' is not a schedule"),
        ("schedule: '0 0 0 1 1 *'", f"{FILE}:3:15: schedule: '0 0 0 1 1 *' is not a schedule (6 fields)"),
        ("schedule: 5", f"{FILE}:3:15: schedule: 5 is not a schedule (not a text)"),
        ("prune: some", f"{FILE}:3:12: prune: 'some' is not allowed"),
        ("match_by: [email]", f"{FILE}:3:15: match_by: username is always matched first"),
        ("<<: {a: b}", f"{FILE}:3:5: merge keys (<<) are not supported"),
        ("name: Sales", f"{FILE}:3:5: name: is there already, on line 2"),
    ],
)
def test_a_wrong_entry_is_broken_under_its_id_and_nobody_else(line: str, expected: str) -> None:
    groups = parse(f"groups:\n  - name: Sales\n    {line}\n  - Good\n", FILE)

    assert [each.name for each in groups.entries] == ["Good"]
    ((own, found),) = broken(groups).items()
    assert own == "okta_mi__Sales"
    assert len(found) == 1
    assert found[0].startswith(expected)


@pytest.mark.parametrize("schedule", ["@daily", "@once", "@continuous", "30 6 * * 1-5", "*/5 * * * *", "0 0 29 2 *"])
def test_schedules(schedule: str) -> None:
    (entry,) = parse(f"groups: [{{name: Sales, schedule: '{schedule}'}}]", FILE).entries

    assert entry.schedule == schedule


def test_off_is_a_word() -> None:
    (entry,) = parse("groups: [{name: Sales, prune: off}]", FILE).entries

    assert entry.settings.prune == "off"


def test_entries_with_one_dag_id_are_all_mistakes() -> None:
    groups = parse("groups:\n  - Sales\n  - Good\n  - {name: Sales, force: 1}\n  - {id: Sales}\n", FILE)

    assert [each.name for each in groups.entries] == ["Good"]
    assert broken(groups) == {
        "okta_mi__Sales": [
            f"{FILE}:2:1: 'Sales' is there 3 times: lines 2, 4 and 5; keep one",
            f"{FILE}:4:1: 'Sales' is there 3 times: lines 2, 4 and 5; keep one",
            f"{FILE}:4:26: force: 1 is not allowed; allowed: true, false",
            f"{FILE}:5:1: 'Sales' is there 3 times: lines 2, 4 and 5; keep one",
        ]
    }


def test_two_entries_of_one_group_are_told_by_its_name_and_others_by_the_dag_id() -> None:
    own = dag_id("MI: Finance")
    named = parse("groups: ['MI: Finance', {name: 'MI: Finance'}]", FILE)
    (other,) = parse(f"groups: ['MI: Finance', {own.removeprefix('okta_mi__')}]", FILE).broken

    assert broken(named)[own] == [f"{FILE}:1:1: 'MI: Finance' is there twice: lines 1 and 1; keep one"]
    assert other.mistakes[0].message == f"DAG id {own} is that of several entries: lines 1 and 1"


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("groups:\n\t- Sales\n", "2:1", "a tab; YAML wants spaces"),
        ("groups:\n  - name: x\n\t  force: true\n", "3:1", "a tab; YAML wants spaces"),
        ("groups: [Sales\n\tx: 1", "2:1", "a tab; YAML wants spaces"),
        ("groups:\n- name: x\n  schedule: @daily # d\n", "3:13", "@ cannot begin a value; put it in quotes: '@daily'"),
        ("groups: [{name: x, schedule: @daily}]\n", "1:30", "@ cannot begin a value; put it in quotes: '@daily'"),
        ("groups: [a, @b, c]\n", "1:13", "@ cannot begin a value; put it in quotes: '@b'"),
        (
            "groups:\n- name: x\n  schedule: */5 * * * *\n",
            "3:14",
            "* cannot begin a value; put it in quotes: '*/5 * * * *'",
        ),
        (
            "groups:\n- name: x\n  schedule: * * * * *\n",
            "3:14",
            "* cannot begin a value; put it in quotes: '* * * * *'",
        ),
        (
            "groups:\n- name: MI: Finance # f\n  force: true\n",
            "2:11",
            "a colon in a value; put it in quotes: 'MI: Finance'",
        ),
        ("groups:\n- name: x\n  target_group: A: B: C\n", "3:18", "a colon in a value; put it in quotes: 'A: B: C'"),
        ("groups:\n- name:x\n  id: y\n", "3:5", "a key where none can be: "),
        ("groups:\n- name: x\n    id: y\n", "3:7", "a key where none can be: "),
        ("groups:\n- name: 'a: b\n- name: c\n", "4:1", "while scanning a quoted scalar"),
    ],
)
def test_slips_are_told_in_the_words_of_whoever_has_made_them(
    text: str, place: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (found,) = mistakes(text)
    assert found.startswith(f"{FILE}:{place}: not YAML: {said}")

    # Not every PyYAML has the loader in C.
    monkeypatch.setattr(yaml_nodes, "_LOADER", yaml.SafeLoader)
    assert mistakes(text) == [found]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("MI: Finance", ". Or is it a name with a colon? Put it in quotes: 'MI: Finance'"),
        ("auto_create: all", ""),
        ("MI:", ""),
        ("MI: [a]", ""),
        ("{}", ""),
        ("{a: b, c: d}", ""),
    ],
)
def test_a_name_with_a_colon_looks_like_a_mapping(entry: str, said: str) -> None:
    (found,) = parse(f"groups:\n  - {entry}\n", FILE).broken

    wanted = f"a group without a name; give name, id, or groups{said}"
    assert wanted in [each.message for each in found.mistakes]


@pytest.mark.parametrize(
    "text",
    [
        "defaults:\n  okta_token: @3cr3t\n",
        "defaults:\n  okta_token: 3cr3t: 3cr3t\n",
        "groups:\n  - {name: x, PASSWORD: %3cr3t}\n",
        "groups:\n  - okta_token: 3cr3t\n",
        "groups:\n  - {mi-api-key: 3cr3t}\n",
    ],
)
def test_what_may_be_a_secret_is_in_no_message(text: str) -> None:
    """It belongs into a connection, and a message stands in Airflow's UI for whoever may see the DAG."""
    try:
        said = str(broken(parse(text, FILE)))
    except GroupsFileError as error:
        said = str(error)

    assert "3cr3t" not in said
    assert "put it in quotes" in said or "a group without a name" in said


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("approve: yes", "approve: yes is not allowed; allowed: never"),
        ("approve:", "approve: empty; allowed: never"),
        ("approve: ~", "approve: ~ is not allowed; allowed: never"),
        ("id:", "id: empty; allowed: a text that is not blank"),
        ("retries: 1:40:00", "retries: 1:40:00 is not allowed"),
        ("tags: [a, on]", "tags: on is not allowed; allowed: a text"),
        ("approve: 'True'", "approve: 'True' is not allowed"),
    ],
)
def test_a_value_is_shown_as_it_was_typed(line: str, said: str) -> None:
    (found,) = parse(f"groups:\n  - name: Sales\n    {line}\n", FILE).broken

    assert found.mistakes[0].message.startswith(said)


def test_an_error_of_the_whole_file_lists_the_mistakes_of_the_entries_too() -> None:
    found = mistakes("default: {}\ngroups:\n  - 7\n  - {name: Sales, force: 1}\n  - {name: B, auto_create: x}\n")

    assert [each.split(": ")[0] for each in found] == [f"{FILE}:1:1", f"{FILE}:3:5", f"{FILE}:4:26", f"{FILE}:5:28"]


def test_a_mistake_in_the_defaults_is_told_once() -> None:
    found = mistakes("defaults: {match_by: [email], retries: x}\ngroups: [A, B]")

    assert [each.split(": ")[1] for each in found] == ["match_by", "retries"]


def test_aliases_cannot_blow_a_file_up() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]" for old, new in zip("abcdefgh", "bcdefghi", strict=True)]

    found = mistakes("\n".join([*lines, "groups: [*i, {name: A, tags: *i}]"]))

    assert len(found) == 9 + 2


def test_an_alias_of_itself_is_a_mistake() -> None:
    groups = parse("groups: &a [*a, Good]", FILE)

    (stand_in,) = groups.broken
    (found,) = stand_in.mistakes
    assert [each.name for each in groups.entries] == ["Good"]
    assert found.message == "a group must be a name or a mapping"


def test_aliases_of_values_are_fine() -> None:
    first, second = parse("groups: [{name: A, tags: &t [x]}, {name: B, tags: *t}]", FILE).entries

    assert first.tags == second.tags == ("x",)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
DOCUMENTS = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


def read_or_refused(text: str) -> bool:
    """Whether it is one of the two; any other error gets through."""
    try:
        return bool(parse(text, FILE))
    except GroupsFileError as error:
        return bool(error.mistakes)


@given(DOCUMENTS)
def test_whatever_stands_in_a_file_is_read_or_refused(value: Any) -> None:
    for document in (value, {"groups": value}, {"groups": [value]}, {"groups": [{"name": value, "tags": value}]}):
        assert read_or_refused(yaml.safe_dump(document, allow_unicode=True))


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    assert read_or_refused(text)
    assert read_or_refused(f"groups: [{text}]")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"groups:\n - \xe9quipe")
    (tmp_path / "large").write_bytes(b"#" * (8 * 2**20 + 1))

    for name, expected in {
        "none": "No such file",
        "latin": "latin:2:1: not UTF-8",
        "large": "larger than 8 MiB",
    }.items():
        with pytest.raises(GroupsFileError, match=expected):
            read(tmp_path / name)


def test_a_byte_order_mark_is_fine(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"\xef\xbb\xbfgroups: [Sales]")

    assert len(read(tmp_path / FILE).entries) == 1


def test_an_error_does_not_get_longer_than_people_read() -> None:
    with pytest.raises(GroupsFileError) as caught:
        parse("".join(f"wrong{number}: 1\n" for number in range(500)) + "groups: [A]", FILE)

    assert len(str(caught.value).splitlines()) == 102
    assert str(caught.value).endswith("... and 400 more")


def test_the_schema_in_the_package_is_up_to_date() -> None:
    stored = json.loads(resources.files("okta_mi_provider").joinpath("okta_groups.schema.json").read_text("utf-8"))

    assert stored == json_schema()
    jsonschema.Draft7Validator.check_schema(stored)


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("groups: [Sales]", True),
        ("defaults: {auto_create: all, schedule: null, tags: [a]}\ngroups: [{id: x, retries: 1}]", True),
        ("groups: [{groups: [A, B], target_group: X}]", True),
        ("groups: [{name: x, max_removals: 5%, max_creates: 7, prune: all, approve: always, approvers: [ana]}]", True),
        ("groups: [{groups: [A, B]}]", False),
        ("groups: [{groups: [A], target_group: X}]", False),
        ("groups: [{groups: [A, B], name: x, target_group: X}]", False),
        ("groups: [{name: x, max_removals: some}]", False),
        ("groups: [{name: x, only_user: ana}]", False),
        ("groups: []", False),
        ("groups: [7]", False),
        ("groups: [{}]", False),
        ("groups: [{name: x, auto_crate: all}]", False),
        ("defaults: {name: x}\ngroups: [x]", False),
    ],
)
def test_the_schema_and_the_reader_agree(text: str, valid: bool) -> None:
    try:
        groups = parse(text, FILE)
        fine = not groups.broken
    except GroupsFileError:
        fine = False

    assert fine is valid
    assert jsonschema.Draft7Validator(json_schema()).is_valid(yaml.safe_load(text)) is valid


def test_what_stands_there_names_a_stand_in_else_where_it_stands() -> None:
    groups = parse("groups:\n  - 2024\n  - {auto_create: all}\n  - Good\n", FILE)

    assert [each.title for each in groups.broken] == ["2024", "line 3"]
    assert groups.broken[0].dag_id == "okta_mi__2024"
    assert [each.name for each in groups.entries] == ["Good"]


@pytest.mark.parametrize("path", ["dags/okta_groups.yaml", "demo/okta_groups.yaml"])
def test_the_files_of_this_repository_are_right(path: str) -> None:
    file = Path(__file__).resolve().parents[2] / path

    groups = read(file)

    assert groups.entries
    assert groups.broken == ()
    jsonschema.validate(yaml.safe_load(file.read_text("utf-8")), json_schema())


def test_several_groups_are_one_entry_named_after_the_mi_group() -> None:
    groups = parse("groups: [{groups: [B, A], target_group: BI Readers, prune: managed}]", FILE)

    (entry,) = groups.entries
    assert (entry.title, entry.groups) == ("BI Readers", ("A", "B"))
    assert entry.dag_id == dag_id("BI Readers")
    assert [selector.name for selector in entry.selectors] == ["A", "B"]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{groups: [A, B]}", "groups: needs target_group"),
        ("{groups: [A, B], name: x, target_group: X}", "groups: excludes name"),
        ("{groups: [A, A], target_group: X}", "a list of at least 2 different texts"),
        ("{groups: A, target_group: X}", "allowed: a list of texts"),
        ("{name: x, only_user: ana}", "only_user: is about a single run"),
        ("{name: x, approve_plan: abc}", "approve_plan: is about a single run"),
        ("{name: x, approvers: ana}", "approvers: 'ana' is not allowed"),
        ("{name: x, approval_timeout: 0}", "approval_timeout: 0 is not allowed"),
        ("{name: x, deprovision: disable, statuses: [ACTIVE, DEPROVISIONED]}", "disable contradicts statuses"),
    ],
)
def test_a_wrong_entry_about_leavers_and_approval_is_told(entry: str, said: str) -> None:
    (broken,) = parse(f"groups:\n  - Good\n  - {entry}\n", FILE).broken

    assert said in " ".join(each.message for each in broken.mistakes)
    assert {each.line for each in broken.mistakes} == {3}


def test_lesson_15_entries_that_prune_one_mi_group_are_a_mistake_of_all_of_them() -> None:
    text = "groups:\n  - {name: A, target_group: X, prune: managed}\n  - {name: B, target_group: X}\n  - X2\n"
    groups = parse(text, FILE)

    assert [entry.title for entry in groups.entries] == ["X2"]
    assert [broken.title for broken in groups.broken] == ["A", "B"]
    for broken in groups.broken:
        assert "is the target of several entries (lines 2, 3)" in broken.mistakes[0].message


def test_entries_with_one_mi_group_that_remove_nobody_are_fine() -> None:
    groups = parse("groups: [{name: A, target_group: X}, {name: B, target_group: X}, X]", FILE)

    assert len(groups.entries) == 3


def test_one_name_on_two_servers_is_no_contest() -> None:
    text = (
        "groups: [{name: A, target_group: X, prune: all}, {name: B, target_group: X, metric_insights_conn_id: other}]"
    )

    assert parse(text, FILE).broken == ()
