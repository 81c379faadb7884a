"""Plans in the store: a head, and the long parts in pieces, so that who writes a few changes reads only those.

Functions on an open connection, and the sequences that read pieces once somebody looks at them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, overload

from sqlalchemy import Connection

from okta_mi_provider.store import artifacts
from okta_mi_provider.store.artifacts import Artifact, ArtifactKind, Packed
from okta_mi_provider.store.errors import ArtifactMissing
from okta_mi_provider.store.runs import RunKey
from okta_mi_provider.sync.plan import PIECE, ROWS, Digested, Plan, digest_of

#: What the pieces of each long part are.
_KINDS = {
    "changes": ArtifactKind.PLAN_CHANGES,
    "findings": ArtifactKind.PLAN_FINDINGS,
    "matched": ArtifactKind.PLAN_MATCHED,
}
#: Key of the head under which the long parts are told of.
_LONG = "long"


class PackedPlan(NamedTuple):
    """A plan as it is stored: its digest, its head, and all pieces with what they are and their numbers."""

    digest: str
    head: Packed
    pieces: list[tuple[ArtifactKind, int, Packed]]


def pack(plan: Plan) -> PackedPlan:
    """Makes a plan ready to be stored. Its head names the pieces by their digests."""
    head, pieces = plan.to_json(), []
    long: dict[str, dict[str, Any]] = {}
    for name, kind in _KINDS.items():
        rows = head.pop(name)
        packed = [artifacts.pack(rows[start : start + PIECE]) for start in range(0, len(rows), PIECE)]
        pieces += [(kind, number, each) for number, each in enumerate(packed)]
        digests = [each.digest for each in packed]
        long[name] = {"rows": len(rows), "pieces": digests, "digest": digest_of(digests)}
    long["findings"]["digest"] = plan.findings_digest
    digest = plan.digest_from(changes=long["changes"]["digest"], matched=long["matched"]["digest"])
    return PackedPlan(digest, artifacts.pack({**head, _LONG: long}), pieces)


def put(connection: Connection, run: RunKey, packed: PackedPlan) -> None:
    """Stores a plan in place of the one that there was."""
    for kind in _KINDS.values():
        artifacts.forget(connection, run, kind)
    artifacts.save(connection, run, ArtifactKind.PLAN, packed.head)
    for kind, number, piece in packed.pieces:
        artifacts.save(connection, run, kind, piece, number)


def unpack(head: Artifact, piece: Callable[[ArtifactKind, int], Artifact | None], what: str) -> Plan:
    """A plan that was stored. Its long parts are read as far as somebody looks at them.

    Args:
        head: The head.
        piece: Finds a piece.
        what: How messages call the plan.

    Raises:
        ArtifactMissing: If another version of the package has stored it, also later, when more of it is looked at.
    """

    def rows(name: str, long: dict[str, Any]) -> StoredRows:
        # Of findings, those that only drift has made are in the pieces, but not in the digest.
        if name != "findings" and digest_of(long["pieces"]) != long["digest"]:
            raise ArtifactMissing(f"{what} is damaged in the store. Trigger a new run.")

        def read(number: int) -> tuple[Any, ...]:
            found = piece(_KINDS[name], number)
            if found is None or found.digest != long["pieces"][number]:
                raise ArtifactMissing(
                    f"{what} was made anew while it was read. Clear the task that makes it and all after it."
                )
            with _of_this_version(what):
                return tuple(map(ROWS[name], found.data))

        return StoredRows(long["rows"], long["digest"], read)

    with _of_this_version(what):
        data = dict(head.data)
        long = data.pop(_LONG)
        return Plan.from_json({**data, **{name: rows(name, long[name]) for name in _KINDS}})


@contextmanager
def _of_this_version(what: str) -> Iterator[None]:
    """What stands in the store is read as this version writes it; an error names the plan as messages call it."""
    try:
        yield
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactMissing(
            f"{what} was written by another version of okta-mi-provider. Clear its first task and all after it, or "
            "trigger a new run."
        ) from error


class StoredRows(Digested[Any]):
    """A long part of a plan, of which each piece is read when it is looked at first.

    Args:
        number: How many rows there are.
        digest: The digest of all of them.
        read: Reads a piece, by its number.
    """

    def __init__(self, number: int, digest: str, read: Callable[[int], tuple[Any, ...]]) -> None:
        self._number = number
        self._digest = digest
        self._read = read
        self._pieces: dict[int, tuple[Any, ...]] = {}

    @property
    def digest(self) -> str:
        """See `Digested`."""
        return self._digest

    def __len__(self) -> int:
        return self._number

    def __iter__(self) -> Iterator[Any]:
        for number in range(-(-self._number // PIECE)):
            yield from self._piece(number)

    def once(self) -> Iterator[Any]:
        """See `Digested`."""
        for number in range(-(-self._number // PIECE)):
            yield from self._pieces.get(number) or self._read(number)

    @overload
    def __getitem__(self, place: int) -> Any: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Any]: ...
    def __getitem__(self, place: int | slice) -> Any:
        """A row, or some."""
        if isinstance(place, slice):
            return tuple(self[each] for each in range(*place.indices(self._number)))
        number, row = divmod(range(self._number)[place], PIECE)
        return self._piece(number)[row]

    def _piece(self, number: int) -> tuple[Any, ...]:
        if number not in self._pieces:
            self._pieces[number] = self._read(number)
        return self._pieces[number]
