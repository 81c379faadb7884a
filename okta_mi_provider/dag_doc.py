"""What a generated DAG says of itself on its page in Airflow: every setting, its value in words, and where it is from.

It is made at every parse, for every group. So what many groups have in common is made once.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from okta_mi_provider import addresses, idle_token
from okta_mi_provider.entry import Entry
from okta_mi_provider.kinds import Choice
from okta_mi_provider.okta_pool import OktaPool
from okta_mi_provider.operators.task_ids import REPORT, SYNC
from okta_mi_provider.settings import lasting, options
from okta_mi_provider.sync.markdown import escaped
from okta_mi_provider.sync.text import one_line
from okta_mi_provider.write_pools import WritePool

#: Where our documents are.
DOCS: Final = "https://github.com/okta-mi-provider/okta-mi-provider/blob/main/docs"
#: The subjects, each with its settings, and with the document that explains them.
SECTIONS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "What is synced": (
        "options.md",
        ("target_group", "map_attr_to_group", "statuses", "skip_default_group", "incremental", "mode", "dry_run"),
    ),
    "Who is who": (
        "options.md",
        ("match_by", "username_attr", "email_attr", "first_name_attr", "last_name_attr"),
    ),
    "What is created and changed": ("options.md", ("auto_create", "user_type", "force")),
    "Who loses access": (
        "operations.md#who-loses-access-and-who-decides",
        ("prune", "deprovision", "protect_administrators"),
    ),
    "Limits and approval": (
        "operations.md#when-a-person-is-asked",
        ("sync_user_limit", "max_removals", "max_creates", "max_updates", "approve", "approvers", "approval_timeout"),
    ),
    "In Airflow": (
        "operations.md",
        (
            "schedule", "okta_conn_id", "metric_insights_conn_id", "pool", "retries", "chunk_size", "owner", "tags",
            "summary",
        ),
    ),
}  # fmt: skip
_HEAD: Final = "| setting | value | from |\n|---|---|---|"
_TITLES: Final = {
    "approvers": "Who may approve",
    "approval_timeout": "Hours to answer",
    "schedule": "Schedule",
    "okta_conn_id": "Connection to Okta",
    "metric_insights_conn_id": "Connection to MI",
    "pool": "Pool",
    "retries": "Retries of a task",
    "chunk_size": "Changes that a task writes",
    "owner": "Owner",
    "tags": "Tags",
}
#: What it means that there is none.
_NONE: Final = {
    "target_group": "the group named like the Okta group",
    "map_attr_to_group": "none: all are put into one group",
    "max_removals": "no limit",
    "max_creates": "no limit",
    "max_updates": "no limit",
    "schedule": "only when somebody triggers it",
    "owner": "Airflow's default",
    "approvers": "whoever may act on the DAG",
    "tags": "only okta_mi",
}
_DAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DAILY = re.compile(r"(\d{1,2}) (\d{1,2}) \* \* (\*|[0-7]|1-5|MON-FRI)", re.IGNORECASE)
_HOURLY = re.compile(r"(\d{1,2}) \* \* \* \*")
_STEPS: Final = frozenset({1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30})
_EVERY = re.compile(r"\*/(\d{1,2}) \* \* \* \*")

_Value = str | int | bool | tuple[str, ...] | None


def doc(
    entry: Entry, okta_pool: OktaPool | None = None, write_pool: WritePool | None = None, *, under: str = ""
) -> str:
    """The text for the page of a DAG, in Markdown. Every name in it is escaped.

    Args:
        entry: What the groups file says of the group.
        okta_pool: The pool of the task that reads Okta, if `[okta_mi] okta_pool` names one.
        write_pool: The pool of the tasks that write, if `[okta_mi] write_pools` names one.
        under: What stands in front of every path of this Airflow; see `addresses.prefix`.
    """
    settings = entry.settings
    parts = [_introduction(entry, under)]
    for title, (page, keys) in SECTIONS.items():
        rows = [_row(key, getattr(settings if key in options() else entry, key), _origin(entry, key)) for key in keys]
        if title == "What is synced":
            rows.insert(0, _groups(entry))
        if title == "In Airflow":
            rows += _pools(okta_pool, write_pool)
        table = "\n".join([_HEAD, *rows])
        parts.append(f"#### {title}\n\n{table}\n\n[More about it]({DOCS}/{page})")
    return "\n\n".join(parts) + "\n"


def _introduction(entry: Entry, under: str) -> str:
    last = SYNC if entry.settings.map_attr_to_group else REPORT
    warning = idle_token.warning(entry.schedule)
    caution = f"**Caution:** {warning}\n\n" if warning else ""
    page = f"[the page of this sync]({addresses.dag_tab(entry.dag_id, under)})"
    return (
        f"{caution}Keeps a group of Metric Insights and its users in step with Okta. Trigger it with "
        f"*{options()['dry_run'].title}* to see what it would write; the task `{last}` tells what a run has done, and "
        f"{page} shows all runs. These are the values of the groups file; the form of a run may say otherwise for "
        "that run."
    )


def _groups(entry: Entry) -> str:
    names = [*entry.groups] or [each for each in (entry.name, entry.group_id) if each]
    label = "Okta groups" if entry.groups else "Okta group"
    return f"| {label} | {', '.join(f'**{_text(name)}**' for name in names)} | **this entry** |"


def _pools(okta_pool: OktaPool | None, write_pool: WritePool | None) -> list[str]:
    """Rows for what the configuration says, and not the file."""
    rows = []
    if okta_pool:
        rows.append(f"| Pool of fetch | {_text(okta_pool.name)} | configuration of Airflow |")
    if write_pool:
        slots = f"{write_pool.task_slots} of {write_pool.slots} slots for each task"
        rows.append(f"| Pool of the tasks that write | {_text(write_pool.name)}, {slots} | configuration of Airflow |")
    return rows


def _origin(entry: Entry, key: str) -> str:
    if key in entry.own:
        return "**this entry**"
    return "defaults of the file" if key in entry.common else "built in"


@cache
def _row(key: str, value: _Value, origin: str) -> str:
    """One setting. Most groups have most values in common."""
    option = lasting().get(key)
    title = option.title if option else _TITLES[key]
    return f"| {title} (`{key}`) | {_in_words(key, value)} | {origin} |"


def _in_words(key: str, value: _Value) -> str:
    if value is None or value == ():
        return _NONE.get(key, "none")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(map(_text, value))
    if key == "schedule" and (words := schedule_in_words(str(value))):
        return f"{words} (`{value}`)"
    meaning = _meanings(key).get(str(value))
    if meaning:
        return f"`{value}`: {escaped(meaning)}"
    return f"{value:,}" if isinstance(value, int) else _text(value)


@cache
def _meanings(key: str) -> dict[str, str]:
    """What each word means that an option can have, from the sentence that explains all of them."""
    option = lasting().get(key)
    if option is None or not isinstance(option.kind, Choice):
        return {}
    found = re.findall(rf"\b({'|'.join(option.kind.values)}): ([^;.]+)", option.help)
    return dict(found)


def schedule_in_words(schedule: str) -> str:
    """A preset, or a simple cron expression, as people say it; "" for any other."""
    if schedule.startswith("@"):
        return schedule.removeprefix("@")
    if daily := _DAILY.fullmatch(schedule):
        minute, hour, day = daily.groups()
        on_days = f"every {_DAYS[int(day)]}" if day.isdigit() else "from Monday to Friday"
        when = "every day" if day == "*" else on_days
        return f"{when} at {int(hour):02}:{int(minute):02} UTC"
    if hourly := _HOURLY.fullmatch(schedule):
        return f"every hour at minute {int(hourly[1])}"
    every = _EVERY.fullmatch(schedule)
    # Any other number leaves a shorter step at the end of each hour.
    if every and int(every[1]) in _STEPS:
        return f"every {int(every[1])} minutes" if int(every[1]) > 1 else "every minute"
    return ""


def _text(name: str) -> str:
    """A name, in which nothing is markup."""
    return escaped(one_line(name))
