"""The settings of a sync, and what else an entry of the groups file can have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from okta_mi_provider.entry_options import ENTRY_OPTIONS, NAMES, UNION, EntryOption, Line, Lines
from okta_mi_provider.kinds import Amount, Choice, Choices, Count, Flag, Kind, Text
from okta_mi_provider.settings import Option, defaults, options
from scripts.reference.markdown import code, codes, prose, table

#: Where a page tells more; plain text of the code has no links.
_MORE: Mapping[str, str] = {
    "map_attr_to_group": "[Rules](coming-from-the-script.md#options-of-newer-scripts).",
    "incremental": "[How](operations.md#incremental).",
    "summary": "Of several flags the last one counts.",
    "prune": "[What happens in each case](operations.md#who-loses-access-and-who-decides).",
    "approve": "[How a person is asked](operations.md#when-a-person-is-asked).",
    "chunk_size": "[How](operations.md#large-plans).",
    "pool": "`[okta_mi] okta_pool`, if it is set, goes first for `fetch`, and `write_pools` for `create_groups` and "
    "`upsert_users`.",
}
#: What stands for a default that is none.
_NOTHING = {"target_group": "the Okta name", "owner": "Airflow's", "approvers": "see there"}


def settings_table() -> str:
    """Every setting of a sync."""
    head = ("setting", "default", "command line", "form", "meaning")
    return table(head, (_setting(name, option) for name, option in options().items()))


def _setting(name: str, option: Option) -> tuple[str, ...]:
    values = getattr(option.kind, "values", ())
    meaning = prose(option.help, values)
    if not isinstance(option.kind, Flag | Text) and not all(f"`{value}`: " in meaning for value in values or [""]):
        meaning += f" Allowed: {_allowed(option.kind)}."
    if option.per_run:
        meaning += " Not in the groups file."
    return (
        code(name),
        _default(name, defaults()[name]),
        _flags(name, option),
        "yes" if option.in_form else "",
        _with_more(name, meaning),
    )


def _flags(name: str, option: Option) -> str:
    if option.flag_values:
        return codes(option.flag_values)
    if defaults()[name] is True:
        return codes(f"--no-{flag[2:]}" for flag in option.flags)
    return codes(option.flags) or {"mode": "`okta-mi plan`"}.get(name, "")


def entries_table() -> str:
    """Everything else that stands in an entry."""
    keys: dict[str, EntryOption] = {**NAMES, "groups": UNION, **ENTRY_OPTIONS}
    rows = (
        (code(name), _default(name, key.default), _allowed(key.kind), _with_more(name, prose(key.help)))
        for name, key in keys.items()
    )
    return table(("key", "default", "allowed", "meaning"), rows)


def _default(name: str, value: Any) -> str:
    if value is None or value == ():
        return _NOTHING.get(name, "")
    if isinstance(value, bool):
        return code(str(value).lower())
    return codes(value) if isinstance(value, tuple) else code(value)


def _with_more(name: str, meaning: str) -> str:
    return f"{meaning} {_MORE[name]}" if name in _MORE else meaning


def _allowed(kind: Kind | Any) -> str:
    match kind:
        case Choice(values):
            return codes(values)
        case Choices(values):
            return f"a list of {codes(values)}"
        case Flag():
            return codes(("true", "false"))
        case Count(least, most):
            return f"{least:,} to {most:,}"
        case Amount():
            return "a whole number from 0, or a percentage from `0%` to `100%`"
        case Lines(least=least):
            return f"a list of at least {least} texts" if least else "a list of texts"
        case Line():
            return "a text on one line"
        case _:
            return {"Schedule": "cron expression, preset, `null`"}.get(type(kind).__name__, "a text")


if unknown := _MORE.keys() - {*options(), *ENTRY_OPTIONS}:
    raise ValueError(f"more is told of settings that do not exist: {unknown}")
