"""Which changes are about an administrator of MI, for whoever looks at a plan: those come first."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Adds the column; of changes that were noted before nobody knows."""
    op.add_column("okta_mi_changes", sa.Column("administrator", sa.Boolean))
