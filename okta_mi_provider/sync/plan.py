"""A plan: what a sync would write, and what it found worth saying. A value that can be shown, stored and compared."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any

from okta_mi_provider.sync.errors import PlanRefused, PlanUnusual
from okta_mi_provider.sync.memory import Link
from okta_mi_provider.sync.model import SourceGroup, TargetGroup, TargetUser, joined_name
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
    def key(self) -> str:
        """Tells this change from every other one of the same plan."""
        return json.dumps([self.kind, self.group, self.user, self.after.id if self.after else ""])

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


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that one sync would write, sorted, and the state it was made from in numbers.

    Attributes:
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
    changes: tuple[Change, ...]
    findings: tuple[Finding, ...]
    source_users: int
    users_in_scope: int
    unchanged: int
    skipped: int
    conflicts: int
    fingerprint: Mapping[str, Any] = field(default_factory=dict)
    matched: tuple[Link, ...] = ()
    unusual: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()

    @property
    def source_name(self) -> str:
        """What people call the groups of Okta."""
        return joined_name(self.source_groups)

    @property
    def digest(self) -> str:
        """sha256 of the canonical JSON, in hex: the same plan has the same one, whether or not drift was looked for."""
        plain = self.to_json()
        plain["findings"] = [each for each in plain["findings"] if each["kind"] not in _OF_DRIFT]
        canonical = json.dumps(plain, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

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
        plain = {each.name: getattr(self, each.name) for each in fields(self)}
        return {
            **plain,
            "source_groups": [{"id": group.id, "name": group.name} for group in self.source_groups],
            "target_group": asdict(self.target_group),
            "default_group": self.default_group and asdict(self.default_group),
            "changes": [_plain(change) for change in self.changes],
            "findings": [_plain(finding) for finding in self.findings],
            "matched": [[link.source_id, link.user_id, link.username] for link in self.matched],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Plan:
        """A plan as `to_json` gave it."""
        return cls(
            **{
                **data,
                "source_groups": tuple(SourceGroup(**each) for each in data["source_groups"]),
                "target_group": TargetGroup(**data["target_group"]),
                "default_group": data["default_group"] and TargetGroup(**data["default_group"]),
                "changes": tuple(_change(each) for each in data["changes"]),
                "findings": tuple(Finding(**{**each, "cls": FindingClass(each["cls"])}) for each in data["findings"]),
                "matched": tuple(Link(*each) for each in data["matched"]),
                "unusual": tuple(data["unusual"]),
                "refusals": tuple(data["refusals"]),
            }
        )


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
