"""`provision`: sync groups of Okta into Metric Insights, as the vendor's `mi-okta-usersync provision` does."""

from __future__ import annotations

import argparse
import json
import logging
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from okta_mi_provider.cli.arguments import PROMPT, settings_from
from okta_mi_provider.cli.connections import sides
from okta_mi_provider.cli.diagnostics import complain, diagnostics
from okta_mi_provider.cli.entries import entry_of, settings_of
from okta_mi_provider.cli.exit_codes import BAD_USAGE, FAILED, OK, REFUSED
from okta_mi_provider.cli.interrupt import stop_on_signal
from okta_mi_provider.cli.lock import one_at_a_time
from okta_mi_provider.cli.output import tell
from okta_mi_provider.cli.progress import ProgressBar
from okta_mi_provider.cli.store import open_store, os_user, retention
from okta_mi_provider.clients.errors import AuthError, ConfigurationError, Forbidden
from okta_mi_provider.settings import SyncSettings, options
from okta_mi_provider.settings_error import Problem, SettingsError
from okta_mi_provider.store import Beginning, RunKey, Store, StoreJournal
from okta_mi_provider.sync.errors import SyncError, naming
from okta_mi_provider.sync.fetch import GroupSelector
from okta_mi_provider.sync.pauses import Pauses
from okta_mi_provider.sync.render import BRIEF, as_csv, as_markdown, as_text, conflict_lines
from okta_mi_provider.sync.report import Report, State
from okta_mi_provider.sync.run import Result, Sides, Union, Watcher, provision
from okta_mi_provider.sync.text import plural, quoted

if TYPE_CHECKING:
    from okta_mi_provider.entry import Entry

log = logging.getLogger("okta_mi_provider")

#: Stands for stdout instead of the name of a file.
STDOUT = "-"


def run(args: argparse.Namespace) -> int:
    """Runs the command.

    Returns:
        The exit code; see `exit_codes`.
    """
    try:
        # What is wrong with an option is told first.
        given = SyncSettings.from_mapping(settings_from(args))
        with diagnostics(verbose=bool(args.verbose or given.dry_run)):
            groups = group_names(args)
            entry = entry_of(args, groups)
            settings = settings_of(args, entry)
            check_writable(args.report)
            keep = retention()
            pauses = Pauses()
            with open_store(args) as store:
                both = sides(args, read_only=settings.only_looks, pauses=pauses)
                unions = unions_of(groups, settings, entry)
                targets = (settings.target_group or str(each) for union in unions for each in union)
                with one_at_a_time(both.target.host, targets):
                    results = _sync(both, unions, settings, journal_of(store, both, settings, entry), pauses)
                store.forget_old(keep)
            lost = write_report(args.report, [result.report for result in results])
            if settings.summary != "none":
                full = settings.summary == "full"
                summary = "\n".join(as_text(each.report, full=full) for each in results)
                lost = max(lost, tell("provision", summary, on_stderr=args.report == STDOUT))
            return max(exit_code(results), lost)
    except SettingsError as error:
        return complain("provision", speak_of_settings(error))
    except SyncError as error:
        return complain("provision", str(error))


def exit_code(results: Sequence[Result]) -> int:
    """What the process tells whoever called it."""
    if any(isinstance(result.cause, ConfigurationError | AuthError | Forbidden) for result in results):
        return BAD_USAGE
    states = {result.report.state for result in results}
    if State.FAILED in states:
        return FAILED
    return REFUSED if State.REFUSED in states else OK


def check_writable(path: str | None) -> None:
    """Finds out before the sync that its report could not be written.

    Raises:
        ConfigurationError: If it could not.
    """
    try:
        if path in {None, STDOUT} or _is_special(Path(path)):
            return
        folder = Path(path).resolve().parent
        fits = not Path(path).is_dir() and folder.is_dir() and os.access(folder, os.W_OK)
    except OSError as error:
        raise ConfigurationError(f"--report {quoted(str(path))}: no file can be there: {error.strerror}.") from None
    if not fits:
        raise ConfigurationError(f"--report {path}: cannot write a file there.")


def write_report(path: str | None, reports: Sequence[Report]) -> int:
    """Writes the reports in the form that the name of the file asks for.

    A file is written whole or not at all, and can be read by its owner only. "-" is stdout.

    Returns:
        An exit code: the sync is over, and a report that is lost is a failure of its own.
    """
    if path is None:
        return OK
    text = _document(path, reports)
    if path == STDOUT:
        return tell("provision", text)
    try:
        if _is_special(Path(path)):
            Path(path).write_text(text, encoding="utf-8", errors="backslashreplace")
        else:
            _replace(Path(path).resolve(), text)
    except OSError as error:
        complain("provision", f"--report {path}: the sync is over, but its report cannot be written: {error.strerror}")
        return FAILED
    return OK


def _document(path: str, reports: Sequence[Report]) -> str:
    """CSV or Markdown, if the file is named so; else JSON: the report of one group, or a list of several."""
    name = Path(path).name.lower()
    if name.endswith(".csv"):
        return as_csv(reports)
    if name.endswith(".md"):
        return "\n".join(as_markdown(report, full=True) for report in reports)
    documents = [report.to_json() for report in reports]
    return json.dumps(documents[0] if len(documents) == 1 else documents, indent=2, ensure_ascii=False) + "\n"


def _is_special(path: Path) -> bool:
    """Whether it is a device or a pipe, such as /dev/stdout, which must not be replaced by a file."""
    return path.exists() and not path.is_file() and not path.is_dir()


def _replace(path: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


def _sync(
    both: Sides, unions: Sequence[Union], settings: SyncSettings, journal: Callable[[str], StoreJournal], pauses: Pauses
) -> list[Result]:
    with stop_on_signal(pauses), ProgressBar.on_terminal() as bar:
        syncs = provision(
            both, unions, settings, journal_of=journal, watcher=bar or Watcher(), stopped=lambda: pauses.stopped
        )
        results = list(syncs)
    for result in results:
        _log_trouble(result.report)
    return results


def _log_trouble(report: Report) -> None:
    """Everything that makes the exit code another one than 0: who wants no summary is told that, too."""
    if report.error:
        log.error("%s", naming("Okta group", report.source_name, report.error))
    for failure in report.failures:
        group, user = quoted(failure.change.group), failure.change.user
        log.warning("Failed: %s: %s", f"{quoted(user)} for {group}" if user else group, failure.error)
    conflicts = conflict_lines(report)
    for conflict in conflicts[:BRIEF]:
        log.warning("Conflict: %s", naming("Okta group", report.source_name, conflict))
    # They stay until somebody has mended them, and would fill every mail of cron.
    if hidden := conflicts[BRIEF:]:
        more = plural(len(hidden), "more conflict")
        log.warning("%s of Okta group %s; --full-summary or --report FILE names them", more, quoted(report.source_name))


def unions_of(groups: Sequence[str], settings: SyncSettings, entry: Entry | None = None) -> list[Union]:
    """What is synced as one: the entry of a groups file; else each group, or all, if who is in none is removed."""
    if entry:
        return [entry.selectors]
    selectors = [GroupSelector(name=group) for group in groups]
    if settings.target_group and settings.prune != "off":
        return [selectors]
    return [[selector] for selector in selectors]


def journal_of(
    store: Store, both: Sides, settings: SyncSettings, entry: Entry | None = None
) -> Callable[[str], StoreJournal]:
    """Who keeps account of a command's sync into an MI group.

    Args:
        store: Where the account is kept.
        both: What is synced.
        settings: How.
        entry: The entry of a groups file that is synced: what its DAG has done counts, too.
    """
    who = os_user()

    def journal(target_group: str) -> StoreJournal:
        org, host = both.source.org, both.target.host
        beginning = Beginning(settings, who, org, host, target_group=target_group, shared=True)
        memory_of = entry.dag_id if entry else None
        return StoreJournal(store, RunKey.of_command(target_group), beginning, memory_of=memory_of)

    return journal


def group_names(args: argparse.Namespace) -> list[str]:
    """The groups that the arguments name, each once.

    Raises:
        ConfigurationError: If there are none.
    """
    groups: list[str] = args.groups or []
    if not groups:
        hint = (
            " The word after --okta-token was taken for the token; to be asked for it, write the option last."
            if isinstance(args.okta_token, str) and args.okta_token is not PROMPT
            else ""
        )
        raise ConfigurationError(f"Which group? Give the name of at least one Okta group.{hint}")
    if blank := [group for group in groups if not group.strip()]:
        raise ConfigurationError(f"{blank[0]!r} is not the name of a group.")
    return list(dict.fromkeys(groups))


def speak_of_settings(error: SettingsError) -> str:
    """What is wrong with settings, in the words of the command line."""
    return "\n".join(str(Problem(_spelling(problem.key), problem.message)) for problem in error.problems)


def _spelling(key: str) -> str:
    """An option as people write it on the command line."""
    option = options().get(key)
    return option.flags[0] if option and option.flags else key
