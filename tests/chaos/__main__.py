"""`make chaos`: many runs, each from a seed of its own, and a summary. Exit code 1 if an invariant was broken."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.chaos.checks import violations
from tests.chaos.describe import describe
from tests.chaos.nursery import Nursery
from tests.chaos.play import Player
from tests.chaos.record import Record
from tests.chaos.scenario import make
from tests.chaos.stage import open_stage

#: After so many broken runs the others will not tell anything new.
_ENOUGH = 10


@contextmanager
def open_player() -> Iterator[Player]:
    """Both servers, and a process that forks those that sync."""
    home = Path(tempfile.mkdtemp(prefix="okta-mi-chaos-"))
    try:
        with open_stage() as stage, Nursery(home) as nursery:
            yield Player(stage, nursery, home)
    finally:
        shutil.rmtree(home)


def run_one(player: Player, seed: int) -> tuple[Record, list[str]]:
    """Plays the run of a seed; returns what happened, and what is broken."""
    record = player.play(make(seed))
    broken = violations(record)
    shutil.rmtree(record.folder)
    return record, broken


class Summary:
    """Adds up what happened in all runs."""

    def __init__(self) -> None:
        self.runs = self.syncs = self.killed = self.writes = self.requests = 0
        self.again: Counter[int] = Counter()
        self.fired: Counter[str] = Counter()
        self.modes: Counter[str] = Counter()

    def add(self, record: Record) -> None:
        """Counts a run."""
        self.runs += 1
        self.syncs += len(record.syncs)
        self.killed += sum(sync.was_killed for sync in record.syncs)
        self.writes += len(record.writes)
        self.requests += len(record.requests)
        self.fired += record.fired
        self.modes[record.scenario.mode] += 1
        self.again[record.needed or 0] += 1

    def __str__(self) -> str:
        faults = ", ".join(f"{name} {number}" for name, number in sorted(self.fired.items()))
        again = ", ".join(f"{number} after {needed}" for needed, number in sorted(self.again.items()))
        modes = ", ".join(f"{mode} {number}" for mode, number in sorted(self.modes.items()))
        return (
            f"{self.runs} runs ({modes}) with {self.syncs} syncs, {self.killed} of them killed; {self.requests:,} "
            f"requests, {self.writes:,} of them writes.\n{self.fired.total():,} faults: {faults}\n"
            f"Right once the servers were healed (runs after syncs): {again}"
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, help="of the first run; each further one has the next (default: random)")
    parser.add_argument("--runs", type=int, default=500)
    args = parser.parse_args(argv)
    first = args.seed if args.seed is not None else int(time.time() * 1000) % 10**9
    print(f"SEED={first} RUNS={args.runs}", flush=True)
    began, broken_runs, summary = time.monotonic(), [], Summary()
    with open_player() as player:
        for seed in range(first, first + args.runs):
            record, broken = run_one(player, seed)
            summary.add(record)
            if broken:
                broken_runs.append(seed)
                print(describe(record, broken), flush=True)
            elif args.runs == 1:
                print(describe(record, []), flush=True)
            if len(broken_runs) == _ENOUGH:
                print(f"{_ENOUGH} runs are broken; the rest is not played.")
                break
            if sys.stdout.isatty():
                print(f"\r{summary.runs} of {args.runs}", end="", flush=True)
    print(f"\n{summary}\n{time.monotonic() - began:.0f} s")
    if broken_runs:
        print(
            f"BROKEN: {len(broken_runs)} runs. Again: " + ", ".join(f"make chaos SEED={s} RUNS=1" for s in broken_runs)
        )
        return 1
    print("All invariants hold.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
