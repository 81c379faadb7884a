"""`validate`: every mistake of a groups file; if asked for, also whether its groups are there. Writes nothing."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from okta_mi_provider.cli.diagnostics import diagnostics
from okta_mi_provider.cli.exit_codes import BAD_USAGE, FAILED, OK
from okta_mi_provider.cli.output import tell
from okta_mi_provider.doctor.observation import Observation, Verdict
from okta_mi_provider.doctor.render import as_json, as_text
from okta_mi_provider.entry import Entry, GroupsFile
from okta_mi_provider.groups_file import GroupsFileError, read
from okta_mi_provider.sync.text import one_line, plural
from okta_mi_provider.yaml_nodes import Mistake

_Key = TypeVar("_Key")


def run(args: argparse.Namespace) -> int:
    """Runs the command.

    Returns:
        0 if all is well, 1 if something live is not, 2 if the file has mistakes.
    """
    groups, mistakes = _read(args.file)
    seen: list[Observation] | None = None
    if args.live and groups.entries:
        with diagnostics(verbose=bool(args.verbose)):
            seen = list(_live(args, groups.entries))
    text = _as_json(args.file, groups, mistakes, seen) if args.json else _as_text(args.file, groups, mistakes, seen)
    wrong = FAILED if any(each.verdict is Verdict.WRONG for each in seen or ()) else OK
    return max(BAD_USAGE if mistakes else wrong, tell("validate", text))


def _read(file: str) -> tuple[GroupsFile, list[Mistake]]:
    """What can be used of a file, and every mistake in it."""
    try:
        groups = read(Path(file))
    except GroupsFileError as error:
        return GroupsFile((), ()), list(error.mistakes)
    return groups, sorted({mistake for broken in groups.broken for mistake in broken.mistakes})


def _live(args: argparse.Namespace, entries: Sequence[Entry]) -> Iterator[Observation]:
    """Both sides, one connection after the other."""
    # Most calls only read the file.
    from okta_mi_provider.cli import connections
    from okta_mi_provider.doctor.groups import Found, examine_sources, examine_targets
    from okta_mi_provider.sync.pauses import Pauses

    found: Found = {}
    pauses = Pauses()
    for conn_id, same in _by(entries, lambda each: args.okta_host or args.okta_conn_id or each.okta_conn_id):
        own = _with(args, okta_conn_id=None if args.okta_host else conn_id)
        yield from examine_sources(conn_id, partial(connections.okta, own, pauses=pauses), same, found)
    for conn_id, same in _by(entries, lambda each: args.mi_host or args.mi_conn_id or each.metric_insights_conn_id):
        own = _with(args, mi_conn_id=None if args.mi_host else conn_id)
        connect = partial(connections.metric_insights, own, read_only=True, pauses=pauses)
        yield from examine_targets(conn_id, connect, same, found)


def _by(entries: Sequence[Entry], key: Callable[[Entry], _Key]) -> list[tuple[_Key, list[Entry]]]:
    by_key: dict[_Key, list[Entry]] = {}
    for entry in sorted(entries, key=lambda each: each.line):
        by_key.setdefault(key(entry), []).append(entry)
    return list(by_key.items())


def _with(args: argparse.Namespace, **changes: str | None) -> argparse.Namespace:
    return argparse.Namespace(**{**vars(args), **changes})


def _as_text(file: str, groups: GroupsFile, mistakes: Sequence[Mistake], seen: Sequence[Observation] | None) -> str:
    lines = [one_line(mistake.at(file), 1000) for mistake in mistakes]
    usable = plural(len(groups.entries), "entry", "entries")
    name = one_line(file)
    lines.append(f"{name}: {plural(len(mistakes), 'mistake') if mistakes else 'no mistakes'}, {usable} to sync.")
    return "\n".join(lines) + "\n" + (f"\n{as_text(seen)}" if seen is not None else "")


def _as_json(file: str, groups: GroupsFile, mistakes: Sequence[Mistake], seen: Sequence[Observation] | None) -> str:
    document = {
        "file": file,
        "entries": len(groups.entries),
        "mistakes": [mistake._asdict() for mistake in mistakes],
        "live": None if seen is None else as_json(seen),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
