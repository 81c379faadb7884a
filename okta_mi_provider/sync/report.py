"""What a sync did, or would do: one value, and its JSON form that people script on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from okta_mi_provider.sync.model import SourceGroup, TargetGroup, joined_name
from okta_mi_provider.sync.outcome import SETTLED, Outcome, Status
from okta_mi_provider.sync.plan import (
    BY_HAND,
    GROUP_MISSING,
    LEFT,
    Change,
    ChangeKey,
    ChangeKind,
    Finding,
    FindingClass,
    Plan,
)
from okta_mi_provider.sync.text import plural

#: How the error of a look for drift begins that has found some.
DIFFERS = "MI differs from Okta"
#: Version of the JSON report. Keys are added without changing it, never renamed or removed.
SCHEMA = 1


class State(StrEnum):
    """How a sync ended."""

    DONE = "done"
    """Everything is as it shall be, or would be. Notices may remain."""
    FAILED = "failed"
    """Something failed, or conflicts remain."""
    REFUSED = "refused"
    """A limit was broken, or a person did not want it; nothing was written."""


@dataclass(frozen=True, slots=True)
class Approval:
    """What a person said of a plan.

    Attributes:
        answer: "approved", "rejected", "timed out" if nobody answered, or "asked" as long as nobody has.
        by: Who; None if nobody did.
        at: When, in ISO 8601 and UTC.
        digest: Digest of the plan that was shown.
    """

    answer: str
    by: str | None
    at: str | None
    digest: str

    def to_json(self) -> dict[str, Any]:
        """As in the JSON report; `Approval(**...)` takes it back."""
        return {"answer": self.answer, "by": self.by, "at": self.at, "digest": self.digest}


@dataclass(frozen=True, slots=True)
class Report:
    """One sync of one group.

    Attributes:
        plan: None if it did not come to a plan.
        outcomes: What became of the changes that were tried, by the change's key.
        error: Why the sync as a whole did not get through.
        refused: The plan broke a limit, or a person did not want it.
        notices: Findings that come from how the sync was run, not from the plan.
        mode: "sync"; "drift", which only looks; or "undo".
        approval: What a person said of the plan, if one was asked.
    """

    org: str
    source_groups: tuple[SourceGroup, ...]
    host: str
    target_group: TargetGroup
    dry_run: bool
    plan: Plan | None = None
    outcomes: dict[ChangeKey, Outcome] = field(default_factory=dict)
    error: str | None = None
    refused: bool = False
    notices: tuple[Finding, ...] = ()
    mode: str = "sync"
    approval: Approval | None = None

    @classmethod
    def of_plan(
        cls,
        plan: Plan,
        outcomes: Iterable[Outcome] = (),
        *,
        dry_run: bool,
        error: str | None = None,
        refused: bool = False,
        notices: tuple[Finding, ...] = (),
        mode: str = "sync",
        approval: Approval | None = None,
    ) -> Report:
        """The report of a sync that came to a plan."""
        by_key = {outcome.change.key: outcome for outcome in outcomes}
        created = next(
            (each.target_id for each in by_key.values() if each.change.kind is ChangeKind.CREATE_GROUP), None
        )
        group = TargetGroup(plan.target_group.id or created or "", plan.target_group.name)
        return cls(
            plan.org,
            plan.source_groups,
            plan.host,
            group,
            dry_run,
            plan,
            by_key,
            error or _drift(plan, mode),
            refused,
            notices,
            mode,
            approval,
        )

    @property
    def source_name(self) -> str:
        """What people call the groups of Okta."""
        return joined_name(self.source_groups)

    @property
    def only_looks(self) -> bool:
        """Whether it was not to write anything."""
        return self.dry_run or self.mode == "drift"

    @property
    def is_complete(self) -> bool:
        """Whether everything in the plan of a whole, real sync was tried and is as it shall be."""
        tried = all(self.status(change) in SETTLED for change in self.changes)
        return not self.only_looks and self.plan is not None and not self.error and not self.refused and tried

    @property
    def state(self) -> State:
        """How the sync ended."""
        if self.refused:
            return State.REFUSED
        trouble = self.error or self.plan is None or self.conflicts or self.failures
        return State.FAILED if trouble else State.DONE

    @property
    def changes(self) -> Sequence[Change]:
        """All changes of the plan, in its order."""
        return self.plan.changes if self.plan else ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings: conflicts first."""
        return (*(self.plan.findings if self.plan else ()), *self.notices)

    @property
    def conflicts(self) -> tuple[Finding, ...]:
        """What needs a person."""
        return tuple(each for each in self.findings if each.cls is FindingClass.CONFLICT)

    @property
    def failures(self) -> tuple[Outcome, ...]:
        """Outcomes that failed, in the order of the plan."""
        outcomes = (self.outcomes.get(change.key) for change in self.changes)
        return tuple(each for each in outcomes if each and each.status is Status.FAILED)

    @property
    def untried(self) -> int:
        """How many changes of a plan that was to be written were not tried, or not to their end."""
        if self.only_looks or self.refused:
            return 0
        return sum(self.status(change) in {Status.PLANNED, Status.BEGUN} for change in self.changes)

    def status(self, change: Change) -> Status:
        """What became of a change."""
        outcome = self.outcomes.get(change.key)
        return outcome.status if outcome else Status.PLANNED

    def counts(self) -> dict[str, dict[str, int]]:
        """The numbers of the JSON report. A dry run counts what would be done, any other what was done."""
        counted = Status.PLANNED if self.only_looks else Status.DONE
        done = [change.kind for change in self.changes if self.status(change) is counted]
        created, updated = done.count(ChangeKind.CREATE_USER), done.count(ChangeKind.UPDATE_USER)
        already = [
            change
            for change in self.changes
            if change.kind in {ChangeKind.CREATE_USER, ChangeKind.UPDATE_USER} and self.status(change) is Status.ALREADY
        ]
        plan = self.plan
        return {
            "users": {
                "source": plan.source_users if plan else 0,
                "created": created,
                "updated": updated,
                "unchanged": (plan.unchanged if plan else 0) + len(already),
                "skipped": plan.skipped if plan else 0,
                "conflicts": plan.conflicts if plan else 0,
                "failed": len({each.change.user for each in self.failures if each.change.user}),
                "disabled": done.count(ChangeKind.DISABLE_USER),
            },
            "groups": {"created": done.count(ChangeKind.CREATE_GROUP)},
            "memberships": {"added": self._joined(), "removed": self._left()},
        }

    def _joined(self) -> int:
        """How many memberships were added, or would be."""
        if self.only_looks:
            return sum(change.kind in {ChangeKind.CREATE_USER, ChangeKind.ADD_MEMBER} for change in self.changes)
        return sum(outcome.joined for outcome in self.outcomes.values())

    def _left(self) -> int:
        """How many memberships were taken away, or would be."""
        if self.only_looks:
            return sum(change.kind is ChangeKind.REMOVE_MEMBER for change in self.changes)
        return sum(outcome.left for outcome in self.outcomes.values())

    def to_json(self) -> dict[str, Any]:
        """The JSON report, `schema` 1.

        Beside the keys that are always there, `mode`, `unusual`, `approval`, and `groups` of the source stand in it
        where they have something to say.
        """
        groups = [{"id": group.id or None, "name": group.name} for group in self.source_groups]
        union = {"groups": groups} if len(groups) > 1 else {}
        special = {
            "mode": self.mode if self.mode != "sync" else None,
            "unusual": list(self.plan.unusual) if self.plan else None,
            "approval": self.approval and self.approval.to_json(),
        }
        return {
            "schema": SCHEMA,
            "source": {
                "org": self.org,
                "group": groups[0] if len(groups) == 1 else {"id": None, "name": self.source_name},
                **union,
            },
            "target": {
                "host": self.host,
                "group": {"id": self.target_group.id or None, "name": self.target_group.name},
            },
            "dry_run": self.dry_run,
            "state": self.state,
            "plan_digest": self.plan.digest if self.plan else None,
            "counts": self.counts(),
            "changes": [
                {
                    "kind": change.kind,
                    "user": change.user,
                    "group": change.group,
                    "fields": change.fields,
                    "status": self.status(change),
                    "error": outcome.error if (outcome := self.outcomes.get(change.key)) else None,
                }
                for change in self.changes
            ],
            "findings": [finding.to_json() for finding in self.findings],
            "error": self.error,
            **{key: value for key, value in special.items() if value},
        }


def _drift(plan: Plan, mode: str) -> str | None:
    """How MI differs from Okta, where that is what was asked; None if it does not."""
    if mode != "drift" or not plan.differs:
        return None
    by_hand = sum(finding.kind in BY_HAND for finding in plan.findings)
    left = sum(finding.kind == LEFT for finding in plan.findings)
    found = [
        "it has no such group" if any(finding.kind == GROUP_MISSING for finding in plan.findings) else "",
        f"a sync would make {plural(len(plan.changes), 'change')}" if plan.changes else "",
        f"{plural(by_hand, 'difference')} {'was' if by_hand == 1 else 'were'} made by hand" if by_hand else "",
        f"{plural(left, 'member')} {'has' if left == 1 else 'have'} left, and nobody is removed" if left else "",
    ]
    return f"{DIFFERS}: {' and '.join(filter(None, found))}."
