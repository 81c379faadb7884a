"""Okta groups whose names match a pattern.

Source: developer.okta.com/docs/api/openapi/okta-management/, "List all groups": `search` knows `sw` and `co` for
`profile.name`, ignores case, and is followed page by page; `q` is cut at 300 groups.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from fnmatch import translate

from okta_mi_provider.clients.errors import Rejected
from okta_mi_provider.clients.okta import GROUPS, OktaClient
from okta_mi_provider.clients.okta_pages import Row, whole_list
from okta_mi_provider.clients.okta_wire import described_source, name_of, user_count_of

#: What means something else than itself in a pattern.
_WILD = re.compile(r"[*?\[]")
_PAGE = 200


@dataclass(frozen=True, slots=True)
class FoundGroup:
    """A group of Okta.

    Attributes:
        type: OKTA_GROUP, APP_GROUP or BUILT_IN.
        source: What imported it; "" if nobody did.
        users: How many users Okta says it has, some time ago; None if it does not say.
    """

    id: str
    name: str
    type: str
    source: str
    users: int | None


def groups_matching(client: OktaClient, pattern: str) -> list[FoundGroup]:
    """All groups whose names match, by name and id.

    Okta is asked for as few as it can be, ignoring case; what it lists is compared with the pattern, capitals included.

    Args:
        client: Asks Okta.
        pattern: `*` for anything, `?` for one character, `[abc]` for one of several.

    Raises:
        SyncError: If the list could not be read to its end.
    """
    matches = re.compile(translate(pattern)).match
    rows = _rows(client, _search(pattern))
    found = [_group(row) for row in rows if matches(name_of(row))]
    return sorted(found, key=lambda each: (each.name, each.id))


def _search(pattern: str) -> str | None:
    """What to ask Okta for: names that begin with, or contain, what the pattern says plainly; None for all."""
    first = _WILD.search(pattern)
    if first is None:
        return f"profile.name eq {_literal(pattern)}"
    if first.start():
        return f"profile.name sw {_literal(pattern[: first.start()])}"
    # Texts that are in every name that matches. What is in brackets is one of several; an open bracket is itself.
    longest = max(re.split(r"\[!?\]?[^\]]*\]|[*?]", pattern), key=len)
    return f"profile.name co {_literal(longest)}" if longest else None


def _literal(text: str) -> str:
    # A JSON string is what the search language takes for a literal.
    return json.dumps(text, ensure_ascii=False)


def _rows(client: OktaClient, search: str | None) -> list[Row]:
    query: dict[str, str | int] = {"limit": _PAGE} | ({"search": search} if search else {})
    try:
        return whole_list(client.http, GROUPS, {**query, "expand": "stats"}, dict)
    except Rejected:
        return whole_list(client.http, GROUPS, query, dict)


def _group(row: Row) -> FoundGroup:
    return FoundGroup(
        str(row["id"]), name_of(row), str(row.get("type") or ""), described_source(row), user_count_of(row)
    )
