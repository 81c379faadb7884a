"""Who in Okta is who in MI, as far as a sync asks for it."""

from __future__ import annotations

import pytest

from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.store import Beginning, RunKey, Store, StoreJournal, batches, links
from okta_mi_provider.sync.memory import Link
from tests.store.fakes import HOST, ORG

ALL = [Link(f"00u{number}", str(number), f"user{number}") for number in range(9)]


@pytest.fixture
def linked(store: Store) -> Store:
    beginning = Beginning(SyncSettings(), "ana", ORG, HOST, target_group="Sales")
    run = StoreJournal(store, RunKey("sales", "1"), beginning).run
    with store.writing() as connection:
        links.put(connection, HOST, ORG, run, ALL)
        links.put(connection, HOST, "https://other.okta.com", run, [Link("00u1", "7", "user7")])
    return store


def between(store: Store, source_ids: list[str], user_ids: list[str]) -> set[Link]:
    with store.reading() as connection:
        return set(links.between(connection, HOST, ORG, source_ids=source_ids, user_ids=user_ids))


@pytest.mark.parametrize("most", [1, 2, 500])
def test_links_of_a_few_are_looked_up_by_either_side(linked: Store, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(batches, "MOST_IDS", most)
    assert between(linked, ["00u1", "00u2", "00uNobody"], ["2", "5", "77"]) == {ALL[1], ALL[2], ALL[5]}
    assert between(linked, [], []) == set()


def test_links_of_many_are_all_of_them(linked: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "_FEW_IDS", 2)
    assert between(linked, ["00u1", "00u2"], ["5"]) == set(ALL)
