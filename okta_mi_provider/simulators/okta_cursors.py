"""The opaque cursors of Okta's lists: what they hold, and how a knob makes them expire."""

from __future__ import annotations

import base64
import json
import secrets
import time
from dataclasses import dataclass

from okta_mi_provider.simulators.knobs import OktaKnobs
from okta_mi_provider.simulators.okta_errors import bad_cursor

SortKey = tuple[str, str]
"""The value a list is sorted by ("" unless ``sortBy`` is used), then the id."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a list.

    Attributes:
        mode: how the list was asked for; a cursor works only in its mode.
        last: the last row before the place; none: its beginning.
        page: number of the page that begins there, from 1.
    """

    mode: str
    last: SortKey | None = None
    page: int = 1

    def following(self, last: SortKey | None, knobs: OktaKnobs, *, fresh: bool = False) -> str:
        """Return the text of the cursor of the next page, which begins after `last`.

        Cursors are the same for the same place unless the knobs need a time in them or `fresh` is set.
        """
        made_at = 0.0 if knobs.cursor_lifetime_s is None else time.time()
        salt = secrets.token_hex(6) if fresh else ""
        fields = [self.mode, *(last or (None, None)), self.page + 1, made_at, salt]
        return base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")


def read_cursor(text: str, mode: str, knobs: OktaKnobs) -> Cursor:
    """Return the cursor in `text`.

    Raises:
        OktaError: 400, it was not made by a list of this `mode`, or has expired.
    """
    try:
        padded = text + "=" * (-len(text) % 4)
        fields = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        found_mode, sort_value, row_id, page, made_at, _salt = fields
        cursor = Cursor(mode, None if row_id is None else (str(sort_value), str(row_id)), int(page))
        age = time.time() - float(made_at)
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise bad_cursor(knobs.bad_cursor) from None
    expired = knobs.cursor_lifetime_s is not None and age > knobs.cursor_lifetime_s
    if found_mode != mode or expired or (knobs.cursor_pages is not None and cursor.page > knobs.cursor_pages):
        raise bad_cursor(knobs.bad_cursor)
    return cursor
