"""Python's garbage collector is kept away for a while, and never for good."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from okta_mi_provider.garbage import nothing_collected


@pytest.fixture(autouse=True)
def collecting() -> Iterator[None]:
    """Collects before each test, and after it whatever it has done."""
    gc.enable()
    yield
    gc.enable()


def test_nothing_is_collected_meanwhile_nor_where_it_was_not_before() -> None:
    with nothing_collected():
        with nothing_collected():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_one_who_ends_while_another_begins_leaves_it_collecting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Okta is read by a thread of its own, and each side keeps the collector away for itself."""
    first = nothing_collected()
    first.__enter__()
    looked = gc.isenabled

    def ends_after_the_look() -> bool:
        collects = looked()
        first.__exit__(None, None, None)
        return collects

    monkeypatch.setattr(gc, "isenabled", ends_after_the_look)
    with nothing_collected():
        pass

    assert looked()
