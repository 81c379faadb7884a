"""What calls of the script become: entries of a groups file, and connections."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from okta_mi_provider.cli.script_import.call import Call, understand
from okta_mi_provider.cli.script_import.crontab import Job, jobs, looks_like_crontab
from okta_mi_provider.cli.script_import.remark import Remark
from okta_mi_provider.cli.script_import.shell import ShellCall, calls
from okta_mi_provider.clients.errors import ConfigurationError
from okta_mi_provider.clients.urls import okta_url
from okta_mi_provider.entry_options import ENTRY_OPTIONS, Schedule
from okta_mi_provider.groups_file import GroupsFileError, dag_id, parse
from okta_mi_provider.groups_text import Item, document
from okta_mi_provider.sync.text import quoted

_DEFAULT_CONNECTION: str = ENTRY_OPTIONS["okta_conn_id"].default
#: Keys that say which groups are meant, and cannot hold for all of them.
_NAMING = frozenset({"name", "groups", "target_group"})


class Timed(NamedTuple):
    """A call, with when it is run."""

    call: Call
    schedule: str | None
    zone: str | None


@dataclass(frozen=True, slots=True)
class Imported:
    """What was read from a file.

    Attributes:
        items: The entries, in the order of the file.
        defaults: What all of them have in common.
        okta_hosts: The Okta orgs by the ids of their connections; "" for one that is not known.
        remarks: What is to be said, in the order of the file.
        scheduled: Whether any entry has a schedule from a crontab.
    """

    items: tuple[Item, ...]
    defaults: dict[str, Any]
    okta_hosts: dict[str, str]
    remarks: tuple[Remark, ...]
    scheduled: bool

    @property
    def is_whole(self) -> bool:
        """Whether everything that the file says was carried over."""
        return not any(remark.lost for remark in self.remarks)


def import_text(text: str, *, schedule: str | None = None) -> Imported:
    """Reads a crontab or a shell script.

    Args:
        text: Its content.
        schedule: For the calls of a script, which does not say when it is run.
    """
    remarks: list[Remark] = []
    timed = list(_calls(text, schedule, remarks))
    remarks += _zones(timed)
    drafts, hosts = _drafts(timed, remarks)
    common = _common(drafts)
    items = tuple(
        Item({key: value for key, value in each.values.items() if key not in common}, each.comment) for each in drafts
    )
    scheduled = any(each.schedule and each.schedule != schedule for each in timed)
    return Imported(items, common, hosts, tuple(sorted(set(remarks))), scheduled)


def _calls(text: str, schedule: str | None, remarks: list[Remark]) -> Iterator[Timed]:
    """Every call, with when it is run."""
    if not looks_like_crontab(text):
        for found in calls(text, {}):
            yield from _timed(found, schedule, None, remarks)
        return
    for job in jobs(text):
        if isinstance(job, Job):
            for found in calls(job.command, job.variables, job.line):
                yield from _timed(found, job.schedule, job.zone, remarks)
        else:
            remarks.append(job)


def _timed(found: ShellCall | Remark, schedule: str | None, zone: str | None, remarks: list[Remark]) -> Iterator[Timed]:
    if isinstance(found, Remark):
        remarks.append(found)
    elif call := understand(found, remarks):
        yield Timed(call, schedule, zone)


def _zones(timed: Sequence[Timed]) -> Iterator[Remark]:
    """Tells of each time zone once."""
    first = {each.zone: each.call.line for each in reversed(timed) if each.zone and each.schedule}
    for zone, line in first.items():
        said = f"from here on cron has read schedules in the time zone {quoted(zone)}; Airflow reads them in UTC"
        yield Remark(line, said)


def _drafts(timed: Sequence[Timed], remarks: list[Remark]) -> tuple[list[Item], dict[str, str]]:
    """The entries with everything they say, and the connections that they name."""
    hosts: dict[str, str] = {}
    by_id: dict[str, tuple[dict[str, Any], int]] = {}
    for call, schedule, _ in timed:
        connection = _connection(call, hosts, remarks)
        for naming in _namings(call):
            settings = {key: value for key, value in call.settings.items() if key != "target_group"}
            values = naming | ({"schedule": schedule} if schedule else {}) | connection | settings
            if mistakes := _mistakes(values):
                remarks += [Remark(call.line, f"not carried over: {each}", lost=True) for each in mistakes]
                continue
            title = naming["target_group"] if "groups" in naming else naming["name"]
            earlier, line = by_id.setdefault(dag_id(title), (values, call.line))
            if earlier != values:
                said = _is_there_already(title, earlier, line, values)
                remarks.append(Remark(call.line, said, lost=True))
            elif line != call.line:
                remarks.append(Remark(call.line, f"{quoted(title)} is synced by line {line} in the same way"))
    return [Item(values, f"line {line}") for values, line in by_id.values()], hosts


def _is_there_already(title: str, earlier: dict[str, Any], line: int, values: dict[str, Any]) -> str:
    differing = sorted(key for key in {*earlier, *values} if earlier.get(key) != values.get(key))
    return (
        f"{quoted(title)} is synced by line {line} already, with other values for {', '.join(differing)}; an entry has "
        "one of each, so that of this line is not carried over"
    )


def _namings(call: Call) -> list[dict[str, Any]]:
    """How the entries of a call are named: each group has one, but for those that are synced into one."""
    target = call.settings.get("target_group")
    if target is None:
        return [{"name": name} for name in call.groups]
    if len(call.groups) == 1:
        return [{"name": call.groups[0], "target_group": target}]
    return [{"groups": sorted(call.groups), "target_group": target}]


def _mistakes(values: dict[str, Any]) -> list[str]:
    """Why the groups file could not have such an entry."""
    try:
        file = parse(document([Item(values)]), "")
    except GroupsFileError as error:
        return [each.message for each in error.mistakes]
    return [each.message for broken in file.broken for each in broken.mistakes]


def _connection(call: Call, hosts: dict[str, str], remarks: list[Remark]) -> dict[str, str]:
    """Names the connection of a call, if it is not the usual one."""
    url = ""
    if call.okta_host:
        try:
            url = str(okta_url(call.okta_host))
        except ConfigurationError as error:
            remarks.append(Remark(call.line, f"the Okta host cannot be used: {error}", lost=True))
    known = next((conn_id for conn_id, each in hosts.items() if each == url), None)
    if known is None:
        known = _DEFAULT_CONNECTION if not hosts else _new_id(url, hosts)
        hosts[known] = url
    return {} if known == _DEFAULT_CONNECTION else {"okta_conn_id": known}


def _new_id(url: str, taken: dict[str, str]) -> str:
    label = re.sub(r"[^a-z0-9]+", "_", (urlsplit(url).hostname or "other").partition(".")[0]).strip("_")
    wanted = f"okta_{label or 'other'}"
    return next(each for each in (wanted, *(f"{wanted}_{number}" for number in range(2, 10_000))) if each not in taken)


def _common(items: Sequence[Item]) -> dict[str, Any]:
    """What several entries all say alike."""
    if len(items) < 2:
        return {}
    first = items[0].values
    return {
        key: value
        for key, value in first.items()
        if key not in _NAMING and all(key in each.values and each.values[key] == value for each in items)
    }


def checked_schedule(text: str | None) -> str | None:
    """A schedule that somebody gives for a script.

    Raises:
        ConfigurationError: If Airflow could not follow it.
    """
    try:
        return Schedule().parse(text)
    except ValueError as error:
        raise ConfigurationError(f"--schedule: {error}.") from None
