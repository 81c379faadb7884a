"""The invariants can fail: a product that is broken on purpose is caught by the check that is there for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.chaos.checks import violations
from tests.chaos.play import Player
from tests.chaos.scenario import Scenario, make
from tests.chaos.trouble import Kill, Trouble
from tests.chaos.world import DEFAULT_GROUP, Account, Person, World


def scenario(number: int, *, dry_run: bool = False, mode: str = "provision", **mi_knobs: object) -> Scenario:
    """A small world without any trouble: two to create, one to add, one to remove, one to disable."""
    people = [
        Person({"login": f"{name}@acme.example", "email": f"{name}@acme.example", "firstName": name, "lastName": "Doe"},
               "DEPROVISIONED" if name == "eve" else "ACTIVE", (0,))
        for name in ("ana", "bo", "cy", "eve")
    ]  # fmt: skip
    some = make(number)
    settings = {
        "auto_create": "all", "user_type": "regular", "username_attr": "login", "match_by": ["username"],
        "summary": "full", "skip_default_group": False, "force": False, "dry_run": dry_run,
        "protect_administrators": True, "prune": "all", "deprovision": "disable",
    }  # fmt: skip
    world = World(
        groups=("Sales",),
        decoys=(),
        people=tuple(people),
        mi_groups=(DEFAULT_GROUP, "Sales"),
        accounts=(
            Account("svc_okta_sync", "svc@acme.example", type="administrator", groups=("Sales",)),
            Account("cy@acme.example", "cy@acme.example", "cy", "Doe"),
            Account("dan@acme.example", "dan@acme.example", groups=("Sales",)),
            Account("eve@acme.example", "eve@acme.example", groups=("Sales",)),
        ),
        settings=settings,
        mi_knobs={
            "default_group_id": 1, "username_casefold": True, "group_name_casefold": True, "unique_email": True,
            "in_group_method": "honoured", "default_group_method": "added", "disable_method": "put_enabled", **mi_knobs,
        },
    )  # fmt: skip
    return replace(
        some,
        world=world,
        mode=mode,
        by_id=(),
        login="application",
        okta_login="token",
        concurrency=2,
        page_size=2,
        troubles=(),
    )


def broken_by(player: Player, some: Scenario, sabotage: str) -> set[str]:
    """Names of the checks that have caught it."""
    return {each.partition(":")[0] for each in violations(player.play(some, sabotage))}


@pytest.mark.parametrize("mode", ["provision", "rooms", "operator", "command"])
def test_a_product_that_works_breaks_nothing(player: Player, mode: str) -> None:
    number = -10 - ["provision", "rooms", "operator", "command"].index(mode)
    record = player.play(scenario(number, mode=mode))

    assert violations(record) == []
    assert record.needed == 1
    assert [write.method for write in record.writes].count("DELETE") == 1
    assert len(record.writes) == 5


@pytest.mark.parametrize(
    ("sabotage", "caught_by"),
    [
        ("drop", {"nobody_lost", "nothing_unplanned", "comes_right"}),
        ("lie", {"reports_are_true", "comes_right"}),
        ("spare", {"reports_are_true", "comes_right"}),
        ("leave_on", {"reports_are_true", "comes_right"}),
        ("overreach", {"nobody_lost", "nothing_unplanned", "comes_right"}),
        ("empty_group", {"nobody_lost", "nothing_unplanned", "comes_right"}),
        ("disable_another", {"nothing_unplanned", "comes_right"}),
        ("meddle", {"nothing_unplanned", "others_untouched", "comes_right"}),
        ("log_token", {"no_secret_anywhere"}),
        ("log_password", {"no_secret_anywhere"}),
        ("half", {"plans_are_of_whole_lists", "comes_right"}),
        ("restless", {"rests"}),
        ("crash", {"ends_in_time"}),
        ("mumble", {"reports_are_true"}),
    ],
)
def test_each_kind_of_sabotage_is_caught(player: Player, sabotage: str, caught_by: set[str]) -> None:
    assert broken_by(player, scenario(-1), sabotage) >= caught_by


def test_duplicates_are_caught(player: Player) -> None:
    # A server that does not see them itself.
    some = scenario(-2, username_casefold=False, unique_email=False)

    assert broken_by(player, some, "duplicate") >= {"nobody_twice", "nothing_unplanned", "comes_right"}


def test_a_write_in_a_dry_run_is_caught(player: Player) -> None:
    assert "nothing_unplanned" in broken_by(player, scenario(-3, dry_run=True), "write_in_dry_run")


def test_a_sync_that_hangs_is_ended_and_caught(player: Player) -> None:
    impatient = replace(player, limit_s=1)

    assert "ends_in_time" in broken_by(impatient, scenario(-4), "hang")


def test_a_link_to_another_host_that_is_followed_is_caught(player: Player) -> None:
    some = replace(scenario(-5), troubles=(Trouble(okta_knobs={"next_host": "trap"}),))

    assert broken_by(player, some, "") == set()
    assert "token_stays_at_home" in broken_by(player, some, "follow")


@pytest.mark.parametrize("after_effect", [False, True])
def test_a_kill_comes_with_the_write_that_it_is_meant_for(player: Player, after_effect: bool) -> None:
    kill = Kill(writes=1, after_effect=after_effect)
    record = player.play(replace(scenario(-6 - after_effect), concurrency=1, troubles=(Trouble(kill=kill),)))

    assert record.syncs[0].was_killed
    assert [write.sync for write in record.writes].count(0) == 1
    assert violations(record) == []


@pytest.mark.parametrize("mode", ["provision", "rooms", "operator", "command"])
def test_who_was_first_when_the_sync_died_gets_into_the_default_group(player: Player, mode: str) -> None:
    death = Trouble(kill=Kill(writes=1, after_effect=True))
    number = -20 - ["provision", "rooms", "operator", "command"].index(mode)
    some = replace(scenario(number, mode=mode, default_group_method="either"), concurrency=1, troubles=(death,))
    record = player.play(some)

    assert record.syncs[0].was_killed
    assert violations(record) == []


def test_a_membership_that_nobody_has_seen_is_not_believed_in(player: Player) -> None:
    death = Trouble(kill=Kill(writes=1, after_effect=True))
    some = replace(scenario(-9, default_group_method="either"), concurrency=1, troubles=(death,))

    assert broken_by(player, some, "believe") >= {"comes_right", "reports_are_true"}
