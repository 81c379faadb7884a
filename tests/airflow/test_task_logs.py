"""The logs of whole runs, as Airflow's log viewer shows them."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from tests.airflow.conftest import SALES, Sync
from tests.integration.world import World
from tests.log_groups import groups_of
from tests.unit.test_task_logs import HOSTILE

pytestmark = pytest.mark.airflow


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What the tasks have logged, and nobody else."""
    caplog.set_level(logging.INFO, "okta_mi_provider")
    ours = "okta_mi_provider.operators", "okta_mi_provider.sync"
    return lambda: [each.getMessage() for each in caplog.records if each.name.startswith(ours)]


def test_a_group_of_hostile_people_in_full(world: World, sync: Sync, lines: Callable[[], list[str]]) -> None:
    group = world.okta.group("::endgroup::", "ana")
    for number, name in enumerate(HOSTILE):
        world.okta.user(f"user{number}", group, firstName=name, lastName=name)
    world.mi.fault("400", method="POST", route="users", count=1)

    run = sync(SALES.replace("Sales", '"::endgroup::"'), summary="full")

    assert run.report["users"]["created"] == len(HOSTILE)
    assert all(line.isprintable() for line in lines())
    found = groups_of(lines())
    titles = [title.partition(":")[0] for title in found if title]
    assert set(titles) == {"Settings", "Requests", "The plan", "Every affected user and group"}
    assert any(line.startswith("summary ") and line.endswith(" full") for line in found["Settings"])
    opened = found[""]
    name = r"'\u003a:endgroup::'"
    for title in (
        f"Okta group {name} of {world.okta.url}, and {world.mi.url}:",
        f"MI group {name}, all changes:",
        f"Sync of Okta group {name} into MI group {name}: FAILED",
    ):
        assert title in opened
    changes = opened[opened.index(f"MI group {name}, all changes:") :]
    assert changes[1:4] == ["  changes of this part  9", "  done                  8", "  failed                1"]
    asked = [line for title, each in found.items() if title.startswith("Requests") for line in each]
    kinds = [" ".join(line.split()) for line in asked]
    assert any(kind.startswith("Okta GET /api/v1/groups/{id}/users 1 200; ") for kind in kinds)


def test_the_table_of_each_task_is_the_last_that_it_says(
    world: World, sync: Sync, lines: Callable[[], list[str]]
) -> None:
    world.okta.group("Sales", "ana", "bo")

    sync(dry_run=True)

    ends = [" ".join(part[-1].split()) for part in _by_task(lines())]
    assert ends == [
        "groups of MI 4",
        "conflicts 0",
        "parts 1",
        "changes that would be written 2",
        "users would be disabled 0",
    ]


def _by_task(lines: list[str]) -> list[list[str]]:
    """What stands in the open, cut before each title of a table."""
    parts: list[list[str]] = []
    for line in groups_of(lines)[""]:
        if not line.startswith("  "):
            parts.append([])
        elif parts:
            parts[-1].append(line)
    return [part for part in parts if part]
