"""Examines a Metric Insights server: are the credentials accepted, what may they read, how does it speak."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from okta_mi_provider.clients.errors import AuthError, Forbidden
from okta_mi_provider.clients.metric_insights import MetricInsightsClient
from okta_mi_provider.doctor.clock import look_at_clock
from okta_mi_provider.doctor.observation import Observation, Section
from okta_mi_provider.sync.errors import SyncError
from okta_mi_provider.sync.model import TargetGroup, TargetUser
from okta_mi_provider.sync.text import one_line, plural, quoted

_SECTION = Section("Metric Insights")
_TYPES = {"regular", "power_user", "administrator"}


class Directory:
    """What could be read of an MI server.

    Attributes:
        users: All users; None if they could not be read.
        groups: All groups; None if they could not be read.
    """

    users: tuple[TargetUser, ...] | None = None
    groups: tuple[TargetGroup, ...] | None = None


def examine_metric_insights(client: MetricInsightsClient, found: Directory) -> Iterator[Observation]:
    """Reads users, groups, and the members of one group, and leaves the first two in `found`."""
    for remark in client.remarks:
        yield _SECTION.note("connection", remark)
    try:
        found.users = client.users()
    except AuthError as error:
        yield _SECTION.wrong("credentials", error)
        return
    except Forbidden as error:
        yield _SECTION.wrong("rights", error)
        return
    except SyncError as error:
        yield _SECTION.wrong("connection", error)
        return
    yield _SECTION.fine("credentials", f"{client.host} accepts {client.credentials}.")
    yield look_at_clock(_SECTION, client.http.headers)
    yield _version(client)
    yield _SECTION.fine("rights", f"May read users ({len(found.users):,}).")
    yield from _SECTION.guarded("rights", lambda: _groups(client, found))
    yield _SECTION.unknown(
        "rights",
        "Whether they may write shows only by writing: reading users needs the same right (Application Can Manage "
        "Users, and an administrator).",
    )
    yield from _oddities(client, found.users)


def _groups(client: MetricInsightsClient, found: Directory) -> Iterator[Observation]:
    found.groups = client.groups()
    yield _SECTION.fine("rights", f"May read groups ({len(found.groups):,}).")
    if found.groups:
        members = client.members(found.groups[0])
        yield _SECTION.fine(
            "rights", f"May read members ({plural(len(members), 'member')} of {quoted(found.groups[0].name)})."
        )


def _version(client: MetricInsightsClient) -> Observation:
    """MI's REST interface does not tell its version; a server in front of it may tell its own."""
    server = client.http.headers.get("Server")
    more = f" Its web server says {quoted(one_line(server))}." if server else ""
    return _SECTION.unknown("version", f"The REST interface does not tell; see Admin > System in MI.{more}")


def _oddities(client: MetricInsightsClient, users: tuple[TargetUser, ...]) -> Iterator[Observation]:
    """What would become conflicts, or be misunderstood."""
    shared = [number for address, number in Counter(user.email.casefold() for user in users).items() if address]
    twins = sum(number for number in shared if number > 1)
    if twins:
        yield _SECTION.note("users", f"{plural(twins, 'user')} share an e-mail address; in a sync they are conflicts.")
    strange = sorted({user.type for user in users} - _TYPES)
    if strange:
        yield _SECTION.note("users", f"There are types that we do not know: {', '.join(map(quoted, strange))}.")
    if client.username_casefold:
        names = Counter(user.username.casefold() for user in users)
        doubled = {name: number for name, number in names.items() if number > 1}
        if doubled:
            yield _SECTION.note(
                "users",
                f"{sum(doubled.values()):,} users have names that differ only in case, such as {quoted(min(doubled))}; "
                "in a sync they are conflicts, unless username_casefold is false.",
            )
