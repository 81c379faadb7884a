"""What is known to be broken and not mended yet: each entry goes away with the bug. Told, and not counted as broken.

Each says on which servers it shows and what it looks like, as narrowly as that can be said.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from tests.chaos.record import Record


@dataclass(frozen=True, slots=True)
class Known:
    """A bug.

    Attributes:
        what: In a sentence.
        shows: Whether it can show in this run.
        looks: What the violations look like, as a regular expression.
    """

    what: str
    shows: Callable[[Record], bool]
    looks: str


def _several_groups(record: Record) -> bool:
    world = record.scenario.world
    return len(world.groups) > 1 and world.mi_knobs["in_group_method"] == "ignored"


def _default_left_out(record: Record) -> bool:
    return record.scenario.world.mi_knobs["default_group_method"] != "added" and not record.undisturbed


def _leaves_out(record: Record) -> bool:
    knobs = record.scenario.world.mi_knobs
    whole = (knobs["in_group_method"], knobs["default_group_method"]) == ("honoured", "added")
    return not whole and not record.undisturbed


#: What a report looks like that believes in memberships which the server has left out.
_BELIEVED = (
    r"reports_are_true: sync \d+: "
    r"(create_user of .* is said to be done, but is not in|reported as done, but still to do)"
)

KNOWN = (
    Known(
        "What a server leaves out when it creates a user is noted by group id, and forgotten in the next group.",
        _several_groups,
        _BELIEVED,
    ),
    Known(
        "When MI does not say which groups the first created user is in, nobody is put into what it leaves out.",
        _leaves_out,
        _BELIEVED,
    ),
    Known(
        "The first user of a run, on a server that leaves out the Default Group, never gets there if the run dies.",
        _default_left_out,
        r"comes_right: (not right after|is against shall be: group 'Default Group': has \[\], lacks)",
    ),
)


def part(record: Record, violations: list[str]) -> tuple[list[str], list[str]]:
    """Parts violations into those that are broken, and the bugs that are known."""
    patterns = [known for known in KNOWN if known.shows(record)]
    new = [each for each in violations if not any(re.match(known.looks, each) for known in patterns)]
    old = [known.what for known in patterns if any(re.match(known.looks, each) for each in violations)]
    return new, old
