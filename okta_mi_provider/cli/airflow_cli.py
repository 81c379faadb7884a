"""`airflow okta-mi ...`: the same commands in Airflow's own command line."""

from __future__ import annotations

import argparse
import sys

from airflow.cli.cli_config import ActionCommand, Arg, GroupCommand

from okta_mi_provider.cli.arguments import provision_arguments


def get_okta_mi_cli_commands() -> list[GroupCommand]:
    """The commands that the provider adds to Airflow's."""
    return [
        GroupCommand(
            name="okta-mi",
            help="Keep Metric Insights groups and users in step with Okta",
            subcommands=[
                ActionCommand(
                    name="provision",
                    help="Sync groups of Okta into Metric Insights",
                    func=_provision,
                    args=[
                        Arg(flags, **keywords)  # type: ignore[no-untyped-call]
                        for flags, keywords in provision_arguments()
                    ],
                )
            ],
        )
    ]


def _provision(args: argparse.Namespace) -> None:
    from okta_mi_provider.cli.provision import run

    sys.exit(run(args))
