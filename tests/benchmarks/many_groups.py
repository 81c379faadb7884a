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
    """The cost of 500 groups of 200, when nothing has changed, and when one user in a hundred has."""
    groups = scale.users(_GROUPS)
    names = [group_name(number) for number in range(groups)]
    users = groups * _SIZE
    changed = users // 100
    with Servers(groups=groups, size=_SIZE, synced=True) as servers, tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store.db"
        servers.knobs(log_bodies=True)
        provision(servers, names, store, in_flight=_IN_FLIGHT)
        syncs, rows = [], []
        for what, written in (("steady", 0), ("1 % changed", changed)):
            if written:
                servers.change(written)
            sync = provision(servers, names, store, in_flight=_IN_FLIGHT)
            rows.append(_row(what, sync, bound_s(recorded(servers, in_flight=_IN_FLIGHT))))
            assert sync.counts["users.unchanged"] == users - written, sync
            assert sync.counts["users.updated"] == written, sync
            syncs.append((sync, written))
    head = ["", "wall clock", "CPU", "memory", "Okta requests", "MI reads", "MI writes", "bound", "ratio"]
    text = (
        f"{groups} Okta groups of {_SIZE} users each, nobody in two of them, by one command with {_IN_FLIGHT} requests "
        "in flight. MI is read once for all groups, also while it is written, and the members of each group once. "
        "Where one user in a hundred has another name, every group is written.\n\n"
    )
    as_few = all(
        sync.okta == 2 * groups and sync.mi_reads == 2 + groups and sync.mi_writes == written for sync, written in syncs
    )
    target = Target(
        "requests",
        "Okta: page + 1 for each group; MI: 2 reads + 1 for each group + 1 write per changed user",
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
