"""Reports in the store: a head with the first rows of the long parts, and further rows in pieces.

Most reports have no more than a head. Of a long one, who shows a few conflicts reads only their pieces.

Functions on an open connection.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, exists, select

from okta_mi_provider.store import artifacts
from okta_mi_provider.store.artifacts import Artifact, ArtifactKind, Packed
from okta_mi_provider.store.batches import batches
from okta_mi_provider.store.errors import ArtifactMissing
from okta_mi_provider.store.plans import StoredRows
from okta_mi_provider.store.runs import RunKey
from okta_mi_provider.store.schema import ARTIFACTS, RUNS
from okta_mi_provider.sync.plan import PIECE, Finding

#: What the pieces of each long part are.
_KINDS = {"changes": ArtifactKind.REPORT_CHANGES, "findings": ArtifactKind.REPORT_FINDINGS}
#: Everything that belongs to a report.
ALL_KINDS = (ArtifactKind.REPORT, *_KINDS.values())
#: Key of the head under which the pieces are told of.
_MORE = "more"


class PackedReport(NamedTuple):
    """A report as it is stored: its head, and all pieces with what they are and their numbers."""

    head: Packed
    pieces: list[tuple[ArtifactKind, int, Packed]]


class StoredReport(NamedTuple):
    """What is left of a report.

    Attributes:
        plan_digest: Of the plan that it is about; None if it did not come to one.
        changes: As in the JSON report. Read as far as somebody looks at them.
        findings: The same of its findings.
    """

    plan_digest: str | None
    changes: Sequence[Mapping[str, Any]]
    findings: Sequence[Finding]


def pack(report: Mapping[str, Any]) -> PackedReport:
    """Makes a JSON report ready to be stored. Its head names the pieces, from number 1 on, by their digests."""
    head, pieces = dict(report), []
    more: dict[str, Any] = {}
    for name, kind in _KINDS.items():
        rows = head[name]
        head[name] = rows[:PIECE]
        packed = [artifacts.pack(each) for each in batches(rows[PIECE:], PIECE)]
        pieces += [(kind, number, each) for number, each in enumerate(packed, 1)]
        if packed:
            more[name] = {"rows": len(rows), "pieces": [each.digest for each in packed]}
    return PackedReport(artifacts.pack({**head, _MORE: more} if more else head), pieces)


def put(connection: Connection, run: RunKey, packed: PackedReport) -> None:
    """Stores a report in place of the one that there was."""
    for kind in _KINDS.values():
        artifacts.forget(connection, run, kind)
    artifacts.save(connection, run, ArtifactKind.REPORT, packed.head)
    for kind, number, piece in packed.pieces:
        artifacts.save(connection, run, kind, piece, number)


def is_kept() -> ColumnElement[bool]:
    """Whether there is the report of a run, in a query of runs."""
    stored = exists().where(
        ARTIFACTS.c.dag_id == RUNS.c.dag_id,
        ARTIFACTS.c.run_id == RUNS.c.run_id,
        ARTIFACTS.c.kind == ArtifactKind.REPORT.value,
    )
    return and_(stored, _is_of_last())


def heads(connection: Connection, runs: Sequence[int]) -> dict[int, tuple[RunKey, Packed]]:
    """The heads of the reports of some runs, by the ids of these, with their keys. One that is not there is not in it.

    Args:
        connection: Where to read.
        runs: Ids of not more runs than fit into one statement.
    """
    columns = ARTIFACTS.c
    query = (
        select(RUNS.c.id, RUNS.c.dag_id, RUNS.c.run_id, columns.digest, columns.body, columns.created_at)
        .join(ARTIFACTS, and_(columns.dag_id == RUNS.c.dag_id, columns.run_id == RUNS.c.run_id))
        .where(RUNS.c.id.in_(runs), columns.kind == ArtifactKind.REPORT.value, _is_of_last())
    )
    return {
        row.id: (RunKey(row.dag_id, row.run_id), Packed(row.digest, row.body, row.created_at))
        for row in connection.execute(query)
    }


def unpack(head: Artifact, piece: Callable[[ArtifactKind, int], Artifact | None], what: str) -> StoredReport:
    """A report that was stored. Its pieces are read as far as somebody looks at them.

    Args:
        head: The head.
        piece: Finds a piece.
        what: How messages call the report.
    """
    more = head.data.get(_MORE, {})

    def rows(name: str, make: Callable[[Any], Any]) -> Sequence[Any]:
        first = tuple(map(make, head.data.get(name, ())))
        if name not in more:
            # However many there are: earlier versions have put all of them there.
            return first
        digests = more[name]["pieces"]

        def read(number: int) -> tuple[Any, ...]:
            if number == 0:
                return first
            found = piece(_KINDS[name], number)
            if found is None or found.digest != digests[number - 1]:
                raise ArtifactMissing(f"{what} is not in the store any more, or not all of it. Trigger a new run.")
            return tuple(map(make, found.data))

        return StoredRows(more[name]["rows"], head.digest, read)

    return StoredReport(head.data.get("plan_digest"), rows("changes", dict), rows("findings", Finding.from_json))


def _is_of_last() -> ColumnElement[bool]:
    """Whether what is stored under the key of a run is its own: it is that of the run that began last."""
    again = RUNS.alias("again")
    return ~exists().where(again.c.dag_id == RUNS.c.dag_id, again.c.run_id == RUNS.c.run_id, again.c.id > RUNS.c.id)
