"""What the doctor has found, for people and for programs."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from okta_mi_provider.doctor.observation import Observation, Verdict

#: How a verdict begins its line.
_MARKS = {Verdict.FINE: "ok", Verdict.NOTE: "note", Verdict.WRONG: "WRONG", Verdict.UNKNOWN: "?"}
_WIDTH = 110


def as_text(observations: Sequence[Observation]) -> str:
    """A table for each section, and a last line with the verdict."""
    blocks = [
        "\n".join([section, *(line for each in rows for line in _lines(each))])
        for section, rows in groupby(observations, key=lambda each: each.section)
    ]
    wrong = sum(each.verdict is Verdict.WRONG for each in observations)
    verdict = f"{wrong} to be mended." if wrong else "Nothing to be mended."
    return "\n\n".join([*blocks, verdict]) + "\n"


def as_json(observations: Iterable[Observation]) -> list[dict[str, Any]]:
    """One object for each observation."""
    return [
        {"section": each.section, "subject": each.subject, "verdict": each.verdict.value, "said": each.said}
        for each in observations
    ]


def _lines(observation: Observation) -> list[str]:
    head = f"  {_MARKS[observation.verdict]:<6} {observation.subject}: "
    return textwrap.wrap(head + observation.said, _WIDTH, subsequent_indent=" " * 9, break_on_hyphens=False)
