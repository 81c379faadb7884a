"""What there is before the first sync, as plain values: an Okta org, a Metric Insights server, the settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

DEFAULT_GROUP = "Default Group"


@dataclass(frozen=True, slots=True)
class Person:
    """A user of Okta, and the places of the groups that have this member."""

    profile: Mapping[str, Any]
    status: str
    groups: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Account:
    """A user of MI, with MI's own words for the type, and the names of the groups."""

    username: str
    email: str
    first_name: str = ""
    last_name: str = ""
    type: str = "regular"
    enabled: str = "Y"
    system_admin: bool = False
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class World:
    """Both sides.

    Attributes:
        groups: Names of those groups of Okta that are synced, in this order.
        decoys: Names of other groups of Okta, which look like them.
        mi_groups: Names of MI's groups, in the order of their ids.
        twins: Places of synced groups that have a namesake, imported by an application.
        settings: As `SyncSettings.from_mapping` takes them.
        okta_knobs: How this org always behaves, faults or not.
        mi_knobs: The same for MI.
    """

    groups: tuple[str, ...]
    decoys: tuple[str, ...]
    people: tuple[Person, ...]
    mi_groups: tuple[str, ...]
    accounts: tuple[Account, ...]
    settings: Mapping[str, Any]
    twins: tuple[int, ...] = ()
    okta_knobs: Mapping[str, Any] = field(default_factory=dict)
    mi_knobs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def default_group_id(self) -> int:
        """The id that the Default Group gets: MI counts from 1."""
        return self.mi_groups.index(DEFAULT_GROUP) + 1
