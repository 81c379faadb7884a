"""What is to be said of a line that was read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from okta_mi_provider.sync.text import one_line


class Remark(NamedTuple):
    """Something that an administrator should know of one line. Never has a word of a call in it that may be a secret.

    Attributes:
        line: Counted from 1; 0 means the file as a whole.
        lost: Something that the line says is not in what was made of it.
    """

    line: int
    message: str
    lost: bool = False


def told(remarks: Iterable[Remark], file: str) -> Iterator[str]:
    """Each message once, with its place, or with all lines that it is about.

    Args:
        remarks: In the order of their lines.
        file: What they are about.
    """
    lines: dict[str, list[int]] = {}
    for remark in remarks:
        lines.setdefault(remark.message, []).append(remark.line)
    for message, numbers in lines.items():
        place = f"{one_line(file)}: lines {_ranges(numbers)}" if len(numbers) > 1 else _place(file, numbers[0])
        yield f"{place}: {one_line(message, 1000)}"


def _place(file: str, line: int) -> str:
    return f"{one_line(file)}:{line}" if line else one_line(file)


def _ranges(numbers: Sequence[int]) -> str:
    """`6-12, 14`."""
    ranges: list[tuple[int, int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)
