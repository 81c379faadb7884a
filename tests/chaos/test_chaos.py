"""The short form of `make chaos`: always the same runs, so that a change that breaks one is to blame."""

from __future__ import annotations

import pytest

from tests.chaos.__main__ import run_one
from tests.chaos.describe import describe
from tests.chaos.play import Player
from tests.chaos.scenario import make

SEEDS = range(100, 138)


@pytest.mark.parametrize("seed", SEEDS)
def test_after_chaos_everything_is_right(player: Player, seed: int) -> None:
    record, broken = run_one(player, seed)

    assert not broken, describe(record, broken)


def test_a_seed_always_gives_the_same_scenario() -> None:
    assert [make(seed) for seed in range(50)] == [make(seed) for seed in range(50)]


def test_the_scenarios_have_everything_in_them() -> None:
    scenarios = [make(seed) for seed in range(500)]

    assert {each.mode for each in scenarios} == {"provision", "rooms", "operator", "command"}
    assert {(each.login, each.okta_login) for each in scenarios} == {
        (login, okta_login) for login in ("application", "personal") for okta_login in ("token", "app")
    }
    assert {each.world.settings["auto_create"] for each in scenarios} == {"none", "groups", "all"}
    assert {len(each.world.groups) for each in scenarios} == {1, 2, 3}
    assert {each.world.settings["prune"] for each in scenarios} == {"off", "all"}
    assert {each.world.settings["deprovision"] for each in scenarios} == {"keep", "disable"}
    assert max(len(each.world.people) for each in scenarios) >= 30
    assert sum(each.hopeless for each in scenarios) > 5
    troubles = [trouble for each in scenarios for trouble in each.troubles]
    assert sum(each.kill is not None for each in troubles) > 200
    faults = {rule["fault"] for each in troubles for rule in (*each.okta_faults, *each.mi_faults)}
    assert {
        "reset_before",
        "reset_after",
        "truncated",
        "hang",
        "hang_after",
        "429",
        "429_concurrency",
        "deadlock",
    } <= faults
    assert {"login_page", "status_error", "status_expired", "412", "401", "empty", "502", "503", "504"} <= faults
