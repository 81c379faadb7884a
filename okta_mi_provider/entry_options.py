"""What an entry of the groups file can say besides how to sync: what Airflow needs to know of its DAG."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from okta_mi_provider.kinds import Count, Text, show
from okta_mi_provider.sync.chunks import CHUNK_SIZE

_PRESETS = ("@once", "@continuous", "@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly")
_CRON_FIELDS = 5
#: From any day on, an expression that will ever match does so; a fixed one gives the same answer for ever.
_ANY_DAY = datetime(2026, 1, 1)  # noqa: DTZ001


@dataclass(frozen=True, slots=True)
class Line:
    """A text on one line."""

    longest: int = 250

    def parse(self, value: object) -> str:
        text = Text().parse(value)
        if len(text) > self.longest:
            raise ValueError(f"{show(text)} has {len(text)} characters; allowed: up to {self.longest}")
        if any(unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} for char in text):
            raise ValueError(f"{show(text)} has an invisible character in it")
        return text

    def json_schema(self) -> dict[str, Any]:
        return {**Text().json_schema(), "maxLength": self.longest}


@dataclass(frozen=True, slots=True)
class Lines:
    """A list of texts, each on one line. Kept sorted, each once."""

    longest: int
    least: int = 0

    def parse(self, value: object) -> tuple[str, ...]:
        if not isinstance(value, list):
            raise ValueError(f"{show(value)} is not allowed; allowed: a list of texts")  # noqa: TRY004 - as all kinds do
        lines = tuple(sorted({Line(self.longest).parse(item) for item in value}))
        if len(lines) < self.least:
            raise ValueError(f"{show(value)} is not allowed; allowed: a list of at least {self.least} different texts")
        return lines

    def json_schema(self) -> dict[str, Any]:
        items = {"type": "array", "items": Line(self.longest).json_schema()}
        return {**items, "minItems": self.least, "uniqueItems": True} if self.least else items


@dataclass(frozen=True, slots=True)
class Schedule:
    """When Airflow starts a run: a cron expression of five fields, a preset, or null for never."""

    def parse(self, value: object) -> str | None:
        if value is None or value in _PRESETS:
            return value if isinstance(value, str) else None
        problem = _cron_problem(value) if isinstance(value, str) else "not a text"
        if problem:
            raise ValueError(
                f"{show(value)} is not a schedule ({problem}); allowed: a cron expression of five fields such as "
                f"'30 6 * * 1-5', {', '.join(_PRESETS)}, null"
            )
        return str(value)

    def json_schema(self) -> dict[str, Any]:
        return {"type": ["string", "null"]}


@dataclass(frozen=True, slots=True)
class EntryOption:
    """One key of an entry: what is allowed, what holds without it, and what it means."""

    kind: Line | Lines | Schedule | Count
    default: Any
    help: str

    def json_schema(self) -> dict[str, Any]:
        """JSON Schema of the value, for editors."""
        default = list(self.default) if isinstance(self.default, tuple) else self.default
        return {**self.kind.json_schema(), "description": self.help} | ({} if default is None else {"default": default})


#: How a group is named; at least one of them.
NAMES: Final[Mapping[str, EntryOption]] = {
    "name": EntryOption(Line(), None, "Exact name of the Okta group."),
    "id": EntryOption(
        Line(), None, "Id of the Okta group, where the name does not tell it apart; the name is then a label."
    ),
}

#: Instead of a name: several groups whose union is synced into one MI group, which target_group names.
UNION: Final = EntryOption(
    Lines(250, least=2),
    None,
    "Names or ids of Okta groups that are synced as one into the MI group that target_group names: whoever is in any "
    "of them is a member.",
)

#: Everything else that is not a setting of the sync.
ENTRY_OPTIONS: Final[Mapping[str, EntryOption]] = {
    "okta_conn_id": EntryOption(Line(), "okta_default", "Airflow connection of type okta."),
    "metric_insights_conn_id": EntryOption(
        Line(), "metric_insights_default", "Airflow connection of type metric_insights."
    ),
    "schedule": EntryOption(
        Schedule(), None, "When to sync: a cron expression in UTC, a preset such as @daily, or null for by hand only."
    ),
    "tags": EntryOption(Lines(100), (), "Tags of the DAG, besides okta_mi."),
    "owner": EntryOption(Line(), None, "Owner of the DAG."),
    "retries": EntryOption(Count(0, 100), 2, "How often a task is tried again after a failure that may pass."),
    "chunk_size": EntryOption(
        Count(1, 100_000),
        CHUNK_SIZE,
        "How many changes of users a task writes. A plan with more is written by several, each of which is tried again "
        "by itself.",
    ),
    "pool": EntryOption(Line(), "default_pool", "Airflow pool of the tasks; it must exist."),
    "approvers": EntryOption(
        Lines(250),
        (),
        "Ids of the Airflow users who may approve a plan, where approve is not never: user names with the simple auth "
        "manager, numbers with FAB. Empty: whoever may edit required actions of the DAG.",
    ),
    "approval_timeout": EntryOption(
        Count(1, 8760), 24, "Hours that a plan waits for an approval. After them nothing is written."
    ),
}


def _cron_problem(text: str) -> str | None:
    """Why Airflow could not follow a cron expression."""
    # Only files with a cron expression pay for it.
    from croniter import CroniterError, croniter  # type: ignore[import-untyped]  # noqa: PLC0415

    if re.search(r"\bR\b", text, re.IGNORECASE):
        return "R means another time at each parse"
    fields = len(text.split())
    if fields != _CRON_FIELDS:
        return f"{fields} fields"
    try:
        croniter(text, _ANY_DAY).get_next(datetime)
    except CroniterError as error:
        return str(error)
    return None
