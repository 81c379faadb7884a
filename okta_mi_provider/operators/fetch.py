"""Task `fetch`: reads both sides and stores what it has read."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from okta_mi_provider import idle_token
from okta_mi_provider.operators.base import SyncOperator
from okta_mi_provider.operators.job import Job
from okta_mi_provider.operators.links import Links
from okta_mi_provider.operators.logs import log_settings
from okta_mi_provider.sync.fetch import fetch, target_name
from okta_mi_provider.sync.incremental import Changed, outdated, worth_asking
from okta_mi_provider.sync.model import SourceGroup, joined_name
from okta_mi_provider.sync.text import quoted
from okta_mi_provider.sync.trim import trim

if TYPE_CHECKING:
    from datetime import datetime

    from okta_mi_provider.clients.okta import OktaClient
    from okta_mi_provider.settings import SyncSettings
    from okta_mi_provider.sync.model import Source

log = logging.getLogger(__name__)


class FetchOperator(SyncOperator):
    """Reads the Okta group with its members, MI, and what is remembered of earlier runs; stores what a diff looks at.

    Begins the run: what an earlier try has left for the other tasks is forgotten.
    """

    def work(self, job: Job) -> dict[str, Any]:
        """Returns the snapshot's digest and how many users there are on both sides."""
        from okta_mi_provider.hooks.store import retention
        from okta_mi_provider.store import ArtifactKind, snapshots

        settings = self.effective_settings(job.context)
        keep = retention()
        named = tuple(SourceGroup(each.id or "", each.name or "") for each in self.selectors)
        target_group = settings.target_group or joined_name(named)
        journal = job.journal(settings, source_groups=named, target_group=target_group)
        journal.start()
        # Forgotten with the rest, so that the tasks after this one get none that an earlier try has found.
        self.links = Links()
        log_settings(settings)
        self.link(job)
        okta = self.okta()
        self._warn_of_idle_token(okta)
        known = self._known_members(job, okta, settings)
        target = self.metric_insights(read_only=True)
        snapshot = fetch(okta, target, self.selectors, settings, known=known)
        group = snapshot.target.group_named(target_name(snapshot.source, settings))
        page = target.page_of(group) if group else None
        self.link(job, okta=okta.page_of(snapshot.source.groups), metric_insights=page)
        snapshot = replace(snapshot, memory=journal.recall(snapshot.source, snapshot.target, group))
        kept = trim(snapshot, settings)
        digest = job.store.save(job.run, ArtifactKind.SNAPSHOT, snapshots.to_json(kept))
        job.store.forget_old(keep)
        source, directory = snapshot.source, snapshot.target
        self.conclude(
            f"Okta group {quoted(source.name)} of {source.org}, and {directory.host}:",
            [
                ("members in Okta", len(source.users)),
                ("members of the MI group", len(directory.members[group.id]) if group else "not there yet"),
                ("users of MI", len(directory.users)),
                ("groups of MI", len(directory.groups)),
            ],
        )
        return {"snapshot": digest, "source_users": len(source.users), "target_users": len(directory.users)}

    def _known_members(self, job: Job, okta: OktaClient, settings: SyncSettings) -> Source | None:
        """The members as an earlier run has read them, if Okta says that they still are; None to read them."""
        from okta_mi_provider.clients.errors import ApiError

        if not settings.incremental or settings.only_looks or settings.only_user:
            return None
        source = job.store.last_source(job.run, settings)
        since = worth_asking(source, self.selectors)
        if source is None or since is None or source.org != okta.org:
            return None
        try:
            changed = self._changed(job, okta, since)
        except ApiError as error:
            if error.passing:
                raise
            log.warning("%s All members are read.", error)
            return None
        if why := outdated(source, changed):
            log.info("All members are read: %s.", why)
            return None
        log.info("Okta says that nobody has joined or left: the members are those of the last reading.")
        return replace(source, checked_at=changed.asked_at)

    def _changed(self, job: Job, okta: OktaClient, since: datetime) -> Changed:
        """One request of one sync tells it for those of all groups that run at the same time.

        But of the same connection only: Okta leaves out what its credentials may not see, and those of others may.
        """
        asker = f"{okta.org}#{self.okta_conn_id}"
        said = job.store.changed_groups(asker, since)
        if said is None:
            said = okta.changed_groups(since)
            job.store.save_changed_groups(asker, said)
        return said

    def _warn_of_idle_token(self, okta: OktaClient) -> None:
        dag = self.get_dag()
        schedule = dag.schedule if dag else None
        if okta.dies_unused and isinstance(schedule, str) and (warning := idle_token.warning(schedule)):
            log.warning("%s", warning)
