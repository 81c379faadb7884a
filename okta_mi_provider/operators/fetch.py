"""Task `fetch`: reads both sides and stores what it has read."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from okta_mi_provider import idle_token
from okta_mi_provider.okta_pool import sharers
from okta_mi_provider.operators.base import Job, SyncOperator
from okta_mi_provider.sync.fetch import fetch
from okta_mi_provider.sync.text import plural, quoted

if TYPE_CHECKING:
    from okta_mi_provider.clients.okta import OktaClient

log = logging.getLogger(__name__)


class FetchOperator(SyncOperator):
    """Reads the Okta group with its members, and MI. Begins the run: what an earlier try has left is forgotten."""

    def work(self, job: Job) -> dict[str, Any]:
        """Returns the snapshot's digest and how many users there are on both sides."""
        from okta_mi_provider.hooks.store import retention_days  # noqa: PLC0415
        from okta_mi_provider.store import ArtifactKind, snapshots  # noqa: PLC0415

        settings = self.effective_settings(job.context)
        job.store.begin(job.run, group=str(self.selector), settings=settings.to_mapping())
        okta = self.okta(sharers=sharers(self.pool))
        self._warn_of_idle_token(okta)
        snapshot = fetch(okta, self.metric_insights(read_only=True), self.selector, settings)
        digest = job.store.save(job.run, ArtifactKind.SNAPSHOT, snapshots.to_json(snapshot))
        job.store.forget_old_runs(job.run.dag_id, days=retention_days())
        source, target = snapshot.source, snapshot.target
        log.info(
            "Okta group %s of %s has %s; %s has %s and %s.",
            quoted(source.group.name),
            source.org,
            plural(len(source.users), "member"),
            target.host,
            plural(len(target.users), "user"),
            plural(len(target.groups), "group"),
        )
        return {"snapshot": digest, "source_users": len(source.users), "target_users": len(target.users)}

    def _warn_of_idle_token(self, okta: OktaClient) -> None:
        dag = self.get_dag()
        schedule = dag.schedule if dag else None
        if okta.dies_unused and isinstance(schedule, str) and (warning := idle_token.warning(schedule)):
            log.warning("%s", warning)
