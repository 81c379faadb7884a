"""Measures `okta-mi provision` with a group of 10,000 users, and writes the figures to docs/performance.md.

The simulators run in a process of their own, the command in another one. CPU time and memory are those that the
system has counted for the command's process alone, from its start to its end: interpreter and imports included.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import requests

from okta_mi_provider.simulators import credentials
from okta_mi_provider.simulators.metric_insights import create_metric_insights_app
from okta_mi_provider.simulators.mi_seed import seed_metric_insights
from okta_mi_provider.simulators.okta import create_okta_app
from okta_mi_provider.simulators.seed import SYNCED_STATUSES, seed_org
from okta_mi_provider.simulators.server import serve

GROUP = "Everybody"
USERS = 10_000
LATENCY_MS = 50
IN_FLIGHT = 8
STEADY_RUNS = 5

#: The project's own targets, for 10,000 users.
FIRST_WALL_S = 75.0
STEADY_CPU_S = 3.0

PAGE = Path(__file__).resolve().parents[2] / "docs" / "performance.md"


class Urls(NamedTuple):
    """Where the simulators are."""

    okta: str
    mi: str


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run of the command cost."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    okta_reads: int
    mi_reads: int
    mi_writes: int
    peak_in_flight: int
    counts: dict[str, Any]


def serve_until_told(users: int, line: Connection) -> None:
    """Serves an org with a group of so many users, and Metric Insights without any of them."""
    org = seed_org(users + users // 10 + 200)
    # Nobody whom a sync would skip or report: each user is one write of the first run.
    fit = {user["profile"]["email"]: key for key, user in org.users.items() if user["status"] in SYNCED_STATUSES}
    state = seed_metric_insights()
    org.fill_group(org.add_group(GROUP), [fit[email] for email in fit if not state.users_mailed_at(email)][:users])
    with serve(create_okta_app(org)) as okta, serve(create_metric_insights_app(state)) as mi:
        line.send((okta, mi))
        line.recv()


@contextmanager
def simulators(users: int) -> Iterator[Urls]:
    """Runs the simulators in a process of their own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve_until_told, args=(users, theirs))
    process.start()
    try:
        yield Urls(*ours.recv())
    finally:
        ours.send("stop")
        process.join()


def measure(urls: Urls, *, latency_ms: float, store: Path) -> Figures:
    """Runs the command once, with a store that the runs of a series share."""
    requests.put(f"{urls.mi}/_sim/knobs", json={"latency_ms": latency_ms}, timeout=60).raise_for_status()
    for url in urls:
        requests.delete(f"{url}/_sim/requests", timeout=60).raise_for_status()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [
            str(Path(sys.executable).with_name("okta-mi")), "provision",
            "--okta-host", urls.okta, "--mi-host", urls.mi, "--auto-create", "all", "--no-summary",
            "--max-concurrency", str(IN_FLIGHT), "--report", str(report), "--store", f"sqlite:///{store}", GROUP,
        ]  # fmt: skip
        secrets = {"OKTA_API_TOKEN": credentials.OKTA_API_TOKEN, "MI_API_TOKEN": credentials.MI_API_TOKEN}
        began = time.perf_counter()
        process = subprocess.Popen(command, env={**os.environ, **secrets})
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"the command ended with exit code {process.returncode}")
        counts = json.loads(report.read_text("utf-8"))["counts"]
    okta, mi = (requests.get(f"{url}/_sim/stats", timeout=60).json() for url in urls)
    return Figures(
        wall_s=wall_s,
        cpu_s=usage.ru_utime + usage.ru_stime,
        peak_mb=usage.ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024),
        okta_reads=okta["requests"],
        mi_reads=mi["requests"] - mi["writes"],
        mi_writes=mi["writes"],
        peak_in_flight=mi["peak_in_flight"],
        counts=counts,
    )


def run_all(users: int) -> dict[str, Figures]:
    """All runs that the page shows, by what it calls them."""
    with simulators(users) as urls, tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store.db"
        first = measure(urls, latency_ms=LATENCY_MS, store=store)
        steady = [measure(urls, latency_ms=LATENCY_MS, store=store) for _ in range(STEADY_RUNS)]
        requests.post(f"{urls.mi}/_sim/reset", timeout=60).raise_for_status()
        unhindered = measure(urls, latency_ms=0, store=Path(folder) / "another.db")
        check(users, first, *steady, unhindered)
    return {
        f"first run, {LATENCY_MS} ms per MI call": first,
        f"second run, {LATENCY_MS} ms per MI call": median(steady),
        "first run, MI answers at once": unhindered,
    }


def check(users: int, first: Figures, *others: Figures) -> None:
    """A figure counts only if the run did what it should."""
    *steady, unhindered = others
    for each in (first, unhindered):
        assert each.counts["users"]["created"] == each.counts["memberships"]["added"] == users, each.counts
        assert each.mi_writes == users + 1, "one write for each user, and one for the group"
        assert each.peak_in_flight <= IN_FLIGHT
    for each in steady:
        assert each.counts["users"]["unchanged"] == users, each.counts
        assert each.mi_writes == 0


def median(runs: Sequence[Figures]) -> Figures:
    """The run whose CPU time is in the middle."""
    middle = statistics.median_low(run.cpu_s for run in runs)
    return next(run for run in runs if run.cpu_s == middle)


PAGE_TEXT = """\
# Performance

This page is written by `make bench`; do not edit it.

One Okta group of {users:,} users, synced by `okta-mi provision --auto-create all` with {in_flight} requests in flight.
The servers are the package's simulators, in a process of their own on the same machine: their CPU time is not in the
figures, but they compete for the cores.

Measured on {day}: {machine}.

| | wall clock | CPU (user + system) | peak memory | Okta requests | MI reads | MI writes | users per minute |
|---|---:|---:|---:|---:|---:|---:|---:|
{rows}

CPU time and memory are those of the command's process, its start and imports included. The second run, over a group
that has not changed, is the median of {steady_runs} by CPU time.

| target | limit | measured |
|---|---:|---:|
| first run with {latency} ms per MI call, {in_flight} in flight | {first_limit:.0f} s wall clock | {first:.1f} s |
| second run | {steady_limit:.0f} s CPU | {steady:.1f} s |

A new user costs MI one write, membership included, so no client can be faster than users x latency / requests in
flight = {bound:.1f} s. The first run takes {ratio:.2f} times that, with start, reading both sides and the simulator's
own time on top of the latency.
"""


def page(users: int, runs: dict[str, Figures]) -> str:
    """The page that the figures are shown on."""
    first, steady, _ = runs.values()
    bound = users * LATENCY_MS / 1000 / IN_FLIGHT
    rows = (
        f"| {name} | {run.wall_s:.1f} s | {run.cpu_s:.1f} s | {run.peak_mb:.0f} MB | {run.okta_reads} | "
        f"{run.mi_reads} | {run.mi_writes:,} | {users / run.wall_s * 60:,.0f} |"
        for name, run in runs.items()
    )
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return PAGE_TEXT.format(
        users=users,
        in_flight=IN_FLIGHT,
        day=f"{datetime.now(UTC):%Y-%m-%d}",
        machine=f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, {python}",
        rows="\n".join(rows),
        steady_runs=STEADY_RUNS,
        latency=LATENCY_MS,
        first_limit=FIRST_WALL_S,
        first=first.wall_s,
        steady_limit=STEADY_CPU_S,
        steady=steady.cpu_s,
        bound=bound,
        ratio=first.wall_s / bound,
    )


def main() -> int:
    """Measures, shows the page, and writes it if the number of users is the usual one.

    Returns:
        0 if the targets are met.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--users", type=int, default=USERS, help=f"users in the group (default: {USERS})")
    users = parser.parse_args().users
    runs = run_all(users)
    text = page(users, runs)
    sys.stdout.write(text)
    if users == USERS:
        PAGE.write_text(text, "utf-8")
    first, steady, _ = runs.values()
    met = first.wall_s < FIRST_WALL_S and steady.cpu_s < STEADY_CPU_S
    return 0 if met or users != USERS else 1
