"""Warns of schedules that let an API token of Okta die: it lives for 30 days from its last use."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from typing import Final

#: Days without a run from which on there is a warning.
WARN_FROM_DAYS: Final = 25
_PRESETS = {"@monthly": 31, "@quarterly": 92, "@yearly": 366}
#: From any day on, over all months of a leap year and a common one; a fixed day gives the same answer for ever.
_FROM, _UNTIL = datetime(2027, 1, 1), datetime(2029, 1, 1)  # noqa: DTZ001


def warning(schedule: str | None) -> str | None:
    """What to say about a schedule that leaves more than 25 days without a run; None if it does not.

    Args:
        schedule: A cron expression or preset that has been checked; None, "@once" and "@continuous" leave no gaps to
            speak of: who triggers by hand knows when.
    """
    days = _longest_gap_days(schedule)
    if days <= WARN_FROM_DAYS:
        return None
    return (
        f"The schedule {schedule} leaves up to {days} days without a run, and an API token of Okta dies after 30 days "
        "without use. Choose a schedule with shorter gaps, or let the Okta connection use a service app (auth_mode "
        "private_key_jwt), which does not expire."
    )


@cache
def _longest_gap_days(schedule: str | None) -> int:
    """The longest gap between two runs, in whole days; 0 if it is certainly short."""
    if schedule is None or schedule.startswith("@"):
        return _PRESETS.get(schedule or "", 0)
    day_of_month, month, day_of_week = schedule.split()[2:]
    if month == "*" and (day_of_month == "*" or day_of_week != "*"):
        # At least one run a week.
        return 0
    # Only files with such an expression pay for it.
    from croniter import croniter  # type: ignore[import-untyped]  # noqa: PLC0415

    longest, at = timedelta(0), _FROM
    while at < _UNTIL:
        run: datetime = croniter(schedule, at).get_next(datetime)
        longest = max(longest, run - at)
        # The last run in sight of that one: nothing between the two can be a long gap.
        last: datetime = croniter(schedule, run + timedelta(days=WARN_FROM_DAYS)).get_prev(datetime)
        at = max(run, last)
    return longest.days
