"""What one user costs among many, where a processor does the same for each and only waits longer for its memory."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import time
from typing import NamedTuple

from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.sync.diff import diff
from tests.benchmarks.diffing import snapshot

_TIMES = 3


class PerUser(NamedTuple):
    """Microseconds of CPU time for each user, the least of some calls.

    Attributes:
        diff: Of a diff that finds nothing.
        dictionary: Of a dictionary that is filled with as many texts, each of which is then looked up: what nobody who
            matches people by their names can do without.
    """

    diff: float
    dictionary: float


def per_user(users: int) -> PerUser:
    """Measures with so many users, in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.caches", str(users)]
    return PerUser(*json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def main() -> None:
    """Prints the figures for so many users."""
    users = int(sys.argv[1])
    settings = SyncSettings.from_mapping({"auto_create": "all", "sync_user_limit": 10_000_000})
    values = snapshot(users, 0)
    names = [user.username for user in values.source.users]
    again = ["".join(name) for name in map(list, names)]
    # As in a diff, which keeps the collector away itself.
    gc.disable()
    found = []
    for work in (lambda: diff(values, settings), lambda: list(map(dict(zip(names, names, strict=True)).get, again))):
        times = []
        for _ in range(_TIMES):
            began = time.process_time()
            work()
            times.append(time.process_time() - began)
        found.append(min(times) / users * 1e6)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
