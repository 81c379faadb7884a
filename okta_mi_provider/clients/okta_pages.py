"""Complete lists from Okta: pages are followed to their end, or there is an error. There is never a shorter list.

Source: developer.okta.com/docs/reference/core-okta-api/, "Pagination".
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, Generic, NamedTuple, TypeVar
from urllib.parse import urlsplit

import requests

from okta_mi_provider.clients.advice import CURSORS_EXPIRE, OKTA_GOES_IN_CIRCLES
from okta_mi_provider.clients.body import json_body
from okta_mi_provider.clients.errors import BadAnswer, Call, Rejected, Unavailable
from okta_mi_provider.clients.links import next_link, relations
from okta_mi_provider.clients.okta_http import OktaHttp, Tries, encoded
from okta_mi_provider.sync.progress import Progress
from okta_mi_provider.sync.text import quoted

log = logging.getLogger(__name__)

Row = Mapping[str, Any]
_Item = TypeVar("_Item")

#: How many rows a query asks for. The cursor beside it is Okta's, and stays as it is written.
_LIMIT = re.compile(r"(?<![^&])limit=([0-9]{1,9})(?![^&])")

#: What may have become of the header that leads from page to page.
_LEAVE_LINKS = "Let proxies leave that header as it is."
#: How often a list is begun anew whose cursor has expired.
_MOST_RESTARTS = 2
#: How many pages in a row may bring nothing new. Okta has been seen to serve the same ones for ever.
_MOST_IDLE_PAGES = 3
#: How Okta chokes on a page, None being silence; and how many rows are always asked for.
_TOO_MUCH, _SMALLEST_PAGE = (None, 500, 504), 10


def whole_list(
    http: OktaHttp,
    path: str,
    query: Mapping[str, str | int],
    make: Callable[[Row], _Item],
    progress: Progress | None = None,
) -> list[_Item]:
    """Everything in a list, each id once, following `rel="next"` to its end.

    Of a next link only path and query are used: it may name another host, and the token is not for that.

    Args:
        http: Sends the requests.
        path: Of the list.
        query: Of the first page.
        make: What to keep of a row, which has an id. Whole rows of a large list would fill the memory.
        progress: Is told how many there are so far.

    Raises:
        SyncError: If the list could not be read to its end.
    """
    return _Reading(http, path, encoded(query), make, progress or Progress("Reading a list of Okta", "row")).whole()


class _Page(NamedTuple):
    """A part of a list.

    Attributes:
        following: Query of the next page; None if this is the last one.
    """

    call: Call
    rows: list[Row]
    following: str | None


class _Reading(Generic[_Item]):
    def __init__(self, http: OktaHttp, path: str, first: str, make: Callable[[Row], _Item], progress: Progress) -> None:
        self._http, self._path, self._first, self._make = http, path, first, make
        self._progress = progress
        self._size = _PageSize()
        self._tells_self = False

    def whole(self) -> list[_Item]:
        for begun in count(1):
            page = self._page(self._first)
            try:
                return self._from(page)
            except Rejected as error:
                # A cursor can expire while a long list is read. Nothing was wrong with the first page.
                if begun > _MOST_RESTARTS:
                    raise Rejected(error.call, error.detail, CURSORS_EXPIRE.format(times=begun)) from None
                log.info("%s Beginning the list again.", error)
        raise AssertionError("the loop returns or raises")

    def _from(self, page: _Page) -> list[_Item]:
        """What is on the first page and on all that follow it."""
        found: dict[str, _Item] = {}
        self._progress.again()
        seen = {self._first}
        idle = 0
        while True:
            known = len(found)
            found.update((_id(row, page.call), self._make(row)) for row in page.rows)
            idle = 0 if len(found) > known else idle + 1
            self._progress.add(len(found) - known)
            if page.following is None:
                return list(found.values())
            if page.following in seen:
                raise BadAnswer(
                    page.call,
                    "its next page is one that was read already, so the list has no end",
                    OKTA_GOES_IN_CIRCLES,
                )
            if idle == _MOST_IDLE_PAGES:
                raise BadAnswer(
                    page.call,
                    f"{idle} pages in a row have brought nothing new, so the list has no end",
                    OKTA_GOES_IN_CIRCLES,
                )
            seen.add(page.following)
            page = self._page(page.following)

    def _page(self, query: str) -> _Page:
        tries = Tries()
        return self._http.retrying(lambda: self._try(query, tries))

    def _try(self, query: str, tries: Tries) -> _Page:
        asked = self._size.limit(query)
        try:
            response = self._http.attempt(self._path, asked, tries)
        except Unavailable as error:
            if error.call.status in _TOO_MUCH:
                self._size.shrink(query)
            raise
        call = self._http.call(response)
        rows = json_body(response, call, self._http.base)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise BadAnswer(call, "it is not a list of objects", f"Is {self._http.base} an Okta org?")
        # A server that says of one page where it is says so of every page, and a full first page is seldom the last.
        needs_self = self._tells_self or (query == self._first and len(rows) >= (_limit(asked) or math.inf))
        return _Page(call, rows, self._following(response, call, needs_self=needs_self))

    def _following(self, response: requests.Response, call: Call, *, needs_self: bool) -> str | None:
        """The query of the next page. A list must not end where a header has got lost on the way."""
        header = response.headers.get("Link", "")
        try:
            links, url = relations(header), next_link(header)
        except ValueError as error:
            raise Unavailable(call, f"its Link header cannot be understood ({error})", _LEAVE_LINKS) from None
        if url is None:
            if needs_self and "self" not in links:
                raise Unavailable(call, "it does not tell whether the list goes on (header Link)", _LEAVE_LINKS)
            return None
        self._tells_self = self._tells_self or "self" in links
        try:
            link = urlsplit(url)
        except ValueError:
            raise BadAnswer(call, f"its next page is at {quoted(self._http.shown(url))}, which is no address") from None
        if link.path != self._path:
            raise BadAnswer(call, f"its next page is on another path, {quoted(self._http.shown(link.path))}")
        return link.query


class _PageSize:
    """Asks for less at a time once the server has choked on a page, as Okta advises."""

    def __init__(self) -> None:
        self._most: int | None = None

    def limit(self, query: str) -> str:
        """The query with a `limit` that the server can bear."""
        return query if self._most is None else _LIMIT.sub(f"limit={self._most}", query)

    def shrink(self, query: str) -> None:
        """Halves the limit of a query that was too much."""
        asked = self._most or _limit(query)
        self._most = max(asked // 2, _SMALLEST_PAGE) if asked else None


def _limit(query: str) -> int | None:
    """How many rows a query asks for; None if it does not say."""
    found = _LIMIT.search(query)
    return int(found[1]) if found else None


def _id(row: Row, call: Call) -> str:
    row_id = row.get("id")
    if not isinstance(row_id, str) or not row_id:
        raise BadAnswer(call, "it lists something without an id")
    return row_id
