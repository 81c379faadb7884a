"""Small charts as coordinates of an SVG, with the same in words. Pure; the templates draw them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from okta_mi_provider.sync.text import plural

#: Units of a chart's own coordinates: the place of one run, and the gap to the next.
_STEP, _GAP = 7.0, 2.0
#: What is not zero is seen.
_LEAST = 1.5
#: Height of the mark for conflicts and failures, which stays above the bars.
_MARK = 5.0


class Bar(NamedTuple):
    """A rectangle, the class that gives it its colour, and its text when somebody points at it."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    label: str


class Chart(NamedTuple):
    """A drawing.

    Attributes:
        title: What it is about.
        text: The same in words, for who does not see it.
        latest: The last value; None if there is none.
        bars: Rectangles.
        line: Points of a line, as SVG writes them; "" if there is none.
        base: Where the zero is.
    """

    title: str
    text: str
    latest: int | None
    width: float
    height: float
    base: float
    bars: tuple[Bar, ...] = ()
    line: str = ""


class Moment(NamedTuple):
    """One run in a chart: what it is called, and its value; None if it has none.

    Attributes:
        lost: How it ended if it did not get through: "failed" or "refused".
    """

    label: str
    value: int | None
    lost: str = ""


class Doing(NamedTuple):
    """What one run has done; `lost` as in `Moment`."""

    label: str
    added: int
    changed: int
    removed: int
    trouble: int
    lost: str = ""


def bars(title: str, moments: Sequence[Moment], kind: str, *, runs: int, height: float = 40) -> Chart:
    """A bar for each run, the latest at the right. Over the full height for one that did not get through.

    Args:
        title: What is counted.
        moments: The oldest first.
        kind: Class of the bars.
        runs: How many there is room for.
        height: Of the drawing.
    """
    most = max((each.value or 0 for each in moments), default=0)
    drawn = []
    for x, each in zip(_places(len(moments), runs), moments, strict=True):
        if each.value:
            tall = _scaled(each.value, most, height - 1)
            drawn.append(Bar(x, height - tall, _STEP - _GAP, tall, kind, f"{each.label}: {each.value:,}"))
        elif each.lost:
            drawn.append(_lost(x, each, height))
    total = sum(each.value or 0 for each in moments)
    text = f"{title}: {total:,} in {_runs(len(moments))}, {most:,} at most" if moments else f"{title}: no run yet"
    text += _told_lost(moments)
    return Chart(title, text, _latest(moments), runs * _STEP, height, height, tuple(drawn))


def line(title: str, moments: Sequence[Moment], *, runs: int, height: float = 40) -> Chart:
    """A line through the runs that have a value, the latest at the right. Arguments as for `bars`."""
    known = [
        (x + (_STEP - _GAP) / 2, each.value)
        for x, each in zip(_places(len(moments), runs), moments, strict=True)
        if each.value is not None
    ]
    values = [value for _, value in known]
    least, most = min(values, default=0), max(values, default=0)

    def level(value: int) -> float:
        return height / 2 if most == least else height - 2 - (value - least) / (most - least) * (height - 4)

    points = " ".join(f"{x:.1f},{level(value):.1f}" for x, value in known)
    dots = [Bar(x - 1.5, level(value) - 1.5, 3, 3, "dot", f"{value:,}") for x, value in known[-1:]]
    said = f"{values[0]:,} at first, {values[-1]:,} now, {least:,} to {most:,}" if values else "no run yet"
    return Chart(
        title, f"{title}: {said}", values[-1] if values else None, runs * _STEP, height, height, tuple(dots), points
    )


def doings(moments: Sequence[Doing], *, runs: int, height: float = 36) -> Chart:
    """What runs have done, in one drawing: added and changed upwards, removed downwards, trouble on top.

    A run that did not get through has a mark over the full height, behind what it has done all the same.

    Args:
        moments: The oldest first.
        runs: How many there is room for.
        height: Of the drawing.
    """
    top, base = 6.0, height * 0.62
    up = max((each.added + each.changed for each in moments), default=0)
    down = max((each.removed for each in moments), default=0)
    drawn: list[Bar] = []
    for x, each in zip(_places(len(moments), runs), moments, strict=True):
        words = f"{each.label}: {each.added:,} added, {each.changed:,} changed, {each.removed:,} removed"
        wide, level = _STEP - _GAP, base
        if each.lost:
            drawn.append(_lost(x, each, height))
        for value, kind in ((each.added, "added"), (each.changed, "changed")):
            if value:
                tall = _scaled(value, up, base - top)
                level -= tall
                drawn.append(Bar(x, level, wide, tall, kind, words))
        if each.removed:
            drawn.append(Bar(x, base + 1, wide, _scaled(each.removed, down, height - base - 1), "removed", words))
        if each.trouble and not each.lost:
            drawn.append(Bar(x, 0, wide, _MARK, "trouble", f"{each.label}: {each.trouble:,} conflicts and failures"))
    return Chart("Last runs", _told(moments), None, runs * _STEP, height, base, tuple(drawn))


def _told(moments: Sequence[Doing]) -> str:
    if not moments:
        return "No run yet"
    added, changed = sum(each.added for each in moments), sum(each.changed for each in moments)
    removed, trouble = sum(each.removed for each in moments), sum(each.trouble for each in moments)
    return (
        f"In {_runs(len(moments))}: {added:,} added, {changed:,} changed, {removed:,} removed, "
        f"{trouble:,} conflicts and failures{_told_lost(moments)}"
    )


def _lost(x: float, run: Moment | Doing, height: float) -> Bar:
    """The mark of a run that did not get through."""
    return Bar(x, 0, _STEP - _GAP, height, "trouble", f"{run.label}: {run.lost}")


def _told_lost(runs: Sequence[Moment] | Sequence[Doing]) -> str:
    told = [f"{number:,} {how}" for how in ("failed", "refused") if (number := sum(each.lost == how for each in runs))]
    return f"; runs that did not get through: {', '.join(told)}" if told else ""


def _places(number: int, room: int) -> list[float]:
    """Left sides, so that the last one is at the right end."""
    return [(room - number + index) * _STEP + _GAP / 2 for index in range(number)]


def _scaled(value: int, most: int, height: float) -> float:
    return max(_LEAST, value / most * height)


def _latest(moments: Sequence[Moment]) -> int | None:
    return moments[-1].value if moments else None


def _runs(number: int) -> str:
    return f"the last {plural(number, 'run')}" if number > 1 else plural(number, "run")
