"""The options of `provision` and `doctor`, spelt as the vendor's script spells them, for any `argparse` parser.

Options of a sync come from `settings.options()`; only what concerns the connections and this command is
defined here. Each argument is a pair of flags and keywords, so that our own parser and Airflow's can take it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

from okta_mi_provider.kinds import Choice, Choices, Count, Flag
from okta_mi_provider.settings import Option, defaults, options

#: Stands for `--okta-token` without a value.
PROMPT = object()

#: Environment variables that secrets are taken from.
OKTA_TOKEN_VARIABLE = "OKTA_API_TOKEN"  # noqa: S105
OKTA_KEY_VARIABLE = "OKTA_PRIVATE_KEY"
MI_KEY_VARIABLE = "MI_APPLICATION_KEY"
MI_TOKEN_VARIABLE = "MI_API_TOKEN"  # noqa: S105


#: What `--auto-create` takes for its value; any other word behind it is a group.
AUTO_CREATE = ("all", "groups")


#: Options of newer versions of the script that MI's REST interface has nothing for.
CUSTOM_ATTRIBUTES = ("--custom-user-attribute", "--custom-group-attribute")

#: The settings that say who a user of Okta is in MI.
_MAPPING = ("username_attr", "email_attr", "first_name_attr", "last_name_attr", "match_by", "statuses")


class Argument(NamedTuple):
    """One argument: what `add_argument` takes."""

    flags: tuple[str, ...]
    keywords: dict[str, Any]


def provision_arguments() -> Iterator[Argument]:
    """All arguments of `provision`."""
    yield group_names_argument("exact name or id of an Okta group to sync")
    yield from okta_arguments()
    yield from mi_arguments()
    yield groups_file_argument()
    for name, option in options().items():
        yield from option_arguments(name, option)
    for flag in CUSTOM_ATTRIBUTES:
        yield _impossible(flag)
    yield store_argument()
    yield from common_arguments()
    yield Argument(
        ("--report",),
        {
            "metavar": "FILE",
            "help": "write the report to FILE, as CSV if its name ends in .csv, as Markdown if in .md, else as JSON; "
            "-: as JSON to stdout, and everything else to stderr",
        },
    )


def doctor_arguments() -> Iterator[Argument]:
    """All arguments of `doctor`."""
    yield group_names_argument(
        "exact name or id of an Okta group whose first member is the sample (default: any group)"
    )
    yield from okta_arguments()
    yield from mi_arguments()
    for name in _MAPPING:
        yield from option_arguments(name, options()[name])
    yield from common_arguments()
    yield Argument(("--json",), constant_flag("json", "write a list of objects instead of text"))


def settings_from(args: argparse.Namespace) -> dict[str, Any]:
    """The settings among parsed arguments, as a mapping for `SyncSettings.from_mapping`."""
    given = {name: getattr(args, name, None) for name in options()}
    return {name: value for name, value in given.items() if value is not None}


def group_names_argument(text: str) -> Argument:
    """Names of groups, wherever they stand between the options."""
    return Argument(("groups",), {"nargs": "*", "metavar": "GROUP", "action": _Groups, "help": text})


def okta_arguments() -> Iterator[Argument]:
    """How to get at Okta."""
    token_help = f"Okta API token; without a value it is asked for, without the option taken from {OKTA_TOKEN_VARIABLE}"
    yield _text("HOST", "Okta org, such as https://acme.okta.com", "--okta-host", "-H")
    yield Argument(("--okta-token", "-P"), {"nargs": "?", "metavar": "TOKEN", "action": _Prompted, "help": token_help})
    yield _text(
        "ID",
        f"service app of Okta, instead of a token; its private key in {OKTA_KEY_VARIABLE}, in PEM or as JWK",
        "--okta-client-id",
    )
    yield _text("KID", "id of that key in Okta (not needed if a JWK has it)", "--okta-private-key-id")
    yield _text("ID", "Airflow connection to take Okta's host and token from", "--okta-conn-id")


def mi_arguments() -> Iterator[Argument]:
    """How to get at Metric Insights."""
    yield _text("HOST", "Metric Insights server, such as https://mi.example.org", "--mi-host")
    yield _text("USER", "administrator of MI that the application acts for, or whose token it is", "--mi-user")
    yield _text(
        "ID",
        f"external application of MI, its key in {MI_KEY_VARIABLE}; not needed with a token in {MI_TOKEN_VARIABLE}",
        "--mi-application-id",
    )
    yield _text("ID", "Airflow connection to take MI's host and credentials from", "--mi-conn-id")
    yield allow_http_argument()


def allow_http_argument() -> Argument:
    """Servers without encryption."""
    return Argument(("--allow-http",), constant_flag("allow_http", "allow http:// to hosts other than this one"))


def groups_file_argument() -> Argument:
    """Where settings and connections of a group are, as its DAG has them."""
    text = (
        "take settings and Airflow connections of the group from its entry in this okta_groups.yaml; options that are "
        "given go first"
    )
    return Argument(("--groups-file",), {"metavar": "FILE", "help": text})


def store_argument() -> Argument:
    """Where the history is kept."""
    return _text(
        "URL",
        "SQLAlchemy URL of the history, SQLite or PostgreSQL (default: what Airflow's [okta_mi] store says; a URL with "
        "a password belongs into AIRFLOW__OKTA_MI__STORE)",
        "--store",
    )


def common_arguments() -> Iterator[Argument]:
    """What every command takes that talks to a server."""
    yield verbose_argument()
    yield Argument(
        ("--max-concurrency",),
        {"type": int, "metavar": "N", "help": "most requests in flight on MI (default: 4, or the connection's)"},
    )


def verbose_argument() -> Argument:
    """More to read."""
    return Argument(("--verbose", "-v"), constant_flag("verbose", "diagnostics on stderr, besides the normal output"))


def _text(metavar: str, text: str, *flags: str) -> Argument:
    return Argument(flags, {"metavar": metavar, "help": text})


def option_arguments(name: str, option: Option) -> Iterator[Argument]:
    """How one setting is spelt on the command line, if it is."""
    if not option.flags and not option.flag_values:
        return
    default = defaults()[name]
    text = option.help.replace("%", "%%")
    match option.kind:
        case _ if option.flag_values:
            flags_of: dict[str, list[str]] = {}
            for flag, value in option.flag_values.items():
                flags_of.setdefault(value, []).append(flag)
            meanings = dict(part.split(": ", 1) for part in option.help.rstrip(".").split("; "))
            for value, flags in flags_of.items():
                yield Argument(tuple(flags), {**_constant(name, value), "help": meanings[value]})
        case Flag() if default:
            yield Argument(
                tuple(f"--no-{flag[2:]}" for flag in option.flags), constant_flag(name, option.off_help, value=False)
            )
        case Flag():
            yield Argument(option.flags, constant_flag(name, text))
        case Choice() if option.bare:
            yield Argument(
                option.flags,
                {
                    "nargs": "?",
                    "action": _choice_or_group(name, option.bare),
                    "metavar": "{all,groups}",
                    "help": text,
                },
            )
        case Choice(values):
            yield Argument(option.flags, {"choices": values, "dest": name, "help": f"{text} Default: {default}."})
        case Count():
            yield Argument(
                option.flags, {"type": int, "metavar": "N", "dest": name, "help": f"{text} Default: {default}."}
            )
        case _:
            shown = ",".join(default) if isinstance(default, tuple) else str(default or "").replace("%", "%%")
            allowed = f" Allowed: {', '.join(option.kind.values)}." if isinstance(option.kind, Choices) else ""
            tail = allowed + (f" Default: {shown}." if shown else "")
            words = name.upper().split("_")
            metavar = "ATTR" if "ATTR" in words else words[-1]
            yield Argument(option.flags, {"metavar": metavar, "dest": name, "help": f"{text}{tail}"})


def constant_flag(dest: str, text: str, *, value: bool = True) -> dict[str, Any]:
    """Keywords of an option that is given or not."""
    return {**_constant(dest, value), "help": text}


def _constant(dest: str, value: object) -> dict[str, Any]:
    """An option without a value. Airflow's parser knows no `store_const`, so the constant is in the action."""

    class Constant(argparse.Action):
        def __init__(self, option_strings: list[str], dest: str, **more: Any) -> None:
            super().__init__(option_strings, dest, **{**more, "nargs": 0})

        def __call__(self, parser: object, namespace: argparse.Namespace, *_: object) -> None:  # noqa: ARG002
            setattr(namespace, self.dest, value)

    return {"action": Constant, "dest": dest}


def _impossible(flag: str) -> Argument:
    """An option of the script that is known, so that it can be said why it cannot be done."""
    said = (
        "not possible. The script writes custom attributes inside of the MI server; MI's REST interface, which this "
        "command uses, has no field for them. Leave the option out, and keep these attributes in MI by hand"
    )

    class Impossible(argparse.Action):
        def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
            parser.error(f"{flag}: {said}. --map-attr-to-group, which puts users into groups, works.")

    text = "of newer versions of the script: MI's REST interface does not offer it; ends with exit code 2"
    return Argument((flag,), {"nargs": "?", "metavar": "ATTR", "action": Impossible, "help": text})


class _Prompted(argparse.Action):
    """A value, or the wish to be asked for it."""

    def __call__(self, parser: object, namespace: argparse.Namespace, values: Any, *_: object) -> None:  # noqa: ARG002
        setattr(namespace, self.dest, PROMPT if values is None else values)


class _Groups(argparse.Action):
    """Group names, wherever they stand."""

    #: Asked by argcomplete: groups are no files.
    completer = staticmethod(lambda **_: ())

    def __call__(self, parser: object, namespace: argparse.Namespace, values: Any, *_: object) -> None:  # noqa: ARG002
        add_groups(namespace, values or [])


def add_groups(namespace: argparse.Namespace, groups: list[str]) -> None:
    """Puts group names behind those that were found before."""
    namespace.groups = [*(getattr(namespace, "groups", None) or []), *groups]


def _choice_or_group(name: str, bare: str) -> type[argparse.Action]:
    """An option whose value may be left out right before a group name: what is no value is a group."""

    class ChoiceOrGroup(argparse.Action):
        #: Asked by argcomplete.
        completer = staticmethod(lambda **_: AUTO_CREATE)

        def __call__(self, parser: object, namespace: argparse.Namespace, word: Any, *_: object) -> None:  # noqa: ARG002
            setattr(namespace, name, word if word in AUTO_CREATE else bare)
            if word is None or word in AUTO_CREATE:
                return
            add_groups(namespace, [word])
            if word == defaults()[name]:
                sys.stderr.write(
                    f"{'/'.join(self.option_strings)}: '{word}' is taken for the name of a group. To create "
                    "nothing but users of groups that exist, leave the option out.\n"
                )

    return ChoiceOrGroup
