"""Users whose MI group an attribute names: who comes into which part, and what is said of everybody else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okta_mi_provider.clients.okta_wire import user_of
from okta_mi_provider.groups_file import parse
from okta_mi_provider.settings_error import SettingsError
from okta_mi_provider.sync.by_attribute import Parting, part
from okta_mi_provider.sync.fetch import Attributes, target_name
from okta_mi_provider.sync.limits import fingerprint
from okta_mi_provider.sync.model import Source, SourceUser, Target
from okta_mi_provider.sync.scope import in_scope
from tests.unit.worlds import SALES, okta_user, okta_users, settings

MI = Target("https://mi.example.org")
BY_DEPARTMENT = settings(map_attr_to_group="department")


def named(name: str, *groups: str, **changes: str) -> SourceUser:
    return replace(okta_user(name, **changes), groups=groups)


def parted(*users: SourceUser, **options: object) -> Parting:
    source = Source("https://acme.okta.com", (SALES,), users)
    return part(source, settings(map_attr_to_group="department", **options), MI)


def names(parting: Parting) -> dict[str, list[str]]:
    return {target_name(each, BY_DEPARTMENT): [user.username for user in each.users] for each in parting.parts}


def said(parting: Parting) -> list[tuple[str, str | None]]:
    return [(each.kind, each.user) for each in parting.left.findings] if parting.left else []


def test_each_value_is_a_group_and_a_list_is_several() -> None:
    parting = parted(named("ana", "Finance"), named("bo", "Sales"), named("cy", "Finance", "Sales"))

    assert names(parting) == {"Finance": ["ana", "cy"], "Sales": ["bo", "cy"]}
    assert parting.left is None


def test_who_has_no_value_is_in_no_group_and_is_told() -> None:
    parting = parted(named("ana", "Finance"), named("bo"), named("cy", status="SUSPENDED"))

    assert names(parting) == {"Finance": ["ana"]}
    assert said(parting) == [("no_group_named", "bo"), ("status", "cy")]
    assert parting.left is not None
    assert (parting.left.source_users, parting.left.users_in_scope, parting.left.skipped) == (2, 1, 2)
    assert "department" in parting.left.findings[0].message


@pytest.mark.parametrize("value", ["a\nb", "a\x00", "\u2028", "\ud800", "x" * 251])
def test_what_cannot_be_the_name_of_a_group_is_none(value: str) -> None:
    parting = parted(named("ana", value), named("bo", value, "Sales"))

    assert names(parting) == {"Sales": ["bo"]}
    assert said(parting) == [("bad_group_name", "ana"), ("bad_group_name", "bo")]
    assert all("\n" not in each.message for each in (parting.left.findings if parting.left else ()))


def test_values_that_differ_in_capitals_are_told() -> None:
    parting = parted(named("ana", "Finance"), named("bo", "finance"), named("cy", "Sales"))

    assert set(names(parting)) == {"Finance", "finance", "Sales"}
    assert said(parting) == [("spelling", None)]


def test_who_could_be_somebody_else_is_a_conflict_although_in_another_part() -> None:
    twins = [named("ana", "Finance"), named("ANA", "Sales", email="other@example.com", id="00u-2")]
    parting = parted(*twins, named("bo", "Sales"))

    assert names(parting) == {"Sales": ["bo"]}
    assert said(parting) == [("duplicate_source_username", "ANA"), ("duplicate_source_username", "ana")]
    assert parting.left is not None
    assert parting.left.conflicts == 2


def test_only_one_user() -> None:
    users = [named("ana", "Finance"), named("bo", "Sales"), named("cy")]

    assert names(parted(*users, only_user="ANA@example.com")) == {"Finance": ["ana"]}
    assert said(parted(*users, only_user="ana")) == []
    assert said(parted(*users, only_user="cy")) == [("no_group_named", "cy")]
    assert said(parted(*users, only_user="nobody")) == [("unknown_user", "nobody")]


@given(okta_users(), st.data())
def test_everybody_is_in_the_parts_named_or_told(users: list[SourceUser], data: st.DataObject) -> None:
    values = st.lists(st.sampled_from(["A", "a", "B", "x\n", "C" * 300]), max_size=3, unique=True)
    source = [replace(user, groups=tuple(data.draw(values))) for user in users]
    parting = parted(*source)

    in_parts = {user.id for each in parting.parts for user in each.users}
    left = len(source) - len(in_parts)
    assert (parting.left.source_users if parting.left else 0) == left
    for each in parting.parts:
        assert each.users == tuple(user for user in source if user.id in in_parts and each.named in user.groups)
    told = {each.user for each in parting.left.findings} if parting.left else set()
    for user in source:
        if user.id not in in_parts and (user.groups == () or in_scope(user, BY_DEPARTMENT)):
            assert {user.username, user.id} & told
    assert parting == parted(*source)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Finance", ("Finance",)),
        (" Finance ", ("Finance",)),
        (["A", "B", "A", "", None], ("A", "B")),
        (7, ("7",)),
        (True, ()),
        (None, ()),
        ("", ()),
        ({"a": "b"}, ()),
        ([["A"]], ()),
    ],
)
def test_what_okta_s_attribute_says(value: object, expected: tuple[str, ...]) -> None:
    row = {"id": "00u1", "status": "ACTIVE", "profile": {"login": "a", "department": value}}

    assert user_of(row, Attributes.of(BY_DEPARTMENT)).groups == expected
    assert user_of(row, Attributes.of(settings())).groups == ()


@pytest.mark.parametrize(
    ("key", "value"),
    [("target_group", "T"), ("prune", "managed"), ("match_by", ["username", "email"]), ("approve", "always")],
)
def test_settings_that_make_no_sense_with_it(key: str, value: object) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(map_attr_to_group="department", **{key: value})
    assert [problem.key for problem in caught.value.problems] == [key]


def test_an_entry_is_not_taken_for_one_that_is_synced_into_the_group_of_its_name() -> None:
    file = parse(
        "groups: [{name: Staff, map_attr_to_group: department}, {name: All, target_group: Staff, prune: managed}]", ""
    )
    assert [entry.title for entry in file.entries] == ["All", "Staff"]
    assert file.broken == ()


def test_another_attribute_is_another_mapping() -> None:
    other = settings(map_attr_to_group="division")
    assert fingerprint(other, [SALES], "Finance") != fingerprint(BY_DEPARTMENT, [SALES], "Finance")
