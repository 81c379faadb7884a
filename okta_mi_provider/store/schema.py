"""The tables. Times are UTC; secrets are nowhere.

The `doc` of a column is what docs/history.md says of it.

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
    Column(
        "id",
        Integer,
        primary_key=True,
        autoincrement=True,
        doc="Names the run for `okta-mi undo`; a later run has a higher one.",
    ),
    Column(
        "dag_id",
        SafeString(250),
        nullable=False,
        doc="The DAG; `<DAG>:<task>` of a single operator; `cli:<MI group>` of the command line.",
    ),
    Column(
        "run_id",
        SafeString(250),
        nullable=False,
        doc="Airflow's id of the run; on the command line a time and a random number.",
    ),
    Column("mode", SafeString(10), nullable=False, doc="`sync`, `drift` (only looked) or `undo`."),
    Column("dry_run", Boolean, nullable=False, doc="It has only shown what it would write."),
    Column("org", SafeText, nullable=False, doc="The Okta org."),
    Column("host", SafeText, nullable=False, doc="The Metric Insights server."),
    Column("source_groups", SafeJson, nullable=False, doc='The groups of Okta: a list of `{"id": ..., "name": ...}`.'),
    Column("target_group_id", SafeText, doc="Id of the MI group; null if it did not exist."),
    Column("target_group", SafeText, nullable=False, doc="Its name."),
    Column("settings", SafeJson, nullable=False, doc="All settings of the run."),
    Column(
        "fingerprint",
        SafeJson,
        doc="Those that decide who is synced, who is who, and who is removed (since 0.1: `prune`). The next run "
        "compares those that are there.",
    ),
    Column("only_user", Boolean, nullable=False, doc="It was about a single user."),
    Column(
        "triggered_by",
        SafeText,
        doc="The person who triggered it, else what kind of run it is (`scheduled`, ...); on the command line the"
        " system's user.",
    ),
    Column(
        "approved_by",
        SafeText,
        doc="Who has approved the plan in Airflow; with `approve: never`, who triggered the run, if the plan was "
        "unusual and was written because the run had its digest. Null if nobody had to.",
    ),
    Column("approved_at", Moment, doc="When."),
    Column("plan_digest", SafeString(64), doc="sha256 of the plan; null if it did not come to one."),
    Column("source_users", Integer, doc="Members that Okta listed."),
    Column("users_in_scope", Integer, doc="Those of them who were to sync."),
    Column(
        "state",
        SafeString(10),
        doc="`done`, `failed`, `refused`; null while it runs. A run that was killed is `failed` as soon as the "
        "next one begins.",
    ),
    Column(
        "complete", Boolean, nullable=False, doc="A whole and real sync, after which everything was as it should be."
    ),
    Column("counts", SafeJson, doc="The numbers of the report."),
    Column("error", SafeText, doc="Why it did not get through."),
    Column("started_at", Moment, nullable=False, doc="When it began."),
    Column("ended_at", Moment, doc="When it ended."),
    Column("undoes", Integer, doc="Of an `undo`: `id` of the run that it takes back."),
    Index(
        "okta_mi_runs_undone",
        "undoes",
        sqlite_where=text("undoes IS NOT NULL"),
        postgresql_where=text("undoes IS NOT NULL"),
    ),
    Index("okta_mi_runs_of_dag", "dag_id", "run_id"),
    Index("okta_mi_runs_by_time", "started_at"),
    Index("okta_mi_runs_by_begin", "dag_id", "id"),
    sqlite_autoincrement=True,
)

#: One row for each user and change of a run that writes.
CHANGES = Table(
    "okta_mi_changes",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True, doc="Later runs have higher ones."),
    Column("run", Integer, ForeignKey(RUNS.c.id, ondelete="CASCADE"), nullable=False, doc="`okta_mi_runs.id`."),
    Column("position", Integer, nullable=False, doc="Its place in the plan."),
    Column("group_id", SafeText, doc="Id of the MI group that it is about."),
    Column("group_name", SafeText, nullable=False, doc="Its name."),
    Column("source_id", SafeText, doc="Okta id of the user."),
    Column("user_id", SafeText, doc="MI id of the user."),
    Column("username", SafeText, doc="Username in MI."),
    Column(
        "username_folded", SafeString(FOLDED_LENGTH), doc="The same in small letters, the first 200, for looking it up."
    ),
    Column(
        "kind",
        SafeString(20),
        nullable=False,
        doc="`create_group`, `create_user`, `update_user`, `add_member`, `remove_member`, `disable_user`, "
        "`enable_user`.",
    ),
    Column("old", SafeJson, doc="The attributes that it is about, as they were; null if there are none."),
    Column("new", SafeJson, doc="The same as they were to be."),
    Column(
        "status",
        SafeString(10),
        nullable=False,
        doc="`planned`: never tried; `begun`: in doubt; `done`; `already`: somebody else had done it; `failed`.",
    ),
    Column("error", SafeText, doc="Why it failed."),
    Column("passing", Boolean, nullable=False, doc="The failure may be gone next time."),
    Column("joined", Boolean, nullable=False, doc="The user has become a member of the group by it."),
    Column("left_group", Boolean, nullable=False, doc="The user has left the group by it."),
    Column("triggered_by", SafeText, doc="As in its run."),
    Column(
        "approved_by",
        SafeText,
        doc="As in its run; if it was asked again and another person has answered, the one with whose approval "
        "this change was tried.",
    ),
    Column("at", Moment, nullable=False, doc="When the status was noted."),
    Column(
        "administrator",
        Boolean,
        doc="The user is an administrator of MI, or is to be one; null if an older version has noted the change.",
    ),
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
    Column("host", SafeText, primary_key=True, doc="The Metric Insights server."),
    Column("group_id", SafeText, primary_key=True, doc="Id of the MI group."),
    Column("user_id", SafeText, primary_key=True, doc="Id of the MI user."),
    Column("group_name", SafeText, nullable=False, doc="Name of the group then."),
    Column("username", SafeText, nullable=False, doc="Username then."),
    Column("source_id", SafeText, nullable=False, doc="Okta id of the user."),
    Column(
        "source_group_id",
        SafeText,
        nullable=False,
        doc="Okta id of the group that it was made for; of several that are synced as one, the first.",
    ),
    Column("dag_id", SafeString(250), nullable=False, doc="The sync that has made it."),
    Column("run", Integer, nullable=False, doc="The run that has."),
    Column("at", Moment, nullable=False, doc="When."),
    Index("okta_mi_memberships_of_user", "user_id"),
)

#: Who in Okta is who in MI.
LINKS = Table(
    "okta_mi_links",
    METADATA,
    Column("host", SafeText, primary_key=True, doc="The Metric Insights server."),
    Column("org", SafeText, primary_key=True, doc="The Okta org."),
    Column("source_id", SafeText, primary_key=True, doc="Okta id of the user."),
    Column("user_id", SafeText, nullable=False, doc="MI id of the user."),
    Column("username", SafeText, nullable=False, doc="Username in MI then."),
    Column("run", Integer, nullable=False, doc="The run that has found or created the user."),
    Column("at", Moment, nullable=False, doc="When."),
    Index("okta_mi_links_of_user", "host", "org", "user_id"),
)

#: Users whose creation came to grief: they may be there, and not in the Default Group.
UNFINISHED = Table(
    "okta_mi_unfinished",
    METADATA,
    Column("host", SafeText, primary_key=True, doc="The Metric Insights server."),
    Column("org", SafeText, primary_key=True, doc="The Okta org."),
    Column("source_id", SafeText, primary_key=True, doc="Okta id of the user."),
    Column("username", SafeText, nullable=False, doc="Username in MI."),
    Column(
        "email",
        SafeText,
        nullable=False,
        doc="E-mail address; somebody of that name with another one is somebody else.",
    ),
    Column("run", Integer, nullable=False, doc="The run that was to create the user."),
    Column("at", Moment, nullable=False, doc="When."),
    Index("okta_mi_unfinished_by_time", "at"),
)

#: What an org has said last of the groups that have changed: one answer is for all syncs of the next minute with the
#: same credentials.
CHANGED_GROUPS = Table(
    "okta_mi_changed_groups",
    METADATA,
    Column("org", SafeText, primary_key=True, doc="The Okta org, `#`, and the connection with which it was asked."),
    Column("since", Moment, nullable=False, doc="Groups that have changed later, by Okta's clock, are in it."),
    Column("asked_at", Moment, nullable=False, doc="When Okta said so, by its clock."),
    Column(
        "stamps", SafeJson, nullable=False, doc="For each group id when its members and the group itself have changed."
    ),
    Column("at", Moment, nullable=False, doc="When, by our clock."),
)

#: What others were told of a sync last, so that nobody is told the same twice; see `told`.
TOLD = Table(
    "okta_mi_told",
    METADATA,
    Column("dag_id", SafeString(250), primary_key=True, doc="As in its runs; of a notifier `<DAG>:<task>`."),
    Column(
        "target_group",
        SafeText,
        primary_key=True,
        doc="The MI group, where several have syncs of one `dag_id`; else empty.",
    ),
    Column(
        "listener",
        SafeString(100),
        primary_key=True,
        doc="`asset` for other DAGs; else the class of a notifier, and which one of that class.",
    ),
    Column("state", SafeString(10), doc="What the notifier was told: `done`, `failed` or `refused`; null for `asset`."),
    Column("after_run", Integer, doc="What was written after this run was told with it."),
    Column("run", Integer, doc="The last run that other DAGs were told of."),
    Column("part", Integer, doc="Which part of its task has told; null if it has none."),
    Column("at", Moment, nullable=False, doc="When."),
)

#: What the tasks of a run hand each other.
ARTIFACTS = Table(
    "okta_mi_artifacts",
    METADATA,
    Column("dag_id", SafeString(250), primary_key=True, doc="The DAG."),
    Column("run_id", SafeString(250), primary_key=True, doc="Airflow's id of the run."),
    Column(
        "kind",
        SafeString(20),
        primary_key=True,
        comment="snapshot, plan, approval, checked, report or failure",
        doc="`snapshot`, `plan`, `plan_changes`, `plan_findings`, `plan_matched`, `approval`, `checked`, `report`, "
        "`report_changes`, `report_findings`, `links` or `failure`; of what is kept in parts, a colon and the number "
        "of the part follow.",
    ),
    Column("digest", SafeString(64), nullable=False, comment="sha256 of the JSON, in hex", doc="sha256 of the JSON."),
    Column(
        "body", LargeBinary, nullable=False, comment="JSON, compressed with zlib", doc="The JSON, compressed with zlib."
    ),
    Column("created_at", Moment, nullable=False, doc="When."),
    Index("okta_mi_artifacts_by_time", "created_at"),
)
