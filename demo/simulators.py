"""The simulated Okta and Metric Insights of the demo, and whether the second has what the first demands."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import requests

from demo.connections import simulator_connections
from demo.processes import LOOPBACK, Program, clean_environment, end_programs, free_port, wait_until

if TYPE_CHECKING:
    from pathlib import Path

NOT_SYNCED = frozenset({"SUSPENDED", "DEPROVISIONED"})
START_TIMEOUT = 60.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """Who should be in a group of Metric Insights, and who is: user names in lower case, each with its number."""

    group: str
    expected: Counter[str]
    actual: Counter[str]

    @property
    def is_exact(self) -> bool:
        """Whether nobody is missing, nobody is too much and nobody is there twice."""
        return self.expected == self.actual

    def __str__(self) -> str:
        held, wanted = (self.expected & self.actual).total(), self.expected.total()
        line = f"{self.group}: MI holds {held} of {wanted} expected members"
        for what, users in (("missing", self.expected - self.actual), ("unexpected", self.actual - self.expected)):
            if users:
                line += f"; {users.total()} {what}, such as {', '.join(sorted(users)[:3])}"
        return line


def compare_states(group: str, okta: Any, metric_insights: Any) -> Comparison:
    """Compares the members of a group in what both simulators say at ``/_sim/state``."""
    users = {user["id"]: user for user in okta["users"]}
    (found,) = (each for each in okta["groups"] if each["profile"]["name"] == group)
    members = (users[user_id] for user_id in found["members"])
    return Comparison(
        group,
        Counter(user["profile"]["login"].casefold() for user in members if user["status"] not in NOT_SYNCED),
        Counter(
            name.casefold() for each in metric_insights["groups"] if each["name"] == group for name in each["members"]
        ),
    )


@dataclass(slots=True)
class Simulators:
    """`okta-mi simulate` as a program beside us; a context manager.

    Attributes:
        users: How many users the Okta org has.
        log: The file that gets what the program prints.
    """

    users: int
    log: Path
    okta_url: str = field(init=False)
    mi_url: str = field(init=False)
    _program: Program = field(init=False)
    _session: requests.Session = field(default_factory=requests.Session, init=False)

    def __post_init__(self) -> None:
        okta_port, mi_port = free_port(), free_port()
        self.okta_url = f"http://{LOOPBACK}:{okta_port}"
        self.mi_url = f"http://{LOOPBACK}:{mi_port}"
        self._session.trust_env = False  # no proxy on the way to this machine
        ports = ["--okta-port", str(okta_port), "--mi-port", str(mi_port)]
        self._program = Program(
            name="okta-mi simulate",
            command=[sys.executable, "-m", "okta_mi_provider.cli.main", "simulate", "--users", str(self.users), *ports],
            environment=clean_environment({}),
            log=self.log,
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Starts both servers and returns when they answer.

        Raises:
            StartError: They did not come up. Nothing is left running.
        """
        try:
            self._program.start()
            wait_until(
                lambda: self._answers(self.okta_url) and self._answers(self.mi_url),
                what="answers of the simulators",
                timeout=START_TIMEOUT,
                programs=[self._program],
            )
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Ends both servers."""
        end_programs([self._program])

    def ensure_running(self) -> None:
        """Raises `StartError` if they have died."""
        self._program.ensure_running()

    def connections(self) -> dict[str, str]:
        """The two Airflow connections, as environment variables."""
        return simulator_connections(self.okta_url, self.mi_url)

    def compare(self, group: str) -> Comparison:
        """Compares the members of a group: those to be synced from Okta, and those in Metric Insights."""
        return compare_states(group, self._state(self.okta_url), self._state(self.mi_url))

    def _state(self, url: str) -> Any:
        response = self._session.get(f"{url}/_sim/state", timeout=60)
        response.raise_for_status()
        return response.json()

    def _answers(self, url: str) -> bool:
        try:
            return self._session.get(f"{url}/_sim/stats", timeout=10).ok
        except requests.ConnectionError:
            return False
