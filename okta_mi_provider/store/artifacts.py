"""Artifacts: what the tasks of a run hand each other. Functions on an open connection."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, not_, or_, select

from okta_mi_provider.store.errors import ArtifactMissing
from okta_mi_provider.store.runs import RunKey
from okta_mi_provider.store.schema import ARTIFACTS
from okta_mi_provider.store.upsert import upsert

#: The fastest level: members compress well at any.
_ZLIB_LEVEL = 1


class ArtifactKind(StrEnum):
    """What a task leaves for those after it."""

    SNAPSHOT = "snapshot"
    PLAN = "plan"
    """All of it but its long parts; see `plans`."""
    PLAN_CHANGES = "plan_changes"
    PLAN_FINDINGS = "plan_findings"
    PLAN_MATCHED = "plan_matched"
    APPROVAL = "approval"
    """What a person has said of the plan."""
    CHECKED = "checked"
    """That MI, read again, still made this plan, or still goes with what is left of it."""
    REPORT = "report"
    """With the first rows of its long parts; see `reports`."""
    REPORT_CHANGES = "report_changes"
    REPORT_FINDINGS = "report_findings"
    LINKS = "links"
    """Where the groups have their pages."""
    FAILURE = "failure"
    """Why a task failed."""


class Artifact(NamedTuple):
    """What was stored, the sha256 of its canonical JSON, and when it was stored."""

    digest: str
    data: Any
    at: datetime


class Packed(NamedTuple):
    """Data as it is stored, and when."""

    digest: str
    body: bytes
    created_at: datetime


def pack(data: Any) -> Packed:
    """Makes JSON data ready to be stored. The digest is the sha256 of its canonical JSON, in hex."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":")).encode()
    return Packed(hashlib.sha256(text).hexdigest(), zlib.compress(text, _ZLIB_LEVEL), datetime.now(UTC))


def save(connection: Connection, run: RunKey, kind: ArtifactKind, packed: Packed, part: int | None = None) -> None:
    """Stores data in place of what there was.

    Args:
        connection: Where to write.
        run: Which run.
        kind: What.
        packed: The data.
        part: Which one, where each of several tasks leaves its own.
    """
    row = {**run._asdict(), "kind": _name(kind, part), **packed._asdict()}
    upsert(connection, ARTIFACTS, [row])


def find(connection: Connection, run: RunKey, kind: ArtifactKind, part: int | None = None) -> Packed | None:
    """What was stored last, by itself or as a part; None if nothing was."""
    columns = ARTIFACTS.c
    query = select(columns.digest, columns.body, columns.created_at).where(*_of(run), columns.kind == _name(kind, part))
    row = connection.execute(query).one_or_none()
    return None if row is None else Packed(*row)


def find_all(connection: Connection, run: RunKey, kind: ArtifactKind) -> list[Packed]:
    """What was stored last by itself, and then by parts, in their order."""
    columns = ARTIFACTS.c
    query = select(columns.kind, columns.digest, columns.body, columns.created_at).where(*_of(run), _any_part(kind))
    rows = sorted(connection.execute(query), key=lambda row: (len(row.kind), row.kind))
    return [Packed(row.digest, row.body, row.created_at) for row in rows]


def unpack(packed: Packed, what: str) -> Artifact:
    """What was stored.

    Args:
        packed: As found.
        what: How messages call it.

    Raises:
        ArtifactMissing: If it is not what was stored.
    """
    try:
        text = zlib.decompress(packed.body)
    except zlib.error:
        text = b""
    if hashlib.sha256(text).hexdigest() != packed.digest:
        raise ArtifactMissing(f"{what} is damaged in the store. Trigger a new run.")
    return Artifact(packed.digest, json.loads(text), packed.created_at)


def forget(connection: Connection, run: RunKey, kind: ArtifactKind, part: int | None = None) -> None:
    """Deletes what was stored, if anything was: with all its parts, or a single one."""
    these = _any_part(kind) if part is None else ARTIFACTS.c.kind == _name(kind, part)
    connection.execute(delete(ARTIFACTS).where(*_of(run), these))


def forget_all_but(connection: Connection, run: RunKey, kinds: Iterable[ArtifactKind]) -> None:
    """Deletes whatever was stored of other kinds."""
    connection.execute(delete(ARTIFACTS).where(*_of(run), *(not_(_any_part(kind)) for kind in kinds)))


def _name(kind: ArtifactKind, part: int | None) -> str:
    return kind.value if part is None else f"{kind.value}:{part}"


def _any_part(kind: ArtifactKind) -> ColumnElement[bool]:
    return or_(ARTIFACTS.c.kind == kind.value, ARTIFACTS.c.kind.startswith(f"{kind.value}:"))


def _of(run: RunKey) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return ARTIFACTS.c.dag_id == run.dag_id, ARTIFACTS.c.run_id == run.run_id
