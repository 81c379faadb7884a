"""What a process costs, and what a sync costs with the requests that it makes."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from okta_mi_provider.simulators import credentials
from tests.benchmarks.servers import Servers

_WEIGH = Path(__file__).with_name("weigh.py")
_MB = 2**20


@dataclass(frozen=True, slots=True)
class Cost:
    """What one process has cost, from its start to its end.

    Attributes:
        wall_s: Seconds from the start to the end.
        cpu_s: Seconds of CPU time, user and system.
        peak_mb: Most memory that it has had, in MiB.
    """

    wall_s: float
    cpu_s: float
    peak_mb: float

    @property
    def over_bare_mb(self) -> float:
        """Memory over that of an interpreter that has imported requests, in MiB."""
        return self.peak_mb - bare().peak_mb


@dataclass(frozen=True, slots=True)
class Sync:
    """What one `okta-mi provision` has cost, and what it has asked of the servers.

    Attributes:
        servers_cpu_s: Seconds of CPU time of both servers meanwhile.
        okta: Requests to Okta.
        mi_reads: Requests to MI that read.
        mi_writes: Those that write.
        peak_in_flight: Most requests that MI had at once.
        counts: Of its reports, added up.
    """

    cost: Cost
    servers_cpu_s: float
    okta: int
    mi_reads: int
    mi_writes: int
    peak_in_flight: int
    counts: Mapping[str, int]


def weigh(command: Sequence[str], environment: Mapping[str, str] | None = None, *, quiet: bool = True) -> Cost:
    """Runs a command to its end.

    Raises:
        SystemExit: If it fails.
    """
    with tempfile.NamedTemporaryFile("r") as result:
        subprocess.run(
            [sys.executable, "-I", "-S", str(_WEIGH), result.name, *command],
            env={**os.environ, **(environment or {})},
            check=True,
            stdout=subprocess.DEVNULL if quiet else None,
        )
        wall_s, cpu_s, peak_bytes, code = map(float, result.read().split())
    if code:
        raise SystemExit(f"{' '.join(command)} ended with exit code {code:.0f}")
    return Cost(wall_s, cpu_s, peak_bytes / _MB)


@cache
def bare() -> Cost:
    """What an interpreter costs that imports requests, and does nothing."""
    return median([weigh([sys.executable, "-c", "import requests"]) for _ in range(3)])


def median(costs: Sequence[Cost]) -> Cost:
    """The one whose CPU time is in the middle."""
    return sorted(costs, key=lambda cost: cost.cpu_s)[(len(costs) - 1) // 2]


def provision(servers: Servers, groups: Sequence[str], store: Path, *, in_flight: int = 8) -> Sync:
    """Syncs groups by the command line, as a process of its own.

    Args:
        servers: Where from and where to.
        groups: Names of groups.
        store: File of the history.
        in_flight: Most requests in flight.
    """
    servers.forget()
    before = servers.cpu_s()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [
            str(Path(sys.executable).with_name("okta-mi")), "provision",
            "--okta-host", servers.okta, "--mi-host", servers.mi, "--auto-create", "all", "--no-summary",
            "--sync-user-limit", "10000000", "--max-concurrency", str(in_flight),
            "--report", str(report), "--store", f"sqlite:///{store}", "--", *groups,
        ]  # fmt: skip
        secrets = {"OKTA_API_TOKEN": credentials.OKTA_API_TOKEN, "MI_API_TOKEN": credentials.MI_API_TOKEN}
        cost = weigh(command, secrets)
        written = json.loads(report.read_text("utf-8"))
    reports = written if isinstance(written, list) else [written]
    okta, mi = servers.totals(servers.okta), servers.totals(servers.mi)
    return Sync(
        cost=cost,
        servers_cpu_s=servers.cpu_s() - before,
        okta=okta["requests"],
        mi_reads=mi["requests"] - mi["writes"],
        mi_writes=mi["writes"],
        peak_in_flight=mi["peak_in_flight"],
        counts=_added_up(reports),
    )


def least(syncs: Sequence[Sync]) -> Sync:
    """The last of several equal ones, with the least time of all: whatever else the machine does only adds to it."""
    costs = [sync.cost for sync in syncs]
    cost = Cost(
        wall_s=min(cost.wall_s for cost in costs),
        cpu_s=min(cost.cpu_s for cost in costs),
        peak_mb=max(cost.peak_mb for cost in costs),
    )
    return replace(syncs[-1], cost=cost)


def spread(values: Sequence[float]) -> str:
    """The middle of several values, with the smallest and the largest."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} - {max(values):.2f})"


def _added_up(reports: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for report in reports:
        for subject, numbers in report["counts"].items():
            for what, number in numbers.items() if isinstance(numbers, dict) else ():
                total[f"{subject}.{what}"] = total.get(f"{subject}.{what}", 0) + number
    return total
