# PYTHON_ARGCOMPLETE_OK
"""`okta-mi`: the entry point."""

from __future__ import annotations

import argparse
import difflib
import io
import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from okta_mi_provider import __version__
from okta_mi_provider.cli.arguments import AUTO_CREATE, add_groups
from okta_mi_provider.cli.commands import COMMANDS
from okta_mi_provider.simulators import command as simulate_command

#: How alike an unknown option and a known one are that somebody may have mixed up, from 0 to 1.
_ALIKE = 0.75


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command that the arguments name.

    Returns:
        The exit code; see `exit_codes`. Wrong usage exits with 2 by itself.
    """
    _open_closed_streams()
    args = parse(sys.argv[1:] if argv is None else argv)
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
    args, rest = parser.parse_known_args(words)
    if args.takes_groups:
        # argparse looks for positional arguments in one place only; group names may stand between options.
        after_options = words[words.index("--") + 1 :] if "--" in words else []
        strange = [word for word in rest if word.startswith("-") and word not in after_options]
        add_groups(args, [word for word in rest if word not in strange])
    else:
        strange = rest
    wrong = [word for word in words if word.startswith("--auto-create=") and word.partition("=")[2] not in AUTO_CREATE]
    if wrong:
        args.parser.error(f"{wrong[0]}: allowed: all, groups")
    if strange:
        args.parser.error(f"unknown arguments: {' '.join(strange)}{_did_you_mean(strange[0], args.parser)}")
    return args


def _did_you_mean(word: str, parser: argparse.ArgumentParser) -> str:
    # Each word of the help text; the parser keeps its options to itself.
    known = {each.strip(",[]") for each in parser.format_help().split() if each.lstrip("[").startswith("--")}
    near = difflib.get_close_matches(word.partition("=")[0], known, n=1, cutoff=_ALIKE)
    return f"; did you mean {near[0]}?" if near else ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="okta-mi", description="Keeps Metric Insights groups and users in step with Okta.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"okta-mi {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        sub = commands.add_parser(
            command.name,
            usage=f"%(prog)s {command.usage}" if command.usage else None,
            help=command.summary,
            description=command.description,
            epilog=command.example,
            allow_abbrev=False,
        )
        for flags, keywords in command.arguments():
            sub.add_argument(*flags, **keywords)
        sub.set_defaults(parser=sub, execute=command.run, takes_groups=command.takes_groups)
    simulate = commands.add_parser(
        "simulate",
        help=simulate_command.SUMMARY,
        description=simulate_command.DESCRIPTION,
        allow_abbrev=False,
    )
    simulate_command.add_arguments(simulate)
    simulate.set_defaults(parser=simulate, execute=_simulate, takes_groups=False)
    return parser


def _simulate(args: argparse.Namespace) -> int:
    return simulate_command.run(args)


if __name__ == "__main__":
    sys.exit(main())
