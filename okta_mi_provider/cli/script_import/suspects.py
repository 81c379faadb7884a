"""Scripts that a crontab calls, and that are not read, but whose names say that they may call `mi-okta-usersync`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import PurePosixPath

from okta_mi_provider.cli.script_import.shell import SCRIPT
from okta_mi_provider.cli.script_import.words import Operator, Unclosed, Word, tokens

#: What is said of a line that calls one. The same for all lines, so that it is said once.
NOT_LOOKED_INTO = (
    f"a script is called that was not looked into; if it calls {SCRIPT}, run import-cron on that script as well, with "
    "this line's schedule as --schedule and another --output"
)
_TELLING = frozenset({"sync", "okta", "mi"})
#: Whoever finds these in a crontab knows what they are.
_KNOWN = frozenset({"okta-mi", "sync"})
_SUFFIXES = frozenset({".sh", ".bash", ".ksh", ".zsh", ".py", ".pl", ".rb"})
#: Behind these comes what is run.
_RUNNERS = re.compile(r"(root|sudo|env|nice|ionice|nohup|exec|time|timeout|flock|chronic|(ba|da|k|z)?sh|python[\d.]*)")


def may_sync(command: str) -> bool:
    """Whether a command calls a script whose path has `sync`, `okta` or `mi` in it, as a word."""
    return any(_is_telling(word) for words in _commands(command) for word in _called(words))


def _called(words: list[str]) -> Iterator[str]:
    """What is called, as far as can be told: the first word, and whatever is named as a script."""
    yield from (word for word in words if PurePosixPath(word).suffix in _SUFFIXES)
    for word in words:
        if word.startswith("-") or "=" in word or word.isdigit():
            continue
        yield word
        if not _RUNNERS.fullmatch(PurePosixPath(word).name):
            return


def _is_telling(word: str) -> bool:
    parts = re.split(r"[^a-z0-9]+", word.lower())
    return PurePosixPath(word).name not in _KNOWN and not _TELLING.isdisjoint(parts)


def _commands(text: str) -> Iterator[list[str]]:
    """The words of each command, as far as they can be read."""
    words: list[str] = []
    with suppress(Unclosed):
        for token in tokens(text):
            if isinstance(token, Word):
                words.append("".join(piece.text for piece in token.pieces))
            elif isinstance(token, Operator):
                yield words
                words = []
    yield words
