"""The command ``okta-mi simulate``: both simulators in the foreground."""

from __future__ import annotations

import argparse
import ipaddress
import shlex
import sys

from okta_mi_provider.simulators import credentials

#: A few words for the list of commands.
SUMMARY = "serve a simulated Okta org and Metric Insights server on this machine"
#: What the command does, and its exit codes.
DESCRIPTION = (
    "Serves a simulated Okta org and Metric Insights server on this machine, for trying things out. Exit code: 0 ended "
    "by Ctrl-C or SIGTERM, 2 wrong usage, or a port or the address cannot be used."
)

EXIT_OK = 0
EXIT_USAGE = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command to `parser`."""
    parser.add_argument("--users", type=_users, default=1200, metavar="N", help="users in the Okta org (default: 1200)")
    parser.add_argument("--seed", type=int, default=7, metavar="N", help="seed of names and ids (default: 7)")
    parser.add_argument(
        "--host",
        type=_ipv4,
        default="127.0.0.1",
        metavar="ADDRESS",
        help="IPv4 address to listen at; from outside, anybody can use the published credentials (default: 127.0.0.1)",
    )
    parser.add_argument(
        "--okta-port", type=_port, default=8081, metavar="PORT", help="port of Okta; 0: any free one (default: 8081)"
    )
    parser.add_argument(
        "--mi-port",
        type=_port,
        default=8082,
        metavar="PORT",
        help="port of Metric Insights; 0: any free one (default: 8082)",
    )
    parser.add_argument(
        "--latency-ms", type=_latency, default=0.0, metavar="MS", help="wait before each answer (default: 0)"
    )
    parser.add_argument("--quiet", action="store_true", help="print the two URLs only")


def run(args: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM; return the exit code: 0, or 2 if a port or the address cannot be used."""
    from okta_mi_provider.simulators.server import PortUnavailableError, run_simulators  # noqa: PLC0415 - fast help

    def announce(okta_url: str, mi_url: str) -> None:
        print(welcome(okta_url, mi_url, quiet=args.quiet), flush=True)

    try:
        run_simulators(
            users=args.users,
            seed=args.seed,
            host=args.host,
            okta_port=args.okta_port,
            mi_port=args.mi_port,
            latency_ms=args.latency_ms,
            on_ready=announce,
        )
    except PortUnavailableError as error:
        print(f"okta-mi simulate: {error}", file=sys.stderr)
        return EXIT_USAGE
    return EXIT_OK


def welcome(okta_url: str, mi_url: str, *, quiet: bool = False) -> str:
    """Return what the command prints: the URLs and, unless `quiet`, what to paste into a shell."""
    urls = f"Okta: {okta_url}\nMetric Insights: {mi_url}"
    if quiet:
        return urls
    example = [
        "okta-mi", "provision",
        "--okta-host", okta_url,
        "--mi-host", mi_url,
        "--mi-user", credentials.MI_USER,
        "--mi-application-id", credentials.MI_APPLICATION_ID,
        "--auto-create", "all",
        "my_new_group",
    ]  # fmt: skip
    return "\n".join(
        [
            urls,
            "",
            f"export OKTA_API_TOKEN={shlex.quote(credentials.OKTA_API_TOKEN)}",
            f"export MI_APPLICATION_KEY={shlex.quote(credentials.MI_APPLICATION_KEY)}",
            "# or, instead of the application, a personal token:",
            f"# export MI_API_TOKEN={shlex.quote(credentials.MI_API_TOKEN)}",
            "",
            shlex.join(example),
            "",
            f"State and knobs: {okta_url}/_sim/state, {mi_url}/_sim/state, .../_sim/knobs. Ctrl-C stops.",
        ]
    )


def _number(text: str, *, low: float, high: float, what: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"{text!r} is not {what}")
    return value


def _users(text: str) -> int:
    return int(_number(text, low=2, high=1_000_000, what="a number of users from 2 to 1000000"))


def _ipv4(text: str) -> str:
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not an IPv4 address") from None


def _port(text: str) -> int:
    return int(_number(text, low=0, high=65_535, what="a port from 0 to 65535"))


def _latency(text: str) -> float:
    return _number(text, low=0, high=60_000, what="a number of milliseconds from 0 to 60000")
