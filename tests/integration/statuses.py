"""The statuses of Okta whose users are members by default, and the others, as the specification has them."""

from __future__ import annotations

MEMBERS = ("ACTIVE", "LOCKED_OUT", "PASSWORD_EXPIRED", "PROVISIONED", "RECOVERY", "STAGED")
OTHERS = ("DEPROVISIONED", "SUSPENDED")


def name_of(status: str) -> str:
    """A username for somebody who has it."""
    return status.lower().replace("_", "-")
