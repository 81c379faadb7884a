"""Users and groups as Okta writes them.

Source: Okta's API reference for groups and users (developer.okta.com/docs/api/openapi/okta-management/).
"""

from __future__ import annotations

from datetime import datetime

from okta_mi_provider.clients.okta_pages import Row
from okta_mi_provider.sync.fetch import Attributes
from okta_mi_provider.sync.model import SourceGroup, SourceUser
from okta_mi_provider.sync.text import one_line, same


def user_of(row: Row, attributes: Attributes) -> SourceUser:
    """A user as a sync sees it. It has an id, whatever else may be missing."""
    # A user without a profile is told of as one who lacks a username.
    profile = row["profile"] if isinstance(row.get("profile"), dict) else {}
    username, email, first_name, last_name = (same(_text(profile.get(name))) for name in attributes[:4])
    groups = _texts(profile.get(attributes.groups)) if attributes.groups else ()
    status = same(str(row.get("status") or ""))
    return SourceUser(str(row["id"]), status, username, email, first_name, last_name, groups)


def group_of(row: object) -> SourceGroup | None:
    """A group as a sync sees it; None if it is none."""
    if isinstance(row, dict) and isinstance(row.get("id"), str) and name_of(row):
        return SourceGroup(row["id"], name_of(row))
    return None


def name_of(row: Row) -> str:
    """The name of a group; "" if it has none."""
    profile = row.get("profile")
    return str(profile.get("name") or "") if isinstance(profile, dict) else ""


def user_count_of(row: Row) -> int | None:
    """What `expand=stats` adds. Whether it counts deactivated users, and how late it is, is not documented."""
    embedded = row.get("_embedded")
    stats = embedded.get("stats") if isinstance(embedded, dict) else None
    count = stats.get("usersCount") if isinstance(stats, dict) else None
    return count if isinstance(count, int) else None


def described_source(row: Row) -> str:
    """Where the application is that a group was imported from; "" if it was not."""
    links = row.get("_links")
    source = links.get("source") if isinstance(links, dict) else None
    return str(source.get("href") or "") if isinstance(source, dict) else ""


def described(row: Row) -> str:
    """What tells a group from its namesakes: id, type, and the application it was imported from."""
    source = described_source(row)
    origin = f" imported by {one_line(source)}" if source else ""
    return f"{one_line(row['id'])} ({one_line(str(row.get('type') or 'unknown type'))}{origin})"


def moment_of(text: object) -> datetime | None:
    """A time as Okta writes it; one without a zone could be any."""
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return moment if moment and moment.tzinfo else None


def _text(value: object) -> str:
    """An attribute as text. MI drops blanks at the ends, so keeping them would be a difference for ever."""
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def _texts(value: object) -> tuple[str, ...]:
    """An attribute that may be a list, as texts that are not blank, each once."""
    texts = map(_text, value if isinstance(value, list) else [value])
    return tuple(dict.fromkeys(filter(None, texts)))
