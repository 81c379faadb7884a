"""Task `fetch`: reads both sides and stores what it has read."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from okta_mi_provider import idle_token
from okta_mi_provider.okta_pool import sharers
from okta_mi_provider.operators.base import Job, SyncOperator
from okta_mi_provider.sync.fetch import fetch, target_name
from okta_mi_provider.sync.model import SourceGroup, joined_name
from okta_mi_provider.sync.text import plural, quoted

if TYPE_CHECKING:
    from okta_mi_provider.clients.okta import OktaClient

log = logging.getLogger(__name__)


class FetchOperator(SyncOperator):
    """Reads the Okta group with its members, MI, and what is remembered of earlier runs.

    Begins the run: what an earlier try has left for the other tasks is forgotten.
    """

    def work(self, job: Job) -> dict[str, Any]:
        """Returns the snapshot's digest and how many users there are on both sides."""
        from okta_mi_provider.hooks.store import retention  # noqa: PLC0415
        from okta_mi_provider.store import ArtifactKind, snapshots  # noqa: PLC0415

        settings = self.effective_settings(job.context)
        keep = retention()
        named = tuple(SourceGroup(each.id or "", each.name or "") for each in self.selectors)
        target_group = settings.target_group or joined_name(named)
        journal = job.journal(settings, source_groups=named, target_group=target_group)
        journal.start()
        okta = self.okta(sharers=sharers(self.pool))
        self._warn_of_idle_token(okta)
        snapshot = fetch(okta, self.metric_insights(read_only=True), self.selectors, settings)
        group = snapshot.target.group_named(target_name(snapshot.source, settings))
        snapshot = replace(snapshot, memory=journal.recall(snapshot.source, snapshot.target, group))
        digest = job.store.save(job.run, ArtifactKind.SNAPSHOT, snapshots.to_json(snapshot))
        job.store.forget_old(keep)
        source, target = snapshot.source, snapshot.target
        log.info(
            "Okta group %s of %s has %s; %s has %s and %s.",
            quoted(source.name),
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
