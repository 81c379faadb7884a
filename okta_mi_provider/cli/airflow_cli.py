"""`airflow okta-mi ...`: the same commands in Airflow's own command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from airflow.cli.cli_config import ActionCommand, Arg, GroupCommand

from okta_mi_provider.cli.commands import COMMANDS, Command


def get_okta_mi_cli_commands() -> list[GroupCommand]:
    """The commands that the provider adds to Airflow's."""
    return [
        GroupCommand(
            name="okta-mi",
            help="Keep Metric Insights groups and users in step with Okta",
            subcommands=[
                ActionCommand(
                    name=command.name,
                    help=command.summary[0].upper() + command.summary[1:],
                    description=command.description,
                    func=_ending_with_the_code_of(command),
                    args=[Arg(flags, **keywords) for flags, keywords in command.arguments()],  # type: ignore[no-untyped-call]
                )
                for command in COMMANDS
            ],
        )
    ]


def _ending_with_the_code_of(command: Command) -> Callable[[argparse.Namespace], None]:
    def call(args: argparse.Namespace) -> None:
        sys.exit(command.run(args))

    return call
