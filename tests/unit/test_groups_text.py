"""Entries that come to a groups file: nothing else in it changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okta_mi_provider.groups_file import parse
from okta_mi_provider.groups_text import CannotAdd, Item, document, scalar, with_entries

NEW = [Item({"name": "New"}), Item({"id": "00gabcdefghijklmnop1"}, "New ones (APP_GROUP)")]


ADDED = "{0}- New\n{0}# New ones (APP_GROUP)\n{0}- id: 00gabcdefghijklmnop1\n"


@pytest.mark.parametrize(
    ("before", "behind", "indent"),
    [
        ("groups:\n  - Sales\n", "", 2),
        ("groups:\n- name: Sales   # mine\n  tags:\n  - a\n", "\n# the end\n", 0),
        ("groups:\n    - Sales\n", "    # about defaults\ndefaults: {auto_create: all}\n", 4),
        ("# first\ngroups:\n - Sales\n - {name: Finance, force: true} # x\n", "", 1),
        ("groups:\n- name: Sales\n  schedule:\n", "", 0),
    ],
)
def test_entries_come_behind_those_that_are_there(before: str, behind: str, indent: int) -> None:
    added = ADDED.format(" " * indent)

    assert with_entries(before + behind, NEW) == before + added + behind
    assert with_entries((before + behind).replace("\n", "\r\n"), NEW) == (before + added + behind).replace("\n", "\r\n")
    assert with_entries((before + behind).rstrip("\n"), NEW).rstrip("\n") == (before + added + behind).rstrip("\n")


@pytest.mark.parametrize(
    "text",
    [
        "groups: [Sales]\n",
        "{groups: [Sales]}\n",
        "groups:\n  - New\n",
        "groups:\n  - id: 00gabcdefghijklmnop1\n",
        "groups:\n  - Sales\n  - Sales\n  - New\n",
    ],
)
def test_what_cannot_be_added_to_is_left_alone(text: str) -> None:
    with pytest.raises(CannotAdd):
        with_entries(text, NEW)


_NAMES = st.text(min_size=1, max_size=20).filter(lambda name: name.isprintable() and name.strip())


@given(st.lists(_NAMES, min_size=1, max_size=4, unique=True), st.lists(_NAMES, min_size=1, max_size=4, unique=True))
def test_the_file_has_both_then(old: list[str], new: list[str]) -> None:
    before = document([Item({"name": name}, "was there") for name in old])
    items = [Item({"name": name, "schedule": "@daily"}) for name in new if name not in old]
    if not items:
        return
    after = parse(with_entries(before, items), "okta_groups.yaml")

    assert {each.name: each.schedule for each in after.entries} == {
        **dict.fromkeys(old), **{item.values["name"]: "@daily" for item in items},
    }  # fmt: skip
    assert after.broken == ()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Sales", "Sales"),
        ("off", "'off'"),
        ("7", "'7'"),
        ("a: b", "'a: b'"),
        ("# a", "'# a'"),
        ("Größe", "Größe"),
        ("a\u202eb", '"a\\u202Eb"'),
        ("a\nb", '"a\\nb"'),
        (["a", "b, c"], "[a, 'b, c']"),
        (True, "true"),
        (7, "7"),
    ],
)
def test_scalars(value: object, expected: str) -> None:
    assert scalar(value) == expected
