"""What goes wrong during one sync: faults of both servers, knobs that are turned, and the death of the process."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: How long a request hangs, and how long the client waits for it while things go wrong, in seconds.
HANG_S, TIMEOUT_S = 0.45, 0.3

#: How many rows of a list come at most while MI cuts lists.
MOST_ROWS = 3

ANSWERS = ("400", "404", "500", "502", "503", "504", "empty", "login_page", "maintenance", "redirect")
WIRE = ("reset_before", "reset_after", "truncated", "cut_json", "garbled_headers")
OKTA_ONLY = (
    "429", "429_concurrency", "401_no_permission", "403_scope", "403_session", "404_plain", "400_cursor", "401",
)  # fmt: skip
MI_ONLY = ("429", "412", "401", "403", "401_application", "deadlock", "status_error", "status_expired", "result_code")

OKTA_ROUTES = ("token", "list_groups", "get_group", "list_members")
MI_ROUTES = ("get_token", "users", "user", "groups", "members", "member")


@dataclass(frozen=True, slots=True)
class Kill:
    """SIGKILL: when the server has seen so many writes, before or after the last takes effect; or after a time."""

    writes: int | None = None
    after_effect: bool = False
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """What goes wrong.

    Attributes:
        okta_faults: Rules for Okta's simulator, as its control API takes them.
        mi_faults: The same for MI.
        okta_knobs: Turned for as long as the trouble lasts.
        mi_knobs: The same for MI.
        echo: Chance that MI refuses a write and repeats what it was sent, token and password among it.
        kill: When the process is killed, if it is.
        overlap: Whether requests that still hang are not waited for before the next sync.
    """

    okta_faults: tuple[Mapping[str, Any], ...] = ()
    mi_faults: tuple[Mapping[str, Any], ...] = ()
    okta_knobs: Mapping[str, Any] = field(default_factory=dict)
    mi_knobs: Mapping[str, Any] = field(default_factory=dict)
    echo: float = 0
    kill: Kill | None = None
    overlap: bool = False

    @property
    def is_none(self) -> bool:
        return self == Trouble()


def random_trouble(chance: random.Random, place: int) -> Trouble:
    """Some trouble; less and less of it, so that a sync gets somewhere before the servers are healed."""
    worst = 1 / (1 + place)
    return Trouble(
        okta_faults=_rules(chance, OKTA_ROUTES, OKTA_ONLY, worst * 0.6),
        mi_faults=_rules(chance, MI_ROUTES, MI_ONLY, worst),
        okta_knobs=_okta_knobs(chance),
        mi_knobs=_mi_knobs(chance),
        echo=chance.choice((0, 0, 0, 0, 0.1, 0.5)),
        kill=_kill(chance),
        overlap=chance.random() < 0.3,
    )


def _rules(
    chance: random.Random, routes: tuple[str, ...], own: tuple[str, ...], worst: float
) -> tuple[Mapping[str, Any], ...]:
    rules: list[dict[str, Any]] = []
    shape = chance.random()
    if shape < 0.5:
        # A little of everything, on any request.
        rules += [
            {"fault": fault, "probability": chance.choice((0.02, 0.05, 0.15, 0.4)) * worst, "count": None}
            for fault in chance.sample((*ANSWERS, *WIRE, *own), chance.randint(1, 6))
        ]
    elif shape < 0.6:
        # Too many requests, again and again.
        rules += [
            {"fault": fault, "after": chance.randint(0, 10), "count": chance.randint(2, 8)} for fault in ("429", "503")
        ]
    elif shape < 0.9:
        # One thing, at one place.
        rules += [
            {
                "fault": chance.choice((*ANSWERS, *WIRE, *own)),
                "route": chance.choice(routes),
                "method": chance.choice((None, "GET", "POST", "PUT", "DELETE")),
                "after": chance.randint(0, 8),
                "count": chance.choice((1, 1, 2, 5, None)),
            }
            for _ in range(chance.randint(1, 3))
        ]
    if chance.random() < 0.12:
        hang = chance.choice(("hang", "hang_after"))
        rules.insert(0, {"fault": hang, "seconds": HANG_S, "after": chance.randint(0, 12), "count": 1})
    for rule in rules:
        if rule["fault"] not in {*WIRE, "hang", "hang_after"}:
            # A deadlock never has an effect: the database takes it back.
            rule["after_effect"] = rule["fault"] != "deadlock" and chance.random() < 0.35
        rule["seed"] = chance.randrange(10**6)
    return tuple(rules)


def _okta_knobs(chance: random.Random) -> dict[str, Any]:
    if chance.random() < 0.75:
        return {}
    return chance.choice(
        (
            {"repeat_next": True},
            {"endless_next": "same_rows"},
            {"endless_next": "empty_pages"},
            # A short page without links cannot be told from a short list, so pages are as long as asked for.
            {"missing_headers": ["Link"], "page_cap": None, "members_max_limit": 1000},
            {"page_cap": 2, "cursor_pages": 1},
            {"page_cap": 3, "overlap_rows": 2, "empty_page_at": 2},
            {"clock_skew_s": 7200},
            {"access_token_lifetime_s": chance.choice((0.01, 0.05))},
            {"missing_admin_role": chance.choice(("empty", "forbidden"))},
            {"next_host": "trap"},
            {"rate_limit": True, "rate_limits": {"groups": 2, "group": 1}},
            {"concurrency_limit": 1},
            {"page_cap": 1, "next_host": "trap"},
        )
    )


def _mi_knobs(chance: random.Random) -> dict[str, Any]:
    if chance.random() < 0.75:
        return {}
    return chance.choice(
        (
            {"token_lifetime_s": chance.choice((0.01, 0.05, 0.2))},
            {"list_paging": MOST_ROWS},
            {"session_requests": chance.randint(1, 5)},
            {"max_in_flight": 1, "over_in_flight": chance.choice(("deadlock", "429", "503")), "latency_ms": 2},
            {"throttle_per_minute": chance.randint(1, 40)},
            {"latency_ms": 15},
            {"personal_token_can_manage_users": False},
        )
    )


def _kill(chance: random.Random) -> Kill | None:
    kind = chance.random()
    if kind < 0.25:
        return Kill(writes=chance.choice((1, 1, 2, 3, 5, 10, 20)), after_effect=chance.random() < 0.5)
    return Kill(seconds=chance.uniform(0.02, 0.5)) if kind < 0.4 else None
