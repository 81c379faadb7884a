"""Reads a crontab: when what is run. Of a user, or of the system with a column for the user.

Source: crontab(5) of Debian's cron, of cronie, and of SUSE and FreeBSD where they differ.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from okta_mi_provider.cli.script_import.remark import Remark
from okta_mi_provider.cli.script_import.shell import SCRIPT, Argument
from okta_mi_provider.cli.script_import.suspects import NOT_LOOKED_INTO, may_sync
from okta_mi_provider.entry_options import Schedule
from okta_mi_provider.sync.text import quoted

_FIELD = r"[0-9A-Za-z*,/~#?-]+"
_FIVE_FIELDS = re.compile(rf"-?({_FIELD}(?:[ \t]+{_FIELD}){{4}})[ \t]+(\S.*)", re.DOTALL)
_FIRST_FIELD = re.compile(r"-?[0-9*]")
_NICKNAME = re.compile(r"(@[a-z_]+)[ \t]+(\S.*)", re.DOTALL)
_VARIABLE = re.compile(r"""(["']?)([A-Za-z_]\w*)\1[ \t]*=[ \t]*(.*)""")
#: Nicknames of cron that Airflow knows by another name.
_PRESETS = {"@annually": "@yearly", "@midnight": "@daily", "@every_minute": "* * * * *"}
_ZONES = ("CRON_TZ", "TZ")
_UTC = {"UTC", "Etc/UTC", "GMT", "Etc/GMT", "Zulu", "Universal", ""}


class Job(NamedTuple):
    """One line that runs something.

    Attributes:
        schedule: As Airflow understands it; None if it does not.
        command: For the shell.
        variables: Those of the crontab that are set before.
        zone: In which time zone it is run, if the crontab says so.
    """

    line: int
    schedule: str | None
    command: str
    variables: dict[str, Argument]
    zone: str | None


def looks_like_crontab(text: str) -> bool:
    """Whether a text is a crontab, and not a script: it has a line that says when, and none that says who runs it."""
    if text.startswith("#!"):
        return False
    return any(_job(line.strip()) for line in text.split("\n"))


def jobs(text: str) -> Iterator[Job | Remark]:
    """Everything that a crontab runs and that names the script, with a remark for each line that cannot be read."""
    variables: dict[str, Argument] = {}
    for number, line, is_joined in _lines(text):
        if not line or line.startswith("#"):
            continue
        if found := _VARIABLE.fullmatch(line):
            variables[found[2]] = Argument(_unquoted(found[3]))
            continue
        if SCRIPT not in line and not any(SCRIPT in value.text for value in variables.values()):
            if (found := _job(line)) and may_sync(found[2]):
                yield Remark(number, NOT_LOOKED_INTO)
            continue
        if is_joined:
            yield Remark(number, "cron itself does not continue lines that end in a backslash; read as one line")
        found = _job(line)
        if not found:
            yield Remark(
                number, "neither a schedule of five fields with a command, nor a nickname such as @daily", lost=True
            )
            continue
        schedule, remark = _schedule(" ".join(found[1].split()), number)
        if remark:
            yield remark
        command, has_input = _without_input(found[2])
        if has_input:
            yield Remark(number, "what stands behind the first % was standard input for the command, and is left out")
        zone = next((variables[name].text for name in _ZONES if name in variables), None)
        yield Job(number, schedule, command, dict(variables), None if zone in _UTC else zone)


def _lines(text: str) -> Iterator[tuple[int, str, bool]]:
    """Lines with their numbers, those that end in a backslash joined with the next."""
    begun, parts = 0, list[str]()
    for number, line in enumerate(map(str.rstrip, text.split("\n")), 1):
        begun = begun if parts else number
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            parts.append(line[:-1])
            continue
        yield begun, " ".join([*parts, line]).strip(), bool(parts)
        parts = []
    if parts:
        yield begun, " ".join(parts).strip(), True


def _job(line: str) -> re.Match[str] | None:
    """A line that says when what is run: the schedule, and the command."""
    return _FIVE_FIELDS.fullmatch(line) if _FIRST_FIELD.match(line) else _NICKNAME.fullmatch(line)


def _unquoted(value: str) -> str:
    value = value.strip()
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value


def _schedule(text: str, line: int) -> tuple[str | None, Remark | None]:
    """When it is run, as Airflow understands it; else what is to be said."""
    if text == "@reboot":
        said = "@reboot has no counterpart in Airflow; the entry has no schedule, and is run by hand only"
        return None, Remark(line, said, lost=True)
    try:
        return Schedule().parse(_PRESETS.get(text, text)), None
    except ValueError:
        said = f"Airflow does not understand the schedule {quoted(text)}; the entry has none, and is run by hand only"
        return None, Remark(line, said, lost=True)


def _without_input(command: str) -> tuple[str, bool]:
    r"""A command up to the first `%`, which cron takes for the beginning of its input; `\%` is a percent sign."""
    parts = re.split(r"(?<!\\)%", command, maxsplit=1)
    return parts[0].replace("\\%", "%"), len(parts) > 1
