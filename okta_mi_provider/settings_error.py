"""Mistakes in settings, each with the key it stands under."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import NamedTuple

_SECRET_WORDS = ("token", "key", "password", "secret")


class Problem(NamedTuple):
    """One mistake in a mapping of settings: the key it stands under and what is wrong with it."""

    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.key}: {self.message}"


class SettingsError(ValueError):
    """Settings that cannot be used. `problems` lists every mistake that was found."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(map(str, self.problems)))


def unknown_key(key: object, known: Iterable[str]) -> Problem:
    """A sentence for a key that does not exist, with the nearest one that does."""
    names = sorted(known)
    near = difflib.get_close_matches(str(key), names, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known keys: {', '.join(names)}"
    if not near and is_of_a_secret(str(key)):
        hint = "secrets belong into the Airflow connection or the environment, never in here"
    return Problem(str(key), f"unknown key; {hint}")


def is_of_a_secret(key: str) -> bool:
    """Whether what stands under a key, or in a line with it, may be a secret: it must be in no message."""
    return any(word in key.lower() for word in _SECRET_WORDS)
