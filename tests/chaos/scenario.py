"""One run of the chaos, thought up from its seed: a world, how it is synced, and what goes wrong."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Any

from tests.chaos.oracle import MEMBERS
from tests.chaos.people import (
    DIFFICULT,
    STATUSES,
    Crowd,
    administrators,
    bystander,
    deactivated,
    leaver,
    ordinary,
)
from tests.chaos.trouble import MOST_ROWS, Trouble, random_trouble
from tests.chaos.world import DEFAULT_GROUP, World

#: So many failures are not more than 40 % of the 20 writes from which on they make a sync give up.
_FEW = 8

MODES = ("provision", "rooms", "operator", "command")

GROUP_NAMES = (
    "Sales", "sales", "Sales EMEA", "MI - Finance", "Night  Shift", 'R&D "Skunk\\Works" <b>', "Équipe 数据", "50% {x}",
    "O'Brien; DROP", "a/b?c=d&e#f", "00gABCDEFGHIJKLMNOPQ", "-a", "Straße", "g" * 100,
)  # fmt: skip


@dataclass(frozen=True)
class Scenario:
    """A run.

    Attributes:
        mode: Through `provision`, the five tasks of a DAG, the single operator, or the command.
        by_id: Places of the groups that are named by their Okta id.
        login: How to authenticate at MI: "application" or "personal".
        okta_login: How to authenticate at Okta: "token", or "app" for a service app.
        resume: With rooms: a task that died is tried again, as Airflow does; otherwise a new run begins.
        troubles: What goes wrong, for each sync before both servers are healed.
    """

    seed: int
    world: World
    mode: str
    by_id: tuple[int, ...]
    login: str
    okta_login: str
    concurrency: int
    page_size: int
    resume: bool
    troubles: tuple[Trouble, ...]

    @property
    def hopeless(self) -> bool:
        """Whether MI never lets itself be read, whatever is tried."""
        return "list_paging" in self.world.mi_knobs or (
            self.login == "personal" and not self.world.mi_knobs.get("personal_token_can_manage_users", True)
        )


def make(seed: int) -> Scenario:
    """The scenario of a seed, always the same."""
    chance = random.Random(f"chaos:{seed}")
    mode = chance.choices(MODES, (60, 24, 6, 10))[0]
    groups = _groups(chance, mode)
    settings = _settings(chance, mode)
    mi_knobs = _mi_knobs(chance, settings)
    if len(groups) > 1 and mode != "rooms":
        # All groups that can be read count together: it would depend on the trouble whether they are too many.
        settings.pop("sync_user_limit", None)
    if chance.random() < 0.25:
        settings["target_group"] = chance.choice(("Everybody", *groups, DEFAULT_GROUP))
        if mode == "rooms" and len(groups) > 1:
            # Two DAGs that prune one group are a mistake, and refused as one.
            settings["prune"] = "off"
    world = _few_refusals(_world(chance, groups, settings, mi_knobs, mode))
    return Scenario(
        seed=seed,
        world=world,
        mode=mode,
        by_id=() if mode == "command" else tuple(place for place in range(len(groups)) if chance.random() < 0.2),
        login=chance.choice(("application", "application", "personal")),
        okta_login=chance.choice(("token", "app")),
        concurrency=chance.randint(1, 8),
        page_size=world.okta_knobs.get("members_max_limit") or chance.choice((1, 3, 7, 200)),
        resume=chance.random() < 0.5,
        troubles=tuple(random_trouble(chance, place) for place in range(chance.randint(1, 4))),
    )


def _groups(chance: random.Random, mode: str) -> tuple[str, ...]:
    """One to three names. Not two that differ only in case: which of them a server takes depends on the order."""
    names = chance.sample(GROUP_NAMES, 1 if mode == "operator" else chance.choice((1, 1, 1, 2, 3)))
    return tuple({name.casefold(): name for name in names}.values())


def _settings(chance: random.Random, mode: str) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "auto_create": chance.choice(("none", "groups", "all", "all", "all")),
        "user_type": chance.choice(("regular", "regular", "power_user", "administrator")),
        "username_attr": chance.choice(("login", "login", "nick")),
        "match_by": chance.choice((["username"], ["username", "email"])),
        "summary": chance.choice(("none", "counts", "full")),
    }
    for name, often in (("skip_default_group", 0.3), ("force", 0.3), ("dry_run", 0.08)):
        settings[name] = chance.random() < often
    settings["protect_administrators"] = chance.random() < 0.7
    if chance.random() < 0.2:
        settings["statuses"] = chance.sample(STATUSES, chance.randint(1, 8))
    settings["prune"] = chance.choices(("off", "all"), (60, 40))[0]
    deactivated_count = "DEPROVISIONED" in settings.get("statuses", ())
    settings["deprovision"] = "disable" if chance.random() < 0.4 and not deactivated_count else "keep"
    if chance.random() < 0.7:
        settings["max_removals"] = chance.choice((1, 3, 1000, 1000, "50%", "100%"))
    if chance.random() < 0.08:
        settings["sync_user_limit"] = chance.randint(1, 20)
    return settings


def _world(
    chance: random.Random, groups: tuple[str, ...], settings: dict[str, Any], mi_knobs: dict[str, Any], mode: str
) -> World:
    wanted = settings.get("target_group")
    targets = dict.fromkeys([wanted] if wanted else groups)
    there = [name for name in targets if name != DEFAULT_GROUP and chance.random() < 0.6]
    near = [name.upper() for name in targets if chance.random() < 0.1 and name.upper() not in {*there, *targets}]
    mi_groups = [*there, *near, "Board Reports"]
    # The command has no option for the id of the Default Group.
    mi_groups.insert(0 if mode == "command" else chance.randint(0, len(mi_groups)), DEFAULT_GROUP)
    crowd = Crowd(chance, len(groups), tuple(mi_groups))
    crowd.accounts += administrators()
    for _ in range(chance.choice((0, 1, 3, 8, 15, 30))):
        ordinary(crowd, settings["username_attr"])
    for _ in range(chance.randint(0, 5)):
        bystander(crowd)
    for kind in (leaver, deactivated):
        for _ in range(chance.choice((0, 0, 1, 2, 4))):
            kind(crowd, settings["username_attr"])
    for _ in range(chance.choice((0, 0, 1, 2, 4))):
        kind = chance.choice(DIFFICULT)
        if kind.__name__ != "mi_twins" or not mi_knobs.get("username_casefold", True):
            kind(crowd, settings["username_attr"])
    if "list_paging" in mi_knobs and max(len(crowd.accounts), len(mi_groups)) <= MOST_ROWS:
        # Nothing would be cut off of lists that are so short, until there is more to list.
        del mi_knobs["list_paging"]
    if mode in {"provision", "command"} and _depends_on_what_can_be_read(crowd, settings):
        del settings["sync_user_limit"]
    names = {name: None for group in groups for name in (group + "x", group.swapcase()) if name not in groups}
    return World(
        groups=groups,
        decoys=tuple(names) if chance.random() < 0.6 else (),
        people=tuple(crowd.people),
        mi_groups=tuple(mi_groups),
        accounts=tuple(crowd.accounts),
        settings=settings,
        twins=tuple(place for place in range(len(groups)) if chance.random() < 0.04),
        okta_knobs=_okta_knobs(chance, mode),
        mi_knobs={**mi_knobs, "default_group_id": mi_groups.index(DEFAULT_GROUP) + 1},
    )


def _few_refusals(world: World) -> World:
    """The world, with an MI that refuses nothing to everybody where so much would be refused that a sync gives up."""
    if len(world.people) <= _FEW:
        return world
    takes_updates = world.mi_knobs["user_update_body"] != "off"
    knobs = {"disable_method": "put_enabled", **({} if takes_updates else {"user_update_body": "partial"})}
    return replace(world, mi_knobs={**world.mi_knobs, **knobs})


def _depends_on_what_can_be_read(crowd: Crowd, settings: dict[str, Any]) -> bool:
    """Whether all groups together are over the limit, and one is not: alone it is synced while the others fail."""
    inside = [person.groups for person in crowd.people if person.status in settings.get("statuses", MEMBERS)]
    smallest = min(sum(place in groups for groups in inside) for place in range(crowd.groups))
    return smallest <= settings.get("sync_user_limit", len(inside)) < len(inside)


def _okta_knobs(chance: random.Random, mode: str) -> dict[str, Any]:
    knobs: dict[str, Any] = {
        "link_header": chance.choice(("two_lines", "one_line")),
        "null_description": chance.random() < 0.3,
    }
    if chance.random() < 0.3:
        knobs["page_cap"] = chance.choice((1, 2, 5))
    if chance.random() < 0.2:
        knobs["fail_above_limit"] = chance.choice((10, 50))
    # The command has no option for the size of a page.
    if mode != "command" and chance.random() < 0.2:
        knobs["members_max_limit"] = chance.choice((1, 20))
        knobs["over_max_limit"] = chance.choice(("clamp", "reject"))
    if chance.random() < 0.2:
        knobs["missing_headers"] = chance.sample(("Date", "X-Rate-Limit-Reset", "X-Rate-Limit-Limit"), 2)
    if chance.random() < 0.1:
        knobs["latency_ms"] = 3
    # Of service apps only.
    if chance.random() < 0.4:
        knobs["dpop_required"] = True
        knobs["dpop_api_nonce"] = chance.random() < 0.5
    return knobs


def _mi_knobs(chance: random.Random, settings: dict[str, Any]) -> dict[str, Any]:
    knobs: dict[str, Any] = {
        "id_type": chance.choice(("string", "integer", "mixed")),
        "user_item_envelope": chance.choice(("user", "users")),
        "user_update_body": chance.choices(("partial", "replace", "off"), (60, 35, 5))[0],
        "disable_method": chance.choice(("put_enabled", "ignored")),
        "default_group_method": chance.choices(("added", "either", "ignored"), (60, 20, 20))[0],
        "in_group_method": chance.choices(("honoured", "ignored"), (80, 20))[0],
        "duplicate_message": chance.choice(("{what} already exists", "Ya existe: {what}", "Error 1062")),
        "user_lookup": chance.choice(("list", "query")),
        "member_list": chance.choice(("per_group", "all")),
        "extra_user_create_fields": chance.choice(("ignored", "rejected")),
        "password_mode": chance.choice(("required", "optional")),
        "expires_in_answer": chance.random() < 0.5,
        "dead_bearer_status": chance.choice((401, 412)),
        "ok_statuses": {"POST": chance.choice((200, 201)), "PUT": chance.choice((200, 202))},
        "deadlock_status": chance.choice((200, 400, 500)),
    }
    for name in ("username_casefold", "group_name_casefold", "unique_email"):
        knobs[name] = chance.random() < 0.8
    if chance.random() < 0.03:
        knobs["list_paging"] = 2
    if chance.random() < 0.05:
        knobs["personal_token_can_manage_users"] = False
    if chance.random() < 0.1:
        knobs["latency_ms"] = 3
    if settings["skip_default_group"] and "ignored" in {knobs["in_group_method"], knobs["default_group_method"]}:
        # Such a server puts everybody into the Default Group, and nobody can help it.
        knobs["in_group_method"], knobs["default_group_method"] = "honoured", "added"
    return knobs
