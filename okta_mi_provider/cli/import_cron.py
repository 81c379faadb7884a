"""`import-cron`: from lines that call the vendor's script to a groups file and the commands that make connections."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

from okta_mi_provider.cli.diagnostics import complain
from okta_mi_provider.cli.exit_codes import FAILED, OK
from okta_mi_provider.cli.files import STANDARD, read_text, write_text
from okta_mi_provider.cli.output import tell
from okta_mi_provider.cli.script_import.connections_text import connection_commands
from okta_mi_provider.cli.script_import.entries import Imported, checked_schedule, import_text
from okta_mi_provider.cli.script_import.remark import Remark, told
from okta_mi_provider.cli.script_import.shell import SCRIPT
from okta_mi_provider.clients.errors import ConfigurationError
from okta_mi_provider.groups_text import document
from okta_mi_provider.sync.text import one_line, plural


def run(args: argparse.Namespace) -> int:
    """Runs the command.

    Returns:
        0 if everything was carried over; 1 if something was not, which is told, or if nothing was found; 2 for wrong
        usage.
    """
    name = "stdin" if args.file == STANDARD else args.file
    try:
        found = import_text(read_text(args.file), schedule=checked_schedule(args.schedule))
        _tell("note", [each for each in found.remarks if not each.lost], name)
        missing = [each for each in found.remarks if each.lost]
        if not found.items:
            _tell("not carried over", missing, name)
            complain("import-cron", f"{one_line(name)} has no call of '{SCRIPT} provision' that could be carried over. "
                     "If cron runs a shell script that calls it, give that script, and --schedule.")  # fmt: skip
            return FAILED
        commands = connection_commands(found.okta_hosts, args)
        text = document(found.items, heading=_heading(name, found), defaults=found.defaults)
        if args.output != STANDARD:
            write_text(args.output, text, overwrite=bool(args.overwrite))
    except ConfigurationError as error:
        return complain("import-cron", one_line(str(error), 1000))
    written = f"{plural(len(found.items), 'entry', 'entries')} written"
    outcome = f"{written}, {plural(len(missing), 'thing')} not carried over." if missing else f"{written}."
    if args.output == STANDARD:
        sys.stderr.write(commands)
        lost = tell("import-cron", text)
        sys.stderr.write(f"\n{outcome}\n")
    else:
        lost = tell("import-cron", f"{commands}\n{one_line(args.output)}: {outcome}\n")
    # Last, where it is seen.
    _tell("not carried over", missing, name)
    return max(lost, OK if found.is_whole else FAILED)


def _tell(kind: str, remarks: Sequence[Remark], name: str) -> None:
    for each in told(remarks, name):
        sys.stderr.write(f"{kind}: {each}\n")


def _heading(name: str, found: Imported) -> Iterator[str]:
    yield f"Made by okta-mi import-cron from {name}; the lines named below are those of that file."
    if found.scheduled:
        yield "Airflow reads schedules in UTC; cron has read them in the time zone of its machine, or in CRON_TZ."
