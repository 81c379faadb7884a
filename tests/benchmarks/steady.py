"""Nothing has changed since the last sync, or one user in a hundred: over HTTP, by the command line."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.caches import per_user
from tests.benchmarks.crowd import group_name
from tests.benchmarks.measuring import Sync, least, provision
from tests.benchmarks.page import Findings, Target, table
from tests.benchmarks.replay import bound_s, recorded
from tests.benchmarks.scale import Scale
from tests.benchmarks.servers import Servers

_SIZES, _HUGE = (1_000, 10_000, 100_000), 1_000_000
_IN_FLIGHT, _PAGE = 8, 200
#: Limits by users: seconds of CPU time, wall clock, and MiB.
_LIMITS = {10_000: (1.0, 1.2, 80), 100_000: (10.0, None, 250), _HUGE: (None, None, 1536)}
#: How much more than its share of the time and memory of 100,000 a million may take.
_LINEAR = 1.15


@dataclass(frozen=True, slots=True)
class _Pair:
    """Both runs with one number of users."""

    users: int
    steady: Sync
    changed: Sync
    steady_bound_s: float
    changed_bound_s: float


def measure(scale: Scale) -> Findings:
    """The cost of a sync that has nothing, or little, to write."""
    sizes = [scale.users(size) for size in _SIZES] + [_HUGE] * scale.big
    pairs = {wanted: _pair(size) for wanted, size in zip([*_SIZES, _HUGE], sizes, strict=False)}
    rows = [row for pair in pairs.values() for row in _rows(pair)]
    head = [
        "", "users", "wall clock", "CPU", "memory", "Okta requests", "MI reads", "MI writes", "bound", "ratio",
        "CPU of the servers",
    ]  # fmt: skip
    text = (
        f"One Okta group, synced by `okta-mi provision` with {_IN_FLIGHT} requests in flight and a store that knows "
        "the sync before. The least time and the most memory of five runs up to 10,000 users, of two with more: "
        "whatever else the machine does only adds to the time.\n\n"
    )
    why = _why_more(pairs[_SIZES[-1]].users, pairs[_HUGE].users) if _HUGE in pairs else ""
    return Findings("Steady state, and 1 % changed", text + table(head, rows) + why, _targets(pairs))


def _why_more(large: int, huge: int) -> str:
    """What there is to say of a user who costs more among more."""
    few, many = per_user(large), per_user(huge)
    return (
        f"\n\nWhere a user costs more among {huge:,} than among {large:,}, it is memory, not work. The diff alone does "
        f"the same for each, and needs {few.diff:.1f} and {many.diff:.1f} µs (x {many.diff / few.diff:.2f}): its "
        "indexes do not fit into the caches of the processor any more. A bare dictionary of as many texts, filled and "
        f"looked into once for each, needs {few.dictionary:.2f} and {many.dictionary:.2f} µs "
        f"(x {many.dictionary / few.dictionary:.2f}). Python's garbage collector, which went through all of them again "
        "and again, is kept away while both sides are read and compared: that was a sixth of the time."
    )


def _pair(users: int) -> _Pair:
    with Servers(size=users, synced=True) as servers, tempfile.TemporaryDirectory() as folder:
        store, groups = Path(folder) / "store.db", [group_name(0)]
        servers.knobs(log_bodies=True)
        provision(servers, groups, store)
        times = 5 if users <= 10_000 else 2
        steady = least([provision(servers, groups, store, in_flight=_IN_FLIGHT) for _ in range(times)])
        steady_bound_s = bound_s(recorded(servers, in_flight=_IN_FLIGHT))
        few = users // 100
        changed = []
        for _ in range(times):
            servers.change(few)
            changed.append(provision(servers, groups, store, in_flight=_IN_FLIGHT))
        changed_bound_s = bound_s(recorded(servers, in_flight=_IN_FLIGHT))
    pair = _Pair(users, steady, least(changed), steady_bound_s, changed_bound_s)
    for sync, writes in ((pair.steady, 0), (pair.changed, few)):
        assert sync.counts["users.unchanged"] == users - writes, sync
        assert sync.counts["users.updated"] == writes, sync
    return pair


def _rows(pair: _Pair) -> list[list[object]]:
    both = ("steady", pair.steady, pair.steady_bound_s), ("1 % changed", pair.changed, pair.changed_bound_s)
    return [
        [
            name,
            f"{pair.users:,}",
            f"{sync.cost.wall_s:.2f} s",
            f"{sync.cost.cpu_s:.2f} s",
            f"{sync.cost.over_bare_mb:.0f} MB",
            f"{sync.okta:,}",
            sync.mi_reads,
            f"{sync.mi_writes:,}",
            f"{bound:.2f} s",
            f"{sync.cost.wall_s / bound:.1f}",
            f"{sync.servers_cpu_s:.2f} s",
        ]
        for name, sync, bound in both
    ]


def _targets(pairs: dict[int, _Pair]) -> list[Target]:
    found = []
    for wanted, pair in pairs.items():
        cost, (cpu_s, wall_s, peak_mb) = pair.steady.cost, _LIMITS.get(wanted, (None, None, None))
        name = f"steady, {pair.users:,} users"
        if cpu_s:
            found.append(Target(f"{name}: CPU", f"{cpu_s:g} s", f"{cost.cpu_s:.2f} s", cost.cpu_s <= cpu_s))
        if wall_s:
            found.append(Target(f"{name}: wall clock", f"{wall_s} s", f"{cost.wall_s:.2f} s", cost.wall_s <= wall_s))
        if peak_mb:
            measured = f"{cost.over_bare_mb:.0f} MB"
            found.append(Target(f"{name}: memory", f"under {peak_mb} MB", measured, cost.over_bare_mb < peak_mb))
    if _HUGE in pairs:
        huge, large = pairs[_HUGE], pairs[_SIZES[-1]]
        times = huge.steady.cost.cpu_s / large.steady.cost.cpu_s / (huge.users / large.users)
        limit = f"linear (x {_LINEAR})"
        found.append(Target("steady, CPU per user, against 100,000", limit, f"x {times:.2f}", times <= _LINEAR))
    as_few = all(
        sync.okta == 1 + -(-pair.users // _PAGE) and sync.mi_reads == 3 and sync.mi_writes == writes
        for pair in pairs.values()
        for sync, writes in ((pair.steady, 0), (pair.changed, pair.users // 100))
    )
    said = "exactly" if as_few else "not so: see the table"
    found.append(Target("requests", "Okta: pages + 1; MI: 3 reads + 1 write per changed user", said, as_few))
    return found
