"""Users whose creation came to grief, so that the next run puts them into the Default Group."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from okta_mi_provider.store.columns import Moment, SafeText

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Makes the table; of earlier runs it knows nobody."""
    op.create_table(
        "okta_mi_unfinished",
        sa.Column("host", SafeText, primary_key=True),
        sa.Column("org", SafeText, primary_key=True),
        sa.Column("source_id", SafeText, primary_key=True),
        sa.Column("username", SafeText, nullable=False),
        sa.Column("email", SafeText, nullable=False),
        sa.Column("run", sa.Integer, nullable=False),
        sa.Column("at", Moment, nullable=False),
    )
    op.create_index("okta_mi_unfinished_by_time", "okta_mi_unfinished", ["at"])
