"""What is to be said of a line that was read."""

from __future__ import annotations

from typing import NamedTuple


class Remark(NamedTuple):
    """Something that an administrator should know of one line. Never has a word of a call in it that may be a secret.

    Attributes:
        line: Counted from 1; 0 means the file as a whole.
        lost: Something that the line says is not in what was made of it.
    """

    line: int
    message: str
    lost: bool = False

    def at(self, file: str) -> str:
        """The remark with its place."""
        return f"{file}:{self.line}: {self.message}" if self.line else f"{file}: {self.message}"
