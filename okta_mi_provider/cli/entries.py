"""What a groups file says of a group, for commands that look at it as its DAG does."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from okta_mi_provider.cli.arguments import settings_from
from okta_mi_provider.clients.errors import ConfigurationError
from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.sync.text import quoted

if TYPE_CHECKING:
    from okta_mi_provider.entry import Entry


def entry_of(args: argparse.Namespace, groups: Sequence[str]) -> Entry | None:
    """The entry that is about these groups; None if no groups file is given. Its connections go into the arguments.

    Raises:
        ConfigurationError: If there is no such entry, or it is wrong.
    """
    if args.groups_file is None:
        return None
    from okta_mi_provider.groups_file import GroupsFileError, read

    try:
        file = read(Path(args.groups_file))
    except GroupsFileError as error:
        raise ConfigurationError(str(error)) from None
    for entry in file.entries:
        if set(entry.groups) == set(groups) or (len(groups) == 1 and groups[0] in _names(entry)):
            if args.okta_conn_id is None and args.okta_host is None:
                args.okta_conn_id = entry.okta_conn_id
            if args.mi_conn_id is None and args.mi_host is None:
                args.mi_conn_id = entry.metric_insights_conn_id
            return entry
    for broken in file.broken:
        if groups[0] in {broken.title, broken.dag_id}:
            mistakes = "\n".join(each.at(args.groups_file) for each in broken.mistakes)
            raise ConfigurationError(f"The entry of this group is wrong:\n{mistakes}")
    raise ConfigurationError(
        f"{args.groups_file} has no entry for {', '.join(map(quoted, groups))}; it has "
        f"{', '.join(quoted(entry.title) for entry in file.entries) or 'none'}."
    )


def settings_of(args: argparse.Namespace, entry: Entry | None, **fixed: object) -> SyncSettings:
    """The settings of an entry, with what the command line says over them.

    Raises:
        SettingsError: If a setting is not allowed.
    """
    base = entry.settings.to_mapping() if entry else {}
    return SyncSettings.from_mapping({**base, **settings_from(args), **fixed})


def _names(entry: Entry) -> set[str | None]:
    return {entry.title, entry.dag_id, entry.name, entry.group_id}
