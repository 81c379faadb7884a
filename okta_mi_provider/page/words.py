"""What the pages call things, and how they write times and names. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

from okta_mi_provider.store.history import RunRecord
from okta_mi_provider.sync.model import joined_name
from okta_mi_provider.sync.outcome import Status
from okta_mi_provider.sync.plan import ChangeKind
from okta_mi_provider.sync.report import State
from okta_mi_provider.sync.text import one_line, plural

KINDS = {
    ChangeKind.REMOVE_MEMBER: "Remove from group",
    ChangeKind.DISABLE_USER: "Disable user",
    ChangeKind.CREATE_USER: "Create user",
    ChangeKind.UPDATE_USER: "Change user",
    ChangeKind.ADD_MEMBER: "Add to group",
    ChangeKind.ENABLE_USER: "Enable user",
    ChangeKind.CREATE_GROUP: "Create group",
}
STATUSES = {
    Status.FAILED: "Failed",
    Status.BEGUN: "In doubt",
    Status.PLANNED: "Not written",
    Status.DONE: "Done",
    Status.ALREADY: "Was so already",
}
#: How the last run of a sync ended, or why there is none: in the order in which they need attention.
STATES = {
    "broken": "Error in file",
    State.FAILED.value: "Failed",
    State.REFUSED.value: "Refused",
    "differs": "Differs",
    "running": "Running",
    "never": "No run yet",
    State.DONE.value: "Done",
}
FIELDS = {
    "email": "E-mail",
    "first_name": "First name",
    "last_name": "Last name",
    "type": "Type",
    "enabled": "Enabled",
}
#: So long ago is no time, in seconds.
_JUST_S = 5
_MODES = {"drift": "Drift", "undo": "Undo"}
#: From so many of a unit on, the next one is used.
_UNITS = ((60, "second"), (60, "minute"), (24, "hour"), (10_000, "day"))


def state_of(run: RunRecord | None) -> str:
    """A key of `STATES`, as far as a run has one."""
    if run is None:
        return "never"
    if run.found_differences:
        return "differs"
    return run.state.value if run.state else "running"


def only_looks(run: RunRecord) -> bool:
    """Whether a run was not to write anything: its numbers are what would be."""
    return run.dry_run or run.mode == "drift"


def mode_of(run: RunRecord) -> str:
    """What kind of run it was, unless it was a sync that writes: then ""."""
    return "Dry run" if run.dry_run else _MODES.get(run.mode, "")


def source_of(run: RunRecord) -> str:
    """What people call the groups of Okta that a run was about."""
    return joined_name(run.source_groups)


def name(text: object, limit: int = 120) -> str:
    """Other people's text: on one line, with what cannot be seen made visible, and not for ever."""
    return one_line("" if text is None else str(text), limit)


def when(moment: datetime | None) -> str:
    """A time, in UTC."""
    return "" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"


def span(seconds: float) -> str:
    """How long: `3 hours`. Of two units the larger one says enough."""
    number = max(0.0, seconds)
    for most, unit in _UNITS:
        if number < most:
            return plural(int(number), unit)
        number /= most
    return "for ever"


def distance(moment: datetime, now: datetime) -> str:
    """How far away a time is: `3 hours ago`, `in 5 minutes`."""
    seconds = (now - moment).total_seconds()
    if 0 <= seconds < _JUST_S:
        return "just now"
    return f"{span(seconds)} ago" if seconds >= 0 else f"in {span(-seconds)}"
