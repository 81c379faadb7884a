"""What can go wrong with the store."""

from __future__ import annotations

from okta_mi_provider.sync.errors import SyncError

#: Where people set it, for messages.
SETTING = "[okta_mi] store"


class StoreError(SyncError):
    """The store cannot be used as it is configured."""

    fatal = True


class StoreUnavailable(StoreError):
    """The store does not answer, or is busy. It may do so later."""

    passing = True
    fatal = False


class ArtifactMissing(StoreError):
    """What an earlier task of the run has stored is not there, or is something else."""
