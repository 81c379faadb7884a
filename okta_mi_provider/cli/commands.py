"""Every command, as a table from which our own parser and Airflow's are made.

What a command needs is imported when it runs, so that help is immediate.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module

from okta_mi_provider.cli.arguments import Argument, doctor_arguments, provision_arguments
from okta_mi_provider.cli.coming_arguments import discover_arguments, import_cron_arguments, validate_arguments
from okta_mi_provider.cli.inquiry_arguments import (
    explain_arguments,
    history_arguments,
    plan_arguments,
    runs_arguments,
    undo_arguments,
)


@dataclass(frozen=True, slots=True)
class Command:
    """One command.

    Attributes:
        summary: A few words for the list of commands, without a capital.
        description: What it does, and its exit codes.
        arguments: Makes its arguments.
        module: Has its `run`.
        usage: What follows the name; "" for what `argparse` makes of it.
        takes_groups: It takes names of groups, wherever they stand between the options.
        example: Shown below the help.
    """

    name: str
    summary: str
    description: str
    arguments: Callable[[], Iterable[Argument]]
    module: str
    usage: str = ""
    takes_groups: bool = False
    example: str | None = None

    def run(self, args: argparse.Namespace) -> int:
        """Runs it.

        Returns:
            The exit code; see `exit_codes`.
        """
        code: int = import_module(self.module).run(args)
        return code


COMMANDS = (
    Command(
        "provision",
        "sync groups of Okta into Metric Insights",
        "Makes sure that each named Okta group exists in Metric Insights, and that its users do and are its members. "
        "Exit code: 0 done, 1 something failed or conflicts remain, 2 wrong usage, settings or credentials, 3 refused "
        "by a limit before any write.",
        provision_arguments,
        "okta_mi_provider.cli.provision",
        usage="[options] GROUP [GROUP ...]",
        takes_groups=True,
        example="Example: OKTA_API_TOKEN=... MI_API_TOKEN=... okta-mi provision --okta-host acme.okta.com --mi-host "
        "mi.example.org --auto-create all --full-summary -v 'BI Readers'",
    ),
    Command(
        "plan",
        "show how Metric Insights differs from Okta, without changing anything",
        "Reads both sides and shows what a sync would write, and what was done in Metric Insights by hand. Never "
        "writes. Exit code: 0 nothing differs, 1 something does or could not be read, 2 wrong usage, settings or "
        "credentials.",
        plan_arguments,
        "okta_mi_provider.cli.plan",
        usage="[options] GROUP [GROUP ...]",
        takes_groups=True,
    ),
    Command(
        "explain",
        "walk one user through a sync, without changing anything",
        "Tells of one user where it was found, whether it is synced, who it is in Metric Insights and why, and what "
        "would be written. Exit code: 0 told, 1 there is no such user or something could not be read, 2 wrong usage.",
        explain_arguments,
        "okta_mi_provider.cli.explain",
        usage="[options] USER --group GROUP",
    ),
    Command(
        "history",
        "who got or lost which access, when and why",
        "Shows the changes that syncs have made for a user, or in a group of Metric Insights. Reads the store only. "
        "Exit code: 0 done, 2 wrong usage, or the store cannot be read.",
        history_arguments,
        "okta_mi_provider.cli.history",
        usage="[options] [USER] [--group GROUP]",
    ),
    Command(
        "runs",
        "the last runs, and how they ended",
        "Shows the last runs. Their numbers are what undo takes. Reads the store only. Exit code: 0 done, 2 wrong "
        "usage, or the store cannot be read.",
        runs_arguments,
        "okta_mi_provider.cli.runs",
    ),
    Command(
        "undo",
        "take back what a run has done",
        "Shows what would take back a run, as far as everything still is as the run left it: memberships, disabled "
        "users, attributes and types. Writes it with --yes. Users and groups are never deleted. The next sync does "
        "again what Okta still says: pause the DAG first. Exit code: 0 done or shown, 1 something failed or conflicts "
        "remain, 2 wrong usage, settings or credentials.",
        undo_arguments,
        "okta_mi_provider.cli.undo",
        usage="[options] RUN",
    ),
    Command(
        "doctor",
        "look at both connections, read-only, and say what is wrong with them",
        "Looks at an Okta org and a Metric Insights server without changing anything: credentials, rights, rate limit, "
        "clocks, versions, which assumptions about Metric Insights hold, and how a sample user is mapped. Exit code: 0 "
        "a sync would work, 1 something is to be mended, 2 wrong usage.",
        doctor_arguments,
        "okta_mi_provider.cli.doctor",
        usage="[options] [GROUP]",
        takes_groups=True,
    ),
    Command(
        "import-cron",
        "turn crontab lines that call mi-okta-usersync into a groups file",
        "Reads a crontab or a shell script that calls mi-okta-usersync provision, writes a groups file, and prints the "
        "commands that make the connections, without tokens and keys. What is not understood is told with its line; "
        "the rest is written. Exit code: 0 everything was carried over, 1 something was not, 2 wrong usage.",
        import_cron_arguments,
        "okta_mi_provider.cli.import_cron",
        usage="[options] FILE",
    ),
    Command(
        "discover",
        "list the Okta groups whose names match a pattern, and write entries for them",
        "Lists the groups of Okta whose names match, capitals included, and writes entries of a groups file for them. "
        "Changes neither Okta nor Metric Insights. Exit code: 0 there are some, 1 there are none or Okta could not be "
        "read, 2 wrong usage or credentials.",
        discover_arguments,
        "okta_mi_provider.cli.discover",
        usage="[options] PATTERN",
        example="Example: okta-mi discover 'MI - *' --okta-conn-id okta_default --output okta_groups.yaml",
    ),
    Command(
        "validate",
        "check a groups file, also against the live Okta and Metric Insights",
        "Tells every mistake of a groups file with its line. With --live it also looks, read-only, whether the "
        "connections work and the groups are there. Exit code: 0 all is well, 1 something live is not, 2 the file has "
        "mistakes, or wrong usage.",
        validate_arguments,
        "okta_mi_provider.cli.validate",
        usage="[options] [FILE]",
    ),
)
