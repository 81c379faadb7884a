"""Who is in Okta, and how the sync is set up: the same for every cluster."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from demo.connections import simulator_connections
from tests.integration.running import running
from tests.integration.world import World

#: The group whose plan is parted.
BIG = "Big"
#: Most writes in flight on MI, and those of each task.
SLOTS, TASK_SLOTS = 8, 4


@dataclass(frozen=True)
class Size:
    """How many groups of how many users, besides a big one; and how its plan is parted.

    Attributes:
        heartbeat_s: How long Airflow waits for a sign of life of a task before it is tried again.
        patience_s: How long to wait for what depends on how many there are.
        pause_s: How long to wait until Airflow is asked again, which costs it time.
    """

    groups: int
    users: int
    big: int
    chunk: int
    heartbeat_s: int
    patience_s: float
    pause_s: float

    @property
    def others(self) -> tuple[str, ...]:
        """The groups but for the big one."""
        return tuple(f"Group{number:02}" for number in range(self.groups))

    @property
    def groups_file(self) -> str:
        """All groups, each of which is tried again often enough to outlive what is done to it."""
        defaults = f"auto_create: all, sync_user_limit: 1000000, retries: 20, chunk_size: {self.chunk}"
        return f"defaults: {{{defaults}}}\ngroups: [{', '.join([BIG, *self.others])}]\n"


@dataclass(frozen=True)
class Scene:
    """Both servers, and the usernames that shall be in each group."""

    world: World
    members: Mapping[str, list[str]]


@contextmanager
def scene(size: Size) -> Iterator[Scene]:
    """An Okta with these groups, and an MI without any of their users."""
    with running() as world:
        world.mi.knobs(log_bodies=True)
        members: dict[str, list[str]] = {}
        start = 0
        for group, users in {BIG: size.big, **dict.fromkeys(size.others, size.users)}.items():
            world.okta.group(group)
            members[group] = sorted(world.okta.crowd(group, users, start=start))
            start += users
        yield Scene(world, members)


def settings(size: Size, world: World) -> dict[str, str]:
    """Airflow's connections to both servers, the pool that all write in, and what spares the machine."""
    connections = simulator_connections(world.okta.url, world.mi.url)
    metric_insights = json.loads(connections["AIRFLOW_CONN_METRIC_INSIGHTS_DEFAULT"])
    metric_insights["extra"]["max_concurrency"] = SLOTS
    pools = {"metric_insights_default": {"pool": "mi_writes", "slots": SLOTS, "task_slots": TASK_SLOTS}}
    return {
        **connections,
        "AIRFLOW_CONN_METRIC_INSIGHTS_DEFAULT": json.dumps(metric_insights),
        "AIRFLOW__OKTA_MI__WRITE_POOLS": json.dumps(pools),
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.4",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": str(size.heartbeat_s),
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": str(max(1, size.heartbeat_s // 10)),
        # Only the scheduler that has started a task gives it up, so the successor of a dead one has to take over first.
        "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "2",
        "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": str(size.heartbeat_s),
        "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "3",
    }


def dag_id(group: str) -> str:
    """The DAG of a group."""
    return f"okta_mi__{group}"
