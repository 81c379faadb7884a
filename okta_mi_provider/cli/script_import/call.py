"""What one call of `mi-okta-usersync provision` says, in our words.

A word that is not understood is never shown: it may be a token that stands in the wrong place.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NoReturn

from okta_mi_provider.cli.arguments import (
    CUSTOM_ATTRIBUTES,
    PROMPT,
    group_names_argument,
    okta_arguments,
    option_arguments,
    settings_from,
)
from okta_mi_provider.cli.script_import.remark import Remark
from okta_mi_provider.cli.script_import.shell import SCRIPT, ShellCall
from okta_mi_provider.settings import SyncSettings, options
from okta_mi_provider.settings_error import SettingsError

#: The settings that are options of the script, too.
_OF_THE_SCRIPT = (
    "dry_run", "auto_create", "user_type", "force", "sync_user_limit", "summary", "target_group", "map_attr_to_group",
    "skip_default_group", "username_attr", "first_name_attr", "last_name_attr", "email_attr",
)  # fmt: skip
_CONNECTION = {"--okta-host", "--okta-token"}
#: Around the number of the word of which only a shell could tell the rest. No file with it is read.
_UNKNOWN = "\0"


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the script.

    Attributes:
        groups: Names of the Okta groups, each once.
        okta_host: As it is written; None if it cannot be told.
        settings: What it says besides, by the names of our settings.
    """

    line: int
    groups: tuple[str, ...]
    okta_host: str | None
    settings: dict[str, Any]


def understand(call: ShellCall, remarks: list[Remark]) -> Call | None:
    """What a call says; None, with a remark, if it cannot be carried over as a whole.

    Args:
        call: The call.
        remarks: What is to be said of it is added.
    """
    words = [
        each.text + (f"{_UNKNOWN}{at}{_UNKNOWN}" if each.unknown else "") for at, each in enumerate(call.arguments)
    ]
    try:
        args = _parsed(words)
        if unknown := _unknown(args):
            reasons = dict.fromkeys(call.arguments[at].unknown for at in unknown)
            raise _NotUnderstood(f"its arguments depend on {', '.join(reasons)}")
        if not args.groups:
            raise _NotUnderstood("it names no group")
        settings = {name: value for name, value in settings_from(args).items() if name in _OF_THE_SCRIPT}
        SyncSettings.from_mapping(settings)
    except SettingsError as error:
        remarks.append(Remark(call.line, f"the call of {SCRIPT} is not carried over: {error}", lost=True))
        return None
    except _NotUnderstood as error:
        remarks.append(Remark(call.line, f"the call of {SCRIPT} is not carried over: {error}", lost=True))
        return None
    host = args.okta_host if args.okta_host and _UNKNOWN not in args.okta_host else None
    remarks += _said_of(call.line, args, host, settings)
    return Call(call.line, tuple(dict.fromkeys(args.groups)), host, settings)


class _NotUnderstood(ValueError):
    """Words that the script would not have taken, or that we do not know."""


class _Parser(argparse.ArgumentParser):
    """Takes what the script takes, abbreviations too, and shows nobody what it was given."""

    def error(self, message: str) -> NoReturn:
        raise _NotUnderstood(re.split(r"['=]", message)[0].rstrip(" :("))


def _parser() -> _Parser:
    parser = _Parser(prog=SCRIPT, add_help=False)
    arguments = [group_names_argument(""), *(each for each in okta_arguments() if _CONNECTION.intersection(each.flags))]
    for name in _OF_THE_SCRIPT:
        arguments += option_arguments(name, options()[name])
    for flags, keywords in arguments:
        parser.add_argument(*flags, **keywords)
    parser.add_argument("--verbose", "-v", action="store_true")
    for flag in CUSTOM_ATTRIBUTES:
        parser.add_argument(flag, action="append")
    return parser


def _parsed(words: list[str]) -> argparse.Namespace:
    args, rest = _parser().parse_known_args(words)
    end = words.index("--") if "--" in words else len(words)
    strange = [word for word in rest if word.startswith("-") and word not in words[end + 1 :]]
    if strange:
        # The word behind it may be its value, and a secret: so nothing of the call is taken.
        names = ", ".join(_name(word) for word in strange)
        raise _NotUnderstood(f"{names} is no option that is known here")
    args.groups = [*(args.groups or []), *(word for word in rest if word != "--")]
    return args


def _unknown(args: argparse.Namespace) -> list[int]:
    """The numbers of the words that are not known, and that matter."""
    texts = [
        text
        for name, value in vars(args).items()
        if name not in {"okta_token", "okta_host"}
        for text in (value if isinstance(value, list) else [value])
    ]
    return sorted(int(number) for text in texts for number in re.findall(f"{_UNKNOWN}([0-9]+){_UNKNOWN}", str(text)))


def _name(word: str) -> str:
    """An option without a value that may be glued to it."""
    found = re.match(r"--[a-z][a-z-]*", word)
    return found[0] if found else word[:2]


def _said_of(line: int, args: argparse.Namespace, host: str | None, settings: dict[str, Any]) -> Iterable[Remark]:
    """What an administrator should know of a call that is carried over."""
    if isinstance(args.okta_token, str) and args.okta_token is not PROMPT and _UNKNOWN not in args.okta_token:
        yield Remark(
            line, "the Okta API token that stands here is left out. Whoever could read it has it: make a new one"
        )
    if settings.get("dry_run"):
        yield Remark(
            line, "the call has --dry-run: its DAG will never write until dry_run: true is taken out of the groups file"
        )
    if host is None:
        why = "depends on what only a shell can tell" if args.okta_host else "is not given"
        yield Remark(line, f"the Okta host {why}; put it into the connection", lost=True)
    for flag in CUSTOM_ATTRIBUTES:
        if getattr(args, flag[2:].replace("-", "_")):
            said = "is not carried over: MI's REST interface has no field for custom attributes"
            yield Remark(line, f"{flag} {said}; keep them in MI by hand", lost=True)
    if len(args.groups) > 1 and "sync_user_limit" in settings:
        yield Remark(line, "sync_user_limit held for all groups of the call together, and holds for each of them now")
