"""What a request needs: who asks, what that person may see, and the store."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.core_api.security import get_user
from fastapi import Depends

from okta_mi_provider.hooks.store import store_url
from okta_mi_provider.page import flows, sight
from okta_mi_provider.page.flows import Flow
from okta_mi_provider.store import Store, StoreError
from okta_mi_provider.store.lookup import Lookup
from okta_mi_provider.store.syncs import SyncKey, Syncs, stored_dag_ids

log = logging.getLogger(__name__)


class NotThere(LookupError):
    """What was asked for does not exist, or not for this person: nobody can tell the two apart."""


class Trouble(Exception):
    """The store cannot be read. The message is for the person who asks."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What one person may see.

    Attributes:
        store: Holds more than that; to be asked only about runs that the others have given.
        syncs: The runs of the visible syncs.
        lookup: Their changes.
        readable: Ids of the DAGs of Airflow that the person may read.
        dag_ids: Ids of the visible syncs.
    """

    store: Store
    syncs: Syncs
    lookup: Lookup
    readable: frozenset[str]
    dag_ids: frozenset[str]

    def flows(self) -> dict[str, Flow]:
        """What Airflow knows of the DAGs, by id."""
        owners = {dag for each in self.dag_ids if (dag := sight.owner(each))}
        return flows.flows(self.readable, of=owners)

    def syncs_of(self, dag_id: str) -> list[SyncKey]:
        """The syncs that a DAG of Airflow makes.

        Raises:
            NotThere: If there is no such DAG for this person.
        """
        if dag_id not in self.readable:
            raise NotThere
        return sorted(key for key in self.syncs.latest() if sight.owner(key.dag_id) == dag_id)


class _Opened:
    """The store, kept open: every page needs it, and opening it costs a connection."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._url: object = None
        self._store: Store | None = None

    def store(self) -> Store:
        """The store that the configuration names now, and what is there now."""
        url = store_url()
        with self._lock:
            if self._store is None or url != self._url or self._store.is_replaced:
                self._close()
                self._store, self._url = Store(url), url
            return self._store

    def close(self) -> None:
        """Lets the next request open it anew."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._store is not None:
            self._store.close()
        self._store = None


_opened = _Opened()


def open_desk(user: Annotated[BaseUser, Depends(get_user)]) -> Iterator[Desk]:
    """A dependency of every page: without it a page of a plugin is open to everybody.

    Raises:
        Trouble: If the store cannot be read, or what is in it cannot be understood. Who may not see every DAG is not
            told where it is.
    """
    manager: Any = get_auth_manager()
    existing = flows.all_dag_ids()
    readable = sight.readable(manager, user)
    try:
        store = _opened.store()
        seen = sight.visible(stored_dag_ids(store), manager, user, mine=readable, existing=existing)
        yield Desk(store, Syncs(store, seen), Lookup(store, seen), readable, seen)
    except StoreError as error:
        _opened.close()
        log.warning("The pages cannot read the store: %s", error)
        if existing <= readable:
            raise Trouble(str(error)) from None
        raise Trouble(
            "The store of the syncs cannot be read. The log of Airflow's API server has the reason."
        ) from None
    except (AttributeError, KeyError, TypeError, ValueError):
        # One row that is not as we write it would leave people with three words for all of it.
        log.exception("The pages do not understand what is in the store")
        raise Trouble(
            "The store has something in it that this version of okta-mi-provider does not write. Somebody may have "
            "changed it by hand. The log of Airflow's API server says what it is."
        ) from None


Seen = Annotated[Desk, Depends(open_desk)]
