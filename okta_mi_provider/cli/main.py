# PYTHON_ARGCOMPLETE_OK
"""`okta-mi`: the entry point."""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from okta_mi_provider import __version__
from okta_mi_provider.cli.parser import add_commands
from okta_mi_provider.simulators import command as simulate_command


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command that the arguments name.

    Returns:
        The exit code; see `exit_codes`. Wrong usage exits with 2 by itself.
    """
    _open_closed_streams()
    return execute(parse(sys.argv[1:] if argv is None else argv))


def execute(args: argparse.Namespace) -> int:
    """Runs the command that was parsed.

    Returns:
        The exit code; see `exit_codes`.
    """
    for stream in (sys.stdout, sys.stderr):
        # A name that the terminal cannot show is no reason to die.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code: int = args.execute(args)
    except KeyboardInterrupt:
        _die_of_interrupt()
    return code


def _die_of_interrupt() -> NoReturn:
    """Ends the process by the signal, for a shell ends its loop then; but without the traceback that Python shows."""
    sys.stderr.write("Interrupted.\n")
    sys.stderr.flush()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.raise_signal(signal.SIGINT)
    raise AssertionError("the signal has ended the process")


def _open_closed_streams() -> None:
    """Lets a command that was started without stdout or stderr run, and speak to nobody."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The arguments of a command line. Wrong usage exits with 2."""
    parser = _parser()
    if "_ARGCOMPLETE" in os.environ:
        # A shell wants to know how a line can go on, as Airflow's own command tells it.
        import argcomplete

        argcomplete.autocomplete(parser)
    return parser.parse_args(words)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="okta-mi", description="Keeps Metric Insights groups and users in step with Okta.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"okta-mi {__version__}")
    simulate = add_commands(parser).add_parser(
        "simulate", help=simulate_command.SUMMARY, description=simulate_command.DESCRIPTION
    )
    simulate_command.add_arguments(simulate)
    simulate.set_defaults(execute=_simulate)
    return parser


def _simulate(args: argparse.Namespace) -> int:
    return simulate_command.run(args)


if __name__ == "__main__":
    sys.exit(main())
