"""What an org has said last of the groups that have changed, for all syncs of the next minute."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from okta_mi_provider.store.columns import Moment, SafeJson, SafeText

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Makes the table."""
    op.create_table(
        "okta_mi_changed_groups",
        sa.Column("org", SafeText, primary_key=True),
        sa.Column("since", Moment, nullable=False),
        sa.Column("asked_at", Moment, nullable=False),
        sa.Column("stamps", SafeJson, nullable=False),
        sa.Column("at", Moment, nullable=False),
    )
