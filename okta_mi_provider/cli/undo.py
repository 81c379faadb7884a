"""`undo`: take back what a run has done, as far as everything still is as the run left it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

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
from okta_mi_provider.sync.errors import SyncError
from okta_mi_provider.sync.model import Target
from okta_mi_provider.sync.outcome import Outcome, Status
from okta_mi_provider.sync.pauses import Pauses
from okta_mi_provider.sync.plan import Plan
from okta_mi_provider.sync.render import as_text
from okta_mi_provider.sync.report import Report, State
from okta_mi_provider.sync.text import quoted
from okta_mi_provider.sync.undo import Done, take_back
from okta_mi_provider.sync.writing import write

_AGAIN = "The next sync does again what Okta still says: pause its DAG, or change Okta or the settings, before it.\n"
_SHOWN = f"Nothing was written. Write it with --yes. {_AGAIN}"
_NOTHING_LEFT = "Nothing of run {} is left to take back.\n"
_NO_CHANGE = "There is nothing to take back: run {} has made no change.\n"


def run(args: argparse.Namespace) -> int:
    """Runs the command.

    Returns:
        0 if everything was taken back, or shown; 1 if something failed or conflicts remain; 2 for wrong usage, settings
        or credentials.
    """
    try:
        with diagnostics(verbose=bool(args.verbose)), open_store(args) as store:
            report, hint = _undo(args, store)
    except (ConfigurationError, AuthError, Forbidden, StoreError) as error:
        return complain("undo", str(error))
    except SyncError as error:
        complain("undo", str(error))
        return FAILED
    if args.json:
        text = json.dumps(report.to_json(), indent=2, ensure_ascii=False) + "\n"
    else:
        text = as_text(report, full=True) + hint
    return max(OK if report.state is State.DONE else FAILED, tell("undo", text))


def _undo(args: argparse.Namespace, store: Store) -> tuple[Report, str]:
    """The report, and what to say after it."""
    history = History(store)
    record = _run_to_undo(history, args.run_number, str(store))
    changes = [each for each in history.changes_of_run(record.id) if _may_be_of_its_making(each)]
    if not changes:
        plan = _plan(history, record, [], Target(record.host))
        return Report.of_plan(plan, dry_run=not args.yes, mode="undo"), _NO_CHANGE.format(record.id)
    pauses = Pauses()
    client = metric_insights(args, read_only=not args.yes, pauses=pauses)
    if client.host != record.host:
        raise ConfigurationError(
            f"Run {record.id} wrote to {record.host}, but these credentials are for {client.host}."
        )
    with one_at_a_time(client.host, [record.target_group.name]):
        target = _target(client, changes)
        plan = _plan(history, record, changes, target, disable_created=bool(args.disable_created))
        if not plan.changes:
            hint = "" if plan.conflicts else _NOTHING_LEFT.format(record.id)
            return Report.of_plan(plan, dry_run=not args.yes, mode="undo"), hint
        if not args.yes:
            return Report.of_plan(plan, dry_run=True, mode="undo"), _SHOWN
        written = _write(plan, record.id, lambda: _target(client, changes), target.read_at, client, store, pauses)
        return written, _AGAIN


def _run_to_undo(history: History, number: int, store: str) -> RunRecord:
    record = history.run(number)
    if record is None:
        raise ConfigurationError(f"There is no run {number} in the store {store}; okta-mi runs shows those there are.")
    if record.state is None:
        raise ConfigurationError(
            f"Run {number} has not ended yet. Wait for it, or stop it first. If it was killed, the next run of the "
            "same sync notes that it has ended."
        )
    return record


def _may_be_of_its_making(change: ChangeRecord) -> bool:
    """Whether a run has made a change, or may have. A user whom somebody else has created may have joined by it."""
    return change.status in {Status.DONE, Status.BEGUN} or change.joined or change.left


def _target(client: MetricInsightsClient, changes: Sequence[ChangeRecord]) -> Target:
    """MI now, with the members of the groups of a run that are still there."""
    read_at = datetime.now(UTC)
    groups = client.groups()
    return Target(
        client.host,
        client.users(),
        groups,
        {group.id: client.members(group) for group in {each.group for each in changes} & set(groups)},
        client.find_default_group(groups),
        client.username_casefold,
        client.acts_for,
        read_at,
    )


def _plan(
    history: History,
    record: RunRecord,
    changes: Sequence[ChangeRecord],
    target: Target,
    *,
    disable_created: bool = False,
) -> Plan:
    return take_back(
        target,
        [_done(each) for each in changes],
        org=record.org,
        source_groups=record.source_groups,
        group=record.target_group,
        disable_created=disable_created,
        later=[_done(each) for each in history.touched_later(record)],
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
        status=change.status,
        run=change.run,
    )


def _write(
    plan: Plan,
    undoes: int,
    read: Callable[[], Target],
    read_at: datetime | None,
    client: MetricInsightsClient,
    store: Store,
    pauses: Pauses,
) -> Report:
    beginning = Beginning(
        SyncSettings(),
        os_user(),
        plan.org,
        client.host,
        plan.source_groups,
        plan.target_group.name,
        mode="undo",
        undoes=undoes,
    )
    key = RunKey.of_command(plan.target_group.name)
    with StoreJournal(store, key, beginning) as journal, stop_on_signal(pauses):
        journal.planned(plan)
        outcomes: list[Outcome] = []
        error = None
        writer = EnsuringWriter(client)
        try:
            for outcome in write(
                plan,
                writer,
                read,
                client.max_concurrency,
                journal=journal,
                stopped=lambda: pauses.stopped,
                read_at=read_at,
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
