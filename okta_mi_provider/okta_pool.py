"""Airflow's configuration `[okta_mi] okta_pool` as the pool that all readers of an Okta org share."""

from __future__ import annotations

from typing import NamedTuple

from airflow.sdk import conf

from okta_mi_provider.sync.errors import SyncError

SECTION = "okta_mi"
_DEFAULT_SLOTS, _MOST_SLOTS = 4, 128
#: Airflow's own, which every other task uses too.
NOT_OURS = "default_pool"


class OktaPoolError(SyncError):
    """A configured pool that cannot be used."""

    fatal = True


class OktaPool(NamedTuple):
    """A pool of Airflow.

    Attributes:
        slots: How many tasks may read Okta at the same time.
    """

    name: str
    slots: int

    @classmethod
    def configured(cls) -> OktaPool | None:
        """The pool that the configuration names; None if it names none.

        Raises:
            OktaPoolError: If name or slots cannot be used.
        """
        name = (conf.get(SECTION, "okta_pool", fallback="") or "").strip()
        if not name:
            return None
        if name == NOT_OURS:
            raise OktaPoolError(
                f"[{SECTION}] okta_pool must not be {NOT_OURS!r}: every other task uses it too. Choose another name."
            )
        slots = str(conf.get(SECTION, "okta_pool_slots", fallback=_DEFAULT_SLOTS)).strip()
        if not (slots.isascii() and slots.isdigit() and len(slots) <= 3 and 1 <= int(slots) <= _MOST_SLOTS):
            raise OktaPoolError(
                f"[{SECTION}] okta_pool_slots is {slots!r}; allowed: a whole number from 1 to {_MOST_SLOTS}."
            )
        return cls(name, int(slots))


def sharers(pool: str) -> int:
    """How many tasks of a pool may read Okta at the same time; 1 if it is not the configured one.

    Raises:
        OktaPoolError: If that cannot be used.
    """
    configured = OktaPool.configured()
    return configured.slots if configured and configured.name == pool else 1
