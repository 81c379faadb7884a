"""What can be counted and measured of syncs, and how it gets to where Airflow sends its own metrics.

Names of people are in none of them. The only tag is `dag_id`, which Airflow gives its own metrics as well; where a
backend has no tags, what is left is counted over all syncs together.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import product
from typing import Final

from okta_mi_provider.sync.outcome import Outcome, Status
from okta_mi_provider.sync.plan import ChangeKind
from okta_mi_provider.sync.report import State
from okta_mi_provider.sync.traffic import OUTCOMES, Counted

log = logging.getLogger(__name__)


class Kind(StrEnum):
    """What a backend does with the values of a metric."""

    COUNTER = "counter"
    """Adds them up."""
    GAUGE = "gauge"
    """Keeps the last one."""
    TIMER = "timer"
    """Milliseconds; keeps how they are spread."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric, or several that differ in the last words of their names.

    Attributes:
        name: As Airflow sends it, behind its prefix.
        kind: What its values are.
        meaning: What they say.
        words: What may stand behind the name, by what it is: labels in Prometheus.
    """

    name: str
    kind: Kind
    meaning: str
    words: Mapping[str, tuple[str, ...]] | None = None

    @property
    def prometheus(self) -> str:
        """Its name in Prometheus, by the mapping of `docs/grafana`."""
        ending = {Kind.COUNTER: "_total", Kind.TIMER: "_seconds", Kind.GAUGE: ""}[self.kind]
        return self.name.replace(".", "_") + ending

    @property
    def names(self) -> tuple[str, ...]:
        """All names that it can have."""
        if self.words is None:
            return (self.name,)
        return tuple(".".join((self.name, *each)) for each in product(*self.words.values()))


_SYSTEMS: Final = {"Okta": "okta", "Metric Insights": "metric_insights"}
#: As numbers, since a gauge holds nothing else.
STATES: Final = {State.DONE: 0, State.FAILED: 1, State.REFUSED: 2}

RUNS: Final = Metric(
    "okta_mi.runs",
    Kind.COUNTER,
    "Real syncs, and looks for drift, that have ended, by how.",
    {"state": tuple(each.value for each in State)},
)
STATE: Final = Metric(
    "okta_mi.run.state", Kind.GAUGE, "How the last one has ended: 0 done, 1 failed, 2 refused by a limit or a person."
)
DONE_AT: Final = Metric("okta_mi.run.done_at", Kind.GAUGE, "When the last one has ended as done: seconds since 1970.")
CONFLICTS: Final = Metric("okta_mi.run.conflicts", Kind.GAUGE, "Conflicts of the last one that a person has to settle.")
DURATION: Final = Metric("okta_mi.run.duration", Kind.TIMER, "From reading Okta to the report.")
CHANGES: Final = Metric(
    "okta_mi.changes",
    Kind.COUNTER,
    "Changes that were written.",
    {"kind": tuple(each.value for each in ChangeKind if each is not ChangeKind.ENABLE_USER)},
)
FAILURES: Final = Metric("okta_mi.failures", Kind.COUNTER, "Changes that failed, in each try anew.")
REQUESTS: Final = Metric(
    "okta_mi.requests",
    Kind.COUNTER,
    "Requests by what came of them: answered, refused (4xx), rate_limited (429), failed (5xx or no answer).",
    {"system": tuple(_SYSTEMS.values()), "outcome": OUTCOMES},
)
WAITED: Final = Metric(
    "okta_mi.wait_seconds",
    Kind.COUNTER,
    "Seconds that tasks have waited for rate limits, also to leave others their share.",
    {"system": tuple(_SYSTEMS.values())},
)

#: All there are.
METRICS: Final = (RUNS, STATE, DONE_AT, CONFLICTS, DURATION, CHANGES, FAILURES, REQUESTS, WAITED)


class WriteCount:
    """Counts changes while they are written, so that also what a task has done that then fails is told of."""

    def __init__(self) -> None:
        self._done: Counter[ChangeKind] = Counter()
        self._failed = 0

    def add(self, outcome: Outcome) -> None:
        """Counts one that was tried."""
        if outcome.status is Status.DONE:
            self._done[outcome.change.kind] += 1
        self._failed += outcome.status is Status.FAILED

    def send(self, dag_id: str) -> None:
        """Has them sent to Airflow."""
        for kind, number in self._done.items():
            _send(CHANGES, number, dag_id, kind.value)
        if self._failed:
            _send(FAILURES, self._failed, dag_id)


@contextmanager
def counting(dag_id: str) -> Iterator[WriteCount]:
    """Counts changes, and has them sent at the end, however that is."""
    count = WriteCount()
    try:
        yield count
    finally:
        count.send(dag_id)


def send_written(outcomes: Iterable[Outcome], dag_id: str) -> None:
    """Has the changes of a whole sync sent that was made in one go."""
    with counting(dag_id) as count:
        for outcome in outcomes:
            count.add(outcome)


def send_traffic(counted: Counted, dag_id: str) -> None:
    """Has the requests of a task sent, and its waits."""
    for (system, outcome), number in counted.requests.items():
        _send(REQUESTS, number, dag_id, _SYSTEMS[system], outcome)
    for system, seconds in counted.waited_s.items():
        _send(WAITED, round(seconds, 3), dag_id, _SYSTEMS[system])


def send_run(state: State, *, conflicts: int, lasted: timedelta, dag_id: str) -> None:
    """Has sent how a real sync of a whole group, or a look for drift, has ended.

    Args:
        state: How.
        conflicts: How many there are for a person to settle.
        lasted: How long it has taken.
        dag_id: Of the DAG.
    """
    _send(RUNS, 1, dag_id, state.value)
    _send(STATE, STATES[state], dag_id)
    _send(CONFLICTS, conflicts, dag_id)
    _send(DURATION, lasted.total_seconds() * 1000, dag_id)
    if state is State.DONE:
        _send(DONE_AT, int(datetime.now(UTC).timestamp()), dag_id)


def _send(metric: Metric, value: float, dag_id: str, *words: str) -> None:
    # The one that both 3.2 and 3.3 initialise in a task's process.
    from airflow.sdk.observability.stats import Stats  # noqa: PLC0415

    name, tags = ".".join((metric.name, *words)), {"dag_id": dag_id}
    try:
        if metric.kind is Kind.COUNTER:
            Stats.incr(name, value, tags=tags)  # type: ignore[arg-type]
        elif metric.kind is Kind.GAUGE:
            Stats.gauge(name, value, tags=tags)
        else:
            Stats.timing(name, value, tags=tags)
    except Exception as error:  # noqa: BLE001 - whatever a backend lacks, a sync is worth more than its metrics
        log.warning("Metric %s was not sent: %s: %s", name, type(error).__name__, error)
