"""Both servers in memory, with hands that change them, and a process that may die at any write."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.store import Beginning, RunKey, Store, StoreJournal
from okta_mi_provider.sync.errors import SyncError
from okta_mi_provider.sync.fetch import Attributes, GroupSelector
from okta_mi_provider.sync.model import SourceGroup, SourceUser, TargetGroup, TargetUser
from okta_mi_provider.sync.plan import Change
from okta_mi_provider.sync.run import Result, Sides, provision
from okta_mi_provider.sync.writer import Written
from tests.unit.worlds import DEFAULT_GROUP, mi_user, okta_user

ORG, HOST = "https://acme.okta.com", "https://mi.example.org"


class Died(BaseException):
    """The process was killed: nothing after it happens."""


@dataclass
class FakeOkta:
    """Groups by name, each with its members by login."""

    groups: dict[str, dict[str, SourceUser]] = field(default_factory=dict)
    org: str = ORG

    def join(self, group: str, *names: str, **attributes: str) -> None:
        for name in names:
            self.groups.setdefault(group, {})[name] = okta_user(name, **attributes)

    def leave(self, group: str, name: str) -> None:
        self.groups[group].pop(name, None)

    def find_group(self, selector: GroupSelector) -> SourceGroup:
        if str(selector) not in self.groups:
            raise SyncError(f"Okta has no group named {str(selector)!r}.")
        return SourceGroup(f"00g-{selector}", str(selector))

    def members(self, group: SourceGroup, attributes: Attributes) -> tuple[SourceUser, ...]:
        return tuple(self.groups[group.name].values())


@dataclass
class FakeMI:
    """Users, groups and memberships.

    Attributes:
        dies_at: The process dies at the write of this number, counted from 1.
        dies_after: Whether that write is done.
        stops_at: Somebody wants the sync to end at the write of this number.
        failing: Usernames whose writes are refused.
    """

    accounts: dict[str, TargetUser] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=lambda: {DEFAULT_GROUP.id: DEFAULT_GROUP.name})
    memberships: dict[str, set[str]] = field(default_factory=lambda: {DEFAULT_GROUP.id: set()})
    dies_at: int | None = None
    dies_after: bool = False
    stops_at: int | None = None
    failing: set[str] = field(default_factory=set)
    host: str = HOST
    username_casefold: bool = True
    acts_for: str | None = None
    writes: int = 0
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(100))

    # What people do by hand.

    def add_group(self, name: str) -> TargetGroup:
        group = TargetGroup(str(next(self._ids)), name)
        self.names[group.id], self.memberships[group.id] = name, set()
        return group

    def add_user(self, name: str, *groups: str, **attributes: object) -> TargetUser:
        user = mi_user(name, str(next(self._ids)), **attributes)
        self.accounts[user.id] = user
        for group in groups:
            self.memberships[self.group_id(group)].add(user.id)
        return user

    def put_in(self, name: str, group: str) -> None:
        self.memberships[self.group_id(group)].add(self.id_of(name))

    def take_out(self, name: str, group: str) -> None:
        self.memberships[self.group_id(group)].discard(self.id_of(name))

    def id_of(self, name: str) -> str:
        return next(user.id for user in self.accounts.values() if user.username == name)

    def group_id(self, name: str) -> str:
        return next(key for key, each in self.names.items() if each == name)

    def names_in(self, group: str) -> set[str]:
        return {self.accounts[user_id].username for user_id in self.memberships[self.group_id(group)]}

    # What a sync reads.

    def users(self) -> tuple[TargetUser, ...]:
        return tuple(self.accounts.values())

    def groups(self) -> tuple[TargetGroup, ...]:
        return tuple(TargetGroup(key, name) for key, name in self.names.items())

    def members(self, group: TargetGroup) -> frozenset[str]:
        return frozenset(self.memberships[group.id])

    def default_group(self, groups: tuple[TargetGroup, ...]) -> TargetGroup:
        return DEFAULT_GROUP

    def find_default_group(self, groups: tuple[TargetGroup, ...]) -> TargetGroup | None:
        return DEFAULT_GROUP

    # What a sync writes.

    def create_group(self, name: str, source_id: str | None) -> Written:
        return self._write(name, lambda: Written(self.add_group(name).id))

    def create_user(self, user: TargetUser, group: TargetGroup, default_group: TargetGroup | None) -> Written:
        there = next((each for each in self.accounts.values() if each.username == user.username), None)

        def create() -> Written:
            made = there or replace(user, id=str(next(self._ids)))
            self.accounts[made.id] = made
            joined = made.id not in self.memberships[group.id]
            for each in (group, default_group):
                if each:
                    self.memberships[each.id].add(made.id)
            return Written(made.id, already=there is not None, joined=joined)

        return self._write(user.username, create)

    def update_user(self, user: TargetUser, before: TargetUser) -> Written:
        def update() -> Written:
            self.accounts[user.id] = user
            return Written(user.id)

        return self._write(user.username, update)

    def add_member(self, user: TargetUser, group: TargetGroup) -> Written:
        def add() -> Written:
            already = user.id in self.memberships[group.id]
            self.memberships[group.id].add(user.id)
            return Written(user.id, already=already, joined=not already)

        return self._write(user.username, add)

    def remove_member(self, user: TargetUser, group: TargetGroup) -> Written:
        def remove() -> Written:
            already = user.id not in self.memberships[group.id]
            self.memberships[group.id].discard(user.id)
            return Written(user.id, already=already, left=not already)

        return self._write(user.username, remove)

    def set_enabled(self, user: TargetUser, before: TargetUser) -> Written:
        def switch() -> Written:
            self.accounts[user.id] = user
            return Written(user.id)

        return self._write(user.username, switch)

    def _write(self, name: str, write: Callable[[], Written]) -> Written:
        self.writes += 1
        dies = self.writes == self.dies_at
        if self.dies_at is not None and (self.writes > self.dies_at or (dies and not self.dies_after)):
            raise Died
        if name in self.failing:
            raise SyncError(f"{name} is refused.")
        written = write()
        if dies:
            raise Died
        return written


class Mortal(StoreJournal):
    """Is told nothing any more once the process is dead."""

    mi: FakeMI

    def withdraw(self, changes: Sequence[Change]) -> None:
        if self.mi.dies_at is None or self.mi.writes < self.mi.dies_at:
            super().withdraw(changes)


@dataclass
class Sync:
    """Syncs between the two, with a store that remembers."""

    store: Store
    okta: FakeOkta = field(default_factory=FakeOkta)
    mi: FakeMI = field(default_factory=FakeMI)

    def run(
        self, *groups: str, key: RunKey | None = None, shared: bool = False, by: str = "cron", **values: object
    ) -> Result:
        """One sync of a union of groups; `Sales` if none is given. A command, if no key is."""
        settings = SyncSettings.from_mapping({"auto_create": "all", "max_removals": 1_000, **values})
        selectors = [GroupSelector(name=name) for name in groups or ("Sales",)]
        self.mi.writes = 0
        (result,) = provision(
            Sides(self.okta, self.mi, self.mi, 1),
            [selectors],
            settings,
            journal_of=lambda name: self.journal(
                key or RunKey.of_command(name),
                Beginning(settings, by, ORG, HOST, target_group=name, shared=shared or key is None),
            ),
            stopped=lambda: self.mi.stops_at is not None and self.mi.writes >= self.mi.stops_at,
        )
        return result

    def journal(self, key: RunKey, beginning: Beginning) -> StoreJournal:
        journal = Mortal(self.store, key, beginning)
        journal.mi = self.mi
        return journal

    def crash(self, at: int, *, after: bool, **values: object) -> bool:
        """One that dies at a write. Whether it came to that."""
        self.mi.dies_at, self.mi.dies_after = at, after
        try:
            self.run(**values)  # type: ignore[arg-type]
        except Died:
            return True
        finally:
            self.mi.dies_at = None
        return False
