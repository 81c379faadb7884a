"""What is read of MI for a sync."""

from __future__ import annotations

import pytest

from okta_mi_provider.sync.errors import SyncError
from okta_mi_provider.sync.fetch import fetch_directory, with_members
from okta_mi_provider.sync.model import Source
from tests.store.fakes import FakeMI
from tests.unit.worlds import SALES, settings

SOURCE = Source("https://acme.okta.com", (SALES,), ())


def test_of_several_groups_with_one_name_none_is_taken() -> None:
    mi = FakeMI()
    ids = [mi.add_group("Sales").id for _ in range(2)]
    mi.add_group("sales")
    directory = fetch_directory(mi, settings())

    with pytest.raises(SyncError, match=f"MI has 2 groups named 'Sales' .ids {ids[0]}, {ids[1]}."):
        with_members(directory, mi, SOURCE, settings())
    assert with_members(directory, mi, SOURCE, settings(target_group="sales")).group_named("sales")


def test_the_members_of_the_group_are_read_and_with_force_those_of_the_default_group() -> None:
    mi = FakeMI()
    group = mi.add_group("Sales")
    ana = mi.add_user("ana", "Sales")
    directory = fetch_directory(mi, settings())

    assert with_members(directory, mi, SOURCE, settings()).members == {group.id: {ana.id}}
    forced = with_members(directory, mi, SOURCE, settings(force=True)).members
    assert set(forced) == {group.id, "1"}
