"""Which run an undo takes back, so that both can be told from either."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Adds the column; of earlier undos nobody knows. Most runs have nothing in it: the index has only the others."""
    op.add_column("okta_mi_runs", sa.Column("undoes", sa.Integer))
    condition = sa.text("undoes IS NOT NULL")
    op.create_index(
        "okta_mi_runs_undone", "okta_mi_runs", ["undoes"], sqlite_where=condition, postgresql_where=condition
    )
