"""The tables, as docs/history.md explains them. Times are UTC; secrets are nowhere.

A change in here needs a migration; see `upgrade`.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, LargeBinary, MetaData, Table, text

from okta_mi_provider.store.columns import Moment, SafeJson, SafeString, SafeText

METADATA = MetaData()

#: So much of a username in small letters is kept for looking it up: an index of PostgreSQL bears no long ones.
FOLDED_LENGTH = 200

#: One row for each begin of a run; a later `id` is a later begin, whatever the clocks of the workers say.
RUNS = Table(
    "okta_mi_runs",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("dag_id", SafeString(250), nullable=False),
    Column("run_id", SafeString(250), nullable=False),
    Column("mode", SafeString(10), nullable=False),
    Column("dry_run", Boolean, nullable=False),
    Column("org", SafeText, nullable=False),
    Column("host", SafeText, nullable=False),
    Column("source_groups", SafeJson, nullable=False),
    Column("target_group_id", SafeText),
    Column("target_group", SafeText, nullable=False),
    Column("settings", SafeJson, nullable=False),
    Column("fingerprint", SafeJson),
    Column("only_user", Boolean, nullable=False),
    Column("triggered_by", SafeText),
    Column("approved_by", SafeText),
    Column("approved_at", Moment),
    Column("plan_digest", SafeString(64)),
    Column("source_users", Integer),
    Column("users_in_scope", Integer),
    Column("state", SafeString(10)),
    Column("complete", Boolean, nullable=False),
    Column("counts", SafeJson),
    Column("error", SafeText),
    Column("started_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Index("okta_mi_runs_of_dag", "dag_id", "run_id"),
    Index("okta_mi_runs_by_time", "started_at"),
    Index("okta_mi_runs_by_begin", "dag_id", "id"),
    sqlite_autoincrement=True,
)

#: One row for each user and change of a run that writes.
CHANGES = Table(
    "okta_mi_changes",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("run", Integer, ForeignKey(RUNS.c.id, ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("group_id", SafeText),
    Column("group_name", SafeText, nullable=False),
    Column("source_id", SafeText),
    Column("user_id", SafeText),
    Column("username", SafeText),
    Column("username_folded", SafeString(FOLDED_LENGTH)),
    Column("kind", SafeString(20), nullable=False),
    Column("old", SafeJson),
    Column("new", SafeJson),
    Column("status", SafeString(10), nullable=False),
    Column("error", SafeText),
    Column("passing", Boolean, nullable=False),
    Column("joined", Boolean, nullable=False),
    Column("left_group", Boolean, nullable=False),
    Column("triggered_by", SafeText),
    Column("approved_by", SafeText),
    Column("at", Moment, nullable=False),
    Index("okta_mi_changes_of_run", "run", "position", unique=True),
    Index("okta_mi_changes_of_user", "user_id"),
    Index("okta_mi_changes_of_source", "source_id"),
    Index("okta_mi_changes_of_username", "username_folded"),
    # Few of many rows, which every sync looks for.
    *(
        Index(f"okta_mi_changes_{name}", column, sqlite_where=text(condition), postgresql_where=text(condition))
        for name, column, condition in (
            ("in_doubt", "run", "status = 'begun'"),
            ("planned", "run", "status = 'planned'"),
            ("of_access", "id", "kind IN ('disable_user', 'enable_user')"),
        )
    ),
    sqlite_autoincrement=True,
)

#: The ledger: memberships that a sync has made, and that are still there as far as it knows.
MEMBERSHIPS = Table(
    "okta_mi_memberships",
    METADATA,
    Column("host", SafeText, primary_key=True),
    Column("group_id", SafeText, primary_key=True),
    Column("user_id", SafeText, primary_key=True),
    Column("group_name", SafeText, nullable=False),
    Column("username", SafeText, nullable=False),
    Column("source_id", SafeText, nullable=False),
    Column("source_group_id", SafeText, nullable=False),
    Column("dag_id", SafeString(250), nullable=False),
    Column("run", Integer, nullable=False),
    Column("at", Moment, nullable=False),
    Index("okta_mi_memberships_of_user", "user_id"),
)

#: Who in Okta is who in MI.
LINKS = Table(
    "okta_mi_links",
    METADATA,
    Column("host", SafeText, primary_key=True),
    Column("org", SafeText, primary_key=True),
    Column("source_id", SafeText, primary_key=True),
    Column("user_id", SafeText, nullable=False),
    Column("username", SafeText, nullable=False),
    Column("run", Integer, nullable=False),
    Column("at", Moment, nullable=False),
    Index("okta_mi_links_of_user", "host", "org", "user_id"),
)

#: Users whose creation came to grief: they may be there, and not in the Default Group.
UNFINISHED = Table(
    "okta_mi_unfinished",
    METADATA,
    Column("host", SafeText, primary_key=True),
    Column("org", SafeText, primary_key=True),
    Column("source_id", SafeText, primary_key=True),
    Column("username", SafeText, nullable=False),
    Column("email", SafeText, nullable=False),
    Column("run", Integer, nullable=False),
    Column("at", Moment, nullable=False),
    Index("okta_mi_unfinished_by_time", "at"),
)

#: What an org has said last of the groups that have changed: one answer is for all syncs of the next minute.
CHANGED_GROUPS = Table(
    "okta_mi_changed_groups",
    METADATA,
    Column("org", SafeText, primary_key=True),
    Column("since", Moment, nullable=False),
    Column("asked_at", Moment, nullable=False),
    Column("stamps", SafeJson, nullable=False),
    Column("at", Moment, nullable=False),
)

#: What others were told of a sync last, so that nobody is told the same twice; see `told`.
TOLD = Table(
    "okta_mi_told",
    METADATA,
    Column("dag_id", SafeString(250), primary_key=True),
    Column("target_group", SafeText, primary_key=True),
    Column("listener", SafeString(100), primary_key=True),
    Column("state", SafeString(10)),
    Column("after_run", Integer),
    Column("run", Integer),
    Column("part", Integer),
    Column("at", Moment, nullable=False),
)

#: What the tasks of a run hand each other.
ARTIFACTS = Table(
    "okta_mi_artifacts",
    METADATA,
    Column("dag_id", SafeString(250), primary_key=True),
    Column("run_id", SafeString(250), primary_key=True),
    Column("kind", SafeString(20), primary_key=True, comment="snapshot, plan, approval, checked, report or failure"),
    Column("digest", SafeString(64), nullable=False, comment="sha256 of the JSON, in hex"),
    Column("body", LargeBinary, nullable=False, comment="JSON, compressed with zlib"),
    Column("created_at", Moment, nullable=False),
    Index("okta_mi_artifacts_by_time", "created_at"),
)
