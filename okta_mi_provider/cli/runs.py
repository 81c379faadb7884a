"""`runs`: the last runs, and how they ended."""

from __future__ import annotations

import argparse
from typing import Any

from okta_mi_provider.cli.diagnostics import complain
from okta_mi_provider.cli.output import tell
from okta_mi_provider.cli.since import moment
from okta_mi_provider.cli.store import open_store
from okta_mi_provider.cli.tables import render
from okta_mi_provider.clients.errors import ConfigurationError
from okta_mi_provider.store.history import LARGEST_NUMBER, History, RunRecord
from okta_mi_provider.sync.errors import SyncError
from okta_mi_provider.sync.model import joined_name

_COUNTED = ("created", "updated", "added", "removed", "disabled", "conflicts", "failed")
_SHOWN = ("run", "started_at", "group", "mode", "state", *_COUNTED, "triggered_by", "approved_by", "error")
_EVERYTHING = (
    "run", "started_at", "ended_at", "dag_id", "run_id", "mode", "dry_run", "state", "complete", "source", "group",
    "group_id", *_COUNTED, "source_users", "users_in_scope", "plan_digest", "triggered_by", "approved_by",
    "approved_at", "error", "org", "host", "undoes",
)  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Runs the command.

    Returns:
        The exit code; see `exit_codes`.
    """
    try:
        if not 1 <= args.limit <= LARGEST_NUMBER:
            raise ConfigurationError(f"--limit must be at least 1 and at most {LARGEST_NUMBER}, not {args.limit}.")
        with open_store(args) as store:
            found = History(store).runs(
                dag_id=args.dag, group=args.group, since=moment(args.since), state=args.state, limit=args.limit
            )
            nothing = f"No such run is in the store {store}."
    except SyncError as error:
        return complain("runs", str(error))
    rows = [_row(each) for each in found]
    if args.format == "table":
        rows = [{**row, "mode": f"undo of {row['undoes']}"} if row["undoes"] else row for row in rows]
    text = render(rows, args.format, shown=_SHOWN, everything=_EVERYTHING, nothing=nothing)
    if not found and args.format != "table":
        tell("runs", f"{nothing}\n", on_stderr=True)
    return tell("runs", text)


def _row(record: RunRecord) -> dict[str, Any]:
    plain = {
        name: getattr(record, name) for name in RunRecord.__slots__ if name not in {"id", "settings", "fingerprint"}
    }
    group, source_groups, counts = plain.pop("target_group"), plain.pop("source_groups"), plain.pop("counts") or {}
    flat = {name: number for part in counts.values() if isinstance(part, dict) for name, number in part.items()}
    return {
        **plain,
        "run": record.id,
        "mode": "dry run" if record.dry_run else record.mode,
        "state": record.state.value if record.state else "running",
        "source": joined_name(source_groups),
        "group": group.name,
        "group_id": group.id,
        # Users and groups both have a number of created ones; people ask for users.
        **{name: counts.get("users", {}).get(name, flat.get(name)) for name in _COUNTED},
    }
