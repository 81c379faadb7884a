"""What the product is known not to do, and why it cannot: not counted as broken, and as narrow as that can be said.

There is one. A server may take the group along with the user that it creates, and not the Default Group; only asking
for both shows that. Whoever is asked for like this, a single time in a sync, is in the group at once. If the sync comes
to grief before the Default Group is added, the next one sees what a person could have made by hand, and must leave it
alone. `default_group_method: indicator` never asks for both.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.chaos.record import Record

FIRST_USER = (
    "The first user of a sync, on a server that takes the group along and not the Default Group, stays out of the "
    "Default Group if the sync comes to grief right then (docs/compatibility.md, default_group_method)."
)
_LACKS = re.compile(r"comes_right: is against shall be: group 'Default Group': has \[\], lacks (\[.*\])")
_LATE = "comes_right: not right after"
#: How often a task of a DAG is tried, each time with a writer that knows nothing yet.
_TRIES = 2


def part(record: Record, violations: list[str]) -> tuple[list[str], list[str]]:
    """Parts violations into those that are broken, and what is known."""
    lacking = next((match for each in violations if (match := _LACKS.fullmatch(each))), None)
    if lacking is None or not _all_were_first(record, ast.literal_eval(lacking[1])):
        return violations, []
    known = [each for each in violations if each == lacking[0] or each.startswith(_LATE)]
    return [each for each in violations if each not in known], [FIRST_USER]


def _all_were_first(record: Record, outside: list[str]) -> bool:
    """Whether each of them may have been the first user of a sync that came to grief, on such a server."""
    knobs = record.scenario.world.mi_knobs
    if (knobs["in_group_method"], knobs["default_group_method"] == "added") != ("honoured", False):
        return False
    firsts = [set(names) for names in _asked_for_both(record)]
    return all(any(name in names for names in firsts) for name in outside) and len(outside) <= len(firsts)


def _asked_for_both(record: Record) -> Iterator[list[str]]:
    """For each writer of a sync that something went wrong in: whom it has tried to create in both groups."""
    several = record.scenario.mode == "rooms"
    writers = _TRIES * len(record.scenario.world.groups) if several else 1
    for sync in record.syncs:
        names = [
            write.body["username"]
            for write in record.writes
            if write.sync == sync.number
            and write.path.rstrip("/") == "/api/user"
            and write.body["in_group_id"] != ""
            and write.body["default_group_ind"] == "Y"
        ]
        if names and (sync.was_killed or sync.fired):
            # With one writer all but the last were refused, or completed.
            yield from [names] * writers if several else [names[-1:]]
