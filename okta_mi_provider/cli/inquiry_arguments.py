"""The options of the commands that look before a sync, or back at what syncs have done."""

from __future__ import annotations

from collections.abc import Iterator

from okta_mi_provider.cli.arguments import (
    Argument,
    common_arguments,
    constant_flag,
    group_names_argument,
    groups_file_argument,
    mi_arguments,
    okta_arguments,
    option_arguments,
    store_argument,
)
from okta_mi_provider.settings import options
from okta_mi_provider.sync.report import State

#: Settings that make no sense where nothing is written, or are a command of their own.
_ABOUT_WRITING = frozenset({"dry_run", "mode", "summary", "approve_plan", "only_user"})
#: Ways to show rows.
FORMATS = ("table", "json", "csv")


def plan_arguments() -> Iterator[Argument]:
    """All arguments of `plan`."""
    yield group_names_argument("exact name or id of an Okta group to look at")
    yield from _sync_arguments()
    yield Argument(("--json",), constant_flag("json", "write the reports as JSON instead of text"))


def explain_arguments() -> Iterator[Argument]:
    """All arguments of `explain`."""
    yield Argument(("user",), {"metavar": "USER", "help": "login, e-mail address or Okta id; or username in MI"})
    yield Argument(
        ("--group", "-g"),
        {
            "metavar": "GROUP",
            "required": True,
            "action": "append",
            "help": "exact name or id of the Okta group; several times for several that are synced as one",
        },
    )
    yield from _sync_arguments()
    yield Argument(("--json",), constant_flag("json", "write JSON instead of text"))


def history_arguments() -> Iterator[Argument]:
    """All arguments of `history`."""
    yield Argument(
        ("user",),
        {"nargs": "?", "metavar": "USER", "help": "username in MI, Okta id or MI id; capitals do not count"},
    )
    yield Argument(("--group", "-g"), {"metavar": "GROUP", "help": "name or id of an MI group"})
    yield _since()
    yield Argument(
        ("--run",), {"type": int, "metavar": "RUN", "help": "everything of one run, also what was not tried"}
    )
    yield _format()
    yield store_argument()


def runs_arguments() -> Iterator[Argument]:
    """All arguments of `runs`."""
    yield Argument(("--group", "-g"), {"metavar": "GROUP", "help": "name or id of an MI group"})
    yield Argument(("--dag",), {"metavar": "DAG", "help": "id of a DAG"})
    yield Argument(
        ("--state",),
        {"choices": (*(state.value for state in State), "running"), "help": "only runs that ended so, or have not"},
    )
    yield _since()
    yield Argument(
        ("--limit",), {"type": int, "default": 50, "metavar": "N", "help": "most runs to show (default: 50)"}
    )
    yield _format()
    yield store_argument()


def undo_arguments() -> Iterator[Argument]:
    """All arguments of `undo`."""
    yield Argument(
        ("run_number",), {"type": int, "metavar": "RUN", "help": "number of the run, as okta-mi runs shows it"}
    )
    yield Argument(("--yes", "-y"), constant_flag("yes", "write it; without this it is only shown"))
    yield Argument(
        ("--disable-created",), constant_flag("disable_created", "also disable the users that the run has created")
    )
    yield from mi_arguments()
    yield store_argument()
    yield from common_arguments()
    yield Argument(("--json",), constant_flag("json", "write the report as JSON instead of text"))


def _sync_arguments() -> Iterator[Argument]:
    yield from okta_arguments()
    yield from mi_arguments()
    yield groups_file_argument()
    for name, option in options().items():
        if name not in _ABOUT_WRITING:
            yield from option_arguments(name, option)
    yield store_argument()
    yield from common_arguments()


def _since() -> Argument:
    text = "only since then: 7d, 12h, 2026-11-01, or 2026-11-01T08:00+01:00 (default: everything that is kept)"
    return Argument(("--since",), {"metavar": "WHEN", "help": text})


def _format() -> Argument:
    return Argument(
        ("--format", "-f"), {"choices": FORMATS, "default": "table", "help": "how to show it (default: table)"}
    )
