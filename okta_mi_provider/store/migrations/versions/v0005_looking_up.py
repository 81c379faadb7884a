"""Indexes for whoever looks: the last runs of a sync, and the memberships of a user."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Makes them."""
    op.create_index("okta_mi_runs_by_begin", "okta_mi_runs", ["dag_id", "id"])
    op.create_index("okta_mi_memberships_of_user", "okta_mi_memberships", ["user_id"])
