"""Which changes of a plan that is half written MI goes with no more."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.sync.diff import diff
from okta_mi_provider.sync.meanwhile import overtaken, renamed
from okta_mi_provider.sync.model import Target, TargetGroup, TargetUser
from okta_mi_provider.sync.plan import Change, ChangeKind
from okta_mi_provider.sync.project import project
from okta_mi_provider.sync.snapshot import Snapshot
from tests.unit.worlds import any_settings, mi_user, worlds

ANA = mi_user("ana", "7")
RENAMED = replace(ANA, last_name="Roe")
UPDATE = Change(ChangeKind.UPDATE_USER, "Sales", "00u1", ANA, RENAMED)
DISABLE = Change(ChangeKind.DISABLE_USER, "Sales", "00u1", ANA, replace(ANA, enabled=False))
ADD = Change(ChangeKind.ADD_MEMBER, "Sales", "00u1", RENAMED, RENAMED)
REMOVE = Change(ChangeKind.REMOVE_MEMBER, "Sales", "00u1", ANA, ANA)
CREATE = Change(ChangeKind.CREATE_USER, "Sales", "00u2", after=replace(mi_user("bo"), id=""))


def mi(*users: TargetUser, casefold: bool = True) -> Target:
    return Target("https://mi.example.org", users, username_casefold=casefold)


@given(worlds(), any_settings())
def test_neither_what_is_as_planned_nor_what_is_written_is_overtaken(world: Snapshot, chosen: SyncSettings) -> None:
    # Two rows of one id are a server's own contradiction.
    users = tuple({user.id: user for user in world.target.users}.values())
    world = replace(world, target=replace(world.target, users=users))
    plan = diff(world, chosen)
    changes = list(enumerate(plan.changes))
    assert list(overtaken(changes, world.target)) == []
    assert list(overtaken(changes, project(world.target, plan))) == []


@pytest.mark.parametrize(
    "now",
    [
        replace(ANA, enabled=False),
        replace(ANA, type="administrator"),
        replace(RENAMED, email="new@x.org"),
        replace(ANA, username="eve"),
    ],
)
def test_an_update_of_whom_somebody_has_changed_is(now: TargetUser) -> None:
    assert list(overtaken({7: UPDATE, 8: CREATE}.items(), mi(now))) == [7]


def test_whom_somebody_has_disabled_already_is_as_planned_and_whom_somebody_has_promoted_is_not() -> None:
    assert list(overtaken({0: DISABLE}.items(), mi(replace(ANA, enabled=False)))) == []
    assert list(overtaken({0: DISABLE}.items(), mi(replace(ANA, type="administrator")))) == [0]


def test_a_membership_is_only_if_the_id_is_somebody_else_s() -> None:
    assert list(overtaken({1: ADD, 2: REMOVE}.items(), mi(replace(ANA, enabled=False, first_name="Anna")))) == []
    assert list(overtaken({1: ADD, 2: REMOVE}.items(), mi(replace(ANA, username="eve")))) == [1, 2]


def test_nobody_who_has_become_an_administrator_since_is_taken_out_of_a_group() -> None:
    """Administrators are protected, and where they are not, a new run removes them as well."""
    promoted = replace(ANA, type="administrator")
    assert list(overtaken({1: ADD, 2: REMOVE}.items(), mi(promoted))) == [2]
    known = Change(ChangeKind.REMOVE_MEMBER, "Sales", "00u1", promoted, promoted)
    assert list(overtaken({2: known}.items(), mi(promoted))) == []


def test_another_spelling_of_an_address_or_a_username_is_no_difference() -> None:
    spelt = replace(ANA, email=ANA.email.upper(), username="ANA")
    assert list(overtaken({0: UPDATE, 1: ADD}.items(), mi(spelt))) == []
    assert list(overtaken({0: UPDATE, 1: ADD}.items(), mi(spelt, casefold=False))) == [0, 1]


def test_whoever_is_gone_is_for_mi_to_tell() -> None:
    assert list(overtaken({0: UPDATE, 1: ADD, 2: CREATE}.items(), mi())) == []


def test_a_group_whose_id_is_that_of_another_name() -> None:
    now = Target("https://mi.example.org", groups=(TargetGroup("1", "Default Group"), TargetGroup("9", "Board")))
    assert renamed({"Default Group": "1", "Legal": "8"}, now) is None
    assert renamed({"Default Group": "1", "Sales": ""}, now) is None
    assert renamed({"Default Group": "1", "Sales": "9"}, now) == ("Sales", TargetGroup("9", "Board"))
