"""What a groups file says, as values: one entry for each DAG."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.sync.fetch import GroupSelector
from okta_mi_provider.sync.text import quoted
from okta_mi_provider.yaml_nodes import Mistake


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One group to sync.

    Attributes:
        dag_id: Id of its DAG.
        title: Name or id of the group, for people.
        line: Where it stands in the file.
        name: Exact name of the Okta group.
        group_id: Its id, which goes first.
        groups: Instead: names or ids of the groups whose union is synced.
        settings: How to sync it.
        schedule: Cron expression or preset; None: only when somebody triggers it.
        owner: None: Airflow's default.
        own: Keys that it says itself.
        common: Keys that it has from the defaults of the file.
    """

    dag_id: str
    title: str
    line: int
    name: str | None
    group_id: str | None
    groups: tuple[str, ...]
    settings: SyncSettings
    okta_conn_id: str
    metric_insights_conn_id: str
    schedule: str | None
    tags: tuple[str, ...]
    owner: str | None
    retries: int
    chunk_size: int
    pool: str
    approvers: tuple[str, ...]
    approval_timeout: int
    own: frozenset[str] = frozenset()
    common: frozenset[str] = frozenset()

    @property
    def selectors(self) -> tuple[GroupSelector, ...]:
        """How its groups are found in Okta."""
        if self.groups:
            return tuple(GroupSelector(name=each) for each in self.groups)
        return (GroupSelector(self.name, self.group_id),)

    @property
    def target(self) -> tuple[str, str] | None:
        """The MI group that it is synced into, with the connection; None if only Okta knows its name, or several."""
        if self.settings.map_attr_to_group:
            return None
        name = self.settings.target_group or self.name
        return (self.metric_insights_conn_id, name) if name else None


@dataclass(frozen=True, slots=True)
class BrokenEntry:
    """An entry, or several with one DAG id, that cannot be used as long as the mistakes are there."""

    dag_id: str
    title: str
    mistakes: tuple[Mistake, ...]


@dataclass(frozen=True, slots=True)
class GroupsFile:
    """A groups file that can be used, at least in parts."""

    entries: tuple[Entry, ...]
    broken: tuple[BrokenEntry, ...]


def contested(entries: Iterable[Entry]) -> list[BrokenEntry]:
    """Entries that are synced into one MI group, of which any removes leavers: it would remove the others' people."""
    by_target: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        if entry.target:
            by_target.setdefault(entry.target, []).append(entry)
    broken: list[BrokenEntry] = []
    for (_, name), same in by_target.items():
        if len(same) < 2 or all(entry.settings.prune == "off" for entry in same):
            continue
        lines = ", ".join(str(entry.line) for entry in same)
        message = (
            f"MI group {quoted(name)} is the target of several entries (lines {lines}), and prune would remove the "
            "people of the others; make them one entry with groups: [...]"
        )
        broken += [BrokenEntry(entry.dag_id, entry.title, (Mistake(entry.line, 1, message),)) for entry in same]
    return broken
