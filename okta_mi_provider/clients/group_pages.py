"""Where a group has its page in Okta's admin console and in Metric Insights: addresses that people click on.

Of what a server has answered only the id of the group gets into an address; where it leads to says the connection. So
no server, and nobody who may name a group, can send people anywhere else.

Sources: guides of many integrations show `https://<org>-admin.okta.com/admin/group/<id>`. A custom domain does not tell
which org stands behind it, so nothing is guessed there. MI: the vendor's published tests open `/editor/group/<id>`
(github.com/metricinsights/playwright-testing-guide); see `MIDialect.group_page`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from okta_mi_provider.clients.metric_insights_kinds import GROUP_ID
from okta_mi_provider.clients.urls import OKTA_DOMAINS, BaseUrl, is_loopback
from okta_mi_provider.sync.model import SourceGroup, TargetGroup

#: Ids as both systems have them. Nothing in one can lead to another path, and nothing has to be escaped.
_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")


def console_of(org: BaseUrl) -> BaseUrl | None:
    """The admin console of an org; None at a custom domain."""
    parts = urlsplit(org.origin)
    name, _, domain = (parts.hostname or "").partition(".")
    if domain not in OKTA_DOMAINS or parts.port or parts.scheme != "https":
        return None
    return BaseUrl(f"https://{name}-admin.{domain}")


def okta_group_page(console: BaseUrl | None, groups: Sequence[SourceGroup]) -> str | None:
    """Where an administrator of Okta sees the group; the list of all groups, if there are several.

    Args:
        console: Where the admin console is, if that is known.
        groups: The groups, as they were found.
    """
    if (
        console is None
        or not is_for_people(console)
        or not groups
        or not all(_ID.fullmatch(each.id) for each in groups)
    ):
        return None
    return f"{console}/admin/groups" if len(groups) > 1 else f"{console}/admin/group/{groups[0].id}"


def metric_insights_group_page(server: BaseUrl, path: str, group: TargetGroup) -> str | None:
    """Where an administrator of MI sees the group.

    Args:
        server: Where MI is.
        path: Of the page, with `{id}` in the place of the id; "off" if there is none.
        group: The group; without an id it has no page.
    """
    if path == "off" or not is_for_people(server) or not _ID.fullmatch(group.id):
        return None
    return f"{server}{path.replace(GROUP_ID, group.id)}"


def is_for_people(server: BaseUrl) -> bool:
    """Whether people may be sent there: by https, or within their own machine."""
    parts = urlsplit(server.origin)
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
