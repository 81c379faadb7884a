"""`airflow okta-mi ...`: the same commands in Airflow's own command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable

from airflow.cli.cli_config import ActionCommand, Arg, GroupCommand

from okta_mi_provider.cli.arguments import Argument, doctor_arguments, provision_arguments


def get_okta_mi_cli_commands() -> list[GroupCommand]:
    """The commands that the provider adds to Airflow's."""
    return [
        GroupCommand(
            name="okta-mi",
            help="Keep Metric Insights groups and users in step with Okta",
            subcommands=[
                _command("provision", "Sync groups of Okta into Metric Insights", _provision, provision_arguments()),
                _command("doctor", "Look at both connections, and say what is wrong", _doctor, doctor_arguments()),
            ],
        )
    ]


def _command(
    name: str, text: str, call: Callable[[argparse.Namespace], None], arguments: Iterable[Argument]
) -> ActionCommand:
    args = [Arg(flags, **keywords) for flags, keywords in arguments]  # type: ignore[no-untyped-call]
    return ActionCommand(name=name, help=text, func=call, args=args)


def _provision(args: argparse.Namespace) -> None:
    from okta_mi_provider.cli.provision import run

    sys.exit(run(args))


def _doctor(args: argparse.Namespace) -> None:
    from okta_mi_provider.cli.doctor import run

    sys.exit(run(args))
