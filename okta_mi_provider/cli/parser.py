"""How command lines are read, for `okta-mi ...` and `airflow okta-mi ...` alike."""

from __future__ import annotations

import argparse
import difflib
import sys
from typing import TYPE_CHECKING, Any

from okta_mi_provider.cli.arguments import AUTO_CREATE, add_groups
from okta_mi_provider.cli.commands import COMMANDS

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction["CommandParser"]  # noqa: SLF001 - it has no public name

#: How alike an unknown option and a known one are that somebody may have mixed up, from 0 to 1.
_ALIKE = 0.75


class CommandParser(argparse.ArgumentParser):
    """Reads what follows the name of a command. Wrong usage exits with 2.

    It leaves no word to the parser that it is part of: Airflow's would know neither groups between options nor what
    somebody may have meant.

    Args:
        takes_groups: What is no option is the name of a group, wherever it stands.
    """

    def __init__(self, *args: Any, takes_groups: bool = False, **keywords: Any) -> None:
        super().__init__(*args, **{"allow_abbrev": False, **keywords})
        self._takes_groups = takes_groups

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """The arguments, and no word that would be unknown."""
        words = sys.argv[1:] if args is None else list(args)
        parsed, rest = super().parse_known_args(words, namespace)
        strange = self._take_groups(parsed, words, rest) if self._takes_groups else rest
        possible = words if self._takes_groups else []
        for group in getattr(parsed, "groups", None) or []:
            # A group is one of the words, and not just equal to one: what hangs on an option, as in --auto-create=Sales
            # or -aSales, is a value, even if another word is the same.
            if not any(group is word for word in possible):
                self.error(f"--auto-create: {group!r} is none of its values; allowed: {', '.join(AUTO_CREATE)}")
        if strange:
            self.error(f"unknown arguments: {' '.join(strange)}{self._did_you_mean(strange[0])}")
        return parsed, []

    @staticmethod
    def _take_groups(parsed: argparse.Namespace, words: list[str], rest: list[str]) -> list[str]:
        """Finds the groups among what is left. argparse looks for positional arguments in one place only.

        Returns:
            What is no group.
        """
        after_options = words[words.index("--") :] if "--" in words else []
        strange = [word for word in rest if word.startswith("-") and word not in after_options]
        add_groups(parsed, [word for word in rest if word not in {*strange, "--"}])
        return strange

    def _did_you_mean(self, word: str) -> str:
        # Each word of the help text; the parser keeps its options to itself.
        known = {each.strip(",[]") for each in self.format_help().split() if each.lstrip("[").startswith("--")}
        near = difflib.get_close_matches(word.partition("=")[0], known, n=1, cutoff=_ALIKE)
        return f"; did you mean {near[0]}?" if near else ""


def add_commands(parser: argparse.ArgumentParser) -> Commands:
    """Gives a parser all commands. What it has parsed has `execute`, which runs the command that was named."""
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", parser_class=CommandParser, prog=parser.prog
    )
    for command in COMMANDS:
        sub = commands.add_parser(
            command.name,
            usage=f"%(prog)s {command.usage}" if command.usage else None,
            help=command.summary,
            description=command.description,
            epilog=command.example,
            takes_groups=command.takes_groups,
        )
        for flags, keywords in command.arguments():
            sub.add_argument(*flags, **keywords)
        sub.set_defaults(execute=command.run)
    return commands
