"""`explain`: one user's way through a sync. Reads both sides, and writes nothing."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace

from okta_mi_provider.cli.connections import sides
from okta_mi_provider.cli.diagnostics import complain, diagnostics
from okta_mi_provider.cli.entries import entry_of, settings_of
from okta_mi_provider.cli.exit_codes import FAILED, OK
from okta_mi_provider.cli.output import tell
from okta_mi_provider.cli.provision import speak_of_settings
from okta_mi_provider.cli.store import open_store
from okta_mi_provider.clients.errors import AuthError, ConfigurationError, Forbidden
from okta_mi_provider.settings_error import SettingsError
from okta_mi_provider.store import RunKey, StoreError
from okta_mi_provider.store.recollection import remembered
from okta_mi_provider.sync.errors import SyncError
from okta_mi_provider.sync.explain import Explanation, explain
from okta_mi_provider.sync.fetch import GroupSelector, fetch, target_name
from okta_mi_provider.sync.pauses import Pauses


def run(args: argparse.Namespace) -> int:
    """Runs the command.

    Returns:
        0 if there is such a user, 1 if not or if something could not be read, 2 for wrong usage, settings or
        credentials.
    """
    try:
        with diagnostics(verbose=bool(args.verbose)):
            told = _explanation(args)
    except SettingsError as error:
        return complain("explain", speak_of_settings(error))
    except (ConfigurationError, AuthError, Forbidden, StoreError) as error:
        return complain("explain", str(error))
    except SyncError as error:
        complain("explain", str(error))
        return FAILED
    lost = tell("explain", _as_json(told) if args.json else _as_text(told))
    return max(OK if told.is_known else FAILED, lost)


def _explanation(args: argparse.Namespace) -> Explanation:
    if not args.user.strip():
        raise ConfigurationError("Which user? Give a login, an e-mail address or an Okta id.")
    entry = entry_of(args, args.group)
    settings = settings_of(args, entry)
    if settings.map_attr_to_group:
        raise ConfigurationError(
            "explain follows a user into one MI group, and map_attr_to_group names several. What would be done for the "
            "user is told by okta-mi provision --dry-run --full-summary --only-user USER, with the same options."
        )
    both = sides(args, read_only=True, pauses=Pauses())
    selectors = list(entry.selectors) if entry else [GroupSelector(name=name) for name in args.group]
    with open_store(args) as store:
        snapshot = fetch(both.source, both.target, selectors, settings)
        name = target_name(snapshot.source, settings)
        group = snapshot.target.group_named(name)
        with store.reading() as connection:
            memory = remembered(
                connection,
                snapshot.source,
                snapshot.target,
                group,
                dag_id=RunKey.of_command(name).dag_id,
                settings=settings,
                shared=True,
                of_dag=entry.dag_id if entry else None,
            )
    return explain(replace(snapshot, memory=memory), settings, args.user)


def _as_text(told: Explanation) -> str:
    lines: list[str] = []
    for step in told.steps:
        lines += [step.name.capitalize(), *(f"  {line}" for line in step.lines)]
    return "\n".join(lines) + "\n"


def _as_json(told: Explanation) -> str:
    document = {
        "known": told.is_known,
        "steps": [step.to_json() for step in told.steps],
        "changes": [
            {"kind": change.kind, "user": change.user, "group": change.group, "fields": change.fields}
            for change in told.plan.changes
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
