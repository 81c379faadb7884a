"""Looking up users of MI: one by one in a register, or by going over all of them. Both find the same."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from okta_mi_provider.sync.model import Target, TargetUser
from okta_mi_provider.sync.people import Register, people
from tests.unit.worlds import mi_user, mi_users

_KEYS = ["ana", "ANA", "strasse", "STRAßE", "a@x.org", "A@X.org", "nobody", ""]


def _target(users: Register | tuple[TargetUser, ...], *, casefold: bool) -> Target:
    return Target("https://mi.example.org", users, username_casefold=casefold)


@given(mi_users(), st.lists(mi_users(), max_size=6), st.booleans())
def test_a_register_finds_whom_going_over_everybody_finds(
    users: list[TargetUser], news: list[list[TargetUser]], casefold: bool
) -> None:
    register, plain = Register(users), {user.id: user for user in users}
    for changed in news:
        register = register.after(changed)
        plain |= {user.id: user for user in changed}
    quick, slow = (
        people(_target(register, casefold=casefold)),
        people(_target(tuple(plain.values()), casefold=casefold)),
    )
    ids = [*plain, "gone"]
    assert set(quick.with_ids(ids)) == set(slow.with_ids(ids)) == set(plain.values())
    assert [quick.by_id()(each) for each in ids] == [slow.by_id()(each) for each in ids]
    for key in _KEYS:
        assert set(quick.by_username({quick.fold(key)})(key)) == set(slow.by_username({slow.fold(key)})(key))
        assert set(quick.by_email({key.casefold()})(key)) == set(slow.by_email({key.casefold()})(key))


@given(mi_users(), st.lists(mi_users(), max_size=6))
def test_a_register_is_a_collection_of_the_latest_users(users: list[TargetUser], news: list[list[TargetUser]]) -> None:
    register, plain = Register(users), {user.id: user for user in users}
    for changed in news:
        before, seen = register, sorted(register, key=lambda each: each.id)
        register = register.after(changed)
        plain |= {user.id: user for user in changed}
        # What was handed out stays what it was.
        assert sorted(before, key=lambda each: each.id) == seen
    assert len(register) == len(plain)
    assert sorted(register, key=lambda each: each.id) == sorted(plain.values(), key=lambda each: each.id)
    assert all(user in register for user in plain.values())
    assert replace(mi_user("gone"), id="no number") not in register


def test_a_user_has_the_same_object_whatever_it_is_found_by() -> None:
    """A match tells somebody's own address from that of somebody else by that."""
    changed = mi_user("ana", "7", email="new@x.org")
    register = Register([mi_user("ana", "7"), mi_user("bob", "8")]).after([changed])
    found = people(_target(register, casefold=True))
    (by_name,), (by_email,) = found.by_username({"ana"})("Ana"), found.by_email({"new@x.org"})("NEW@x.org")
    assert by_name is by_email is found.by_id()("7")
    assert found.by_email({"ana@example.com"})("ana@example.com") == []


def test_a_user_who_is_in_two_pages_of_a_list_is_found_once_by_its_id() -> None:
    """As when it is changed between the two: to be removed twice would end the sync."""
    twice = (mi_user("ana", "7"), mi_user("ana", "7", last_name="Roe"))
    for users in (twice, Register(twice)):
        assert list(people(_target(users, casefold=True)).with_ids({"7"})) == [twice[1]]


def test_a_register_stays_shallow_however_often_it_changes() -> None:
    register = Register(mi_user(str(number)) for number in range(10))
    for number in range(1_000):
        register = register.after([mi_user(f"new{number}")])
    assert len(register) == 1_010
    assert len(register._layers) <= 2 + (1_000).bit_length()
