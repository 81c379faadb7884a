"""How far a server's clock is from ours."""

from __future__ import annotations

import time
from collections.abc import Mapping

from okta_mi_provider.clients.rate_limit import server_time
from okta_mi_provider.doctor.observation import Observation, Section

#: Seconds that nobody needs to know of. A `Date` header has no fractions.
_USUAL_S = 5.0


def look_at_clock(section: Section, headers: Mapping[str, str]) -> Observation:
    """Compares our clock with the `Date` of an answer that has come just now."""
    theirs = server_time(headers)
    if theirs is None:
        return section.unknown("clock", "The server does not tell its time.")
    ahead_s = theirs - time.time()
    if abs(ahead_s) <= _USUAL_S:
        return section.fine("clock", "Agrees with ours.")
    order = "ahead of" if ahead_s > 0 else "behind"
    return section.note(
        "clock",
        f"Is {abs(ahead_s):,.0f} s {order} ours. Syncs bear it, but times in logs do not agree: set the clock that is "
        "wrong.",
    )
