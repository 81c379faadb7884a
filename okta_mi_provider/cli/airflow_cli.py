"""`airflow okta-mi ...`: the same commands in Airflow's own command line."""

from __future__ import annotations

import argparse
import logging
import sys

from airflow.cli.cli_config import ActionCommand, Arg

from okta_mi_provider.cli.main import execute
from okta_mi_provider.cli.parser import add_commands


def get_okta_mi_cli_commands() -> list[ActionCommand]:
    """The command that the provider adds to Airflow's.

    For Airflow it is a single one, with our commands as its argument: in a group, each would get a parser of Airflow's,
    which knows less than ours.
    """
    return [
        ActionCommand(
            name="okta-mi",
            help="Keep Metric Insights groups and users in step with Okta",
            func=_run,
            args=[_Commands()],
        )
    ]


class _Commands(Arg):
    """The name of a command and what follows it, parsed as `okta-mi` does."""

    def __init__(self) -> None:
        super().__init__(flags=("command",))  # type: ignore[no-untyped-call]

    def add_to_parser(self, parser: argparse.ArgumentParser) -> None:
        """Adds all of them to what Airflow has made for `okta-mi`."""
        add_commands(parser)


def _run(args: argparse.Namespace) -> None:
    # Airflow logs to stdout, which is for results.
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler) and handler.stream is sys.stdout:
            handler.setStream(sys.stderr)
    sys.exit(execute(args))
