"""`okta-mi`: the entry point. What a command needs is imported when it runs, so that help is immediate."""

from __future__ import annotations

import argparse
import difflib
import io
import sys
from collections.abc import Sequence

from okta_mi_provider import __version__
from okta_mi_provider.cli.arguments import AUTO_CREATE, add_groups, doctor_arguments, provision_arguments
from okta_mi_provider.simulators.command import add_arguments as add_simulate_arguments

#: How alike an unknown option and a known one are that somebody may have mixed up, from 0 to 1.
_ALIKE = 0.75


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command that the arguments name.

    Returns:
        The exit code; see `exit_codes`. Wrong usage exits with 2 by itself.
    """
    args = parse(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        # A name that the terminal cannot show is no reason to die.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if args.command == "provision":
        from okta_mi_provider.cli.provision import run
    elif args.command == "doctor":
        from okta_mi_provider.cli.doctor import run
    else:
        from okta_mi_provider.simulators.command import run
    return run(args)


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The arguments of a command line. Wrong usage exits with 2."""
    args, rest = _parser().parse_known_args(words)
    if args.command in {"provision", "doctor"}:
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
    provision = commands.add_parser(
        "provision",
        usage="%(prog)s [options] GROUP [GROUP ...]",
        epilog="Example: OKTA_API_TOKEN=... MI_API_TOKEN=... okta-mi provision --okta-host acme.okta.com --mi-host "
        "mi.example.org --auto-create all --full-summary -v 'BI Readers'",
        help="sync groups of Okta into Metric Insights",
        description="Makes sure that each named Okta group exists in Metric Insights, and that its users do and are "
        "its members. Exit code: 0 done, 1 something failed or conflicts remain, 2 wrong usage, settings or "
        "credentials, 3 refused by a limit before any write.",
        allow_abbrev=False,
    )
    for flags, keywords in provision_arguments():
        provision.add_argument(*flags, **keywords)
    doctor = commands.add_parser(
        "doctor",
        usage="%(prog)s [options] [GROUP]",
        help="look at both connections, read-only, and say what is wrong with them",
        description="Looks at an Okta org and a Metric Insights server without changing anything: credentials, rights, "
        "rate limit, clocks, versions, which assumptions about Metric Insights hold, and how a sample user is mapped. "
        "Exit code: 0 a sync would work, 1 something is to be mended, 2 wrong usage.",
        allow_abbrev=False,
    )
    for flags, keywords in doctor_arguments():
        doctor.add_argument(*flags, **keywords)
    simulate = commands.add_parser(
        "simulate",
        help="serve a simulated Okta org and Metric Insights server on this machine",
        description="Serves a simulated Okta org and Metric Insights server on this machine, for trying things out.",
        allow_abbrev=False,
    )
    add_simulate_arguments(simulate)
    for command in (provision, doctor, simulate):
        command.set_defaults(parser=command)
    return parser


if __name__ == "__main__":
    sys.exit(main())
