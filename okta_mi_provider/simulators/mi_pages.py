"""Which rows of a list the simulated Metric Insights server answers: paging is unpublished, so it is a knob."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import Request

from okta_mi_provider.simulators.knobs import MIKnobs
from okta_mi_provider.simulators.mi_errors import MIError

_NUMBER = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a list that is answered.

    Attributes:
        limit: most rows; none: all.
        announced: whether the body says how many rows there are in all.
    """

    offset: int = 0
    limit: int | None = None
    announced: bool = False

    def cut(self, rows: Sequence[bytes]) -> Sequence[bytes]:
        """Return the rows of this part."""
        if self.offset == 0 and self.limit is None:
            return rows
        return rows[self.offset :][: self.limit]


def read_window(request: Request, knobs: MIKnobs) -> Window:
    """Return the part of a list that `request` is answered with.

    Raises:
        MIError: 400, paging is on and ``limit`` or ``offset`` is no number that makes sense.
    """
    if not knobs.paging_params:
        return Window(0, knobs.list_paging, announced=knobs.list_paging is not None)
    offset, limit = _number(request, "offset", 0, low=0), _number(request, "limit", knobs.list_paging, low=1)
    if limit is not None and knobs.list_paging is not None:
        limit = min(limit, knobs.list_paging)
    return Window(offset or 0, limit, announced=True)


def _number(request: Request, name: str, default: int | None, *, low: int) -> int | None:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not _NUMBER.fullmatch(text) or int(text) < low:
        raise MIError(400, f"{name} is not valid")
    return int(text)
