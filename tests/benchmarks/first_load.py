"""Nobody is in Metric Insights yet: one write for each user, by the number in flight and the latency of the server."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from tests.benchmarks.crowd import group_name
from tests.benchmarks.measuring import Sync, provision
from tests.benchmarks.page import Findings, Target, table
from tests.benchmarks.replay import bound_s
from tests.benchmarks.scale import Scale
from tests.benchmarks.servers import Servers

_USERS = 10_000
_LATENCIES_MS, _IN_FLIGHT = (0, 50), (1, 4, 8, 16)
#: Of what a server could take, in percent, with this latency and so many in flight.
_SHARE, _TARGET = 95, (50, 8)
#: From where on the latency counts: what comes before are writes that are looked at one by one.
_LOOKED_AT = 2


@dataclass(frozen=True, slots=True)
class _Load:
    latency_ms: int
    in_flight: int
    sync: Sync
    bound_s: float
    writes_per_s: float


def measure(scale: Scale) -> Findings:
    """How long a first load takes."""
    users = scale.users(_USERS)
    with Servers(size=users, synced=False) as servers:
        loads = [_load(servers, users, latency, number) for latency in _LATENCIES_MS for number in _IN_FLIGHT]
    rows = [
        [
            f"{load.latency_ms} ms",
            load.in_flight,
            f"{load.sync.cost.wall_s:.1f} s",
            f"{load.sync.cost.cpu_s:.1f} s",
            f"{load.sync.cost.over_bare_mb:.0f} MB",
            f"{load.sync.mi_writes:,}",
            f"{load.writes_per_s:.1f}",
            f"{load.bound_s:.1f} s",
            f"{load.sync.cost.wall_s / load.bound_s:.2f}",
            f"{load.sync.servers_cpu_s:.1f} s",
        ]
        for load in loads
    ]
    head = [
        "latency", "in flight", "wall clock", "CPU", "memory", "MI writes", "writes per second", "bound", "ratio",
        "CPU of the servers",
    ]  # fmt: skip
    text = (
        f"{users:,} users of one Okta group, none of whom is in MI. Both servers answer each call after the latency; "
        "with 50 ms the bound is that of the latency, (requests to Okta + MI reads + 1) x latency, Okta beside MI, "
        "and writes x latency / in flight. *Writes per second* are those from the first user to the last. Wall clock "
        "and CPU grow with the number of users: what does not, is a second for the start.\n\n"
    )
    return Findings("First load", text + table(head, rows), _targets(loads))


def _load(servers: Servers, users: int, latency_ms: int, in_flight: int) -> _Load:
    servers.reset()
    servers.knobs(latency_ms=latency_ms, log_bodies=not latency_ms)
    with tempfile.TemporaryDirectory() as folder:
        sync = provision(servers, [group_name(0)], Path(folder) / "store.db", in_flight=in_flight)
    assert sync.counts["users.created"] == sync.counts["memberships.added"] == users, sync
    assert sync.mi_writes == users + 1, "one write for each user, and one for the group"
    assert sync.peak_in_flight <= in_flight, sync
    writes = [each for each in servers.requests(servers.mi) if each["write"]][_LOOKED_AT:]
    ended = max(_moment(each["time"]) + timedelta(milliseconds=each["duration_ms"]) for each in writes)
    rate = len(writes) / (ended - _moment(writes[0]["time"])).total_seconds()
    if latency_ms:
        reads = max(sync.okta, sync.mi_reads)
        bound = latency_ms / 1000 * (reads + 1 + users / in_flight)
    else:
        servers.reset()
        bound = bound_s(servers, in_flight=in_flight)
    return _Load(latency_ms, in_flight, sync, bound, rate)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _targets(loads: list[_Load]) -> list[Target]:
    (load,) = (each for each in loads if (each.latency_ms, each.in_flight) == _TARGET)
    most = load.in_flight / (load.latency_ms / 1000)
    share = 100 * load.writes_per_s / most
    what = f"first load with {load.latency_ms} ms and {load.in_flight} in flight: writes per second"
    limit = f"{_SHARE} % of {most:.0f}"
    return [Target(what, limit, f"{share:.1f} % ({load.writes_per_s:.1f})", share >= _SHARE)]
