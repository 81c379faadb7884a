"""Airflow's API server in this process, with our pages in it: a store with something to look at, DAGs, and people."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.store import Beginning, RunKey, Store, StoreJournal
from okta_mi_provider.sync.diff import diff
from okta_mi_provider.sync.outcome import Outcome, Status
from okta_mi_provider.sync.plan import Change, ChangeKind
from tests.airflow.conftest import REPOSITORY
from tests.airflow.picky import READS
from tests.standalone.page_world import fill
from tests.store.fakes import Sync
from tests.unit.worlds import mi_user, snapshot

#: Entries with mistakes: of a group that has never run, and of one that has.
WRONG = """
groups:
  - {name: Wrong, force: 1, aproval: never}
  - {name: Marketing, prune: "<script>alert(3)</script>"}
"""
DAGS = ("okta_mi__Sales", "okta_mi__Finance", "okta_mi__Newcomers", "foreign", "nightly")
#: Changes of the long plan.
MANY = 250
AUTH = "tests.airflow.picky.PickyAuthManager"
HTML = {"accept": "text/html"}


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where the store is that the pages show."""
    path = tmp_path_factory.mktemp("page") / "okta_mi.db"
    store = Store(f"sqlite:///{path}")
    fill(store, many=MANY, days=4)
    sync = Sync(store)
    sync.okta.join("Plans", "dry", "run")
    sync.run("Plans", key=RunKey("nightly:plans", "manual__1:0"), shared=True, dry_run=True)
    sync.okta.join("Secret", "person01")
    sync.okta.join("Secret", "stranger@acme.example", "twin", email="same@example.com")
    sync.run("Secret", key=RunKey("nightly:secret", "manual__1"), shared=True)
    _take_back(store, 1)
    store.close()
    return f"sqlite:///{path}"


def _take_back(store: Store, run: int) -> None:
    """An undo that takes one of three memberships away, cannot take another one, and has not come to the third."""
    users = [mi_user(name) for name in ("gone", "held", "later")]
    changes = tuple(Change(ChangeKind.REMOVE_MEMBER, "Sales", before=user, after=user) for user in users)
    begun = Beginning(SyncSettings(), "eve", target_group="Sales", mode="undo", undoes=run)
    with StoreJournal(store, RunKey("cli:Sales", "2026-11-28T12:00:00Z-0"), begun) as journal:
        journal.planned(replace(diff(snapshot([]), SyncSettings()), changes=changes))
        journal.begin(changes[:2])
        journal.note(Outcome(changes[0], Status.DONE))
        journal.note(Outcome(changes[1], Status.FAILED, "MI is away."))


@pytest.fixture(scope="package")
def server(filled: str, migrated: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    """Airflow's API server as it starts, with our plugin from its entry point."""
    from airflow.api_fastapi.app import create_app, purge_cached_app

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__OKTA_MI__STORE", filled)
        patch.setenv("AIRFLOW__CORE__AUTH_MANAGER", AUTH)
        patch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS", "False")
        patch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", ",".join(f"{name}:viewer" for name in READS))
        patch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "x" * 64)
        # What other tests have run cannot be taken away again, and is not to be seen.
        before = _hide_dags()
        _add_dags()
        added = [*DAGS, *_add_stand_ins(tmp_path_factory.mktemp("dags"))]
        yield create_app(apps="core")
        _remove_dags([dag_id for dag_id in added if dag_id not in before])
        purge_cached_app()


Client = Callable[[str | None], TestClient]


@pytest.fixture
def of(server: FastAPI) -> Client:
    """The browser of a person; None is one who is not logged in."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    def browser(name: str | None) -> TestClient:
        client = TestClient(server, headers=HTML, follow_redirects=False)
        if name is not None:
            token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username=name, role="viewer"))
            client.cookies.set("_token", token)
        return client

    return browser


@pytest.fixture
def runs(filled: str) -> dict[str, int]:
    """The latest run of each sync."""
    from okta_mi_provider.store.syncs import Syncs, stored_dag_ids

    store = Store(filled)
    found = {key.dag_id: run.id for key, run in Syncs(store, stored_dag_ids(store)).latest().items()}
    store.close()
    return found


def _hide_dags() -> set[str]:
    """Makes all DAGs some that there were once, and returns their ids."""
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session
    from sqlalchemy import select, update

    with create_session() as session:
        session.execute(update(DagModel).values(is_stale=True))
        return set(session.scalars(select(DagModel.dag_id)))


def _add_dags() -> None:
    from airflow.models.dag import DagModel, DagTag
    from airflow.models.dagbundle import DagBundleModel
    from airflow.utils.session import create_session

    with create_session() as session:
        session.merge(DagBundleModel(name="page"))
        session.flush()
        for dag_id in DAGS:
            session.merge(DagModel(dag_id=dag_id, bundle_name="page", is_paused=False, is_stale=False, fileloc="x"))
            if dag_id.startswith("okta_mi__"):
                session.merge(DagTag(dag_id=dag_id, name="okta_mi"))


def _add_stand_ins(folder: Path) -> list[str]:
    """What the groups file makes of its mistakes, as Airflow keeps it."""
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db

    shutil.copy(REPOSITORY / "dags" / "okta_mi_sync.py", folder)
    (folder / "okta_groups.yaml").write_text(WRONG, encoding="utf-8")
    bag = DagBag(str(folder))
    sync_bag_to_db(bag, "page", None)
    return list(bag.dags)


def _remove_dags(dag_ids: list[str]) -> None:
    from airflow.models.dag import DagModel, DagTag
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    with create_session() as session:
        session.execute(delete(DagTag).where(DagTag.dag_id.in_(dag_ids)))
        session.execute(delete(DagModel).where(DagModel.dag_id.in_(dag_ids)))
