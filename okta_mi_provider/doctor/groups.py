"""Looks whether the groups that a groups file names are there, on both sides. Reads only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from okta_mi_provider.clients.metric_insights import MetricInsightsClient
from okta_mi_provider.clients.okta import OktaClient
from okta_mi_provider.doctor.observation import Observation, Section
from okta_mi_provider.entry import Entry
from okta_mi_provider.sync.errors import SyncError
from okta_mi_provider.sync.model import SourceGroup, TargetGroup, joined_name
from okta_mi_provider.sync.text import one_line, plural, quoted

#: Names of the Okta groups of an entry, by its DAG id, as far as they were found.
Found = dict[str, str]


def examine_sources(
    connection: str, connect: Callable[[], OktaClient], entries: Sequence[Entry], found: Found
) -> Iterator[Observation]:
    """Looks for the Okta groups of entries that share a connection, and leaves their names in `found`.

    Args:
        connection: What people call the connection.
        connect: Makes a client.
        entries: The entries.
        found: Where the names are left.
    """
    section = Section(f"Okta, {one_line(connection)}")
    try:
        client = connect()
        yield section.fine("connection", client.check())
    except SyncError as error:
        yield section.wrong("connection", error)
        return
    for entry in entries:
        groups: list[SourceGroup] = []
        try:
            groups += [client.find_group(selector) for selector in entry.selectors]
        except SyncError as error:
            yield section.wrong(one_line(entry.title), f"line {entry.line}: {error}")
            continue
        found[entry.dag_id] = joined_name(groups)
        yield section.fine(one_line(entry.title), ", ".join(_described(each) for each in groups))


def examine_targets(
    connection: str, connect: Callable[[], MetricInsightsClient], entries: Sequence[Entry], found: Found
) -> Iterator[Observation]:
    """Looks for the MI groups of entries that share a connection. Arguments as for `examine_sources`."""
    section = Section(f"Metric Insights, {one_line(connection)}")
    try:
        client = connect()
        yield section.fine("connection", client.check())
        groups = client.groups()
    except SyncError as error:
        yield section.wrong("connection", error)
        return
    for entry in entries:
        if entry.settings.map_attr_to_group:
            attribute = quoted(entry.settings.map_attr_to_group)
            yield section.note(one_line(entry.title), f"The Okta attribute {attribute} of each user names the groups.")
        elif name := entry.settings.target_group or found.get(entry.dag_id):
            yield _target(section, entry, name, groups)


def _target(section: Section, entry: Entry, name: str, groups: Sequence[TargetGroup]) -> Observation:
    """Whether the group is there, or will be."""
    title = one_line(entry.title)
    if there := next((each for each in groups if each.name == name), None):
        return section.fine(title, f"{quoted(name)} (id {one_line(there.id)}).")
    near = [quoted(each.name) for each in groups if each.name.casefold() == name.casefold()]
    hint = f" There is {near[0]}: names are compared exactly." if near else ""
    if entry.settings.auto_create != "none":
        said = f"{quoted(name)} is not there, and will be created.{hint}"
        return section.note(title, said) if near else section.fine(title, said)
    return section.wrong(
        title,
        f"line {entry.line}: {quoted(name)} is not there, and nobody will be synced.{hint} Create it in MI, or have it "
        "created: auto_create 'groups' or 'all'.",
    )


def _described(group: SourceGroup) -> str:
    counted = f", {plural(group.user_count, 'user')}" if group.user_count is not None else ""
    return f"{quoted(group.name)} ({one_line(group.id)}{counted})"
