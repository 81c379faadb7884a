"""Users by what they are looked up by: id, username and e-mail address. Pure.

A single sync goes over all users of MI once for each question: to keep what only some of them are asked for would
cost more. Many syncs of one reading share a `Register`, so that each costs as much as its own group has users.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Generic, Protocol, TypeVar

from okta_mi_provider.sync.model import SourceUser, Target, TargetUser
from okta_mi_provider.sync.text import same

#: What makes keys that count as one equal.
Fold = Callable[[str], str]
#: Everybody with a key, however that is spelt.
Having = Callable[[str], Sequence[TargetUser]]

_User = TypeVar("_User", SourceUser, TargetUser)


class Index(Generic[_User]):
    """Users by one of their keys, ignoring case unless told otherwise. Blank keys are nobody's.

    Args:
        keyed: Users with their keys.
        fold: What makes keys that count as one equal.
        among: Only these keys, folded, will be asked for; None for any. A small group has few of a large directory.
    """

    def __init__(
        self,
        keyed: Iterable[tuple[str, _User]],
        fold: Fold = str.casefold,
        among: Container[str] | None = None,
    ) -> None:
        # Hardly anybody has a twin: a list for each user would cost most of the time and memory of a diff.
        self._fold = fold
        self._users: dict[str, _User] = {}
        self._twins: dict[str, list[_User]] = {}
        for key, user in keyed:
            if (folded := fold(key)) == key:
                folded = key  # which is kept anyway, and mostly is the very object that the other side has
            if not folded or (among is not None and folded not in among):
                continue
            folded = same(folded)
            if (first := self._users.setdefault(folded, user)) is not user:
                self._twins.setdefault(folded, [first]).append(user)

    @property
    def keys(self) -> Collection[str]:
        """All keys, folded."""
        return self._users.keys()

    def having(self, key: str) -> Sequence[_User]:
        """Everybody with this key."""
        folded = self._fold(key)
        if self._twins and (twins := self._twins.get(folded)):
            return twins
        user = self._users.get(folded)
        return () if user is None else (user,)

    def twins(self, key: str) -> Sequence[_User]:
        """Everybody with this key, if they are several. Costs nothing where nobody has a twin."""
        return self._twins.get(self._fold(key), ()) if self._twins else ()


class People(Protocol):
    """All users of MI, for who looks some of them up.

    Who asks says before what may be asked for, so that nothing else need be kept.

    Attributes:
        fold: What makes usernames equal that are one user's.
    """

    fold: Fold

    def with_ids(self, ids: Collection[str]) -> Iterable[TargetUser]:
        """Everybody with one of these ids, in no order."""

    def by_id(self) -> Callable[[str], TargetUser | None]:
        """Finds the user with an id."""

    def by_username(self, among: Container[str]) -> Having:
        """Finds everybody with a username, which has to be, folded, among these."""

    def by_email(self, among: Container[str]) -> Having:
        """Finds everybody with an e-mail address, which has to be, in small letters, among these."""


def people(target: Target) -> People:
    """The users of an MI server, by what they are looked up by."""
    if isinstance(target.users, Register):
        return _Registered(target.users, username_fold(casefold=target.username_casefold))
    return Scanned(target.users, username_fold(casefold=target.username_casefold))


def username_fold(*, casefold: bool) -> Fold:
    """What makes usernames equal that are one user's."""
    return str.casefold if casefold else str


class Scanned:
    """Goes over all users for each question.

    Args:
        users: All users.
        fold: What makes usernames equal that are one user's.
    """

    def __init__(self, users: Collection[TargetUser], fold: Fold) -> None:
        self.fold = fold
        self._users = users

    def with_ids(self, ids: Collection[str]) -> Iterable[TargetUser]:
        """See `People`."""
        return {user.id: user for user in self._users if user.id in ids}.values() if ids else ()

    def by_id(self) -> Callable[[str], TargetUser | None]:
        """See `People`."""
        return {user.id: user for user in self._users}.get

    def by_username(self, among: Container[str]) -> Having:
        """See `People`."""
        return Index(((user.username, user) for user in self._users), self.fold, among).having

    def by_email(self, among: Container[str]) -> Having:
        """See `People`."""
        return Index(((user.email, user) for user in self._users), among=among).having


class Register(Collection[TargetUser]):
    """All users of MI as one reading has found them, indexed once, and what is known to have changed since.

    A value: `after` gives another one, which shares with this one what is the same.

    Args:
        users: All users, with different ids.
    """

    def __init__(self, users: Iterable[TargetUser]) -> None:
        #: Each hides what those before it have of the same id. From the second on, none is half as large as the one
        #: before it, or larger: so there are few, and nobody is sorted in often, whatever changes how often.
        self._layers: tuple[_Layer, ...] = (_Layer(tuple(users)),)
        self._len = len(self._layers[0].users)

    def __len__(self) -> int:
        return self._len

    def __iter__(self) -> Iterator[TargetUser]:
        return (user for layer, newer in self._each() for user in _not_hidden(layer.users, newer))

    def __contains__(self, user: object) -> bool:
        return isinstance(user, TargetUser) and self.get(user.id) == user

    def after(self, changed: Iterable[TargetUser]) -> Register:
        """The users once these are as they are here, be they new or not."""
        latest = {user.id: user for user in changed}
        if not latest:
            return self
        register = Register(())
        register._len = self._len + sum(self.get(user_id) is None for user_id in latest)
        first, *layers = self._layers
        while layers and len(layers[-1].users) <= 2 * len(latest):
            latest = layers.pop().by_id | latest
        register._layers = (first, *layers, _Layer(tuple(latest.values())))
        return register

    def get(self, user_id: str) -> TargetUser | None:
        """The user with an id."""
        for layer in reversed(self._layers):
            if user := layer.by_id.get(user_id):
                return user
        return None

    def having(self, key: str, index: Callable[[_Layer], Index[TargetUser]]) -> Sequence[TargetUser]:
        """Everybody with a key, however that is spelt.

        Args:
            key: The key.
            index: Which index of a layer is by such keys.
        """
        if len(self._layers) == 1:
            return index(self._layers[0]).having(key)
        return [user for layer, newer in self._each() for user in _not_hidden(index(layer).having(key), newer)]

    def _each(self) -> Iterator[tuple[_Layer, Sequence[_Layer]]]:
        """Every layer, with those that are newer."""
        for place, layer in enumerate(self._layers, 1):
            yield layer, self._layers[place:]


class _Layer:
    """Some users, with their indexes, each of which is made when it is asked for first."""

    def __init__(self, users: Sequence[TargetUser]) -> None:
        self.users = users
        self._by_username: dict[Fold, Index[TargetUser]] = {}

    @cached_property
    def by_id(self) -> dict[str, TargetUser]:
        return {user.id: user for user in self.users}

    @cached_property
    def by_email(self) -> Index[TargetUser]:
        return Index((user.email, user) for user in self.users)

    def by_username(self, fold: Fold) -> Index[TargetUser]:
        if fold not in self._by_username:
            self._by_username[fold] = Index(((user.username, user) for user in self.users), fold)
        return self._by_username[fold]


def _not_hidden(users: Iterable[TargetUser], newer: Sequence[_Layer]) -> Iterator[TargetUser]:
    return (user for user in users if not any(user.id in layer.by_id for layer in newer))


class _Registered:
    """Looks up in a register."""

    def __init__(self, register: Register, fold: Fold) -> None:
        self.fold = fold
        self._register = register

    def with_ids(self, ids: Collection[str]) -> Iterable[TargetUser]:
        """See `People`."""
        return [user for user in map(self._register.get, ids) if user]

    def by_id(self) -> Callable[[str], TargetUser | None]:
        """See `People`."""
        return self._register.get

    def by_username(self, among: Container[str]) -> Having:  # noqa: ARG002 - everybody is in there
        """See `People`."""
        return lambda key: self._register.having(key, lambda layer: layer.by_username(self.fold))

    def by_email(self, among: Container[str]) -> Having:  # noqa: ARG002 - everybody is in there
        """See `People`."""
        return lambda key: self._register.having(key, lambda layer: layer.by_email)
