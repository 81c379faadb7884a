"""How long to wait for Okta's rate limits, from the headers of its answers. Pure arithmetic.

A limit counts the requests of all clients of an org in windows of 60 seconds. Each answer tells how many
are left and when the window ends; one that came too late is answered 429. The clock of this machine is never
asked: what counts is the reset compared with the `Date` of the same answer.

Source: developer.okta.com/docs/reference/rl2-monitor/ and .../rl2-concurrency/.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

#: Length of Okta's windows, in seconds. No pause of ours is longer, whatever a header says.
WINDOW_S = 60.0
#: A reset that is further away than this, in seconds, is none of a rate limit.
_LONGEST_RESET_S = 3600.0
#: While more than this share of our part of the budget is left, nothing is slowed down.
_PLENTY = 0.5


@dataclass(frozen=True, slots=True)
class Share:
    """How much of a rate limit to use.

    Attributes:
        kept_percent: Percent of each window that are left to others, 0 to 90.
        sharers: How many clients like this one share the rest.
    """

    kept_percent: int = 50
    sharers: int = 1


@dataclass(frozen=True, slots=True)
class RateLimit:
    """What an answer has told about its budget.

    Attributes:
        limit: Requests in a window.
        remaining: How many of them are left to everybody.
        resets_in_s: Seconds until the window ends; None if the answer does not tell.
    """

    limit: int
    remaining: int
    resets_in_s: float | None

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> RateLimit | None:
        """Reads the three headers; None if limit or remaining are missing or no numbers."""
        limit, remaining = _count(headers, "X-Rate-Limit-Limit"), _count(headers, "X-Rate-Limit-Remaining")
        if limit is None or remaining is None:
            return None
        return cls(limit, remaining, _resets_in(headers))

    def ours(self, share: Share) -> int:
        """How many requests of a whole window are not left to others: at least one, however small the limit is."""
        return max(self.limit - math.ceil(self.limit * share.kept_percent / 100), 1)

    def pause_s(self, share: Share) -> float:
        """Seconds to wait before the next request, so that others find a part of the budget left.

        Nothing while there is plenty, so that a short sync is as fast as Okta lets it be; then requests are
        spread over what is left of the window; and when our part is used up, it is waited for the next one.
        """
        if self.limit <= 0:
            return 0.0
        rest_s = min(max(WINDOW_S if self.resets_in_s is None else self.resets_in_s, 0.0), WINDOW_S)
        ours = self.ours(share)
        left = self.remaining - (self.limit - ours)
        if left <= 0:
            return rest_s + 1
        if left > _PLENTY * ours:
            return 0.0
        return min(rest_s * share.sharers / left, rest_s)


def wait_after_429(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait after a 429, never in step with other clients; None if the headers do not tell.

    A limit of 0 means too many requests at once, which passes within seconds whatever the reset says.
    """
    shortly = 1 + random.random()  # noqa: S311
    if is_concurrency_limit(headers):
        return shortly
    resets_in_s = _resets_in(headers)
    return None if resets_in_s is None else min(max(resets_in_s, 0.0), _LONGEST_RESET_S) + shortly


def is_concurrency_limit(headers: Mapping[str, str]) -> bool:
    """Whether a 429 is about requests at the same time, not about those of a minute: it has the limit 0."""
    return _count(headers, "X-Rate-Limit-Limit") == 0


def server_time(headers: Mapping[str, str]) -> float | None:
    """The server's clock, in seconds since 1970; None if the answer has no usable `Date`."""
    try:
        date = parsedate_to_datetime(headers["Date"])
        # HTTP knows no other zone; Python would take a date without one for ours.
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (KeyError, ValueError, OverflowError):
        return None


def _resets_in(headers: Mapping[str, str]) -> float | None:
    reset, now = _count(headers, "X-Rate-Limit-Reset"), server_time(headers)
    return None if reset is None or now is None else reset - now


def _count(headers: Mapping[str, str], name: str) -> int | None:
    """A header that is a whole number from 0. More digits than any number of requests or seconds has are garbage."""
    text = headers.get(name, "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 12 else None
