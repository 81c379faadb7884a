"""What the product is known not to do, and why it cannot: each entry says when, and how little. Not counted as broken.

There is one. A server may take along only one group with the user that it creates, and nobody can know before the first
create of a sync. That user is in its group then; if the sync dies or MI is in trouble before the Default Group is
added, the next one sees somebody who lacks nothing. `default_group_method: membership` leaves no such gap.
"""

from __future__ import annotations

import ast
import re

from tests.chaos.record import Record

FIRST_USER = (
    "The first user of a sync, on a server that takes one group along, stays out of the Default Group if the sync "
    "comes to grief right then (docs/compatibility.md, default_group_method)."
)
_LACKS = re.compile(r"comes_right: is against shall be: group 'Default Group': has \[\], lacks (\[.*\])")
_LATE = "comes_right: not right after"
#: How often a task of a DAG is tried, each time by a process of its own or a new writer.
_TRIES = 2


def part(record: Record, violations: list[str]) -> tuple[list[str], list[str]]:
    """Parts violations into those that are broken, and what is known."""
    lacking = next((match for each in violations if (match := _LACKS.fullmatch(each))), None)
    if lacking is None or len(ast.literal_eval(lacking[1])) > _most_first_users(record):
        return violations, []
    known = [each for each in violations if each == lacking[0] or each.startswith(_LATE)]
    return [each for each in violations if each not in known], [FIRST_USER]


def _most_first_users(record: Record) -> int:
    """How many users may have been the first of a sync that came to grief."""
    if record.scenario.world.mi_knobs["default_group_method"] == "added":
        return 0
    disturbed = [sync for sync in record.syncs if sync.was_killed or sync.fired]
    writers = _TRIES * len(record.scenario.world.groups) if record.scenario.mode == "rooms" else 1
    return writers * len(disturbed)
