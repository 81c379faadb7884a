"""Nobody is in Metric Insights yet: one write for each user, by the number in flight and the latency of the server."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from tests.benchmarks.crowd import group_name
from tests.benchmarks.measuring import Sync, provision
from tests.benchmarks.page import Findings, Target, table
from tests.benchmarks.replay import bound_s, recorded
from tests.benchmarks.scale import Scale
from tests.benchmarks.servers import Servers

#: Users of all runs without latency and of the one with a target; of the others, which take as long for each user.
_USERS, _FEWER = 10_000, 2_000
_LATENCIES_MS, _IN_FLIGHT = (0, 50), (1, 4, 8, 16)
#: Of what a server could take, in percent, with this latency and so many in flight.
_SHARE, _TARGET = 95, (50, 8)
#: From where on the latency counts: what comes before are writes that are looked at one by one.
_LOOKED_AT = 2


#: What `cProfile` has said of the threads that write, and of the one that keeps account.
_WHY = """

Where the time between the bare loop and ours goes, by a profile of the threads that write: two thirds of their CPU time
are `requests`, `urllib3` and `http.client`; what `requests` merged for every request, a tenth, and drawing passwords,
another one, are not done any more. The rest are retries, sessions and the number in flight. The thread that keeps
account needs nearly as much, most of it SQLAlchemy, and while one of them computes the others wait for the interpreter.
A server that answers after 50 ms does so after 51 when it is asked by eight at once, so that the bare loop does not
come to 100 % either: on 2026-11-28, when the machine had nothing else to do, it came to 95.1 %, and ours to 92.9 %.
Neither more threads than requests in flight nor a shorter turn for each thread (`sys.setswitchinterval`) has helped.
Nobody's handwritten HTTP is worth what is left."""


@dataclass(frozen=True, slots=True)
class _Load:
    users: int
    latency_ms: int
    in_flight: int
    sync: Sync
    writes_per_s: float
    bound_s: float
    bound_writes_per_s: float


def measure(scale: Scale) -> Findings:
    """How long a first load takes."""
    loads = []
    for latency_ms in _LATENCIES_MS:
        for in_flight in _IN_FLIGHT:
            whole = scale.big or not latency_ms or (latency_ms, in_flight) == _TARGET
            loads.append(_load(scale.users(_USERS if whole else _FEWER), latency_ms, in_flight))
    rows = [
        [
            f"{load.latency_ms} ms",
            load.in_flight,
            f"{load.users:,}",
            f"{load.sync.cost.wall_s:.1f} s",
            f"{load.sync.cost.cpu_s:.1f} s",
            f"{load.sync.cost.over_bare_mb:.0f} MB",
            load.sync.okta,
            load.sync.mi_reads,
            f"{load.sync.mi_writes:,}",
            f"{load.writes_per_s:.1f}",
            f"{load.bound_writes_per_s:.1f}",
            f"{load.bound_s:.1f} s",
            f"{load.sync.cost.wall_s / load.bound_s:.2f}",
            f"{load.sync.servers_cpu_s:.1f} s",
        ]
        for load in loads
    ]
    head = [
        "latency", "in flight", "users", "wall clock", "CPU", "memory", "Okta requests", "MI reads", "MI writes",
        "writes per second", "those of the bound", "bound", "ratio", "CPU of the servers",
    ]  # fmt: skip
    text = (
        "One Okta group, none of whose users is in MI. Both servers answer each call after the latency. *Writes per "
        "second* are those from the first user to the last. Wall clock and CPU grow with the number of users: what "
        "does not, is a second for the start. With `BIG=1` all runs have as many users.\n\n"
    )
    return Findings("First load", text + table(head, rows) + _WHY, _targets(loads))


def _load(users: int, latency_ms: int, in_flight: int) -> _Load:
    with Servers(size=users, synced=False) as servers, tempfile.TemporaryDirectory() as folder:
        servers.knobs(latency_ms=latency_ms, log_bodies=True)
        sync = provision(servers, [group_name(0)], Path(folder) / "store.db", in_flight=in_flight)
        work, rate = recorded(servers, in_flight=in_flight), _writes_per_s(servers)
        servers.reset()
        servers.knobs(latency_ms=latency_ms)
        bound, bound_rate = bound_s(work), _writes_per_s(servers)
    assert sync.counts["users.created"] == sync.counts["memberships.added"] == users, sync
    assert sync.mi_writes == users + 1, "one write for each user, and one for the group"
    assert sync.peak_in_flight <= in_flight, sync
    return _Load(users, latency_ms, in_flight, sync, rate, bound, bound_rate)


def _writes_per_s(servers: Servers) -> float:
    writes = [each for each in servers.requests(servers.mi) if each["write"]][_LOOKED_AT:]
    ended = max(_moment(each["time"]) + timedelta(milliseconds=each["duration_ms"]) for each in writes)
    return len(writes) / (ended - _moment(writes[0]["time"])).total_seconds()


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _targets(loads: list[_Load]) -> list[Target]:
    (load,) = (each for each in loads if (each.latency_ms, each.in_flight) == _TARGET)
    most = load.in_flight / (load.latency_ms / 1000)
    share = 100 * load.writes_per_s / most
    what = f"first load with {load.latency_ms} ms and {load.in_flight} in flight: writes per second"
    limit = f"{_SHARE} % of {most:.0f}"
    bare = 100 * load.bound_writes_per_s / most
    measured = f"{share:.1f} %; the bare loop {bare:.1f} %"
    return [Target(what, limit, measured, share >= _SHARE)]
