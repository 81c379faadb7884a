"""History: runs with how they ended, changes in place of outcomes, the ledger of memberships, and links.

What the older tables know is taken over. They did not know of memberships of our making, so the ledger begins empty:
nobody who was put into a group before is removed from it by `prune: managed`.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from okta_mi_provider.store.columns import Moment, SafeJson, SafeString, SafeText

revision = "0002"
down_revision = "0001"

_OLD_RUNS = sa.table(
    "okta_mi_runs",
    *(sa.column(name) for name in ("id", "dag_id", "run_id", "group_key", "settings")),
    sa.column("started_at", Moment),
)
_OLD_OUTCOMES = sa.table(
    "okta_mi_outcomes",
    *(sa.column(name) for name in ("id", "dag_id", "run_id", "change_key", "status", "error", "target_id")),
    sa.column("passing", sa.Boolean),
    sa.column("joined", sa.Boolean),
    sa.column("at", Moment),
)
_ARTIFACTS = sa.table(
    "okta_mi_artifacts", *(sa.column(name) for name in ("dag_id", "run_id", "kind")), sa.column("body", sa.LargeBinary)
)


def upgrade() -> None:
    """Replaces the tables of runs and outcomes, and makes the new ones."""
    connection = op.get_bind()
    runs = [_run(connection, row) for row in connection.execute(sa.select(_OLD_RUNS).order_by(_OLD_RUNS.c.id))]
    changes = [change for run, report in runs for change in _changes(connection, run, report)]
    op.drop_table("okta_mi_outcomes")
    op.drop_table("okta_mi_runs")
    new_runs = _create_runs()
    new_changes = _create_changes()
    _create_ledger()
    _create_links()
    op.create_index("okta_mi_artifacts_by_time", "okta_mi_artifacts", ["created_at"])
    op.bulk_insert(new_runs, [run for run, _ in runs])
    op.bulk_insert(new_changes, changes)
    if connection.dialect.name == "postgresql":
        op.alter_column(
            "okta_mi_artifacts",
            "kind",
            comment="snapshot, plan, approval, checked, report or failure",
            existing_comment="snapshot, plan, report or failure",
            existing_type=sa.String(20),
            existing_nullable=False,
        )
        # Rows with ids of their own do not count up what gives the next id.
        connection.execute(
            sa.text(
                "SELECT setval(pg_get_serial_sequence('okta_mi_runs', 'id'), "
                "(SELECT coalesce(max(id), 0) + 1 FROM okta_mi_runs), false)"
            )
        )


def _run(connection: sa.Connection, row: sa.Row[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A run as a row of the new table, with what its report tells; and that report, empty if there is none."""
    body = connection.scalar(
        sa.select(_ARTIFACTS.c.body).where(
            _ARTIFACTS.c.dag_id == row.dag_id, _ARTIFACTS.c.run_id == row.run_id, _ARTIFACTS.c.kind == "report"
        )
    )
    report = _decoded(body)
    settings = json.loads(row.settings)
    source = report.get("source", {"org": "", "group": {"id": None, "name": row.group_key}})
    target = report.get("target", {"host": "", "group": {"id": None, "name": settings.get("target_group")}})
    run = {
        "id": row.id,
        "dag_id": row.dag_id,
        "run_id": row.run_id,
        "mode": "sync",
        "dry_run": bool(settings.get("dry_run")),
        "org": source["org"],
        "host": target["host"],
        "source_groups": [{"id": source["group"]["id"] or "", "name": source["group"]["name"]}],
        "target_group_id": target["group"]["id"],
        "target_group": target["group"]["name"] or row.group_key,
        "settings": settings,
        "only_user": False,
        "plan_digest": report.get("plan_digest"),
        "source_users": report["counts"]["users"]["source"] if report else None,
        "state": report.get("state"),
        "complete": False,
        "counts": report.get("counts"),
        "error": report.get("error"),
        "started_at": row.started_at,
    }
    return run, report


def _decoded(body: bytes | None) -> dict[str, Any]:
    """A stored report; empty if there is none, or it is damaged."""
    try:
        found = json.loads(zlib.decompress(body)) if body else {}
    except (zlib.error, ValueError):
        return {}
    return found if isinstance(found, dict) and found.get("schema") == 1 else {}


def _changes(connection: sa.Connection, run: dict[str, Any], report: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What became of the changes of a run: of several attempts the last, but what one of them did is done."""
    merged: dict[str, dict[str, Any]] = {}
    outcomes = (
        sa.select(_OLD_OUTCOMES)
        .where(_OLD_OUTCOMES.c.dag_id == run["dag_id"], _OLD_OUTCOMES.c.run_id == run["run_id"])
        .order_by(_OLD_OUTCOMES.c.id)
    )
    for row in connection.execute(outcomes):
        earlier = merged.get(row.change_key, {"status": None, "joined": False})
        ours = earlier["status"] == "done" and row.status == "already"
        merged[row.change_key] = {
            "status": "done" if ours else row.status,
            "joined": earlier["joined"] or row.joined,
            "error": row.error,
            "passing": row.passing,
            "target_id": row.target_id,
            "at": row.at,
        }
    told = {json.dumps([each["kind"], each["group"], each["user"]]): each for each in report.get("changes", [])}
    groups = {run["target_group"]: run["target_group_id"]}
    for position, (key, outcome) in enumerate(merged.items()):
        kind, group, user = json.loads(key)[:3]
        fields = told.get(key, {}).get("fields") or {}
        target_id = outcome.pop("target_id")
        is_new = kind in {"create_group", "create_user"}
        yield {
            "run": run["id"],
            "position": position,
            "group_id": target_id if kind == "create_group" else groups.get(group),
            "group_name": group,
            "user_id": target_id if user else None,
            "username": user,
            "username_folded": user.casefold()[:200] if user else None,
            "kind": kind,
            "old": {name: pair[0] for name, pair in fields.items()} if fields and not is_new else None,
            "new": {name: pair[1] for name, pair in fields.items()} or None,
            "left_group": False,
            **outcome,
        }


def _create_runs() -> sa.Table:
    table = op.create_table(
        "okta_mi_runs",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("dag_id", SafeString(250), nullable=False),
        sa.Column("run_id", SafeString(250), nullable=False),
        sa.Column("mode", SafeString(10), nullable=False),
        sa.Column("dry_run", sa.Boolean, nullable=False),
        sa.Column("org", SafeText, nullable=False),
        sa.Column("host", SafeText, nullable=False),
        sa.Column("source_groups", SafeJson, nullable=False),
        sa.Column("target_group_id", SafeText),
        sa.Column("target_group", SafeText, nullable=False),
        sa.Column("settings", SafeJson, nullable=False),
        sa.Column("fingerprint", SafeJson),
        sa.Column("only_user", sa.Boolean, nullable=False),
        sa.Column("triggered_by", SafeText),
        sa.Column("approved_by", SafeText),
        sa.Column("approved_at", Moment),
        sa.Column("plan_digest", SafeString(64)),
        sa.Column("source_users", sa.Integer),
        sa.Column("users_in_scope", sa.Integer),
        sa.Column("state", SafeString(10)),
        sa.Column("complete", sa.Boolean, nullable=False),
        sa.Column("counts", SafeJson),
        sa.Column("error", SafeText),
        sa.Column("started_at", Moment, nullable=False),
        sa.Column("ended_at", Moment),
        sqlite_autoincrement=True,
    )
    op.create_index("okta_mi_runs_of_dag", "okta_mi_runs", ["dag_id", "run_id"])
    op.create_index("okta_mi_runs_by_time", "okta_mi_runs", ["started_at"])
    return table


def _create_changes() -> sa.Table:
    table = op.create_table(
        "okta_mi_changes",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("run", sa.Integer, sa.ForeignKey("okta_mi_runs.id", ondelete="CASCADE"), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("group_id", SafeText),
        sa.Column("group_name", SafeText, nullable=False),
        sa.Column("source_id", SafeText),
        sa.Column("user_id", SafeText),
        sa.Column("username", SafeText),
        sa.Column("username_folded", SafeString(200)),
        sa.Column("kind", SafeString(20), nullable=False),
        sa.Column("old", SafeJson),
        sa.Column("new", SafeJson),
        sa.Column("status", SafeString(10), nullable=False),
        sa.Column("error", SafeText),
        sa.Column("passing", sa.Boolean, nullable=False),
        sa.Column("joined", sa.Boolean, nullable=False),
        sa.Column("left_group", sa.Boolean, nullable=False),
        sa.Column("triggered_by", SafeText),
        sa.Column("approved_by", SafeText),
        sa.Column("at", Moment, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("okta_mi_changes_of_run", "okta_mi_changes", ["run", "position"], unique=True)
    op.create_index("okta_mi_changes_of_user", "okta_mi_changes", ["user_id"])
    op.create_index("okta_mi_changes_of_source", "okta_mi_changes", ["source_id"])
    op.create_index("okta_mi_changes_of_username", "okta_mi_changes", ["username_folded"])
    for name, columns, condition in (
        ("okta_mi_changes_in_doubt", ["run"], "status = 'begun'"),
        ("okta_mi_changes_planned", ["run"], "status = 'planned'"),
        ("okta_mi_changes_of_access", ["id"], "kind IN ('disable_user', 'enable_user')"),
    ):
        where = sa.text(condition)
        op.create_index(name, "okta_mi_changes", columns, sqlite_where=where, postgresql_where=where)
    return table


def _create_ledger() -> None:
    op.create_table(
        "okta_mi_memberships",
        sa.Column("host", SafeText, primary_key=True),
        sa.Column("group_id", SafeText, primary_key=True),
        sa.Column("user_id", SafeText, primary_key=True),
        sa.Column("group_name", SafeText, nullable=False),
        sa.Column("username", SafeText, nullable=False),
        sa.Column("source_id", SafeText, nullable=False),
        sa.Column("source_group_id", SafeText, nullable=False),
        sa.Column("dag_id", SafeString(250), nullable=False),
        sa.Column("run", sa.Integer, nullable=False),
        sa.Column("at", Moment, nullable=False),
    )


def _create_links() -> None:
    op.create_table(
        "okta_mi_links",
        sa.Column("host", SafeText, primary_key=True),
        sa.Column("org", SafeText, primary_key=True),
        sa.Column("source_id", SafeText, primary_key=True),
        sa.Column("user_id", SafeText, nullable=False),
        sa.Column("username", SafeText, nullable=False),
        sa.Column("run", sa.Integer, nullable=False),
        sa.Column("at", Moment, nullable=False),
    )
    op.create_index("okta_mi_links_of_user", "okta_mi_links", ["host", "org", "user_id"])
