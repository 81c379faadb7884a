"""`undo`: take back what a run has done, as far as everything still is as the run left it."""

from __future__ import annotations

import argparse
import json

from okta_mi_provider.cli.connections import metric_insights
from okta_mi_provider.cli.diagnostics import complain, diagnostics
from okta_mi_provider.cli.exit_codes import FAILED, OK
from okta_mi_provider.cli.interrupt import stop_on_signal
from okta_mi_provider.cli.lock import one_at_a_time
from okta_mi_provider.cli.output import tell
from okta_mi_provider.cli.store import open_store, os_user
from okta_mi_provider.clients.ensure import EnsuringWriter
from okta_mi_provider.clients.errors import AuthError, ConfigurationError, Forbidden
from okta_mi_provider.clients.metric_insights import MetricInsightsClient
from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.store import Beginning, ChangeRecord, History, RunKey, RunRecord, Store, StoreError, StoreJournal
from okta_mi_provider.sync.apply import Outcome, Status, upsert_users
from okta_mi_provider.sync.errors import SyncError
from okta_mi_provider.sync.model import Target
from okta_mi_provider.sync.pauses import Pauses
from okta_mi_provider.sync.plan import Plan
from okta_mi_provider.sync.render import as_text
from okta_mi_provider.sync.report import Report, State
from okta_mi_provider.sync.text import quoted
from okta_mi_provider.sync.undo import Done, take_back

_SHOWN = "Nothing was written. Write it with --yes.\n"
_DONE = "The next sync does again what Okta still says: pause its DAG, or change Okta or the settings before it.\n"


def run(args: argparse.Namespace) -> int:
    """Runs the command.

    Returns:
        0 if everything was taken back, or shown; 1 if something failed or conflicts remain; 2 for wrong usage, settings
        or credentials.
    """
    try:
        with diagnostics(verbose=bool(args.verbose)), open_store(args) as store:
            report = _undo(args, store)
    except (ConfigurationError, AuthError, Forbidden, StoreError) as error:
        return complain("undo", str(error))
    except SyncError as error:
        complain("undo", str(error))
        return FAILED
    if args.json:
        text = json.dumps(report.to_json(), indent=2, ensure_ascii=False) + "\n"
    else:
        hint = _SHOWN if report.dry_run else _DONE
        text = as_text(report, full=True) + (hint if report.changes else "")
    return max(OK if report.state is State.DONE else FAILED, tell("undo", text))


def _undo(args: argparse.Namespace, store: Store) -> Report:
    history = History(store)
    record = _run_to_undo(history, args.run_number)
    pauses = Pauses()
    client = metric_insights(args, read_only=not args.yes, pauses=pauses)
    if client.host != record.host:
        raise ConfigurationError(
            f"Run {record.id} wrote to {record.host}, but these credentials are for {client.host}."
        )
    with one_at_a_time(client.host, [record.target_group.name]):
        plan = _plan(history, record, client, disable_created=bool(args.disable_created))
        if not args.yes:
            return Report.of_plan(plan, dry_run=True, mode="undo")
        return _write(plan, client, store, pauses)


def _run_to_undo(history: History, number: int) -> RunRecord:
    record = history.run(number)
    if record is None:
        raise ConfigurationError(f"There is no run {number} in the store; okta-mi runs shows those there are.")
    if record.state is None:
        raise ConfigurationError(f"Run {number} has not ended yet. Wait for it, or stop it first.")
    return record


def _plan(history: History, record: RunRecord, client: MetricInsightsClient, *, disable_created: bool) -> Plan:
    changes = [each for each in history.changes_of_run(record.id) if each.status in {Status.DONE, Status.BEGUN}]
    groups = client.groups()
    ids = {group.id for group in groups}
    touched = {each.group.id: each.group for each in changes if each.group.id in ids}
    target = Target(
        client.host,
        client.users(),
        groups,
        {group.id: client.members(group) for group in touched.values()},
        client.find_default_group(groups),
        client.username_casefold,
    )
    return take_back(
        target,
        [_done(each) for each in changes],
        org=record.org,
        source_groups=record.source_groups,
        group=record.target_group,
        disable_created=disable_created,
        touched_later=history.moved_later(record),
    )


def _done(change: ChangeRecord) -> Done:
    return Done(
        change.kind,
        change.group,
        change.source_id,
        change.user_id or "",
        change.username or "",
        {name: str(value) for name, value in (change.old or {}).items()},
        {name: str(value) for name, value in (change.new or {}).items()},
        moved=change.joined or change.left,
    )


def _write(plan: Plan, client: MetricInsightsClient, store: Store, pauses: Pauses) -> Report:
    beginning = Beginning(
        SyncSettings(), os_user(), plan.org, client.host, plan.source_groups, plan.target_group.name, mode="undo"
    )
    key = RunKey.of_command(plan.target_group.name)
    with StoreJournal(store, key, beginning) as journal, stop_on_signal(pauses):
        journal.planned(plan)
        outcomes: list[Outcome] = []
        error = None
        writer = EnsuringWriter(client)
        try:
            for outcome in upsert_users(
                plan,
                plan.target_group,
                writer,
                client.max_concurrency,
                journal=journal,
                stopped=lambda: pauses.stopped,
            ):
                outcomes.append(outcome)
                journal.note(outcome)
        except SyncError as failure:
            error = str(failure)
        if error is None and len(outcomes) < len(plan.changes):
            error = f"Stopped before the end; call it again for what is left of {quoted(plan.target_group.name)}."
        report = Report.of_plan(plan, outcomes, dry_run=False, error=error, mode="undo")
        journal.close(report)
    return report
