"""Whether the members of a group that were read once are still those of now, as far as Okta tells. Pure.

Okta notes when somebody joins or leaves a group, but late, sometimes with an earlier time, and not at all when
somebody's profile or status changes. So what it says is believed only for a while: what it has not told is found by
the next full reading, at the latest a day after the last one.

All times are Okta's own: no two clocks are compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from okta_mi_provider.sync.fetch import GroupSelector
from okta_mi_provider.sync.model import Source, SourceGroup, Stamp

#: Longest time from one full reading to the next.
FULL_EVERY = timedelta(hours=24)
#: A group that has changed so shortly before it was read may have been read as it was before.
OVERLAP = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Changed:
    """The groups of an org that have changed lately.

    Attributes:
        since: Those with a later change are in it, and no others.
        asked_at: When Okta said so.
        stamps: When each has changed, by its id; None if that is not to be understood.
    """

    since: datetime
    asked_at: datetime
    stamps: Mapping[str, Stamp | None]


def worth_asking(source: Source | None, selectors: Sequence[GroupSelector]) -> datetime | None:
    """Since when changes have to be known; None if what was read cannot be used whatever has changed.

    One answer is good for every group of the org that was read in the last day.

    Args:
        source: What was read last.
        selectors: Whose members are wanted.
    """
    if source is None or source.checked_at is None or not _are_meant(source, selectors):
        return None
    read_at = _read_at(source)
    return None if read_at is None else read_at - FULL_EVERY - OVERLAP


def outdated(source: Source, changed: Changed) -> str:
    """Why the members have to be read again; "" if they need not.

    Args:
        source: What was read last.
        changed: What has changed since `worth_asking`.
    """
    read_at = _read_at(source)
    if read_at is None or source.checked_at is None:
        return "Okta did not say when the group has changed"
    # The next run will come as late after this one as this one after the last.
    if changed.asked_at - read_at + (changed.asked_at - source.checked_at) >= FULL_EVERY:
        return "the last full reading would be more than a day old before the next run"
    if changed.since > read_at - OVERLAP:
        return "what is known of changes does not go back far enough"
    for group in source.groups:
        then = group.stamp
        assert then is not None, "each has one, or there would be no time of reading"  # noqa: S101
        if then.seen_at - then.members < OVERLAP:
            return "the group had just changed when it was read"
        if group.id not in changed.stamps:
            if max(then.members, then.group) > changed.since:
                return "Okta does not list the group any more"
        elif (now := changed.stamps[group.id]) is None or (now.members, now.group) != (then.members, then.group):
            return "the group has changed"
    return ""


def _read_at(source: Source) -> datetime | None:
    """When the first of the groups was read; None if that is not known of each."""
    stamps = [group.stamp for group in source.groups]
    return min(stamp.seen_at for stamp in stamps if stamp) if stamps and all(stamps) else None


def _are_meant(source: Source, selectors: Sequence[GroupSelector]) -> bool:
    """Whether exactly these groups were read. One that is called otherwise by now has changed."""
    found = [next((group.id for group in source.groups if _is_meant(group, each)), None) for each in selectors]
    return set(found) == {group.id for group in source.groups}


def _is_meant(group: SourceGroup, selector: GroupSelector) -> bool:
    return group.id == selector.id if selector.id else selector.name in {group.name, group.id}
