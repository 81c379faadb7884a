"""What a diff looks at."""

from __future__ import annotations

from dataclasses import dataclass, field

from okta_mi_provider.sync.memory import Memory
from okta_mi_provider.sync.model import Source, Target


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Both sides of one sync, read completely: whoever is not in it does not exist. And what is remembered of before.

    A memory that was lost is an empty one: nothing is ours then, and nobody is removed.
    """

    source: Source
    target: Target
    memory: Memory = field(default_factory=Memory)
