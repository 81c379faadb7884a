"""The commands that make the connections of an import. No secret is in them: they would stay in the shell's history."""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Iterator, Mapping

from okta_mi_provider.cli.files import STANDARD
from okta_mi_provider.clients.urls import metric_insights_url
from okta_mi_provider.entry_options import ENTRY_OPTIONS

#: Stands where a value is not known.
_OKTA_HOST, _MI_HOST, _MI_USER = "https://YOUR-ORG.okta.com", "https://YOUR-MI-SERVER", "MI-ADMINISTRATOR"


def connection_commands(okta_hosts: Mapping[str, str], args: argparse.Namespace) -> str:
    """What to type, and where the secrets go.

    Args:
        okta_hosts: URLs of the Okta orgs by the ids of their connections; "" for one that is not known.
        args: What the command line says of MI, on which the script runs without naming it.

    Raises:
        ConfigurationError: If the MI host cannot be one.
    """
    lines = ["Make the connections. No token or key is in these commands, and none belongs there:", ""]
    for conn_id, host in okta_hosts.items():
        lines.append(_command(conn_id, "okta", host or _OKTA_HOST))
    lines += [
        _metric_insights(args),
        "",
        "Then put the secrets into the passwords of the connections, under Admin > Connections, where Airflow encrypts",
        "them: the Okta API token (Security > API > Tokens in Okta), and for Metric Insights",
        *_secret_of_metric_insights(args),
    ]
    lines += [f"Replace {_OKTA_HOST} by your Okta org."] if "" in okta_hosts.values() else []
    lines += [f"Replace {_MI_HOST} by your MI server, or give --mi-host."] if not args.mi_host else []
    if args.mi_application_id and not args.mi_user:
        lines.append(f"Replace {_MI_USER} by the administrator of MI that the application acts for, or give --mi-user.")
    return "\n".join(lines) + "\n"


def _metric_insights(args: argparse.Namespace) -> str:
    conn_id: str = ENTRY_OPTIONS["metric_insights_conn_id"].default
    host = str(metric_insights_url(args.mi_host, allow_http=args.allow_http or False)) if args.mi_host else _MI_HOST
    if args.mi_application_id:
        extra = {"auth_mode": "application", "application_id": args.mi_application_id}
        return _command(conn_id, "metric_insights", host, login=args.mi_user or _MI_USER, extra=extra)
    return _command(conn_id, "metric_insights", host, login=args.mi_user or "", extra={"auth_mode": "bearer"})


def _secret_of_metric_insights(args: argparse.Namespace) -> Iterator[str]:
    """What the password is that fits the printed command. MI answers any other with a bare 412."""
    if args.mi_application_id:
        yield "the application's key (Admin > System > External Applications)."
        return
    yield "a personal token (Admin > System > API Tokens, from MI 7.1.0 on)."
    again = "For an application's key run this again with --mi-user and --mi-application-id"
    # Next time the groups file is there.
    yield f"{again}." if args.output == STANDARD else f"{again} (and --overwrite)."


def _command(conn_id: str, kind: str, host: str, *, login: str = "", extra: Mapping[str, str] | None = None) -> str:
    words = ["airflow", "connections", "add", conn_id, "--conn-type", kind, "--conn-host", host]
    words += ["--conn-login", login] if login else []
    words += ["--conn-extra", json.dumps(extra)] if extra else []
    return shlex.join(words)
