"""What outlives a task: snapshots, plans and outcomes, in one SQL database."""

from __future__ import annotations

from okta_mi_provider.store.errors import ArtifactMissing, StoreError
from okta_mi_provider.store.outcome_log import OutcomeLog
from okta_mi_provider.store.store import Artifact, ArtifactKind, RunKey, Store

__all__ = ["Artifact", "ArtifactKind", "ArtifactMissing", "OutcomeLog", "RunKey", "Store", "StoreError"]
