"""What became of changes that a crash has left in doubt."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from okta_mi_provider.store.changes import Noted
from okta_mi_provider.store.doubts import Doubt
from okta_mi_provider.store.settle import NOT_DONE, settle
from okta_mi_provider.sync.model import Target, TargetGroup
from okta_mi_provider.sync.outcome import Status
from okta_mi_provider.sync.plan import ChangeKind
from tests.unit.worlds import DEFAULT_GROUP, MI_SALES, mi_user

ANA = mi_user("ana", "7")
BEGUN_AT = datetime(2026, 1, 15, 8, tzinfo=UTC)
NEW = {"email": "ana@example.com", "first_name": "Ana", "last_name": "Doe", "type": "regular"}


def mi(*users: Any, members: set[str] = frozenset(), group: TargetGroup | None = MI_SALES, **more: Any) -> Target:
    groups = (DEFAULT_GROUP, *([group] if group else []))
    return Target("h", users, groups, {group.id: frozenset(members)} if group else {}, DEFAULT_GROUP, **more)


def judged(target: Target, kind: ChangeKind, **more: Any) -> Noted:
    values = {
        "run": 1,
        "position": 3,
        "org": "o",
        "dag_id": "d",
        "source_group_id": "g",
        "kind": kind,
        "group_id": None,
        "group_name": "Sales",
        "source_id": "00u-ana",
        "user_id": None if kind is ChangeKind.CREATE_USER else "7",
        "username": "ana",
        "new": NEW if kind is ChangeKind.CREATE_USER else None,
        "begun_at": BEGUN_AT,
    }
    (verdict,) = settle([Doubt(**{**values, **more})], target, target.group_named("Sales"), "Sales")
    return verdict.noted


def done(**more: Any) -> Noted:
    return Noted(3, Status.DONE, **more)


FAILED = Noted(3, Status.FAILED, NOT_DONE, passing=True)


@pytest.mark.parametrize(
    ("target", "expected"),
    [(mi(), done(group_id=MI_SALES.id)), (mi(group=None), FAILED)],
)
def test_a_group(target: Target, expected: Noted) -> None:
    assert judged(target, ChangeKind.CREATE_GROUP, username=None, user_id=None) == expected


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (mi(ANA, members={"7"}), done(user_id="7", group_id=MI_SALES.id, joined=True)),
        (mi(replace(ANA, username="ANA"), members={"7"}), done(user_id="7", group_id=MI_SALES.id, joined=True)),
        (mi(replace(ANA, email="ANA@EXAMPLE.COM")), done(user_id="7", group_id=MI_SALES.id)),
        (mi(), FAILED),
        (mi(mi_user("bob")), FAILED),
        (mi(replace(ANA, username="ANA"), members={"7"}, username_casefold=False), FAILED),
    ],
)
def test_a_user(target: Target, expected: Noted) -> None:
    assert judged(target, ChangeKind.CREATE_USER) == expected


def test_a_user_of_that_name_with_another_address_is_somebody_else() -> None:
    noted = judged(mi(replace(ANA, email="other@example.com"), members={"7"}), ChangeKind.CREATE_USER)

    assert (noted.status, noted.joined) == (Status.FAILED, False)
    assert noted.error is not None
    assert "another e-mail address" in noted.error


@pytest.mark.parametrize(
    ("kind", "target", "expected"),
    [
        (ChangeKind.ADD_MEMBER, mi(ANA, members={"7"}), done(group_id=MI_SALES.id, joined=True)),
        (ChangeKind.ADD_MEMBER, mi(ANA), FAILED),
        (ChangeKind.ADD_MEMBER, mi(mi_user("eve", "7"), members={"7"}), FAILED),
        (ChangeKind.ADD_MEMBER, mi(ANA, group=None), FAILED),
        (ChangeKind.REMOVE_MEMBER, mi(ANA), done(group_id=MI_SALES.id, left=True)),
        (ChangeKind.REMOVE_MEMBER, mi(), done(group_id=MI_SALES.id, left=True)),
        (ChangeKind.REMOVE_MEMBER, mi(ANA, group=None), done(left=True)),
        (ChangeKind.REMOVE_MEMBER, mi(ANA, members={"7"}), FAILED),
    ],
)
def test_a_membership(kind: ChangeKind, target: Target, expected: Noted) -> None:
    assert judged(target, kind) == expected


def test_a_membership_of_a_group_whose_members_were_not_read_is_not_known() -> None:
    noted = judged(mi(ANA), ChangeKind.ADD_MEMBER, group_name="Default Group", group_id=DEFAULT_GROUP.id)

    assert noted.status is Status.FAILED
    assert noted.error is not None
    assert "not known" in noted.error


def test_a_membership_of_the_default_group_whose_members_were_read() -> None:
    target = mi(ANA)
    target = replace(target, members={**target.members, DEFAULT_GROUP.id: frozenset({"7"})})
    noted = judged(target, ChangeKind.ADD_MEMBER, group_name="Default Group", group_id=DEFAULT_GROUP.id)

    assert noted == done(group_id=DEFAULT_GROUP.id, joined=True)


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        (ANA, done()),
        (replace(ANA, email="Ana@Example.com"), done()),
        (replace(ANA, last_name="Smith"), FAILED),
        (replace(ANA, first_name="Not asked for"), done()),
        (mi_user("eve", "7", email="ana@example.com"), FAILED),
    ],
)
def test_attributes(user: Any, expected: Noted) -> None:
    new = {"email": "ana@example.com", "last_name": "Doe"}
    assert judged(mi(user), ChangeKind.UPDATE_USER, new=new) == expected


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("kind", [ChangeKind.DISABLE_USER, ChangeKind.ENABLE_USER])
def test_an_account(kind: ChangeKind, enabled: bool) -> None:
    as_wanted = enabled is (kind is ChangeKind.ENABLE_USER)
    assert judged(mi(replace(ANA, enabled=enabled)), kind) == (done() if as_wanted else FAILED)
    assert judged(mi(), kind) == FAILED


@pytest.mark.parametrize("kind", [ChangeKind.CREATE_USER, ChangeKind.ADD_MEMBER])
@pytest.mark.parametrize(("minutes", "is_judged"), [(0, False), (4, False), (5, True), (60, True)])
def test_who_is_no_member_may_come_to_be_one_yet(kind: ChangeKind, minutes: int, is_judged: bool) -> None:
    doubt = Doubt(1, 3, "o", "d", "g", kind, None, "Sales", "00u-ana", "7", "ana", NEW, BEGUN_AT)
    target = mi(read_at=BEGUN_AT + timedelta(minutes=minutes))

    verdicts = list(settle([doubt], target, MI_SALES, "Sales"))

    assert [each.noted for each in verdicts] == ([FAILED] if is_judged else [])


def test_what_a_later_run_has_done_was_not_done_by_this_one() -> None:
    noted = judged(mi(ANA, members={"7"}), ChangeKind.CREATE_USER, done_since=True)

    assert (noted.status, noted.joined) == (Status.FAILED, False)
    assert noted.error is not None
    assert "a later run" in noted.error
