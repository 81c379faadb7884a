"""Finds the calls of `mi-okta-usersync` in shell commands, with the values of variables that are simply assigned."""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from okta_mi_provider.cli.script_import.remark import Remark
from okta_mi_provider.cli.script_import.words import HereDocument, Operator, Piece, Token, Unclosed, Word, tokens
from okta_mi_provider.sync.text import quoted

#: The vendor's command, wherever it is installed.
SCRIPT = "mi-okta-usersync"
_IS_SCRIPT = re.compile(rf"{SCRIPT}(\.\w+)?")
_ASSIGNS = re.compile(r"([A-Za-z_]\w*)(\+?)=")
#: Keywords that open something that is run under a condition, often, or later; with what closes it.
_OPENING = {"if": "fi", "for": "done", "while": "done", "until": "done", "case": "esac", "select": "done", "{": "}"}
_WITHIN = {"then", "else", "elif", "do", "!", "time"}
_ASSIGNING = {"export", "readonly", "declare", "local", "typeset"}
#: Commands that name others without calling them.
_NAMING = {
    "echo", "printf", "logger", "grep", "egrep", "pgrep", "pkill", "killall", "which", "type", "man", "ls", "cat",
    "test", "[", "[[", "chmod", "chown", "cp", "mv", "rm", "ln", "alias", "mail", "pidof",
}  # fmt: skip
#: So many shells inside one another are followed: `ssh host "su -c 'bash -c ...'"` has three.
_MOST_SHELLS = 4
#: Commands that take arguments of the script from elsewhere.
_FEEDING = {"xargs", "parallel", "find"}
#: Commands whose success says nothing about whether a sync is wanted.
_HARMLESS = {"cd", "export", "source", ".", ":", "true", "set", "umask", "mkdir", "echo", "printf", "date", "sleep"}


@dataclass(frozen=True, slots=True)
class Argument:
    """One word of a call.

    Attributes:
        text: The word, as far as it is known.
        unknown: What of it only a shell could tell; "" if all of it is known.
    """

    text: str
    unknown: str = ""


@dataclass(frozen=True, slots=True)
class ShellCall:
    """One call of the script: the words behind its name."""

    line: int
    arguments: tuple[Argument, ...]


Variables = MutableMapping[str, Argument]
Found = ShellCall | Remark


def calls(text: str, variables: Variables, line: int = 1) -> Iterator[Found]:
    """All calls in a text, in their order, with a remark for each that cannot be understood.

    Args:
        text: A script, or a command.
        variables: Those that are set before; what the text assigns is added.
        line: Number of its first line.
    """
    yield from _Reading(variables).read(text, line)


@dataclass(slots=True)
class _Reading:
    variables: Variables
    #: Keywords and names of functions whose end has not come yet, outermost first.
    within: list[str] = field(default_factory=list)
    #: The command before, and what has to be true of those before for the next one to run.
    before: str = ""
    condition: str = ""
    #: How many shells this one is in. A variable whose value names itself would be another one for ever.
    depth: int = 0

    def read(self, text: str, line: int) -> Iterator[Found]:
        try:
            yield from self._read(tokens(text, line))
        except Unclosed as error:
            yield Remark(error.line, f"{error}; nothing from here on is read", lost=True)

    def _read(self, stream: Iterator[Token]) -> Iterator[Found]:
        command: list[Word] = []
        while True:
            token = next(stream, None)
            if isinstance(token, Word):
                command.append(token)
                continue
            if isinstance(token, HereDocument):
                if SCRIPT in token.text:
                    yield Remark(token.line, f"{SCRIPT} stands in the input of a command, which is not read", lost=True)
                continue
            if token and token.text == "(" and command:
                if assigned := self._assignment(command[-1]):
                    self._set(assigned[0], Argument("", f"the array {assigned[0]}"))
                    command = _behind_array(stream, command[:-1])
                    continue
                if len(command) == 1 and command[0].plain:
                    self._function(command.pop())
            if command or (token and token.text != "\n"):
                yield from self._command(command)
                self._connect(token)
            command = []
            if token is None:
                return

    def _connect(self, operator: Operator | None) -> None:
        """Notes under which condition the next command is run."""
        match operator.text if operator else "":
            case "&&" | "||" as how if self.before and self.before not in _HARMLESS:
                self.condition = f"{quoted(self.before)} has {'succeeded' if how == '&&' else 'failed'}"
            case ";" | "\n" | "&" | ";;":
                self.condition = ""
        if operator and operator.text not in {"(", ")"}:
            self.before = ""

    def _function(self, name: Word) -> None:
        self.within.append(f"function {name.plain}")

    def _command(self, words: list[Word]) -> Iterator[Found]:
        words = self._behind_keywords(words)
        while words and (assigned := self._assignment(words[0])):
            name, value = assigned
            words = words[1:]
            if not words:
                self._set(name, value)
        if not words:
            return
        if words[0].plain in _ASSIGNING:
            for word in words[1:]:
                if assigned := self._assignment(word):
                    self._set(*assigned)
            self.before = "export"
            return
        if words[0].plain in {"read", "unset", "mapfile", "readarray", "getopts"}:
            for word in words[1:]:
                self.variables[word.plain or ""] = Argument(
                    "", f"the variable {word.plain}, which is read while it runs"
                )
        arguments = [each for word in words for each in self._expanded(word)]
        yield from self._calls(words[0].line, arguments)
        if arguments:
            self.before = PurePosixPath(arguments[0].text).name or "a command"

    def _behind_keywords(self, words: list[Word]) -> list[Word]:
        """What is left of a command behind keywords, which open and close what is not understood."""
        while words and (key := words[0].plain) is not None:
            if key == "function" and len(words) > 1:
                self._function(words[1])
                return self._behind_keywords(words[2:])
            if key == "{" and self.within and self.within[-1].startswith("function "):
                self.within[-1] += " {"
            elif key in _OPENING:
                self.within.append(key)
                if key in {"for", "select", "case"}:
                    self._loop_variable(words)
                    return []
            elif key in {"fi", "done", "esac", "}"}:
                if self.within:
                    self.within.pop()
            elif key not in _WITHIN:
                break
            words = words[1:]
        return words

    def _loop_variable(self, words: list[Word]) -> None:
        if len(words) > 1 and words[0].plain != "case" and (name := words[1].plain):
            self.variables[name] = Argument("", f"the variable {name} of the loop")

    def _assignment(self, word: Word) -> tuple[str, Argument] | None:
        text = "".join(piece.text if piece.kind == "text" and not piece.quoted else "\0" for piece in word.pieces)
        found = _ASSIGNS.match(text)
        if not found:
            return None
        pieces, left = list(word.pieces), found.end()
        while left:
            left -= len(pieces[0].text)
            pieces.pop(0)
        values = [self._value(piece) for piece in pieces]
        unknown = next((each.unknown for each in values if each.unknown), "")
        if found[2]:
            unknown = f"the variable {found[1]}, to which something is added"
        return found[1], Argument("".join(each.text for each in values), unknown)

    def _set(self, name: str, value: Argument) -> None:
        if self.within:
            value = Argument("", f"the variable {name}, which is set inside {self._place()}")
        self.variables[name] = value

    def _value(self, piece: Piece) -> Argument:
        if piece.kind == "variable":
            return self.variables.get(piece.text, Argument("", f"the variable {piece.text}, which is not set here"))
        if piece.kind == "unknown":
            return Argument("", piece.text)
        return Argument(piece.text)

    def _expanded(self, word: Word) -> list[Argument]:
        """The words that a shell makes of one: the value of a variable outside of quotes is parted at its blanks."""
        made: list[Argument] = []
        current: Argument | None = None
        for piece in word.pieces:
            value = self._value(piece)
            parts = [value.text]
            if piece.kind == "variable" and not piece.quoted and not value.unknown:
                parts = re.split(r"[ \t\n]+", value.text)
                if not value.text.strip():
                    continue
            for number, part in enumerate(parts):
                if number:
                    if current and (current.text or current.unknown):
                        made.append(current)
                    current = None
                    if not part:
                        continue
                known = current or Argument("")
                current = Argument(known.text + part, known.unknown or value.unknown)
        return [*made, *([current] if current else [])]

    def _calls(self, line: int, arguments: list[Argument]) -> Iterator[Found]:
        names = [PurePosixPath(each.text).name for each in arguments]
        first = next((name for name in names if name), "")
        if first in _NAMING:
            return
        for number, name in enumerate(names):
            text = arguments[number].text
            if _IS_SCRIPT.fullmatch(name):
                yield from self._call(line, names[:number], arguments[number + 1 :])
                return
            if SCRIPT in text and any(char.isspace() for char in text):
                # What is handed to another shell: su -c '...', bash -c '...', ssh host '...'.
                if self.depth == _MOST_SHELLS:
                    yield Remark(line, f"{SCRIPT} stands in too many shells inside one another", lost=True)
                    return
                inner = _Reading(
                    dict(self.variables), list(self.within), condition=self.condition, depth=self.depth + 1
                )
                yield from inner.read(text, line)
                return

    def _call(self, line: int, in_front: list[str], behind: list[Argument]) -> Iterator[Found]:
        if not behind or behind[0].text != "provision":
            if not in_front:
                yield Remark(line, f"{SCRIPT} is called without the command provision, which is the only one it has")
            return
        if feeding := _FEEDING.intersection(in_front):
            yield Remark(line, f"{feeding.pop()} takes the arguments of {SCRIPT} from elsewhere", lost=True)
            return
        if self.within:
            yield Remark(line, f"{SCRIPT} is called inside {self._place()}, which is not followed", lost=True)
            return
        if self.condition:
            yield Remark(line, f"the sync was run only when {self.condition}; its DAG runs in any case")
        yield ShellCall(line, tuple(behind[1:]))

    def _place(self) -> str:
        outermost = self.within[0]
        if outermost.startswith("function "):
            return f"the function {quoted(outermost.removeprefix('function ').removesuffix(' {'))}"
        return {"if": "an if", "case": "a case", "{": "a group of commands { ... }"}.get(
            outermost, f"a {outermost} loop"
        )


def _behind_array(stream: Iterator[Token], words: list[Word]) -> list[Word]:
    """Skips the elements of an array that is assigned."""
    for token in stream:
        if isinstance(token, Operator) and token.text == ")":
            break
    return words
