"""One pair of servers and one nursery for all runs of the session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos.__main__ import open_player
from tests.chaos.play import Player


@pytest.fixture(scope="session")
def player() -> Iterator[Player]:
    with open_player() as opened:
        yield opened
