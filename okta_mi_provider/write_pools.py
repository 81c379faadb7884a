"""Airflow's configuration `[okta_mi] write_pools`: pools that bound the writes in flight on one MI server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from airflow.sdk import conf

from okta_mi_provider.entry_options import Line
from okta_mi_provider.kinds import Count, show
from okta_mi_provider.okta_pool import NOT_OURS, SECTION
from okta_mi_provider.sync.errors import SyncError
from okta_mi_provider.sync.text import one_line

_OPTION: Final = "write_pools"
#: What is said of a pool.
_KEYS: Final = ("pool", "slots", "task_slots")
_NAME, _SLOTS = Line(250), Count(1, 64)


class WritePoolError(SyncError):
    """Configured pools that cannot be used."""

    fatal = True


class WritePool(NamedTuple):
    """A pool of Airflow, one slot of which is one write in flight.

    Attributes:
        slots: Most writes in flight, of all tasks in the pool together.
        task_slots: Slots that each task takes which writes.
    """

    name: str
    slots: int
    task_slots: int

    def in_flight(self, most: int, slots: int) -> int:
        """How many writes a task may have in flight, so that all in the pool together have no more than allowed.

        Args:
            most: How many the connection allows.
            slots: How many slots of the pool the task takes.

        Raises:
            WritePoolError: If more tasks fit into the pool than the connection allows writes.
        """
        share = min(slots, most * slots // self.slots)
        if share < 1:
            raise WritePoolError(
                f"Pool {self.name!r} lets {self.slots // slots} tasks write at the same time, but max_concurrency of "
                f"the connection allows {most} in flight. Give each task more of the {self.slots} slots, or the pool "
                f"fewer: [{SECTION}] {_OPTION}."
            )
        return share


def configured() -> Mapping[str, WritePool]:
    """The pools by the MI connection that they are for. Connections of one server may have one pool.

    Raises:
        WritePoolError: If they cannot be used.
    """
    text = (conf.get(SECTION, _OPTION, fallback="") or "").strip()
    if not text:
        return {}
    try:
        found = json.loads(text)
    except ValueError as error:
        raise _wrong(f"is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise _wrong('must be an object such as {"metric_insights_default": {"pool": "mi_writes", "slots": 8}}')
    pools = {conn_id: _pool(conn_id, value) for conn_id, value in found.items()}
    by_name: dict[str, WritePool] = {}
    for conn_id, pool in pools.items():
        if by_name.setdefault(pool.name, pool) != pool:
            raise _wrong(f"says two things of pool {pool.name!r}, the second one for {_shown(conn_id)}")
    return pools


def of(pool: str) -> WritePool | None:
    """The configured pool of a name; None if it is not configured.

    Raises:
        WritePoolError: If pools are configured that cannot be used.
    """
    return next((each for each in configured().values() if each.name == pool), None)


def _pool(conn_id: str, value: Any) -> WritePool:
    where = f"of {_shown(conn_id)}"
    if not isinstance(value, dict):
        raise _wrong(f"{where} must be an object with the keys pool and slots")
    if unknown := sorted(value.keys() - set(_KEYS)):
        raise _wrong(f"{where} has an unknown key {_shown(unknown[0])}; known keys: {', '.join(_KEYS)}")
    if missing := [key for key in ("pool", "slots") if key not in value]:
        raise _wrong(f"{where} lacks the key {missing[0]}")
    try:
        name, slots = _NAME.parse(value["pool"]), _SLOTS.parse(value["slots"])
        task_slots = _SLOTS.parse(value.get("task_slots", slots))
    except ValueError as error:
        raise _wrong(f"{where}: {one_line(str(error), 500)}") from None
    if task_slots > slots:
        raise _wrong(f"{where}: task_slots is {task_slots}, but the pool has {slots} slots; no task would ever run")
    okta_pool = (conf.get(SECTION, "okta_pool", fallback="") or "").strip()
    if name in {NOT_OURS, okta_pool}:
        raise _wrong(f"{where}: the pool must not be {name!r}, which other tasks use too. Choose another name")
    return WritePool(name, slots, task_slots)


def _shown(word: str) -> str:
    return one_line(show(word))


def _wrong(what: str) -> WritePoolError:
    return WritePoolError(f"[{SECTION}] {_OPTION} {what}.")
