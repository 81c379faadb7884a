"""Several machines: workers and the database fail in the middle of the writes, and everything ends right all the same.

Takes minutes, so it is no part of `make test`: `make machines` runs it, with as many users as the environment variable
`MACHINES` says: `small` (the default), or `full`.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from demo.airflow_api import ApiError
from demo.connections import simulator_connections
from demo.processes import wait_until
from okta_mi_provider.simulators.metric_insights import create_metric_insights_app
from okta_mi_provider.simulators.mi_seed import seed_metric_insights
from okta_mi_provider.simulators.okta import create_okta_app
from okta_mi_provider.simulators.okta_org import OktaOrg
from okta_mi_provider.simulators.server import serve
from okta_mi_provider.store import ArtifactKind, RunKey, Store
from tests.integration.world import MetricInsights, Okta, World
from tests.machines.cluster import WORKERS, Cluster, cluster

#: Most writes in flight on MI, and those of each task.
SLOTS, TASK_SLOTS = 8, 4
#: How long MI takes for a request while things break, in milliseconds. A chunk then outlives the time after which
#: Airflow gives up a task that is not heard of.
SLOW_MS = 500
#: And while they do not.
QUICK_MS = 5
PATIENCE_S = 300.0


@dataclass(frozen=True)
class Size:
    """How many groups of how many users, besides a big one; and how its plan is parted."""

    groups: int
    users: int
    big: int
    chunk: int
    patience_s: float


SIZES = {"small": Size(4, 30, 2_100, 700, 600.0), "full": Size(20, 500, 20_000, 1_000, 2_400.0)}
SIZE = SIZES[os.environ.get("MACHINES", "small")]
#: Members of each group by its name.
GROUPS = {"Big": SIZE.big, **{f"Group{number:02}": SIZE.users for number in range(SIZE.groups)}}
GROUPS_FILE = f"""
defaults: {{auto_create: all, sync_user_limit: 1000000, retries: 20, chunk_size: {SIZE.chunk}}}
groups: [{", ".join(GROUPS)}]
"""

pytestmark = pytest.mark.timeout(SIZE.patience_s + 2 * PATIENCE_S)


def dag_id(group: str) -> str:
    return f"okta_mi__{group}"


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    okta_app, mi_app = create_okta_app(OktaOrg()), create_metric_insights_app(seed_metric_insights())
    with serve(okta_app) as okta_url, serve(mi_app) as mi_url:
        both = World(Okta(okta_url, okta_app.state.system), MetricInsights(mi_url, mi_app.state.system))
        start = 0
        for group, size in GROUPS.items():
            both.okta.group(group)
            both.okta.crowd(group, size, start=start)
            start += size
        yield both


@pytest.fixture(scope="module")
def airflow(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    connections = simulator_connections(world.okta.url, world.mi.url)
    metric_insights = json.loads(connections["AIRFLOW_CONN_METRIC_INSIGHTS_DEFAULT"])
    metric_insights["extra"]["max_concurrency"] = SLOTS
    pools = {"metric_insights_default": {"pool": "mi_writes", "slots": SLOTS, "task_slots": TASK_SLOTS}}
    settings = {
        **connections,
        "AIRFLOW_CONN_METRIC_INSIGHTS_DEFAULT": json.dumps(metric_insights),
        "AIRFLOW__OKTA_MI__WRITE_POOLS": json.dumps(pools),
    }
    with cluster(tmp_path_factory.mktemp("machines"), GROUPS_FILE, settings) as started:
        for group in GROUPS:
            wait_until(
                lambda group=group: any(dag["dag_id"] == dag_id(group) for dag in started.api.dags()),  # type: ignore[misc]
                what=f"the DAG of {group}",
                timeout=PATIENCE_S,
            )
        yield started


class Runs:
    """The runs of all DAGs, as Airflow tells of them; it may be unable to for a while."""

    def __init__(self, airflow: Cluster) -> None:
        self.airflow = airflow
        self.ids: dict[str, str] = {}
        for group in GROUPS:
            airflow.api.unpause(dag_id(group))
            self.ids[group] = airflow.api.trigger(dag_id(group))

    def chunks(self) -> dict[str, dict[str, Any]]:
        """The instances of the big plan's `upsert_users` by their ids; nothing while Airflow does not answer."""
        try:
            instances = self.airflow.api.task_instances(dag_id("Big"), self.ids["Big"])
        except (ApiError, requests.RequestException):
            return {}
        return {each["id"]: each for each in instances if each["task_id"] == "upsert_users" and each["map_index"] >= 0}

    def running_try(self, number: int) -> int:
        """Number of the try of a chunk that runs; 0 if none does."""
        these = (each for each in self.chunks().values() if each["map_index"] == number)
        return next((each["try_number"] for each in these if each["state"] == "running"), 0)

    def states(self) -> dict[str, str]:
        """State of each run."""
        found = {}
        for group, run_id in self.ids.items():
            try:
                found[group] = self.airflow.api.run_state(dag_id(group), run_id)
            except (ApiError, requests.RequestException):
                found[group] = "unknown"
        return found

    def left(self) -> int:
        """How many chunks of the big plan have not ended."""
        return sum(each["state"] != "success" for each in self.chunks().values())

    def writing(self, *, last: bool = False) -> tuple[str, int, psutil.Process] | None:
        """A worker in the middle of a chunk of the big plan: its name, the number of the chunk, the process.

        Args:
            last: Only when no other one waits for its turn.
        """
        chunks = self.chunks()
        if last and {each["state"] for each in chunks.values()} - {"running", "success"}:
            return None
        found = [
            (process.create_time(), worker, chunks[key]["map_index"], process)
            for worker in WORKERS
            for key, process in self.airflow.tasks_of(worker).items()
            if key in chunks and chunks[key]["state"] == "running"
        ]
        began, worker, number, process = max(found, default=(time.time(), "", 0, None))
        # The youngest is far from its end; it has come through its imports by now.
        return (worker, number, process) if process and time.time() - began > 8 else None


@pytest.fixture
def watched(airflow: Cluster) -> Iterator[None]:
    """Parts that end by themselves are started again, as a container engine does."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(1):
            airflow.ensure_running()

    watcher = threading.Thread(target=watch)
    watcher.start()
    yield
    over.set()
    watcher.join()


@pytest.mark.usefixtures("watched")
def test_workers_and_the_database_fail_and_everything_ends_right(world: World, airflow: Cluster) -> None:
    world.mi.knobs(latency_ms=SLOW_MS)
    runs = Runs(airflow)

    # A machine is switched off.
    worker, _, _ = wait_until(runs.writing, what="a chunk that is being written", timeout=PATIENCE_S)
    airflow.forget(worker)
    for process in airflow.program(worker).family():
        process.kill()
    airflow.start_worker(worker)

    # The database goes away for a moment.
    wait_until(runs.writing, what="a chunk that is being written", timeout=PATIENCE_S)
    airflow.database.restart()

    # The Celery main process of a worker is killed; what it has started goes on. No other chunk waits, which would get
    # the slots of this one before its next try.
    world.mi.knobs(latency_ms=QUICK_MS)
    wait_until(lambda: 0 < runs.left() <= 3, what="the last chunks", timeout=SIZE.patience_s)
    world.mi.knobs(latency_ms=SLOW_MS)
    worker, number, orphan = wait_until(
        lambda: runs.writing(last=True), what="the last chunk that is being written", timeout=PATIENCE_S
    )
    undisturbed = time.perf_counter()
    airflow.forget(worker)
    airflow.main_process(worker).send_signal(signal.SIGKILL)
    airflow.start_worker("w3")
    tried = runs.running_try(number)
    wait_until(lambda: runs.running_try(number) > tried, what="the next try of the chunk", timeout=PATIENCE_S)
    assert orphan.is_running(), "both tries write at the same time"
    world.mi.knobs(latency_ms=QUICK_MS)

    ended = {"success", "failed"}
    wait_until(lambda: ended.issuperset(runs.states().values()), what="the end of all runs", timeout=SIZE.patience_s)
    assert runs.states() == dict.fromkeys(GROUPS, "success")
    for group, size in GROUPS.items():
        members = world.mi.members(group)
        assert len(members) == len(set(members)) == size, group
        _check_report(airflow.store_url, RunKey(dag_id(group), runs.ids[group]), size)
    traffic = [each for each in world.mi.system.traffic._log if each.write]
    creates = [each for each in traffic if each.method == "POST" and each.path.rstrip("/") == "/api/user"]
    created = [each for each in creates if each.status and each.status < 300]
    assert len(created) == sum(GROUPS.values()), "nobody was created twice"
    assert _most_at_once([each for each in traffic if each.started < undisturbed]) <= SLOTS
    assert _most_at_once(traffic) <= SLOTS + TASK_SLOTS, "only what Airflow has lost sight of comes on top"


def _check_report(store_url: str, key: RunKey, size: int) -> None:
    """No outcome is lost: everybody is told of as created, or as found created."""
    store = Store(store_url)
    try:
        found = store.find(key, ArtifactKind.REPORT)
    finally:
        store.close()
    assert found is not None
    counts = found.data["counts"]
    assert found.data["state"] == "done"
    assert Counter(change["status"] for change in found.data["changes"])["begun"] == 0
    assert counts["users"]["created"] + counts["users"]["unchanged"] == size
    assert counts["users"]["failed"] == 0
    assert counts["memberships"]["added"] == counts["users"]["created"]


def _most_at_once(traffic: list[Any]) -> int:
    """How many requests were in flight together."""
    begins = [(each.started, 1) for each in traffic]
    ends = [(each.started + each.duration_ms / 1000, -1) for each in traffic if each.duration_ms is not None]
    return max(accumulate(step for _, step in sorted(begins + ends)), default=0)


def test_nothing_was_written_outside_of_the_folder_of_each_machine(airflow: Cluster) -> None:
    homes = {path.name for path in Path(airflow.folder).iterdir() if path.is_dir()}
    assert homes >= {"api-server", "scheduler", "dag-processor", *WORKERS}
    assert not (airflow.folder / "setup" / "okta_mi.db").exists(), "the store is on PostgreSQL"
