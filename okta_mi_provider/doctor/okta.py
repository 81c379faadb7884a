"""Examines an Okta org: is it one, are the credentials accepted, what do they show, how much may be asked."""

from __future__ import annotations

from collections.abc import Iterator

from okta_mi_provider.clients.errors import ApiError, AuthError, RateLimited, RightsMissing
from okta_mi_provider.clients.okta import OktaClient
from okta_mi_provider.clients.rate_limit import RateLimit
from okta_mi_provider.doctor.clock import look_at_clock
from okta_mi_provider.doctor.observation import Observation, Section
from okta_mi_provider.sync.errors import SyncError
from okta_mi_provider.sync.text import one_line, plural, quoted

_SECTION = Section("Okta")
_ENGINES = {"idx": "Identity Engine", "v1": "Classic Engine"}
_GROUPS = "/api/v1/groups"


def examine_okta(client: OktaClient) -> Iterator[Observation]:
    """Looks at the org (`GET` of its well-known document, of one group, of the built-in groups, of `/users/me`)."""
    for remark in client.remarks:
        yield _SECTION.note("connection", remark)
    yield from _organization(client)
    try:
        blindness = client.blindness()
    except AuthError as error:
        yield _SECTION.wrong("credentials", error)
        return
    except RightsMissing as error:
        yield _SECTION.wrong("rights", error)
        return
    except RateLimited as error:
        yield _SECTION.wrong("rate limit", error)
        return
    except SyncError as error:
        yield _SECTION.wrong("connection", error)
        return
    yield _SECTION.fine("credentials", f"Okta accepts {client.credentials}.")
    yield look_at_clock(_SECTION, client.http.headers)
    yield _rate_limit(client)
    if blindness:
        yield _SECTION.wrong("rights", blindness)
        return
    yield _SECTION.fine("rights", "May read groups.")
    yield from _SECTION.guarded("rights", lambda: _built_in_groups(client))
    yield from _owner(client)


def _organization(client: OktaClient) -> Iterator[Observation]:
    """Okta tells everybody who an org is; what does not tell is probably none."""
    try:
        _, org = client.http.get_anonymously("/.well-known/okta-organization")
    except ApiError as error:
        # The next request tells the whole story.
        yield _SECTION.note("org", f"Does not say which org it is ({error.call}).")
        return
    except SyncError as error:
        yield _SECTION.note("org", f"Does not say which org it is. {error}")
        return
    if not isinstance(org, dict) or not isinstance(org.get("id"), str):
        yield _SECTION.note("org", f"What {client.org} says of itself is not what an Okta org says. Is it one?")
        return
    engine = _ENGINES.get(str(org.get("pipeline")), "unknown engine")
    yield _SECTION.fine("org", f"{client.org} is the Okta org {one_line(org['id'])}, {engine}.")


def _rate_limit(client: OktaClient) -> Observation:
    rate_limit, share = RateLimit.of(client.http.headers), client.http.share
    if rate_limit is None:
        return _SECTION.unknown("rate limit", "The org does not tell its limit.")
    said = (
        f"{rate_limit.remaining:,} of {rate_limit.limit:,} requests are left in this minute; a sync uses up to "
        f"{rate_limit.ours(share):,} (rate_limit_share leaves {share.kept_percent} % to others)."
    )
    used_up = rate_limit.pause_s(share) > 0
    return (
        _SECTION.note("rate limit", f"{said} Others use most of it.") if used_up else _SECTION.fine("rate limit", said)
    )


def _built_in_groups(client: OktaClient) -> Iterator[Observation]:
    """Who sees `Everyone` sees every group; group administrators do not."""
    _, rows = client.http.get(_GROUPS, {"filter": 'type eq "BUILT_IN"', "limit": 10})
    if isinstance(rows, list) and rows:
        yield _SECTION.fine("rights", f"Sees built-in groups ({plural(len(rows), 'group')}), so probably all groups.")
    else:
        yield _SECTION.note(
            "rights",
            "Does not see the group Everyone, so perhaps not every group. That is so for group administrators; "
            "a Read-only Administrator sees all.",
        )


def _owner(client: OktaClient) -> Iterator[Observation]:
    """An API token has an owner, with whom it dies; a service app has none."""
    if not client.dies_unused:
        yield _SECTION.fine("token", "A service app's: made anew every hour, and does not expire by disuse.")
        return
    try:
        _, row = client.http.get("/api/v1/users/me")
    except SyncError:
        yield _SECTION.unknown("token", "Okta does not say whose API token it is. It dies after 30 days without use.")
        return
    profile = row.get("profile") if isinstance(row, dict) else None
    login = profile.get("login") if isinstance(profile, dict) else None
    yield _SECTION.note(
        "token",
        f"An API token of {quoted(str(login))}. It dies with that account, and after 30 days without use; a service "
        "app (auth_mode private_key_jwt) does not.",
    )
