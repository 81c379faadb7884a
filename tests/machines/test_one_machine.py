"""One machine: a task, supervisors and the scheduler are killed in the middle of the writes, for a while nobody gets at
the databases, and everything ends right all the same.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.machines.checks import check_everything
from tests.machines.one_machine import OneMachine, one_machine
from tests.machines.runs import Runs, Writing, is_alive
from tests.machines.scene import BIG, Scene, Size, scene, settings
from tests.machines.watch import kept_running

SIZE = Size(groups=2, users=40, big=300, chunk=150, heartbeat_s=9, patience_s=240.0, pause_s=0.5)
#: How long MI takes for a request while things break, while they take their time to be noticed, and otherwise.
SLOW_MS, STALLED_MS, QUICK_MS = 1_000, 4_000, 5
#: How long Airflow waits for its database, and how long that is gone, in seconds.
WAITS_S, GONE_S = 5, 8

pytestmark = pytest.mark.timeout(2 * SIZE.patience_s)


@pytest.fixture(scope="module")
def servers() -> Iterator[Scene]:
    with scene(SIZE) as both:
        yield both


@pytest.fixture(scope="module")
def airflow(servers: Scene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneMachine]:
    folder = tmp_path_factory.mktemp("one-machine")
    with one_machine(folder, SIZE.groups_file, settings(SIZE, servers.world), waits_s=WAITS_S) as started:
        yield started


def test_tasks_scheduler_and_databases_fail_and_everything_ends_right(servers: Scene, airflow: OneMachine) -> None:
    mi = servers.world.mi
    runs = Runs(airflow, servers, SIZE)
    runs.wait(runs.all_known, "all DAGs")
    runs.begin(BIG)
    runs.wait(runs.chunks, "the parts of the plan")
    mi.knobs(latency_ms=SLOW_MS)

    # Of one chunk the task is killed with its supervisor; of another only the supervisor, and the task goes on.
    killed, other = runs.wait(lambda: _two(runs.writing()), "two chunks that are being written")
    mi.knobs(latency_ms=STALLED_MS)
    undisturbed = time.perf_counter()
    orphan = other.task.process
    for process in filter(None, (killed.task.process.parent(), killed.task.process, orphan.parent())):
        process.kill()
    runs.wait(lambda: runs.running_try(other.number) > other.attempt, "the next try of the chunk")
    mi.knobs(latency_ms=SLOW_MS)
    runs.wait(lambda: runs.two_write(other.number, undisturbed), "both tries writing at the same time")
    assert is_alive(orphan)
    runs.begin(*SIZE.others)

    # The databases are gone for a while, and the scheduler is killed. What it has started goes on, until it hears that
    # the next scheduler has given it up.
    seen = runs.wait(runs.writing, "a chunk that is being written")[0]
    mi.knobs(latency_ms=STALLED_MS)
    with airflow.locked_databases(GONE_S), kept_running(airflow.ensure_running):
        airflow.kill("scheduler")
        airflow.restart("scheduler")
        assert is_alive(seen.task.process), "its scheduler is gone"
    with kept_running(airflow.ensure_running):
        runs.wait(lambda: runs.running_try(seen.number) > seen.attempt, "its next try")
        mi.knobs(latency_ms=QUICK_MS)
        runs.wait(runs.ended, "the end of all runs")
    # The orphan, and the two that the next scheduler has given up.
    check_everything(runs, undisturbed=undisturbed, out_of_sight=3)


def _two(found: list[Writing]) -> list[Writing] | None:
    return found if len(found) == 2 else None
