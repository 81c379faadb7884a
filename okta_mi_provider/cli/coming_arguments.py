"""The options of the commands that lead from the script to a groups file, and look after that file."""

from __future__ import annotations

from collections.abc import Iterator

from okta_mi_provider.cli.arguments import (
    Argument,
    allow_http_argument,
    common_arguments,
    constant_flag,
    mi_arguments,
    okta_arguments,
    verbose_argument,
)

#: What a groups file is called where nobody says otherwise.
GROUPS_FILE = "okta_groups.yaml"
#: How `discover` shows what it has found.
FORMATS = ("table", "json", "csv", "yaml")
_OF_THE_MI_CONNECTION = {"--mi-host", "--mi-user", "--mi-application-id"}


def import_cron_arguments() -> Iterator[Argument]:
    """All arguments of `import-cron`."""
    yield Argument(("file",), {"metavar": "FILE", "help": "crontab or shell script; - for standard input"})
    yield Argument(
        ("--output", "-o"),
        {
            "metavar": "FILE",
            "default": GROUPS_FILE,
            "help": f"groups file to write (default: {GROUPS_FILE}); - for stdout",
        },
    )
    yield Argument(("--overwrite",), constant_flag("overwrite", "write the file even if it is there already"))
    yield _schedule("for calls in a shell script, which does not say when it is run")
    yield from (each for each in mi_arguments() if _OF_THE_MI_CONNECTION.intersection(each.flags))
    yield allow_http_argument()


def discover_arguments() -> Iterator[Argument]:
    """All arguments of `discover`."""
    text = "names of groups, with * for anything, ? for one character, [abc] for one of several; capitals count"
    yield Argument(("pattern",), {"metavar": "PATTERN", "help": text})
    yield from okta_arguments()
    yield Argument(
        ("--output", "-o"),
        {"metavar": "FILE", "help": "groups file to write entries into; those of a file that exists are kept"},
    )
    yield Argument(("--groups-file",), {"metavar": "FILE", "help": "mark the groups that this groups file has already"})
    yield Argument(
        ("--format", "-f"), {"choices": FORMATS, "default": "table", "help": "how to show it (default: table)"}
    )
    yield allow_http_argument()
    yield verbose_argument()


def validate_arguments() -> Iterator[Argument]:
    """All arguments of `validate`."""
    yield Argument(
        ("file",),
        {"nargs": "?", "default": GROUPS_FILE, "metavar": "FILE", "help": f"groups file (default: {GROUPS_FILE})"},
    )
    yield Argument(
        ("--live",),
        constant_flag("live", "also look whether the connections of the entries work, and the groups are there"),
    )
    yield from okta_arguments()
    yield from mi_arguments()
    yield from common_arguments()
    yield Argument(("--json",), constant_flag("json", "write JSON instead of text"))


def _schedule(when: str) -> Argument:
    return Argument(("--schedule",), {"metavar": "CRON", "help": f"{when}: a cron expression in UTC, or a preset"})
