"""`provision`: sync groups of Okta into Metric Insights, as the vendor's `mi-okta-usersync provision` does."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from okta_mi_provider.cli.arguments import PROMPT, settings_from
from okta_mi_provider.cli.connections import sides
from okta_mi_provider.cli.diagnostics import complain, diagnostics
from okta_mi_provider.cli.exit_codes import BAD_USAGE, FAILED, OK, REFUSED
from okta_mi_provider.cli.interrupt import stop_on_signal
from okta_mi_provider.cli.lock import one_at_a_time
from okta_mi_provider.cli.progress import ProgressBar
from okta_mi_provider.clients.errors import AuthError, ConfigurationError, Forbidden
from okta_mi_provider.settings import Problem, SettingsError, SyncSettings, options
from okta_mi_provider.sync.errors import SyncError, naming
from okta_mi_provider.sync.fetch import GroupSelector
from okta_mi_provider.sync.pauses import Pauses
from okta_mi_provider.sync.render import as_text
from okta_mi_provider.sync.report import Report, State
from okta_mi_provider.sync.run import Result, Sides, Watcher, provision
from okta_mi_provider.sync.text import quoted

log = logging.getLogger("okta_mi_provider")


def run(args: argparse.Namespace) -> int:
    """Runs the command.

    Returns:
        The exit code; see `exit_codes`.
    """
    try:
        settings = SyncSettings.from_mapping(settings_from(args))
        with diagnostics(verbose=bool(args.verbose or settings.dry_run)):
            groups = _groups(args)
            check_writable(args.report)
            pauses = Pauses()
            both = sides(args, read_only=settings.dry_run, pauses=pauses)
            with one_at_a_time(both.target.host, (settings.target_group or group for group in groups)):
                results = _sync(both, groups, settings, pauses)
            lost = write_report(args.report, [result.report for result in results])
            if settings.summary != "none":
                sys.stdout.write("\n".join(as_text(each.report, full=settings.summary == "full") for each in results))
                sys.stdout.flush()
            return max(exit_code(results), lost)
    except SettingsError as error:
        spelt = [Problem(_spelling(problem.key), problem.message) for problem in error.problems]
        return complain("provision", "\n".join(map(str, spelt)))
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
    if path is None or _is_special(Path(path)):
        return
    folder = Path(path).resolve().parent
    if Path(path).is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise ConfigurationError(f"--report {path}: cannot write a file there.")


def write_report(path: str | None, reports: Sequence[Report]) -> int:
    """Writes the JSON report of one group, or a list of several.

    A file is written whole or not at all, and can be read by its owner only.

    Returns:
        An exit code: the sync is over, and a report that is lost is a failure of its own.
    """
    if path is None:
        return OK
    documents = [report.to_json() for report in reports]
    text = json.dumps(documents[0] if len(documents) == 1 else documents, indent=2, ensure_ascii=False) + "\n"
    try:
        if _is_special(Path(path)):
            Path(path).write_text(text, encoding="utf-8", errors="backslashreplace")
        else:
            _replace(Path(path).resolve(), text)
    except OSError as error:
        complain("provision", f"--report {path}: the sync is over, but its report cannot be written: {error.strerror}")
        return FAILED
    return OK


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


def _sync(both: Sides, groups: Sequence[str], settings: SyncSettings, pauses: Pauses) -> list[Result]:
    selectors = [GroupSelector(name=group) for group in groups]
    with stop_on_signal(pauses), ProgressBar.on_terminal() as bar:
        results = list(provision(both, selectors, settings, watcher=bar or Watcher(), stopped=lambda: pauses.stopped))
    for result in results:
        if result.report.error:
            log.error("%s", naming("Okta group", result.report.source_group.name, result.report.error))
        for failure in result.report.failures:
            group, user = quoted(failure.change.group), failure.change.user
            log.warning("Failed: %s: %s", f"{quoted(user)} for {group}" if user else group, failure.error)
    return results


def _groups(args: argparse.Namespace) -> list[str]:
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


def _spelling(key: str) -> str:
    """An option as people write it on the command line."""
    option = options().get(key)
    return option.flags[0] if option and option.flags else key
