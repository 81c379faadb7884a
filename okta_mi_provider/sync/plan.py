"""A plan: what a sync would write, and what it found worth saying. A value that can be shown, stored and compared."""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any, TypeVar

from okta_mi_provider.sync.errors import PlanRefused, PlanUnusual
from okta_mi_provider.sync.memory import Link
from okta_mi_provider.sync.model import ADMINISTRATOR, SourceGroup, TargetGroup, TargetUser, joined_name
from okta_mi_provider.sync.text import quoted


class ChangeKind(StrEnum):
    """What a change does, in the order in which changes are applied."""

    CREATE_GROUP = "create_group"
    UPDATE_USER = "update_user"
    CREATE_USER = "create_user"
    ADD_MEMBER = "add_member"
    REMOVE_MEMBER = "remove_member"
    DISABLE_USER = "disable_user"
    ENABLE_USER = "enable_user"
    """Only what a sync has disabled, when that is taken back."""


#: Changes that leave the user itself as it was.
MOVES = frozenset({ChangeKind.ADD_MEMBER, ChangeKind.REMOVE_MEMBER})
#: Changes that take access away.
REMOVALS = frozenset({ChangeKind.REMOVE_MEMBER, ChangeKind.DISABLE_USER})


class FindingClass(StrEnum):
    """How much a finding matters."""

    CONFLICT = "conflict"
    """Needs a person. Nothing is written for it, and the run ends as failed."""
    NOTICE = "notice"
    """Worth knowing: skipped, protected."""


#: What an MI user consists of for a sync, besides the username, which is never changed.
USER_FIELDS = ("email", "first_name", "last_name", "type")
#: How much of a digest is enough to name a plan.
SHORT_DIGEST = 12
#: Kind, MI group, username and MI id of a change.
ChangeKey = tuple[str, str, str, str]
#: Findings about what somebody has done in MI by hand.
BY_HAND = frozenset({"added_by_hand", "removed_by_hand", "changed_by_hand"})
#: Finding that the MI group does not exist, and is not to be created.
GROUP_MISSING = "group_missing"
#: Finding that a member of our making has left the Okta group, and nobody is to be removed.
LEFT = "left"
#: Findings that only a look for drift makes.
_OF_DRIFT = BY_HAND | {LEFT}


@dataclass(frozen=True, slots=True)
class Change:
    """One write: what is, and what shall be.

    Attributes:
        group: Name of the MI group that the change is about.
        source_id: Okta id of the user, if it is about one.
        before: The MI user as read; None if there is none yet.
        after: The MI user as it shall be; None if the change is about a group only.
    """

    kind: ChangeKind
    group: str
    source_id: str | None = None
    before: TargetUser | None = None
    after: TargetUser | None = None

    @property
    def user(self) -> str | None:
        """Username of the MI user."""
        return self.after.username if self.after else None

    @property
    def of_administrator(self) -> bool:
        """Whether the user is an administrator of MI, or is to be one."""
        return any(user is not None and user.type == ADMINISTRATOR for user in (self.before, self.after))

    @property
    def key(self) -> ChangeKey:
        """Tells this change from every other one of the same plan."""
        return (self.kind, self.group, *((self.after.username, self.after.id) if self.after else ("", "")))

    @property
    def rank(self) -> tuple[int, str, str, str]:
        """Where it stands in a plan: by kind, then by name. MI can have two users of one name."""
        return tuple(ChangeKind).index(self.kind), self.user or "", self.group, self.after.id if self.after else ""

    @property
    def fields(self) -> dict[str, list[str | None]]:
        """Old and new value of each attribute that differs."""
        if self.after is None or self.kind is ChangeKind.REMOVE_MEMBER:
            return {}
        if self.kind in {ChangeKind.DISABLE_USER, ChangeKind.ENABLE_USER}:
            return {"enabled": ["Y", "N"] if self.kind is ChangeKind.DISABLE_USER else ["N", "Y"]}
        pairs = {name: [getattr(self.before, name, None), getattr(self.after, name)] for name in USER_FIELDS}
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a diff found that is not a change."""

    kind: str
    message: str
    user: str | None = None
    cls: FindingClass = FindingClass.NOTICE

    def to_json(self) -> dict[str, Any]:
        """The finding as in the JSON report."""
        return {"class": self.cls, "kind": self.kind, "user": self.user, "message": self.message}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Finding:
        """A finding as `to_json` gave it."""
        return cls(data["kind"], data["message"], data["user"], FindingClass(data["class"]))


#: How many rows of a long part of a plan have one digest, so that who reads a few can check them.
PIECE = 1_000

_Row_co = TypeVar("_Row_co", covariant=True)


class Digested(Sequence[_Row_co]):
    """A long part of a plan that knows its digest without being looked through."""

    @property
    @abstractmethod
    def digest(self) -> str:
        """See `digest_of`; of findings `Plan.findings_digest`."""

    def once(self) -> Iterator[_Row_co]:
        """All rows, of which none is kept for the next who looks: of a large plan all take gigabytes."""
        return iter(self)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that one sync would write, sorted, and the state it was made from in numbers.

    Attributes:
        changes: One that comes from a store reads them only as far as somebody looks.
        target_group: Its id is "" if the group does not exist.
        default_group: Set if created users shall be put into it as well.
        source_users: Members that Okta lists, whatever their status.
        users_in_scope: Those of them that have a status to sync.
        fingerprint: What decides who is synced, who is who, and who is removed.
        matched: Users whose counterpart has become known; to be remembered when the plan is applied.
        unusual: Why a person should look at it first. It is not applied without being approved.
        refusals: Why it is never applied.
        unchanged: Users whose record in MI is as it shall be.
        skipped: Users that are left alone, for a reason that a finding gives.
    """

    org: str
    source_groups: tuple[SourceGroup, ...]
    host: str
    target_group: TargetGroup
    default_group: TargetGroup | None
    changes: Sequence[Change]
    findings: Sequence[Finding]
    source_users: int
    users_in_scope: int
    unchanged: int
    skipped: int
    conflicts: int
    fingerprint: Mapping[str, Any] = field(default_factory=dict)
    matched: Sequence[Link] = ()
    unusual: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()

    @property
    def source_name(self) -> str:
        """What people call the groups of Okta."""
        return joined_name(self.source_groups)

    @property
    def digest(self) -> str:
        """sha256 in hex: the same plan has the same one, whether or not drift was looked for.

        It is that of its canonical JSON, in which each of the long parts has its own digest in its place: that of the
        digests of its pieces. So who has read the digest of a plan and one piece knows that it belongs to it.
        """
        return self.digest_from(changes=_digest_of(self.changes, _plain), matched=_digest_of(self.matched, _parts))

    def digest_from(self, *, changes: str, matched: str) -> str:
        """The same, where the digests of these long parts are known; see `digest_of`."""
        long = {"changes": changes, "findings": self.findings_digest, "matched": matched}
        return _digest({**self._head(), **long})

    @property
    def findings_digest(self) -> str:
        """The digest of its findings, without those that only a look for drift makes."""
        kept = self.findings
        if not isinstance(kept, Digested):
            kept = [each for each in kept if each.kind not in _OF_DRIFT]
        return _digest_of(kept, _plain)

    def count(self, kind: ChangeKind) -> int:
        """How many changes there are of a kind."""
        return Counter(change.kind for change in self.changes)[kind]

    @property
    def differs(self) -> bool:
        """Whether MI is not as Okta says, be it that a sync would write something, or that it would leave it so."""
        return bool(self.changes) or any(finding.kind in {*_OF_DRIFT, GROUP_MISSING} for finding in self.findings)

    def is_approved_by(self, digest: str | None) -> bool:
        """Whether somebody who names this digest, or enough of its beginning, means this plan."""
        return digest is not None and len(digest) >= SHORT_DIGEST and self.digest.startswith(digest.lower())

    def raise_if_refused(self) -> None:
        """Refuses the plan as a whole when it is one that is never applied.

        Raises:
            PlanRefused: With the numbers, and what to do.
        """
        if self.refusals:
            raise PlanRefused(f"{' '.join(self.refusals)} Nothing was written.")

    def raise_if_unsafe(self, *, approved: str | None = None) -> None:
        """Refuses the plan as a whole when it breaks a limit.

        Args:
            approved: Digest of the plan that a person has approved.

        Raises:
            PlanRefused: With the numbers, and what to do.
            PlanUnusual: If it is only that nobody has approved it.
        """
        self.raise_if_refused()
        if self.unusual and not self.is_approved_by(approved):
            other = (
                f" {quoted(approved)} was approved, which is another plan, or fewer than {SHORT_DIGEST} digits."
                if approved
                else ""
            )
            raise PlanUnusual(
                f"{' '.join(self.unusual)} Nothing was written.{other} If the plan is right, have exactly this one "
                f"written by approving its digest {self.digest[:SHORT_DIGEST]}: with --approve on the command line, or "
                "as 'Approved plan' in the form of a new run."
            )

    def to_json(self) -> dict[str, Any]:
        """The plan as plain JSON types; `from_json` takes it back."""
        return {
            **self._head(),
            "changes": list(map(_plain, self.changes)),
            "findings": list(map(_plain, self.findings)),
            "matched": list(map(_parts, self.matched)),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Plan:
        """A plan as `to_json` gave it. Each of the long parts (see `ROWS`) may be there as what it is already."""
        long = {name: _values(data[name], make) for name, make in ROWS.items()}
        return cls(
            **{
                **data,
                **long,
                "source_groups": tuple(SourceGroup(**each) for each in data["source_groups"]),
                "target_group": TargetGroup(**data["target_group"]),
                "default_group": data["default_group"] and TargetGroup(**data["default_group"]),
                "unusual": tuple(data["unusual"]),
                "refusals": tuple(data["refusals"]),
            }
        )

    def _head(self) -> dict[str, Any]:
        """Everything but the long parts, as plain JSON types."""
        plain = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in ROWS}
        return {
            **plain,
            "source_groups": [{"id": group.id, "name": group.name} for group in self.source_groups],
            "target_group": asdict(self.target_group),
            "default_group": self.default_group and asdict(self.default_group),
        }


def _plain(value: Change | Finding | TargetUser) -> dict[str, Any]:
    """A flat value as a mapping; `asdict` would copy every text of a large plan."""
    plain = {name: getattr(value, name) for name in value.__slots__}
    return {name: _plain(each) if isinstance(each, TargetUser) else each for name, each in plain.items()}


def _change(data: Mapping[str, Any]) -> Change:
    return Change(
        kind=ChangeKind(data["kind"]),
        group=data["group"],
        source_id=data["source_id"],
        before=data["before"] and TargetUser(**data["before"]),
        after=data["after"] and TargetUser(**data["after"]),
    )


def _finding(data: Mapping[str, Any]) -> Finding:
    return Finding(**{**data, "cls": FindingClass(data["cls"])})


def _link(data: Sequence[str]) -> Link:
    return Link(*data)


def _parts(link: Link) -> list[str]:
    return [link.source_id, link.user_id, link.username]


#: The long parts of a plan: how each of their rows is made from plain JSON types.
ROWS: Mapping[str, Callable[[Any], Any]] = {"changes": _change, "findings": _finding, "matched": _link}


def _values(rows: Sequence[Any], make: Callable[[Any], Any]) -> Sequence[Any]:
    return rows if isinstance(rows, Digested) else tuple(map(make, rows))


def _digest_of(rows: Sequence[Any], plain: Callable[[Any], Any]) -> str:
    if isinstance(rows, Digested):
        return rows.digest
    return digest_of([_digest(list(map(plain, rows[at : at + PIECE]))) for at in range(0, len(rows), PIECE)])


def digest_of(pieces: Sequence[str]) -> str:
    """The digest of a long part of a plan, from those of its pieces: sha256 of their canonical JSON."""
    return _digest(list(pieces))


def _digest(data: Any) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
