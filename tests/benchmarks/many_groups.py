"""Many groups, synced by one command."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.benchmarks.crowd import group_name
from tests.benchmarks.measuring import Sync, provision
from tests.benchmarks.page import Findings, Target, table
from tests.benchmarks.replay import bound_s, recorded
from tests.benchmarks.scale import Scale
from tests.benchmarks.servers import Servers

_GROUPS, _SIZE, _IN_FLIGHT = 500, 200, 8


def measure(scale: Scale) -> Findings:
    """The cost of 500 groups of 200: nothing has changed."""
    groups = scale.users(_GROUPS)
    names = [group_name(number) for number in range(groups)]
    users = groups * _SIZE
    with Servers(groups=groups, size=_SIZE, synced=True) as servers, tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store.db"
        servers.knobs(log_bodies=True)
        provision(servers, names, store, in_flight=_IN_FLIGHT)
        steady = provision(servers, names, store, in_flight=_IN_FLIGHT)
        bound = bound_s(recorded(servers, in_flight=_IN_FLIGHT))
    assert steady.counts["users.unchanged"] == users, steady
    rows = [_row("steady", steady, bound)]
    head = ["", "wall clock", "CPU", "memory", "Okta requests", "MI reads", "MI writes", "bound", "ratio"]
    text = (
        f"{groups} Okta groups of {_SIZE} users each, nobody in two of them, by one command with {_IN_FLIGHT} requests "
        "in flight. MI is read once for all groups, and its members once for each.\n\n"
    )
    as_few = steady.okta == 2 * groups and steady.mi_reads == 2 + groups and not steady.mi_writes
    target = Target(
        "requests, steady",
        "Okta: page + 1 for each group; MI: 2 reads + 1 for each group",
        "exactly" if as_few else "not so: see the table",
        as_few,
    )
    return Findings(f"{groups} groups of {_SIZE}", text + table(head, rows), [target])


def _row(name: str, sync: Sync, bound: float) -> list[object]:
    return [
        name,
        f"{sync.cost.wall_s:.1f} s",
        f"{sync.cost.cpu_s:.1f} s",
        f"{sync.cost.over_bare_mb:.0f} MB",
        f"{sync.okta:,}",
        f"{sync.mi_reads:,}",
        f"{sync.mi_writes:,}",
        f"{bound:.1f} s",
        f"{sync.cost.wall_s / bound:.1f}",
    ]
