"""Okta's paging: limits, opaque cursors and ``Link`` headers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, overload
from urllib.parse import quote, quote_plus

from fastapi import Request

from okta_mi_provider.simulators.knobs import OktaKnobs
from okta_mi_provider.simulators.okta_cursors import Cursor, SortKey, read_cursor
from okta_mi_provider.simulators.okta_errors import OktaError

_NUMBER = re.compile(r"[0-9]{1,9}")

_PLAIN_IN_PATH = "/@:!$&'()*+,;=~"

_FAILURES = {
    500: OktaError(500, "E0000009", "Internal Server Error"),
    503: OktaError(503, "E0000010", "Service is in read only mode"),
    504: OktaError(504, "E0000009", "Internal Server Error"),
}


@dataclass(frozen=True, slots=True)
class Page:
    """One page of ids, and the cursor of the next one."""

    ids: list[str]
    limit: int
    next_cursor: str | None


class SortedIds(Sequence[SortKey]):
    """Sorted ids as the rows of a list, made one by one: a page of a large group costs no more than one of a small."""

    def __init__(self, ids: Sequence[str]) -> None:
        self._ids = ids

    def __len__(self) -> int:
        return len(self._ids)

    @overload
    def __getitem__(self, place: int) -> SortKey: ...

    @overload
    def __getitem__(self, place: slice) -> list[SortKey]: ...

    def __getitem__(self, place: int | slice) -> SortKey | list[SortKey]:
        """Return one row, or several."""
        return [("", row_id) for row_id in self._ids[place]] if isinstance(place, slice) else ("", self._ids[place])


def read_limit(request: Request, default: int, maximum: int, knobs: OktaKnobs) -> int:
    """Return the number of rows asked for.

    Raises:
        OktaError: 400 if it is no positive number or, by knob, too high; 500 above `fail_above_limit`.
    """
    text = request.query_params.get("limit")
    if text is None:
        return min(default, maximum)
    if not _NUMBER.fullmatch(text) or int(text) < 1:
        raise OktaError(400, "E0000001", "Api validation failed: limit", [f"limit: {text!r} is not a positive number"])
    limit = int(text)
    if knobs.fail_above_limit is not None and limit > knobs.fail_above_limit:
        raise _FAILURES[knobs.fail_above_limit_status]
    if limit > maximum and knobs.over_max_limit == "reject":
        raise OktaError(400, "E0000001", "Api validation failed: limit", [f"limit: must not be above {maximum}"])
    return min(limit, maximum)


def cut_page(
    rows: Sequence[SortKey], *, mode: str, cursor: str | None, limit: int, knobs: OktaKnobs, descending: bool = False
) -> Page:
    """Return the page of `rows`, which are sorted, that begins after `cursor`.

    A cursor names the last row seen, so that pages stay complete while rows come and go. It works
    only in the `mode` (list, search, filter ...) in which it was made.

    Raises:
        OktaError: 400, the cursor was not made by this list, or has expired.
    """
    here = Cursor(mode) if cursor is None else read_cursor(cursor, mode, knobs)
    start = 0 if here.last is None else _first_after(rows, here.last, descending=descending)
    size = limit if knobs.page_cap is None else min(limit, knobs.page_cap)
    if here.page == knobs.empty_page_at and start < len(rows):
        return Page([], limit, here.following(here.last, knobs))
    if 0 < start < len(rows):
        start = max(start - min(knobs.overlap_rows, size - 1), 0)  # at least one row is new, or no list would end
    page = rows[start : start + size]
    more = start + size < len(rows)
    next_cursor = here.following(page[-1], knobs) if more else None
    if knobs.repeat_next and (more or cursor is not None):
        next_cursor = cursor or next_cursor
    if knobs.endless_next == "same_rows":
        next_cursor = here.following(here.last, knobs, fresh=True)
    elif knobs.endless_next == "empty_pages" and not more:
        next_cursor = here.following(page[-1] if page else here.last, knobs, fresh=True)
    return Page([row_id for _, row_id in page], limit, next_cursor)


def link_headers(
    request: Request, base_url: str, page: Page, knobs: OktaKnobs, *, kept: Sequence[str]
) -> list[tuple[bytes, bytes]]:
    """Return the ``Link`` headers of a page: ``self``, then ``next`` if there is more.

    `kept` are the parameters of the request that a link repeats behind ``after`` and ``limit``.
    """
    own_path = quote(request.scope["path"], safe=_PLAIN_IN_PATH)  # a login may have any character
    path = base_url + own_path
    query = [("limit", str(page.limit))]
    query += [(name, request.query_params[name]) for name in kept if name in request.query_params]
    after = request.query_params.get("after")
    own = [("after", after), *query] if after is not None else query
    links = [f'<{path}?{_encode(own)}>; rel="self"']
    if page.next_cursor is not None:
        target = path if knobs.next_host is None else knobs.next_host.rstrip("/") + own_path
        links.append(f'<{target}?{_encode([("after", page.next_cursor), *query])}>; rel="next"')
    if knobs.link_header == "one_line":
        links = [", ".join(links)]
    return [(b"link", link.encode("ascii")) for link in links]


def _encode(query: Sequence[tuple[str, Any]]) -> str:
    return "&".join(f"{name}={quote_plus(str(value))}" for name, value in query)


def _first_after(rows: Sequence[SortKey], last: SortKey, *, descending: bool) -> int:
    low, high = 0, len(rows)
    while low < high:
        middle = (low + high) // 2
        passed = rows[middle] >= last if descending else rows[middle] <= last
        if passed:
            low = middle + 1
        else:
            high = middle
    return low
