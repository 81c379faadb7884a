"""The command line: every command with its arguments and exit codes."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator
from typing import Any

from okta_mi_provider.cli.arguments import Argument
from okta_mi_provider.cli.commands import COMMANDS
from okta_mi_provider.simulators import command as simulate
from scripts.reference.markdown import code, codes, prose, table

_EXIT_CODES = re.compile(r"^(?P<text>.*?) Exit code: (?P<codes>.*)\.$", re.DOTALL)


class _Recorder(argparse.ArgumentParser):
    """Notes what it is told to understand."""

    def __init__(self) -> None:
        self.arguments: list[Argument] = []
        super().__init__(add_help=False)

    def add_argument(self, *flags: Any, **keywords: Any) -> argparse.Action:
        self.arguments.append(Argument(flags, keywords))
        return super().add_argument(*flags, **keywords)


def all_commands() -> str:
    """A section for each command."""
    sections = [
        _section(command.name, command.description, command.arguments(), command.usage, command.example)
        for command in COMMANDS
    ]
    recorder = _Recorder()
    simulate.add_arguments(recorder)
    sections.append(_section("simulate", simulate.DESCRIPTION, recorder.arguments, "", None))
    return "\n\n".join(sections)


def _section(name: str, description: str, arguments: Iterable[Argument], usage: str, example: str | None) -> str:
    told = _EXIT_CODES.match(description)
    if told is None:
        raise ValueError(f"the description of {name} does not end with its exit codes")
    parts = [
        f"## okta-mi {name}",
        f"```text\nokta-mi {name} {usage or '[options]'}\n```",
        prose(told["text"]),
        table(("argument", "meaning"), (_argument(each) for each in arguments)),
        table(("exit code", "meaning"), _exit_codes(told["codes"])),
    ]
    if example:
        parts.insert(3, f"```bash\n{example.removeprefix('Example: ')}\n```")
    return "\n\n".join(parts)


def _argument(argument: Argument) -> tuple[str, str]:
    flags, keywords = argument
    metavar = keywords.get("metavar") or ""
    if not flags[0].startswith("-"):
        name = f"[{metavar}]" if keywords.get("nargs") in {"?", "*"} else metavar
        return code(name), _help(keywords)
    if not metavar and "choices" in keywords:
        metavar = "{" + ",".join(keywords["choices"]) + "}"
    if keywords.get("nargs") == "?":
        metavar = f"[{metavar}]"
    return codes(f"{flag} {metavar}".strip() for flag in flags), _help(keywords)


def _help(keywords: dict[str, Any]) -> str:
    text = prose(keywords["help"].replace("%%", "%"), keywords.get("choices") or ())
    return f"{text[0].upper()}{text[1:]}".removesuffix(".") + "."


def _exit_codes(text: str) -> Iterator[tuple[str, str]]:
    yield from re.findall(r"(\d) (.*?)(?=, \d |$)", text)
