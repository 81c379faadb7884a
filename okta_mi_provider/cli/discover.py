"""`discover`: the Okta groups whose names match a pattern, and entries for them. Writes to neither side."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from okta_mi_provider.cli.connections import okta
from okta_mi_provider.cli.diagnostics import complain, diagnostics
from okta_mi_provider.cli.exit_codes import FAILED, OK
from okta_mi_provider.cli.files import read_text, write_text
from okta_mi_provider.cli.output import tell
from okta_mi_provider.cli.tables import render
from okta_mi_provider.clients.errors import AuthError, ConfigurationError, Forbidden
from okta_mi_provider.clients.okta_groups import FoundGroup, groups_matching
from okta_mi_provider.entry import GroupsFile
from okta_mi_provider.entry_options import NAMES
from okta_mi_provider.groups_file import GroupsFileError, read
from okta_mi_provider.groups_text import CannotAdd, Item, document, with_entries
from okta_mi_provider.sync.errors import SyncError
from okta_mi_provider.sync.pauses import Pauses
from okta_mi_provider.sync.text import one_line, plural, quoted

_COLUMNS = ("name", "id", "type", "members", "in_file")


def run(args: argparse.Namespace) -> int:
    """Runs the command.

    Returns:
        0 if there are such groups, 1 if there are none or Okta could not be read, 2 for wrong usage or credentials.
    """
    try:
        if not args.pattern:
            raise ConfigurationError("Which groups? Give a pattern, such as 'MI - *'.")
        files = dict.fromkeys((args.groups_file, args.output))
        known = _Known([_file(path) for path in files if path and _is_there(path, args)])
        with diagnostics(verbose=bool(args.verbose)):
            client = okta(args, pauses=Pauses())
            groups = groups_matching(client, args.pattern)
            if not groups:
                blindness = client.blindness()
                said = f"Okta has no group that matches {quoted(args.pattern)} and that these credentials may see"
                complain("discover", f"{said}; capitals count. {blindness}".rstrip())
                return FAILED
        items = list(_items([each for each in groups if each not in known], _namesakes(groups)))
        if args.output and items:
            _write(args, items)
        elif args.output:
            sys.stderr.write(f"{one_line(args.output)}: nothing to add.\n")
    except (ConfigurationError, AuthError, Forbidden) as error:
        return complain("discover", str(error))
    except SyncError as error:
        complain("discover", str(error))
        return FAILED
    if args.format == "yaml":
        return tell("discover", document(items, heading=[_heading(args)])) if items else OK
    return tell("discover", render(_rows(groups, known), args.format, shown=_COLUMNS, everything=_COLUMNS))


class _Known:
    """What groups files have already.

    Args:
        files: The groups files.
    """

    def __init__(self, files: Sequence[GroupsFile]) -> None:
        self.any = bool(files)
        self._names: set[str | None] = set()
        for file in files:
            for entry in file.entries:
                self._names |= {entry.group_id} if entry.group_id else {entry.name, *entry.groups}
            # What is to be mended is there, too.
            self._names |= {broken.title for broken in file.broken}

    def __contains__(self, group: FoundGroup) -> bool:
        return group.id in self._names or group.name in self._names


def _is_there(path: str, args: argparse.Namespace) -> bool:
    """Whether a groups file is to be read. That which is to be written need not be there yet."""
    return path != args.output or Path(path).exists()


def _file(path: str) -> GroupsFile:
    try:
        return read(Path(path))
    except GroupsFileError as error:
        raise ConfigurationError(str(error)) from None


def _namesakes(groups: Sequence[FoundGroup]) -> frozenset[str]:
    """Names that several groups have: all of them match."""
    return frozenset(name for name, count in Counter(each.name for each in groups).items() if count > 1)


def _items(groups: Sequence[FoundGroup], namesakes: frozenset[str]) -> Iterator[Item]:
    for group in groups:
        if group.name in namesakes or not _is_writable(group.name):
            imported = f", imported by {group.source}" if group.source else ""
            yield Item({"id": group.id}, f"{group.name} ({group.type}{imported})")
        else:
            yield Item({"name": group.name})


def _is_writable(name: str) -> bool:
    """Whether a name can stand in a groups file; otherwise there is the id."""
    try:
        NAMES["name"].kind.parse(name)
    except ValueError:
        return False
    return True


def _rows(groups: Sequence[FoundGroup], known: _Known) -> list[dict[str, Any]]:
    return [
        {
            "name": each.name,
            "id": each.id,
            "type": each.type,
            "members": each.users,
            "in_file": each in known if known.any else None,
            "source": each.source or None,
        }
        for each in groups
    ]


def _write(args: argparse.Namespace, items: Sequence[Item]) -> None:
    """Writes a new groups file, or adds to the one that is there."""
    is_there = Path(args.output).exists()
    if is_there:
        try:
            text = with_entries(read_text(args.output), items)
        except CannotAdd as error:
            raise ConfigurationError(
                f"{args.output} is left as it is: {error}. --format yaml shows the entries, to be put there by hand."
            ) from None
    else:
        text = document(items, heading=[_heading(args)])
    write_text(args.output, text, overwrite=is_there)
    sys.stderr.write(f"{one_line(args.output)}: {plural(len(items), 'entry', 'entries')} added.\n")


def _heading(args: argparse.Namespace) -> str:
    return f"Made by okta-mi discover {quoted(args.pattern)}. A group without a schedule is synced when somebody asks."
