"""What a process is told to do, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Job:
    """One sync of all groups of a world.

    Attributes:
        mode, login, okta_login: As in the scenario.
        groups: Name and id of each group; the id is None if the name is to be used.
        folder: For the log, the plans and the result of this sync.
        kept: For what stays from one sync to the next: the store, and where each DAG stands.
        sabotage: What to break on purpose, to see that it is noticed.
    """

    mode: str
    okta_url: str
    mi_url: str
    groups: tuple[tuple[str, str | None], ...]
    settings: Mapping[str, Any]
    login: str
    okta_login: str
    concurrency: int
    page_size: int
    timeout_s: float
    default_group_id: str
    resume: bool
    folder: Path
    kept: Path
    sabotage: str = ""

    @property
    def plans(self) -> Path:
        """Each plan as a line of JSON, written before anything else is."""
        return self.folder / "plans.jsonl"

    @property
    def store(self) -> Path:
        """The store of all syncs of the run."""
        return self.kept / "store.db"

    @property
    def result(self) -> Path:
        """Reports and errors as JSON; not there if the process was killed."""
        return self.folder / "result.json"
