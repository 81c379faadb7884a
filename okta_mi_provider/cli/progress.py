"""A progress bar on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from okta_mi_provider.sync.run import Watcher
from okta_mi_provider.sync.text import one_line

if TYPE_CHECKING:
    from rich.progress import Progress

    from okta_mi_provider.sync.outcome import Outcome
    from okta_mi_provider.sync.plan import Plan


class ProgressBar(Watcher):
    """Shows how many changes of the current group have been tried.

    Args:
        progress: Draws it.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("Reading Okta and Metric Insights", total=None)

    @classmethod
    @contextmanager
    def on_terminal(cls) -> Iterator[ProgressBar | None]:
        """A bar on stderr while the context lasts; None if that is not a terminal."""
        if not sys.stderr.isatty():
            yield None
            return
        from rich.console import Console
        from rich.progress import Progress

        with Progress(console=Console(stderr=True), transient=True) as progress:
            yield cls(progress)

    def planned(self, plan: Plan) -> None:
        name = one_line(plan.target_group.name, 40).replace("[", r"\[")
        self._progress.update(self._task, description=name, total=len(plan.changes), completed=0)

    def written(self, outcome: Outcome) -> None:  # noqa: ARG002
        self._progress.advance(self._task)
