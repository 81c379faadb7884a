"""A time as people write it: an age, a day, or a moment."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from okta_mi_provider.clients.errors import ConfigurationError

_AGE = re.compile(r"(\d{1,6})\s*([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(text: str | None) -> datetime | None:
    """The moment that is meant; None if nothing is given. A time without a zone is one of this machine's.

    Raises:
        ConfigurationError: If it is no time.
    """
    if text is None:
        return None
    try:
        if age := _AGE.fullmatch(text.strip().lower()):
            return datetime.now(UTC) - timedelta(**{_UNITS[age[2]]: int(age[1])})
        return datetime.fromisoformat(text.strip()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ConfigurationError(
            f"--since {text}: not a time. Write an age such as 7d or 12h, a day such as 2026-11-01, or a moment such "
            "as 2026-11-01T08:00+01:00."
        ) from None
