"""Makes the pool that readers of Okta share when Airflow's scheduler starts: a task in an unknown pool never runs."""

from __future__ import annotations

import logging

from airflow.listeners import hookimpl

from okta_mi_provider.sync.errors import SyncError

log = logging.getLogger(__name__)

#: Where the class is from whose objects are Airflow's own long-running processes. They may use its database, tasks not.
_JOB_MODULE = "airflow.jobs.job"


@hookimpl
def on_starting(component: object) -> None:
    """Airflow's hook: called in each of its processes, and in each task."""
    if type(component).__module__ == _JOB_MODULE:
        make_pool()


def make_pool() -> None:
    """Makes the pool, if one is configured and not there. One that is there keeps the slots that people gave it."""
    from airflow.models.pool import Pool  # noqa: PLC0415 - Airflow's tables are for its own processes only
    from sqlalchemy.exc import IntegrityError  # noqa: PLC0415

    from okta_mi_provider.okta_pool import OktaPool  # noqa: PLC0415

    try:
        pool = OktaPool.configured()
    except SyncError as error:
        log.error("%s", error)  # noqa: TRY400 - the sentence says it all
        return
    if pool is None:
        return
    existing = Pool.get_pool(pool.name)
    if existing is None:
        try:
            Pool.create_or_update_pool(
                pool.name,
                pool.slots,
                "Tasks that read Okta at the same time (okta_pool in section okta_mi of the configuration)",
                False,
            )
        except IntegrityError:
            # Another process, which starts at the same time, was faster.
            log.debug("Pool %s has been made meanwhile.", pool.name)
    elif existing.slots != pool.slots:
        log.warning(
            "Pool %s has %s slots, but [okta_mi] okta_pool_slots says %s; that is how Okta's rate limit is divided. "
            "Make them agree.",
            pool.name,
            existing.slots,
            pool.slots,
        )
