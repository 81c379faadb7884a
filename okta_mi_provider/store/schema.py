"""The tables. Times are UTC; names of people are in `body` and `change_key`, secrets nowhere."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, DateTime, Index, Integer, LargeBinary, MetaData, String, Table, Text

METADATA = MetaData()

#: One row for each run; a later `id` is a later begin, whatever the clocks of the workers say.
RUNS = Table(
    "okta_mi_runs",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("dag_id", String(250), nullable=False),
    Column("run_id", String(250), nullable=False),
    Column("group_key", Text, nullable=False, comment="Name or id of the Okta group"),
    Column("settings", Text, nullable=False, comment="JSON: the settings of this run"),
    Column("started_at", DateTime(timezone=True), nullable=False),
    Index("okta_mi_runs_of_dag", "dag_id", "run_id", unique=True),
    sqlite_autoincrement=True,
)

#: What the tasks of a run hand each other.
ARTIFACTS = Table(
    "okta_mi_artifacts",
    METADATA,
    Column("dag_id", String(250), primary_key=True),
    Column("run_id", String(250), primary_key=True),
    Column("kind", String(20), primary_key=True, comment="snapshot, plan, report or failure"),
    Column("digest", String(64), nullable=False, comment="sha256 of the JSON, in hex"),
    Column("body", LargeBinary, nullable=False, comment="JSON, compressed with zlib"),
    Column("created_at", DateTime(timezone=True), nullable=False),
)

#: What became of changes, one row for each attempt.
OUTCOMES = Table(
    "okta_mi_outcomes",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("dag_id", String(250), nullable=False),
    Column("run_id", String(250), nullable=False),
    Column("plan_digest", String(64), nullable=False),
    Column("change_key", Text, nullable=False),
    Column("status", String(10), nullable=False),
    Column("error", Text),
    Column("passing", Boolean, nullable=False),
    Column("target_id", Text),
    Column("joined", Boolean, nullable=False, comment="the user has become a member of the group by it"),
    Column("at", DateTime(timezone=True), nullable=False),
    Index("okta_mi_outcomes_of_run", "dag_id", "run_id"),
    sqlite_autoincrement=True,
)
