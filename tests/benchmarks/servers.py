"""Both simulators in a process of their own, which `Servers` starts, asks and ends.

The process takes commands line by line: `change N` gives N people another name in Okta, `cost` tells the seconds of CPU
time that it has used. It ends with its standard input.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from typing import IO, Any, Self

import requests


class Servers:
    """The simulators, from `with` to its end.

    Args:
        groups: How many groups Okta has.
        size: How many people are in each.
        synced: MI has all of them already.

    Attributes:
        okta: URL of the simulated Okta org.
        mi: URL of the simulated Metric Insights server.
    """

    def __init__(self, *, groups: int = 1, size: int, synced: bool) -> None:
        self._arguments = [str(groups), str(size), str(int(synced))]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.servers", *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.okta, self.mi = self._answer()
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy on the way to this machine
        return self

    def __exit__(self, *_: object) -> None:
        self._input.close()
        self._process.wait()

    def change(self, people: int) -> None:
        """Gives so many people another name in Okta."""
        self._ask(f"change {people}")

    def cpu_s(self) -> float:
        """CPU time that the servers have used, in seconds."""
        return float(self._ask("cost"))

    def knobs(self, **knobs: Any) -> None:
        """Sets the same knobs of both servers."""
        for url in (self.okta, self.mi):
            self._session.put(f"{url}/_sim/knobs", json=knobs, timeout=60).raise_for_status()

    def reset(self) -> None:
        """Brings back MI as it was at the beginning, with its default knobs."""
        self._session.post(f"{self.mi}/_sim/reset", timeout=600).raise_for_status()

    def forget(self) -> None:
        """Forgets all requests so far."""
        for url in (self.okta, self.mi):
            self._session.delete(f"{url}/_sim/requests", timeout=60).raise_for_status()

    def totals(self, url: str) -> dict[str, Any]:
        """How many requests a server has had."""
        return dict(self._session.get(f"{url}/_sim/stats", timeout=60).json())

    def requests(self, url: str) -> list[dict[str, Any]]:
        """The requests that a server has had."""
        return list(self._session.get(f"{url}/_sim/requests", timeout=600).json()["requests"])

    @property
    def _input(self) -> IO[str]:
        assert self._process.stdin
        return self._process.stdin

    def _ask(self, command: str) -> Any:
        self._input.write(f"{command}\n")
        self._input.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("The simulators have ended; what they said is above.")
        return json.loads(line)


def main() -> None:
    """Serves until the standard input ends."""
    from okta_mi_provider.simulators.metric_insights import create_metric_insights_app
    from okta_mi_provider.simulators.okta import create_okta_app
    from okta_mi_provider.simulators.server import serve
    from tests.benchmarks.crowd import Crowd

    groups, size, synced = (int(word) for word in sys.argv[1:])
    crowd = Crowd(groups, size, synced=bool(synced))
    with serve(create_okta_app(crowd.org)) as okta, serve(create_metric_insights_app(crowd.state)) as mi:
        print(json.dumps([okta, mi]), flush=True)
        for line in sys.stdin:
            command, _, number = line.strip().partition(" ")
            answer: object = None
            if command == "change":
                crowd.change(int(number))
            elif command == "cost":
                usage = resource.getrusage(resource.RUSAGE_SELF)
                answer = usage.ru_utime + usage.ru_stime
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
