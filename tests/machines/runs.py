"""The runs of all DAGs, seen from outside: by Airflow's API, by the processes, and by what MI has got."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol, TypeVar

import psutil
import requests

from demo.airflow_api import FINAL_RUN_STATES, AirflowApi, ApiError
from demo.processes import wait_until
from okta_mi_provider.store import RunKey, Store
from tests.machines.scene import BIG, TASK_SLOTS, Scene, Size, dag_id
from tests.machines.traffic import creates, most_at_once

log = logging.getLogger(__name__)
Answer = TypeVar("Answer")
_TITLE = "airflow worker -- "
#: A task that has written so many users has as many requests in flight as it may.
_BEGUN = 2 * TASK_SLOTS
#: A task that has written no more than this part of its chunk will go on for a while.
_ENOUGH_LEFT = 0.4


class Task(NamedTuple):
    """A process in which a task runs, and the name of the part of Airflow that it belongs to."""

    part: str
    process: psutil.Process


class Site(Protocol):
    """An Airflow, on however many machines."""

    @property
    def api(self) -> AirflowApi:
        """A client, logged in."""

    @property
    def store_url(self) -> str:
        """The store, as all machines reach it."""

    def tasks(self) -> dict[str, Task]:
        """The processes in which tasks run just now, by the ids of the task instances."""


class Writing(NamedTuple):
    """A chunk in the middle of which a task is, and its process.

    Attributes:
        number: Of the chunk.
        attempt: Number of the try.
        written: How many of its users MI has.
    """

    number: int
    attempt: int
    written: int
    task: Task


def is_alive(process: psutil.Process) -> bool:
    """Whether it runs, and is not just waiting for its parent to take note of its end."""
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def tasks_among(part: str, processes: Iterable[psutil.Process]) -> dict[str, Task]:
    """Those of the processes in which tasks run, by the ids of the task instances. Airflow titles them so."""
    found = {}
    for process in processes:
        try:
            title = process.name()
        except psutil.NoSuchProcess:
            continue
        # LocalExecutor's workers, which supervise them, have a colon and words in theirs.
        if title.startswith(_TITLE) and ":" not in title:
            found[title.removeprefix(_TITLE)] = Task(part, process)
    return found


class Runs:
    """The runs that were begun; Airflow may be unable to tell of them for a while."""

    def __init__(self, site: Site, scene: Scene, size: Size) -> None:
        self.site, self.scene, self.size = site, scene, size
        self.ids: dict[str, str] = {}
        self._parts: list[list[str]] = []
        self._at_first: dict[str, int] = {}

    def begin(self, *groups: str) -> None:
        """Triggers their DAGs."""
        self.go_on(*groups)
        for group in groups:
            self.ids[group] = self.site.api.trigger(dag_id(group))

    def pause(self, *groups: str) -> bool:
        """Lets what runs of them end, and nothing more begin. False if Airflow does not answer."""
        try:
            for group in groups:
                self.site.api.request("PATCH", f"/dags/{dag_id(group)}", json={"is_paused": True})
        except (ApiError, requests.RequestException):
            return False
        return True

    def go_on(self, *groups: str) -> None:
        """The opposite."""
        for group in groups:
            self.site.api.unpause(dag_id(group))

    def all_known(self) -> bool:
        """Whether Airflow knows the DAGs of all groups."""
        return {dag_id(group) for group in self.scene.members} <= {dag["dag_id"] for dag in self.site.api.dags()}

    def wait(self, check: Callable[[], Answer | None], what: str) -> Answer:
        """Until the answer is true, which it returns; as long and as often as fits the size."""
        began = time.monotonic()
        answer = wait_until(check, what=what, timeout=self.size.patience_s, pause=self.size.pause_s)
        log.info("After %.0f s: %s.", time.monotonic() - began, what)
        return answer

    def key(self, group: str) -> RunKey:
        """Of a run that was begun, in the store."""
        return RunKey(dag_id(group), self.ids[group])

    def states(self) -> dict[str, str]:
        """State of each run."""
        try:
            found = self.site.api.request("GET", "/dags/~/dagRuns", params={"limit": 100})["dag_runs"]
        except (ApiError, requests.RequestException):
            return dict.fromkeys(self.ids, "unknown")
        by_run = {(each["dag_id"], each["dag_run_id"]): each["state"] for each in found}
        return {group: by_run.get((dag_id(group), run_id), "unknown") for group, run_id in self.ids.items()}

    def ended(self) -> bool:
        """Whether all have."""
        return FINAL_RUN_STATES.issuperset(self.states().values())

    def chunks(self) -> dict[str, dict[str, Any]]:
        """The instances of the big plan's `upsert_users` by their ids; nothing while Airflow does not answer."""
        try:
            instances = self.site.api.task_instances(dag_id(BIG), self.ids[BIG])
        except (ApiError, requests.RequestException):
            return {}
        return {each["id"]: each for each in instances if each["task_id"] == "upsert_users" and each["map_index"] >= 0}

    def running_try(self, number: int) -> int:
        """Number of the try of a chunk that runs; 0 if none does."""
        these = (each for each in self.chunks().values() if each["map_index"] == number)
        return next((each["try_number"] for each in these if each["state"] == "running"), 0)

    def left(self) -> int:
        """How many chunks of the big plan have not ended."""
        return sum(each["state"] != "success" for each in self.chunks().values())

    def writing(self, *, last: bool = False) -> list[Writing]:
        """The chunks of the big plan in the middle of which a task is, the one that is furthest from its end first.

        A task is in the middle when it has written some users since it was seen first, and enough are left.

        Args:
            last: Only when no other chunk waits for its turn.
        """
        chunks = self.chunks()
        if last and {each["state"] for each in chunks.values()} - {"running", "success"}:
            return []
        tasks, in_mi = self.site.tasks(), self._in_mi()
        found = []
        for key in chunks.keys() & tasks.keys():
            number, attempt, state = (chunks[key][name] for name in ("map_index", "try_number", "state"))
            users = self._part(number)
            written = len(in_mi.intersection(users))
            begun = written - self._at_first.setdefault(key, written) >= _BEGUN
            if state == "running" and begun and written < len(users) * _ENOUGH_LEFT:
                found.append(Writing(number, attempt, written, tasks[key]))
        return sorted(found, key=lambda each: each.written)

    def two_write(self, number: int, since: float) -> bool:
        """Whether more users of a chunk were in flight than a single task may have.

        Args:
            number: Of the chunk.
            since: From when on, by `time.perf_counter`.
        """
        users = set(self._part(number))
        sent = (each for each in creates(self.scene.world.mi) if each.started >= since and each.body)
        return most_at_once(each for each in sent if each.body["username"] in users) > TASK_SLOTS

    def look_anew(self) -> None:
        """Lets `writing` tell only of tasks that write some more users from now on."""
        self._at_first.clear()

    def _in_mi(self) -> set[str]:
        """Who is in MI, by a look into the simulator: nobody has to wait for it."""
        return {user.username for user in list(self.scene.world.mi.system.state.users.values())}

    def _part(self, number: int) -> list[str]:
        """The usernames of a chunk, by the plan in the store."""
        if not self._parts:
            store = Store(self.site.store_url)
            try:
                plan = store.find_plan(self.key(BIG))
                assert plan is not None, "upsert_users runs, so there is a plan"
                users = [change.user for change in plan.changes if change.user is not None]
            finally:
                store.close()
            self._parts = [users[at : at + self.size.chunk] for at in range(0, len(users), self.size.chunk)]
        return self._parts[number]
