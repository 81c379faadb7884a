"""What the tasks of a run hand each other: the tables as they were before there were migrations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "okta_mi_runs",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("dag_id", sa.String(250), nullable=False),
        sa.Column("run_id", sa.String(250), nullable=False),
        sa.Column("group_key", sa.Text, nullable=False, comment="Name or id of the Okta group"),
        sa.Column("settings", sa.Text, nullable=False, comment="JSON: the settings of this run"),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("okta_mi_runs_of_dag", "okta_mi_runs", ["dag_id", "run_id"], unique=True)
    op.create_table(
        "okta_mi_artifacts",
        sa.Column("dag_id", sa.String(250), primary_key=True),
        sa.Column("run_id", sa.String(250), primary_key=True),
        sa.Column("kind", sa.String(20), primary_key=True, comment="snapshot, plan, report or failure"),
        sa.Column("digest", sa.String(64), nullable=False, comment="sha256 of the JSON, in hex"),
        sa.Column("body", sa.LargeBinary, nullable=False, comment="JSON, compressed with zlib"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "okta_mi_outcomes",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("dag_id", sa.String(250), nullable=False),
        sa.Column("run_id", sa.String(250), nullable=False),
        sa.Column("plan_digest", sa.String(64), nullable=False),
        sa.Column("change_key", sa.Text, nullable=False),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("passing", sa.Boolean, nullable=False),
        sa.Column("target_id", sa.Text),
        sa.Column("joined", sa.Boolean, nullable=False, comment="the user has become a member of the group by it"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("okta_mi_outcomes_of_run", "okta_mi_outcomes", ["dag_id", "run_id"])
