"""Writes outcomes to the store while they come in."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from okta_mi_provider.store.store import RunKey, Store
from okta_mi_provider.sync.apply import Outcome

#: A killed task loses at most so many outcomes, and at most those of so many seconds.
_MOST_WAITING, _LONGEST_WAIT_S = 20, 0.5


class OutcomeLog:
    """Gathers a few outcomes for each transaction; the rest when its block is left, however it is left.

    Losing an outcome is harmless: the write is done again, and found done.

    Args:
        store: Where to write them.
        run: Whose they are.
        plan_digest: Which plan's.
    """

    def __init__(self, store: Store, run: RunKey, plan_digest: str) -> None:
        self._store, self._run, self._plan_digest = store, run, plan_digest
        self._waiting: list[Outcome] = []
        self._written_at = time.monotonic()

    def add(self, outcome: Outcome) -> None:
        """Notes one outcome.

        Raises:
            StoreError: If the store cannot be written.
        """
        self._waiting.append(outcome)
        if len(self._waiting) >= _MOST_WAITING or time.monotonic() - self._written_at >= _LONGEST_WAIT_S:
            self._write()

    def _write(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._store.add_outcomes(self._run, self._plan_digest, waiting)
        self._written_at = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._write()
