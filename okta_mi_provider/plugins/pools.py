"""Makes the pools of the configuration when Airflow's scheduler starts: a task in an unknown pool never runs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import NamedTuple

from airflow.listeners import hookimpl

from okta_mi_provider.sync.errors import SyncError

log = logging.getLogger(__name__)

#: Where the class is from whose objects are Airflow's own long-running processes. They may use its database, tasks not.
_JOB_MODULE = "airflow.jobs.job"


class _Wanted(NamedTuple):
    """A pool as the configuration says.

    Attributes:
        where: What says it.
        consequence: What its slots decide.
    """

    name: str
    slots: int
    description: str
    where: str
    consequence: str


@hookimpl
def on_starting(component: object) -> None:
    """Airflow's hook: called in each of its processes, and in each task."""
    if type(component).__module__ == _JOB_MODULE:
        make_pools()


def make_pools() -> None:
    """Makes the pools that are configured and not there. One that is there keeps the slots that people gave it."""
    for wanted in (_okta_pool, _write_pools):
        for pool in _readable(wanted):
            _make(pool)


def _readable(wanted: Callable[[], Iterator[_Wanted]]) -> list[_Wanted]:
    """What is configured; nothing, with a line in the log, if it cannot be used."""
    try:
        return list(wanted())
    except SyncError as error:
        log.error("%s", error)  # noqa: TRY400 - the sentence says it all
        return []


def _okta_pool() -> Iterator[_Wanted]:
    from okta_mi_provider.okta_pool import OktaPool

    if pool := OktaPool.configured():
        yield _Wanted(
            pool.name,
            pool.slots,
            "Tasks that read Okta at the same time (okta_pool in section okta_mi of the configuration)",
            "[okta_mi] okta_pool_slots",
            "that is how Okta's rate limit is divided",
        )


def _write_pools() -> Iterator[_Wanted]:
    from okta_mi_provider import write_pools

    for pool in sorted(set(write_pools.configured().values())):
        yield _Wanted(
            pool.name,
            pool.slots,
            "Writes in flight on a Metric Insights server (write_pools in section okta_mi of the configuration)",
            "[okta_mi] write_pools",
            "that is how many writes a server of Metric Insights gets at once",
        )


def _make(pool: _Wanted) -> None:
    # Airflow's tables are for its own processes only.
    from airflow.models.pool import Pool
    from sqlalchemy.exc import IntegrityError

    existing = Pool.get_pool(pool.name)
    if existing is None:
        try:
            Pool.create_or_update_pool(pool.name, pool.slots, pool.description, False)
        except IntegrityError:
            # Another process, which starts at the same time, was faster.
            log.debug("Pool %s has been made meanwhile.", pool.name)
    elif existing.slots != pool.slots:
        log.warning(
            "Pool %s has %s slots, but %s says %s; %s. Make them agree.",
            pool.name,
            existing.slots,
            pool.where,
            pool.slots,
            pool.consequence,
        )
