"""What others were told of a sync last: other DAGs, and those who are notified."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from okta_mi_provider.store.columns import Moment, SafeString, SafeText

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Makes the table."""
    op.create_table(
        "okta_mi_told",
        sa.Column("dag_id", SafeString(250), primary_key=True),
        sa.Column("target_group", SafeText, primary_key=True),
        sa.Column("listener", SafeString(100), primary_key=True),
        sa.Column("state", SafeString(10)),
        sa.Column("after_run", sa.Integer),
        sa.Column("run", sa.Integer),
        sa.Column("part", sa.Integer),
        sa.Column("at", Moment, nullable=False),
    )
