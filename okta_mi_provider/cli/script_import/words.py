"""Words and operators of a POSIX shell, each with its line. Nothing is run, and nothing is guessed.

Not `shlex`: what it gives has no quotes any more, and they decide whether `$GROUP` is a variable, whether its value is
one word or several, and whether `;` ends a command.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

_OPERATORS = ("&&", "||", ";;", "|&", ";", "&", "|", "(", ")")
_REDIRECTIONS = ("<<<", "<<-", "&>>", ">>", "<<", ">&", "<&", "&>", ">|", "<>", ">", "<")
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})")
_NAME = re.compile(r"[A-Za-z_]\w*")
#: What a word can do that only a shell knows the outcome of, outside of quotes.
_PATTERNS = {"*": "the pattern *", "?": "the pattern ?", "[": "the pattern [...]", "{": "the braces {...}"}


class Piece(NamedTuple):
    """A part of a word.

    Attributes:
        text: The text; the name of the variable; or what a shell would have to be asked for.
        kind: "text", "variable" or "unknown".
        quoted: Whether it stands in quotes.
    """

    text: str
    kind: str = "text"
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Word:
    """One word as it is written, before variables are put in."""

    line: int
    pieces: tuple[Piece, ...]

    @property
    def plain(self) -> str | None:
        """The text of a word without quotes and variables; None of any other. Only such a word can be a keyword."""
        if all(piece.kind == "text" and not piece.quoted for piece in self.pieces):
            return "".join(piece.text for piece in self.pieces)
        return None


@dataclass(frozen=True, slots=True)
class Operator:
    """What stands between commands: `;`, `&&`, a line's end."""

    line: int
    text: str


class Unclosed(ValueError):
    """A quote or a substitution without an end. What follows it cannot be read.

    Attributes:
        line: Where it begins.
    """

    def __init__(self, line: int, what: str) -> None:
        self.line = line
        super().__init__(f"{what} that is opened here is not closed")


@dataclass(frozen=True, slots=True)
class HereDocument:
    """Lines that are the input of a command, and no commands themselves."""

    line: int
    text: str


Token = Word | Operator | HereDocument


def tokens(text: str, line: int = 1) -> Iterator[Token]:
    """The words and operators of a text; where output goes and input comes from is left out.

    Args:
        text: Lines of a script, or one command.
        line: Number of the first line.

    Raises:
        Unclosed: Behind everything that stands before it.
    """
    yield from _Lexer(text, line).tokens()


class _Lexer:
    def __init__(self, text: str, line: int) -> None:
        self._text, self._at, self._line = text, 0, line
        self._documents: list[tuple[str, bool]] = []

    def tokens(self) -> Iterator[Token]:
        target_of: str | None = None
        while self._at < len(self._text):
            char = self._text[self._at]
            if char in " \t\r":
                self._at += 1
            elif self._text.startswith("\\\n", self._at):
                self._skip(2)
            elif char == "\n":
                yield Operator(self._line, "\n")
                self._skip(1)
                yield from self._read_documents()
            elif char == "#":
                end = self._text.find("\n", self._at)
                self._at = end if end >= 0 else len(self._text)
            elif redirection := self._any_of(_REDIRECTIONS):
                target_of = redirection
                self._at += len(redirection)
            elif operator := self._any_of(_OPERATORS):
                yield Operator(self._line, operator)
                self._at += len(operator)
            else:
                word = self._word()
                number = (word.plain or "").isdigit() and self._any_of(_REDIRECTIONS)
                if target_of in {"<<", "<<-"}:
                    ending = "".join(piece.text for piece in word.pieces)
                    self._documents.append((ending, target_of == "<<-"))
                if target_of is None and not number:
                    yield word
                target_of = None

    def _any_of(self, texts: tuple[str, ...]) -> str | None:
        return next((each for each in texts if self._text.startswith(each, self._at)), None)

    def _skip(self, count: int) -> None:
        self._line += self._text.count("\n", self._at, self._at + count)
        self._at += count

    def _read_documents(self) -> Iterator[HereDocument]:
        for ending, strips_tabs in self._documents:
            begun, lines = self._line, []
            while self._at < len(self._text):
                end = self._text.find("\n", self._at)
                end = end if end >= 0 else len(self._text)
                content = self._text[self._at : end]
                self._skip(end - self._at + 1)
                if (content.lstrip("\t") if strips_tabs else content) == ending:
                    break
                lines.append(content)
            yield HereDocument(begun, "\n".join(lines))
        self._documents = []

    def _word(self) -> Word:
        line, pieces = self._line, list[Piece]()
        while self._at < len(self._text):
            char = self._text[self._at]
            if char in " \t\r\n;&|()<>":
                break
            if char == "\\":
                if not self._text.startswith("\\\n", self._at):
                    # The last backslash of all is one.
                    pieces.append(Piece(self._text[self._at + 1 : self._at + 2] or "\\", quoted=True))
                self._skip(2)
            elif char == "'":
                end = self._end_of("'", "a quote")
                pieces.append(Piece(self._text[self._at + 1 : end], quoted=True))
                self._skip(end + 1 - self._at)
            elif char == '"':
                pieces += self._double_quoted()
            elif char in "$`":
                pieces.append(self._dollar(quoted=False))
            elif char == "~" and not pieces:
                pieces.append(Piece("the home directory ~", "unknown"))
                self._at += 1
            elif char in _PATTERNS and len(self._text) > self._at + 1 and not self._stands_alone():
                pieces.append(Piece(_PATTERNS[char], "unknown"))
                self._at += 1
            else:
                pieces.append(Piece(char))
                self._at += 1
        return Word(line, tuple(pieces))

    def _stands_alone(self) -> bool:
        """Whether a brace or bracket is a word of its own: a group of commands, or a test."""
        before = self._text[self._at - 1 : self._at]
        after = self._text[self._at + 1 : self._at + 2]
        return self._text[self._at] in "{[" and before in {"", " ", "\t", "\n", ";", "[", ")"} and after in {*" \t\n["}

    def _double_quoted(self) -> Iterator[Piece]:
        self._end_of('"', "a quote")
        begun = self._line
        self._at += 1
        yield Piece("", quoted=True)
        while self._at < len(self._text):
            char = self._text[self._at]
            if char == '"':
                self._at += 1
                return
            if char == "\\" and self._text[self._at + 1 : self._at + 2] in {*'$`"\\'}:
                yield Piece(self._text[self._at + 1], quoted=True)
                self._at += 2
            elif self._text.startswith("\\\n", self._at):
                self._skip(2)
            elif char in "$`":
                yield self._dollar(quoted=True)
            else:
                yield Piece(char, quoted=True)
                self._skip(1)
        raise Unclosed(begun, "a quote")

    def _dollar(self, *, quoted: bool) -> Piece:
        """What begins with `$` or a backtick: a variable, or something that only a shell can work out."""
        if found := _VARIABLE.match(self._text, self._at):
            self._at = found.end()
            name = found[1] or found[2]
            if _NAME.fullmatch(name):
                return Piece(name, "variable", quoted)
            return Piece(f"the argument ${name} of the script", "unknown", quoted)
        for opening, closing, what in (
            ("$((", "))", "a computation $((...))"),
            ("$(", ")", "the output of a command $(...)"),
            ("${", "}", "the expression ${...}"),
            ("`", "`", "the output of a command `...`"),
        ):
            if self._text.startswith(opening, self._at):
                end = self._closing(len(opening), opening[-1], closing, what)
                self._skip(end - self._at)
                return Piece(what, "unknown", quoted)
        self._at += 1
        if self._text[self._at : self._at + 1] in {*"@*#?$!-"}:
            self._at += 1
            return Piece("the arguments of the script", "unknown", quoted)
        if not quoted and self._text[self._at : self._at + 1] in {"'", '"'}:
            return Piece("the quote $'...'", "unknown")
        return Piece("$", quoted=quoted)

    def _end_of(self, mark: str, what: str) -> int:
        end = self._text.find(mark, self._at + 1)
        if end < 0:
            raise Unclosed(self._line, what)
        return end

    def _closing(self, begins: int, opening: str, closing: str, what: str) -> int:
        depth, at = 1, self._at + begins
        while at < len(self._text):
            char = self._text[at]
            if self._text.startswith(closing, at):
                depth -= 1
                at += len(closing)
                if not depth:
                    return at
            elif char in {"'", '"'} and closing == ")":
                end = self._text.find(char, at + 1)
                at = end + 1 if end >= 0 else len(self._text)
            else:
                depth += char == opening
                at += 2 if char == "\\" else 1
        raise Unclosed(self._line, what)
