"""The diff alone: both sides are values in memory, nothing is read or written."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from dataclasses import replace
from typing import Any

from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.simulators.people import FAMILY_NAMES, GIVEN_NAMES
from okta_mi_provider.sync.diff import diff
from okta_mi_provider.sync.model import Source, SourceGroup, SourceUser, Target, TargetGroup, TargetUser
from okta_mi_provider.sync.snapshot import Snapshot
from tests.benchmarks.page import Findings, table
from tests.benchmarks.page import Target as Limit
from tests.benchmarks.scale import Scale

_USERS, _LIMIT_S, _TIMES = 100_000, 1.0, 5
_CASES = {"nothing changed": 0, "1 % changed": 100, "everybody changed": 1}
_GROUP, _DEFAULT = TargetGroup("7", "Benchmark"), TargetGroup("1", "Default Group")


def measure(scale: Scale) -> Findings:
    """The CPU time of a diff."""
    users = scale.users(_USERS)
    found = {case: _measured(users, changed_every) for case, changed_every in _CASES.items()}
    rows = [
        [
            case,
            f"{min(each['cpu_s']):.2f} s",
            f"{max(each['cpu_s']):.2f} s",
            f"{min(each['wall_s']):.2f} s",
            f"{each['peak_mb']:.0f} MB",
        ]
        for case, each in found.items()
    ]
    text = (
        f"`diff(snapshot, settings)` of {users:,} users of Okta against {users:,} of MI, all of whom are the same "
        f"people, {_TIMES} times in one process, which asks no server. *Memory* is the most that the "
        "process has had, both sides included.\n\n"
    )
    best = min(found["nothing changed"]["cpu_s"])
    target = Limit(f"diff of {users:,} against {users:,}", f"under {_LIMIT_S:g} s", f"{best:.2f} s", best < _LIMIT_S)
    return Findings(
        "The diff alone", text + table(["", "CPU, least", "CPU, most", "wall clock", "memory"], rows), [target]
    )


def _measured(users: int, changed_every: int) -> dict[str, Any]:
    """One case, in a process of its own, whose memory nobody has used before."""
    command = [sys.executable, "-m", "tests.benchmarks.diffing", str(users), str(changed_every)]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def people(users: int, *, changed_every: int) -> tuple[list[SourceUser], list[TargetUser]]:
    """The same people on both sides, of whom each n-th has another name in MI; 0 for nobody."""
    source, target = [], []
    for number in range(users):
        given = GIVEN_NAMES[number % len(GIVEN_NAMES)]
        family = FAMILY_NAMES[number // len(GIVEN_NAMES) % len(FAMILY_NAMES)]
        address = f"person.{number:07d}@acme.example"
        source.append(SourceUser(f"00u{number:014d}5d7", "ACTIVE", address, address, given, family))
        user = TargetUser(str(number + 100), address, address, given, family, "regular")
        other = changed_every and number % changed_every == 0
        target.append(replace(user, last_name="Maiden-Name") if other else user)
    return source, target


def snapshot(users: int, changed_every: int) -> Snapshot:
    """Both sides of a sync of these people."""
    source, target = people(users, changed_every=changed_every)
    return Snapshot(
        Source("https://acme.okta.com", (SourceGroup("00g1", _GROUP.name),), tuple(source)),
        Target(
            "https://mi.acme.example",
            tuple(target),
            (_DEFAULT, _GROUP),
            {_GROUP.id: frozenset(user.id for user in target)},
            _DEFAULT,
        ),
    )


def main() -> None:
    """Prints the seconds of each call and the memory of all."""
    settings = SyncSettings.from_mapping({"auto_create": "all", "sync_user_limit": 10_000_000})
    values = snapshot(int(sys.argv[1]), int(sys.argv[2]))
    cpu_s, wall_s = zip(*(_seconds(values, settings) for _ in range(_TIMES)), strict=True)
    print(json.dumps({"cpu_s": cpu_s, "wall_s": wall_s, "peak_mb": _peak_mb()}))


def _seconds(values: Snapshot, settings: SyncSettings) -> tuple[float, float]:
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    diff(values, settings)
    return time.process_time() - cpu_s, time.perf_counter() - wall_s


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
