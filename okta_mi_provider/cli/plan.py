"""`plan`: how Metric Insights differs from Okta. Reads both sides, and writes nothing."""

from __future__ import annotations

import argparse
import json

from okta_mi_provider.cli.connections import sides
from okta_mi_provider.cli.diagnostics import complain, diagnostics
from okta_mi_provider.cli.entries import entry_of, settings_of
from okta_mi_provider.cli.output import tell
from okta_mi_provider.cli.provision import exit_code, group_names, journal_of, speak_of_settings, unions_of
from okta_mi_provider.cli.store import open_store
from okta_mi_provider.settings_error import SettingsError
from okta_mi_provider.sync.errors import SyncError
from okta_mi_provider.sync.pauses import Pauses
from okta_mi_provider.sync.render import as_text
from okta_mi_provider.sync.run import provision


def run(args: argparse.Namespace) -> int:
    """Runs the command.

    Returns:
        0 if nothing differs, 1 if something does or could not be read, 2 for wrong usage, settings or credentials.
    """
    try:
        with diagnostics(verbose=bool(args.verbose)):
            groups = group_names(args)
            entry = entry_of(args, groups)
            settings = settings_of(args, entry, mode="drift", summary="full")
            both = sides(args, read_only=True, pauses=Pauses())
            with open_store(args) as store:
                journal = journal_of(store, both, settings, entry)
                results = list(provision(both, unions_of(groups, settings, entry), settings, journal_of=journal))
    except SettingsError as error:
        return complain("plan", speak_of_settings(error))
    except SyncError as error:
        return complain("plan", str(error))
    reports = [result.report for result in results]
    if args.json:
        text = json.dumps([report.to_json() for report in reports], indent=2, ensure_ascii=False) + "\n"
    else:
        text = "\n".join(as_text(report, full=True) for report in reports)
    return max(exit_code(results), tell("plan", text))
