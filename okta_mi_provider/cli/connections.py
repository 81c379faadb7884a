"""Clients for both sides, from the options of a command and its environment, or from Airflow connections."""

from __future__ import annotations

import argparse
import getpass
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout

from okta_mi_provider.cli.arguments import (
    MI_KEY_VARIABLE,
    MI_TOKEN_VARIABLE,
    OKTA_KEY_VARIABLE,
    OKTA_TOKEN_VARIABLE,
    PROMPT,
)
from okta_mi_provider.clients.ensure import EnsuringWriter
from okta_mi_provider.clients.errors import ConfigurationError, ConnectionMissing
from okta_mi_provider.clients.http import Transport
from okta_mi_provider.clients.metric_insights import MOST_CONCURRENT, MetricInsightsClient
from okta_mi_provider.clients.metric_insights_auth import Application, Login, PersonalToken
from okta_mi_provider.clients.okta import OktaClient
from okta_mi_provider.clients.okta_auth import ApiToken, OktaLogin
from okta_mi_provider.clients.urls import metric_insights_url, okta_url
from okta_mi_provider.sync.pauses import Pauses
from okta_mi_provider.sync.run import Sides

log = logging.getLogger(__name__)

#: Requests in flight on MI, where nobody says otherwise: its database deadlocks under many.
_MAX_CONCURRENCY = 4


def sides(args: argparse.Namespace, *, read_only: bool, pauses: Pauses) -> Sides:
    """Both sides of a sync, as the arguments say. Nothing is sent yet.

    Args:
        args: Of the command.
        read_only: Refuse every request that could change something.
        pauses: Where both clients wait.

    Raises:
        ConfigurationError: If something is missing, contradictory or cannot be right.
    """
    source, target = clients(args, read_only=read_only, pauses=pauses)
    return Sides(source, target, EnsuringWriter(target), target.max_concurrency)


def clients(args: argparse.Namespace, *, read_only: bool, pauses: Pauses) -> tuple[OktaClient, MetricInsightsClient]:
    """A client for each side, as the arguments say. Nothing is sent yet. Arguments as for `sides`.

    Raises:
        ConfigurationError: If something is missing, contradictory or cannot be right.
    """
    return okta(args, pauses=pauses), metric_insights(args, read_only=read_only, pauses=pauses)


def okta(args: argparse.Namespace, *, pauses: Pauses) -> OktaClient:
    """A client for Okta that only reads, as the arguments say. Nothing is sent yet. Arguments as for `sides`.

    Raises:
        ConfigurationError: If something is missing, contradictory or cannot be right.
    """
    return _okta(args, os.environ, Transport(read_only=True, pauses=pauses))


def metric_insights(args: argparse.Namespace, *, read_only: bool, pauses: Pauses) -> MetricInsightsClient:
    """A client for MI, as the arguments say. Nothing is sent yet. Arguments as for `sides`.

    Raises:
        ConfigurationError: If something is missing, contradictory or cannot be right.
    """
    if args.max_concurrency is not None and not 1 <= args.max_concurrency <= MOST_CONCURRENT:
        raise ConfigurationError(
            f"--max-concurrency must be at least 1 and at most {MOST_CONCURRENT}, not {args.max_concurrency}."
        )
    return _metric_insights(args, os.environ, Transport(read_only=read_only, pauses=pauses))


def _okta(args: argparse.Namespace, environment: Mapping[str, str], transport: Transport) -> OktaClient:
    if args.okta_conn_id:
        own = {
            "--okta-host": args.okta_host,
            "--okta-token": args.okta_token,
            "--okta-client-id": args.okta_client_id,
            "--okta-private-key-id": args.okta_private_key_id,
        }
        _not_both("--okta-conn-id", own)
        with airflow_configured():
            from okta_mi_provider.hooks.okta import OktaHook

            return OktaHook(args.okta_conn_id).client(read_only=transport.read_only, pauses=transport.pauses)
    if not args.okta_host:
        raise ConfigurationError("Which Okta org? Give --okta-host, or --okta-conn-id for an Airflow connection.")
    base = okta_url(args.okta_host, allow_http=args.allow_http or False)
    login = _okta_login(args, environment)
    return OktaClient(base, login, transport=transport)


def _okta_login(args: argparse.Namespace, environment: Mapping[str, str]) -> OktaLogin:
    """The way into Okta: a service app if one is named, else an API token."""
    if args.okta_client_id is not None:
        if not args.okta_client_id.strip():
            raise ConfigurationError(
                "--okta-client-id is empty. Give the client id of the service app, or leave it out."
            )
        _not_both("--okta-client-id", {"--okta-token": args.okta_token})
        from okta_mi_provider.clients.okta_keys import SigningKey
        from okta_mi_provider.clients.okta_oauth import ServiceApp

        _unused(OKTA_TOKEN_VARIABLE, environment, "--okta-client-id names a service app")
        where = f"in {OKTA_KEY_VARIABLE}"
        text = environment.get(OKTA_KEY_VARIABLE, "")
        if not text.strip():
            raise ConfigurationError(
                f"No private key for the service app {args.okta_client_id!r}: set {OKTA_KEY_VARIABLE}, in PEM or as "
                "JWK."
            )
        key = SigningKey.parse(text, key_id=args.okta_private_key_id, what=f"The private key {where}")
        return ServiceApp(args.okta_client_id, key, credentials=where)
    if args.okta_private_key_id is not None:
        raise ConfigurationError("--okta-private-key-id is about the key of a service app: give --okta-client-id, too.")
    if args.okta_token is PROMPT:
        token, origin = _ask("Okta API token: "), "from the prompt"
    elif args.okta_token is not None:
        token, origin = args.okta_token, "given with --okta-token"
    else:
        token, origin = environment.get(OKTA_TOKEN_VARIABLE, ""), f"in {OKTA_TOKEN_VARIABLE}"
    if not token.strip():
        app = f" Or, for the service app whose key is in {OKTA_KEY_VARIABLE}, give --okta-client-id."
        raise ConfigurationError(
            f"No Okta API token: set {OKTA_TOKEN_VARIABLE}, or give --okta-token to be asked for it."
            + (app if environment.get(OKTA_KEY_VARIABLE) else "")
        )
    return ApiToken(token, credentials=origin)


def _metric_insights(
    args: argparse.Namespace, environment: Mapping[str, str], transport: Transport
) -> MetricInsightsClient:
    if args.mi_conn_id:
        own = {
            "--mi-host": args.mi_host,
            "--mi-user": args.mi_user,
            "--mi-application-id": args.mi_application_id,
        }
        _not_both("--mi-conn-id", own)
        with airflow_configured():
            from okta_mi_provider.hooks.metric_insights import MetricInsightsHook

            hook = MetricInsightsHook(args.mi_conn_id)
            return hook.client(
                read_only=transport.read_only, max_concurrency=args.max_concurrency, pauses=transport.pauses
            )
    if not args.mi_host:
        raise ConfigurationError(
            "Which Metric Insights server? Give --mi-host, or --mi-conn-id for an Airflow connection."
        )
    base = metric_insights_url(args.mi_host, allow_http=args.allow_http or False)
    login, credentials = _login(args, environment)
    return MetricInsightsClient(
        base,
        login,
        credentials=credentials,
        transport=transport,
        max_concurrency=args.max_concurrency or _MAX_CONCURRENCY,
    )


def _login(args: argparse.Namespace, environment: Mapping[str, str]) -> tuple[Login, str]:
    """The way into MI: an application if one is named, else the personal token."""
    key, token = environment.get(MI_KEY_VARIABLE, "").strip(), environment.get(MI_TOKEN_VARIABLE, "").strip()
    if args.mi_application_id:
        if not key:
            raise ConfigurationError(
                f"No key for the application {args.mi_application_id!r} of MI: set {MI_KEY_VARIABLE}."
            )
        if not args.mi_user:
            raise ConfigurationError(
                "Which MI user shall the application act for? Give --mi-user, an administrator of MI."
            )
        _unused(MI_TOKEN_VARIABLE, environment, "--mi-application-id names an application")
        return Application(
            args.mi_application_id, key, args.mi_user, credentials=f"in {MI_KEY_VARIABLE}"
        ), f"in {MI_KEY_VARIABLE}"
    if token:
        where = f"in {MI_TOKEN_VARIABLE}"
        return PersonalToken(token, credentials=where, user=args.mi_user or None), where
    raise ConfigurationError(
        f"No credentials for Metric Insights: set {MI_TOKEN_VARIABLE} to a personal token, or give --mi-application-id "
        f"and --mi-user and set {MI_KEY_VARIABLE}."
    )


@contextmanager
def airflow_configured() -> Iterator[None]:
    """Lets Airflow look for connections, and for its configuration.

    Outside of a task it looks into its database only if told so, as its own commands do; and it logs to stdout,
    which is for the summary.

    Raises:
        ConfigurationError: If a connection is missing: it says which Airflow was asked, since there may be several.
    """
    os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")
    with redirect_stdout(sys.stderr):
        try:
            yield
        except ConnectionMissing as error:
            from okta_mi_provider.cli.airflow_asked import airflow_asked

            raise ConfigurationError(f"{error} {airflow_asked()}") from None


def _ask(prompt: str) -> str:
    """A secret from the terminal, not echoed; without a terminal, a line of standard input."""
    try:
        return getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline()
    except EOFError:
        return ""


def _unused(variable: str, environment: Mapping[str, str], because: str) -> None:
    """Tells of a secret that is there and not taken, since something else was asked for."""
    if environment.get(variable, "").strip():
        log.warning("%s is not used: %s.", variable, because)


def _not_both(conn_option: str, others: Mapping[str, object]) -> None:
    given = [option for option, value in others.items() if value is not None]
    if given:
        raise ConfigurationError(f"{conn_option} and {', '.join(given)} exclude each other.")
