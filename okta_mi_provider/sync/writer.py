"""What a sync demands of whoever writes to MI for it."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from okta_mi_provider.sync.model import TargetGroup, TargetUser


class Written(NamedTuple):
    """What a writer has to say of a write that did not fail.

    Attributes:
        target_id: MI id of the user or group.
        already: It was so already; a read has proved it.
        joined: The user has become a member of the target group by this write.
        left: The user was taken out of the target group by this write.
        unlike: The user is there, but not in everything as it was to be.
    """

    target_id: str
    already: bool = False
    joined: bool = False
    left: bool = False
    unlike: bool = False


class TargetWriter(Protocol):
    """Whoever can write to MI. Every method is an *ensure*: what is so already is no failure.

    Every method may be called by several threads at once, and raises a `SyncError` when it failed.
    """

    def create_group(self, name: str, source_id: str | None) -> Written:
        """Makes sure that a group of this name exists, made for the Okta group of this id if that has its name."""

    def create_user(self, user: TargetUser, group: TargetGroup, default_group: TargetGroup | None) -> Written:
        """Makes sure that the user exists and is a member of both groups."""

    def update_user(self, user: TargetUser, before: TargetUser) -> Written:
        """Makes sure that the user's attributes are these; before are those that were read."""

    def add_member(self, user: TargetUser, group: TargetGroup) -> Written:
        """Makes sure that the user is a member of the group."""

    def remove_member(self, user: TargetUser, group: TargetGroup) -> Written:
        """Makes sure that the user is no member of the group."""

    def set_enabled(self, user: TargetUser, before: TargetUser) -> Written:
        """Makes sure that the user may sign in, or may not, as the user says; before is what was read."""
