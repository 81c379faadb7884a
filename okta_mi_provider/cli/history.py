"""`history`: who got or lost which access, when, why, and by whom."""

from __future__ import annotations

import argparse
from typing import Any

from okta_mi_provider.cli.diagnostics import complain
from okta_mi_provider.cli.output import tell
from okta_mi_provider.cli.since import moment
from okta_mi_provider.cli.store import open_store
from okta_mi_provider.cli.tables import render
from okta_mi_provider.clients.errors import ConfigurationError
from okta_mi_provider.store.history import ChangeRecord, History
from okta_mi_provider.sync.errors import SyncError
from okta_mi_provider.sync.text import quoted

_SHOWN = ("at", "run", "kind", "user", "group", "what", "status", "triggered_by", "approved_by", "error")
_EVERYTHING = (
    "at", "run", "dag_id", "mode", "kind", "user", "source_id", "user_id", "group", "group_id", "old", "new", "status",
    "joined", "left", "error", "triggered_by", "approved_by", "org", "host",
)  # fmt: skip
#: What a table without a row says.
_NOTHING = "Nothing."


def run(args: argparse.Namespace) -> int:
    """Runs the command.

    Returns:
        The exit code; see `exit_codes`.
    """
    try:
        since = moment(args.since)
        with open_store(args) as store:
            history = History(store)
            found = _changes(history, args, since, str(store))
            nothing = _NOTHING if found else _nothing(history, args, str(store))
    except SyncError as error:
        return complain("history", str(error))
    text = render([_row(each) for each in found], args.format, shown=_SHOWN, everything=_EVERYTHING, nothing=nothing)
    if nothing != _NOTHING and args.format != "table":
        tell("history", f"{nothing}\n", on_stderr=True)
    return tell("history", text)


def _changes(history: History, args: argparse.Namespace, since: Any, store: str) -> list[ChangeRecord]:
    if sum(each is not None for each in (args.user, args.group, args.run)) == 0:
        raise ConfigurationError("Whose history? Name a user, --group GROUP, or --run RUN.")
    if args.run is not None:
        if history.run(args.run) is None:
            raise ConfigurationError(
                f"There is no run {args.run} in the store {store}; okta-mi runs shows those there are."
            )
        found = history.changes_of_run(args.run)
    elif args.user is not None:
        found = history.changes_of_user(args.user, since=since)
    else:
        found = history.changes_of_group(args.group, since=since)
    return [each for each in found if _is_asked_for(each, args, since)]


def _nothing(history: History, args: argparse.Namespace, store: str) -> str:
    """What there is to say where nothing was found: a name that is misspelt must not look like a clean record."""
    if args.user is not None and not history.changes_of_user(args.user, planned=True):
        return (
            f"In no run of the store {store} was anything written, or to be written, for {quoted(args.user)}. Users "
            "are found by their username in MI, Okta id or MI id."
        )
    return _NOTHING


def _is_asked_for(change: ChangeRecord, args: argparse.Namespace, since: Any) -> bool:
    in_group = args.group is None or args.group in {change.group.name, change.group.id}
    names = {(change.username or "").casefold(), change.source_id, change.user_id}
    of_user = args.user is None or bool({args.user, args.user.casefold()} & names)
    return in_group and of_user and (since is None or change.at >= since)


def _row(change: ChangeRecord) -> dict[str, Any]:
    plain = {name: getattr(change, name) for name in ChangeRecord.__slots__}
    group, user = plain.pop("group"), plain.pop("username")
    return {**plain, "user": user, "group": group.name, "group_id": group.id, "what": _what(change)}


def _what(change: ChangeRecord) -> str:
    """What has changed, old -> new."""
    if change.new is None:
        return ""
    old = change.old or {}
    return ", ".join(
        f"{name} {quoted(str(old[name]))} -> {quoted(str(value))}"
        if old.get(name) is not None
        else f"{name} {quoted(str(value))}"
        for name, value in change.new.items()
    )
