"""What happened in a run, for the checks and for people."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.scenario import Scenario
from tests.chaos.tap import Write
from tests.chaos.trouble import Trouble


@dataclass
class Sync:
    """One sync of a run.

    Attributes:
        code: Exit code of its process, negative if it was killed, None if it took too long.
        plans: As `Plan.to_json` gives them, in the order in which they were made.
        result: Reports and everything that was said; None if it did not get to its end.
        before: MI's state when it began. Requests of an earlier sync may still have been under way.
        after: MI's state when it had ended.
    """

    number: int
    trouble: Trouble
    code: int | None
    seconds: float
    plans: list[dict[str, Any]]
    result: dict[str, Any] | None
    before: dict[str, Any]
    after: dict[str, Any]
    fired: Counter[str]

    @property
    def was_killed(self) -> bool:
        return self.code == -9

    @property
    def reports(self) -> list[dict[str, Any]]:
        return self.result["reports"] if self.result else []


@dataclass
class Record:
    """A whole run.

    Attributes:
        writes: Requests that could have changed something, in the order in which MI saw them.
        secrets: What must be nowhere, by the secret.
        folder: Whatever the processes have left.
        resting: Number of the sync that had nothing to do any more.
        allowed: After how many syncs of healed servers MI must be as it shall be.
        needed: How many it took; None if it was never right.
        requests: For people.
    """

    scenario: Scenario
    folder: Path
    start: dict[str, Any]
    syncs: list[Sync] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    resting: int = -1
    allowed: int = 0
    needed: int | None = None
    trapped: bool = False

    @property
    def end(self) -> dict[str, Any]:
        return self.syncs[-1].after

    @property
    def fired(self) -> Counter[str]:
        return sum((sync.fired for sync in self.syncs), Counter())

    @property
    def undisturbed(self) -> bool:
        """Whether nothing went wrong."""
        return not self.fired and all(sync.code == 0 for sync in self.syncs)
