"""`doctor`: look at both connections without changing anything, and say what is wrong with them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator

from okta_mi_provider.cli.arguments import settings_from
from okta_mi_provider.cli.connections import clients
from okta_mi_provider.cli.diagnostics import complain, diagnostics
from okta_mi_provider.cli.exit_codes import FAILED
from okta_mi_provider.cli.output import tell
from okta_mi_provider.clients.errors import ConfigurationError
from okta_mi_provider.clients.metric_insights import MetricInsightsClient
from okta_mi_provider.clients.okta import OktaClient
from okta_mi_provider.doctor.dialect import examine_dialect
from okta_mi_provider.doctor.mapping import examine_mapping
from okta_mi_provider.doctor.metric_insights import Directory, examine_metric_insights
from okta_mi_provider.doctor.observation import Observation, Verdict
from okta_mi_provider.doctor.okta import examine_okta
from okta_mi_provider.doctor.render import as_json, as_text
from okta_mi_provider.doctor.versions import versions
from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.settings_error import SettingsError
from okta_mi_provider.sync.errors import SyncError
from okta_mi_provider.sync.pauses import Pauses


def run(args: argparse.Namespace) -> int:
    """Runs the command.

    Returns:
        0 if a sync would work, 1 if something is to be mended, 2 for wrong usage.
    """
    try:
        settings = SyncSettings.from_mapping(settings_from(args))
        with diagnostics(verbose=bool(args.verbose)):
            if len(args.groups or []) > 1:
                raise ConfigurationError("Give one group at most: its first member is the sample.")
            okta, metric_insights = clients(args, read_only=True, pauses=Pauses())
            group = args.groups[0] if args.groups else None
            observations = list(_examine(okta, metric_insights, group, settings))
    except (SettingsError, SyncError) as error:
        return complain("doctor", str(error))
    if args.json:
        text = json.dumps(as_json(observations), indent=2, ensure_ascii=False) + "\n"
    else:
        text = as_text(observations)
    lost = tell("doctor", text)
    return FAILED if any(each.verdict is Verdict.WRONG for each in observations) else lost


def _examine(
    okta: OktaClient, metric_insights: MetricInsightsClient, group: str | None, settings: SyncSettings
) -> Iterator[Observation]:
    yield from versions()
    seen = list(examine_okta(okta))
    yield from seen
    found = Directory()
    yield from examine_metric_insights(metric_insights, found)
    if found.users is not None:
        yield from examine_dialect(metric_insights, found)
    if not any(each.verdict is Verdict.WRONG for each in seen):
        yield from examine_mapping(okta, group, found.users, settings, fold_usernames=metric_insights.username_casefold)
