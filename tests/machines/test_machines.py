"""Several machines: workers and the database fail in the middle of the writes, and everything ends right all the same.

With as many users as the environment variable `MACHINES` says: `tiny` (the default, and that of `make test`), `small`
(that of `make machines`), or `full`, which takes long.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import psutil
import pytest

from tests.machines.checks import check_everything
from tests.machines.cluster import Cluster, cluster
from tests.machines.runs import Runs, is_alive
from tests.machines.scene import BIG, Scene, Size, scene, settings
from tests.machines.watch import kept_running

#: How long MI takes for a request while things break, while they take their time to be noticed, and otherwise; in
#: milliseconds.
SLOW_MS, STALLED_MS, QUICK_MS = 500, 4_000, 5
SIZES = {
    "tiny": Size(groups=2, users=40, big=300, chunk=150, heartbeat_s=9, patience_s=240.0, pause_s=0.5),
    "small": Size(groups=4, users=30, big=2_100, chunk=700, heartbeat_s=15, patience_s=600.0, pause_s=0.5),
    "full": Size(groups=20, users=500, big=20_000, chunk=1_000, heartbeat_s=30, patience_s=3_600.0, pause_s=3.0),
}
SIZE = SIZES[os.environ.get("MACHINES", "tiny")]

pytestmark = pytest.mark.timeout(2 * SIZE.patience_s)


@pytest.fixture(scope="module")
def servers() -> Iterator[Scene]:
    with scene(SIZE) as both:
        yield both


@pytest.fixture(scope="module")
def airflow(servers: Scene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("machines"), SIZE.groups_file, settings(SIZE, servers.world)) as started:
        yield started


def test_workers_and_the_database_fail_and_everything_ends_right(servers: Scene, airflow: Cluster) -> None:
    mi = servers.world.mi
    runs = Runs(airflow, servers, SIZE)
    runs.wait(runs.all_known, "all DAGs")
    with kept_running(airflow.ensure_running):
        runs.begin(BIG)
        runs.wait(runs.chunks, "the parts of the plan")
        mi.knobs(latency_ms=SLOW_MS)

        # A machine is switched off.
        killed = runs.wait(runs.writing, "a chunk that is being written")[0]
        runs.begin(*SIZE.others)
        airflow.forget(killed.task.part)
        for process in airflow.program(killed.task.part).family():
            process.kill()
        airflow.start_worker(killed.task.part)

        # The database goes away for a moment. Tasks that have something to note just then fail, others write on.
        runs.wait(runs.writing, "a chunk that is being written")
        airflow.database.restart()
        runs.look_anew()

        # The Celery main process of a worker is killed; what it has started goes on. Nothing else waits, which would
        # get the slots of this one before its next try.
        runs.wait(lambda: runs.pause(*SIZE.others), "an Airflow that answers")
        if runs.left() > 2:
            mi.knobs(latency_ms=QUICK_MS)
            runs.wait(lambda: 0 < runs.left() <= 3, "the last chunks")
            mi.knobs(latency_ms=SLOW_MS)
        orphaned = runs.wait(lambda: runs.writing(last=True), "the last chunk that is being written")[0]
        undisturbed = time.perf_counter()
        mi.knobs(latency_ms=STALLED_MS)
        airflow.forget(orphaned.task.part)
        airflow.main_process(orphaned.task.part).send_signal(signal.SIGKILL)
        airflow.start_worker("w3")
        runs.wait(lambda: runs.running_try(orphaned.number) > orphaned.attempt, "the next try of the chunk")
        mi.knobs(latency_ms=SLOW_MS)
        runs.wait(lambda: runs.two_write(orphaned.number, undisturbed), "both tries writing at the same time")
        assert is_alive(orphaned.task.process)
        mi.knobs(latency_ms=QUICK_MS)
        runs.go_on(*SIZE.others)

        runs.wait(runs.ended, "the end of all runs")
    check_everything(runs, undisturbed=undisturbed, out_of_sight=1)


def test_every_part_works_in_a_folder_of_its_own(airflow: Cluster) -> None:
    airflow.ensure_running()
    folders = {name: psutil.Process(airflow.program(name).session()).cwd() for name in airflow.wanted}
    assert {"api-server", "scheduler", "dag-processor"} < folders.keys()
    assert folders == {name: str(airflow.folder / name) for name in folders}
    assert not (airflow.folder / "setup" / "okta_mi.db").exists(), "the store is on PostgreSQL"
