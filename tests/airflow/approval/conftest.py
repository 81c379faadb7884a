"""Runs that a person looks on at: the groups files that ask, who is in Okta and in MI, and what there is to approve."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from okta_mi_provider.store import Store
from okta_mi_provider.version_compat import AIRFLOW_VERSION
from tests.airflow.conftest import Dags
from tests.airflow.person import Person
from tests.airflow.runs import DAG_ID, Ended, run_dag
from tests.integration.world import World

#: The marks of all modules in here.
NEEDS_A_PERSON = [
    pytest.mark.airflow,
    pytest.mark.skipif(
        AIRFLOW_VERSION.startswith("3.2."), reason="Airflow 3.2 waits in its triggerer, which needs a server"
    ),
]

Ask = Callable[..., Ended]

UNUSUAL = """
    groups:
      - {name: Sales, auto_create: all, prune: all, max_removals: 1, approve: unusual, retries: 0}
    """
ALWAYS = UNUSUAL.replace("approve: unusual", "approve: always")
NEVER = UNUSUAL.replace("approve: unusual", "approve: never")

WRITERS = ("create_groups", "upsert_users")


@pytest.fixture
def ask(world: World, dags: Dags) -> Ask:
    """Runs the DAG of the group `Sales` while a person looks on."""

    def run(person: Person | None = None, groups: str = UNUSUAL, **conf: Any) -> Ended:
        bag = dags(groups)
        assert not bag.import_errors
        return run_dag(bag.dags[DAG_ID], person or Person([]), **conf)

    return run


@pytest.fixture
def leavers(world: World) -> World:
    """Ana is new; two others are members in MI, and not of the group of Okta."""
    world.okta.group("Sales", "ana")
    world.mi.add_user("gone1")
    world.mi.add_user("gone2")
    world.mi.add_group("Sales", "gone1", "gone2")
    world.mi.forget_requests()
    return world


def plan_digest(store: Store, run: Ended) -> str:
    """The whole digest of what a run wanted to do."""
    return store.load_plan(run.key, made_by="diff").digest
