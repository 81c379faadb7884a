"""What outlives a task: snapshots, plans, history, and which memberships are of our making, in one SQL database."""

from __future__ import annotations

from okta_mi_provider.store.artifacts import Artifact, ArtifactKind
from okta_mi_provider.store.errors import ArtifactMissing, StoreError
from okta_mi_provider.store.history import ChangeRecord, History, RunRecord
from okta_mi_provider.store.journal import StoreJournal
from okta_mi_provider.store.retention import Retention
from okta_mi_provider.store.runs import Beginning, RunKey
from okta_mi_provider.store.store import Store
from okta_mi_provider.store.told import Written

__all__ = [
    "Artifact",
    "ArtifactKind",
    "ArtifactMissing",
    "Beginning",
    "ChangeRecord",
    "History",
    "Retention",
    "RunKey",
    "RunRecord",
    "Store",
    "StoreError",
    "StoreJournal",
    "Written",
]
