"""Changes as people look for them: page by page, filtered, the dangerous ones first. Reads only what one may see."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import JSON, ColumnElement, Select, and_, case, func, or_, select, type_coerce

from okta_mi_provider.store.columns import storable
from okta_mi_provider.store.database import Database
from okta_mi_provider.store.history import CHANGES_OF_RUNS, ChangeRecord, change_records
from okta_mi_provider.store.schema import CHANGES, FOLDED_LENGTH, MEMBERSHIPS, RUNS
from okta_mi_provider.sync.model import ADMINISTRATOR
from okta_mi_provider.sync.outcome import Status
from okta_mi_provider.sync.plan import REMOVALS, USER_FIELDS, ChangeKind


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which changes somebody wants to see.

    Attributes:
        text: A part of the username, of an attribute's old or new value, or of the group's name, whatever its
            capitals; or a whole id of Okta or MI. "" for all.
        kind: Only those of this kind.
        status: Only those of this status.
    """

    text: str = ""
    kind: ChangeKind | None = None
    status: Status | None = None


class Identity(NamedTuple):
    """A user as the history knows one; see `ChangeRecord`."""

    host: str
    org: str
    source_id: str | None
    user_id: str | None
    username: str | None


class Standing(NamedTuple):
    """A membership of our making that is still there as far as we know; see docs/history.md."""

    host: str
    group: str
    dag_id: str
    user_id: str
    username: str
    run: int
    at: datetime


class Lookup:
    """The changes of some DAGs. Every method raises a `StoreError` if the store cannot be read.

    Args:
        store: Where to look.
        dag_ids: Whose changes to look at; there are no others.
    """

    def __init__(self, store: Database, dag_ids: Collection[str]) -> None:
        self._store = store
        # As an expression, so that no database begins with it and reads all changes of a DAG to find those of a user.
        self._visible = RUNS.c.dag_id.concat("").in_(sorted(dag_ids))
        self._dag_ids = frozenset(dag_ids)

    def of_run(
        self, run: int, wanted: Wanted | None = None, *, offset: int = 0, limit: int | None = None
    ) -> list[ChangeRecord]:
        """Changes of one run: what takes access away first, then what gives rights, then the rest.

        Of what is as dangerous those of administrators come first, as in the question of an approval.
        """
        order = _DANGER, case((_OF_ADMINISTRATOR, 0), else_=1), CHANGES.c.position
        query = CHANGES_OF_RUNS.where(*self._of_run(run, wanted)).order_by(*order)
        return self._changes(query.offset(offset).limit(limit))

    def count_of_run(self, run: int, wanted: Wanted | None = None) -> int:
        """How many changes `of_run` there are."""
        return self._count(self._of_run(run, wanted))

    def tally(self, run: int) -> dict[tuple[ChangeKind, Status], int]:
        """How many changes of a run there are of each kind and status."""
        query = (
            select(CHANGES.c.kind, CHANGES.c.status, func.count())
            .join(RUNS)
            .where(*self._of_run(run, None))
            .group_by(CHANGES.c.kind, CHANGES.c.status)
        )
        with self._store.reading() as connection:
            return {(ChangeKind(kind), Status(status)): number for kind, status, number in connection.execute(query)}

    def of_user(self, who: str, *, offset: int = 0, limit: int | None = None) -> list[ChangeRecord]:
        """Changes of one user that were tried, the latest first.

        Args:
            who: Username in MI, whatever its capitals; Okta id; or MI id.
            offset: How many to pass over.
            limit: At most so many.
        """
        query = CHANGES_OF_RUNS.where(*self._of_user(who)).order_by(CHANGES.c.id.desc())
        return self._changes(query.offset(offset).limit(limit))

    def count_of_user(self, who: str) -> int:
        """How many changes `of_user` there are."""
        return self._count(self._of_user(who))

    def identities(self, who: str) -> list[Identity]:
        """Who is meant: on several servers there may be several."""
        columns = RUNS.c.host, RUNS.c.org, CHANGES.c.source_id, CHANGES.c.user_id, CHANGES.c.username
        query = select(*columns).select_from(CHANGES).join(RUNS).where(_means(who), self._visible).distinct()
        with self._store.reading() as connection:
            found = {Identity(*row) for row in connection.execute(query)}
        return sorted(found, key=lambda each: tuple(part or "" for part in each))

    def known(self, usernames: Collection[str]) -> set[str]:
        """Which of some usernames in MI there are changes of, in small letters."""
        wanted = {name.casefold() for name in usernames}
        query = (
            select(CHANGES.c.username_folded)
            .join(RUNS)
            .where(CHANGES.c.username_folded.in_(sorted({each[:FOLDED_LENGTH] for each in wanted})), self._visible)
            .distinct()
        )
        with self._store.reading() as connection:
            found = set(connection.scalars(query))
        # Of a longer one others may begin the same.
        return {each for each in wanted if len(each) <= FOLDED_LENGTH and each in found}

    def standing(self, users: Collection[Identity]) -> list[Standing]:
        """The memberships that these users have by us."""
        known = {(each.host, each.user_id) for each in users if each.user_id}
        table = MEMBERSHIPS.c
        columns = table.host, table.group_name, table.dag_id, table.user_id, table.username, table.run, table.at
        query = select(*columns).where(table.user_id.in_(sorted({user_id for _, user_id in known if user_id})))
        with self._store.reading() as connection:
            found = [Standing(*row) for row in connection.execute(query)]
        mine = [each for each in found if (each.host, each.user_id) in known and each.dag_id in self._dag_ids]
        return sorted(mine, key=lambda each: (each.group, each.host))

    def search(self, text: str, *, limit: int) -> list[str]:
        """Usernames with a text in them, whatever its capitals, in their order."""
        part = CHANGES.c.username_folded.contains(text.casefold()[:FOLDED_LENGTH], autoescape=True)
        query = (
            select(func.min(CHANGES.c.username))
            .join(RUNS)
            .where(part, self._visible)
            .group_by(CHANGES.c.username_folded)
            .order_by(CHANGES.c.username_folded)
            .limit(limit)
        )
        with self._store.reading() as connection:
            return [str(name) for name in connection.scalars(query)]

    def _of_run(self, run: int, wanted: Wanted | None) -> list[ColumnElement[bool]]:
        return [CHANGES.c.run == run, self._visible, *_conditions(wanted or Wanted())]

    def _of_user(self, who: str) -> list[ColumnElement[bool]]:
        return [_means(who), self._visible, CHANGES.c.status != Status.PLANNED.value]

    def _changes(self, query: Select[Any]) -> list[ChangeRecord]:
        with self._store.reading() as connection:
            return list(change_records(connection.execute(query)))

    def _count(self, conditions: list[ColumnElement[bool]]) -> int:
        query = select(func.count()).select_from(CHANGES).join(RUNS).where(*conditions)
        with self._store.reading() as connection:
            return connection.scalar(query) or 0


def danger_of(kind: ChangeKind, old_type: str | None, *, of_administrator: bool, new_address: bool) -> int:
    """What a person should look at first has the least; the same order as in the question of an approval.

    Args:
        kind: Of the change.
        old_type: Type of the user, if that changes and was another one before.
        of_administrator: Whether the user is an administrator, or is to be one.
        new_address: Whether the e-mail address changes.
    """
    if kind in REMOVALS:
        return 0
    if of_administrator or old_type is not None:
        return 1
    if kind is ChangeKind.CREATE_USER:
        return 2
    return 3 if kind is ChangeKind.UPDATE_USER and new_address else 4


def _means(who: str) -> ColumnElement[bool]:
    folded = who.casefold()
    by_name = CHANGES.c.username_folded == folded[:FOLDED_LENGTH]
    if len(folded) > FOLDED_LENGTH:
        # Others may begin the same.
        by_name = and_(by_name, CHANGES.c.username == who)
    return or_(by_name, CHANGES.c.source_id == who, CHANGES.c.user_id == who)


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions = []
    if wanted.kind is not None:
        conditions.append(CHANGES.c.kind == wanted.kind.value)
    if wanted.status is not None:
        conditions.append(CHANGES.c.status == wanted.status.value)
    # As the store has it.
    if text := storable(wanted.text.strip()):
        columns = [CHANGES.c.group_name, *(_attribute(side, name) for side in _SIDES for name in USER_FIELDS)]
        # The database makes both sides small, by the same rules.
        parts = [column.icontains(text, autoescape=True) for column in columns]
        parts.append(CHANGES.c.username_folded.contains(text.casefold(), autoescape=True))
        conditions.append(or_(*parts, CHANGES.c.source_id == text, CHANGES.c.user_id == text))
    return conditions


def _attribute(column: ColumnElement[Any], name: str) -> ColumnElement[str]:
    found: ColumnElement[str] = type_coerce(column, JSON)[name].as_string()
    return found


_SIDES = (CHANGES.c.old, CHANGES.c.new)
#: What an older version has noted says so only of whom the change makes one.
_OF_ADMINISTRATOR = or_(CHANGES.c.administrator.is_(True), _attribute(CHANGES.c.new, "type") == ADMINISTRATOR)
#: `danger_of` in SQL.
_DANGER = case(
    (CHANGES.c.kind.in_(sorted(kind.value for kind in REMOVALS)), 0),
    (or_(_OF_ADMINISTRATOR, _attribute(CHANGES.c.old, "type").is_not(None)), 1),
    (CHANGES.c.kind == ChangeKind.CREATE_USER.value, 2),
    (and_(CHANGES.c.kind == ChangeKind.UPDATE_USER.value, _attribute(CHANGES.c.new, "email").is_not(None)), 3),
    else_=4,
)
