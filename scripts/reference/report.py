"""The JSON report: its keys, the words that stand in it, and what a finding can be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

from okta_mi_provider.sync.model import SourceGroup, TargetGroup, TargetUser
from okta_mi_provider.sync.outcome import Outcome, Status
from okta_mi_provider.sync.plan import Change, ChangeKind, Finding, FindingClass, Plan
from okta_mi_provider.sync.report import Approval, Report, State
from scripts.reference.markdown import code, prose, table
from scripts.reference.sentences import calls

_KEYS: Mapping[str, str] = {
    "schema": "Version of this form. Keys are added without changing it, never renamed or removed.",
    "source.org": "The Okta org.",
    "source.group.id": "Id of the Okta group; null if several are synced as one, or it was not found.",
    "source.group.name": "Its name; of several the names with ` + ` between.",
    "source.groups": "Only where several are synced as one: each with `id` and `name`.",
    "target.host": "The Metric Insights server.",
    "target.group.id": "Id of the MI group; null as long as it does not exist.",
    "target.group.name": "Its name.",
    "dry_run": "Whether it has only shown what it would write.",
    "state": "How it ended: see below.",
    "plan_digest": "sha256 of the plan; null if it did not come to one.",
    "counts.users.source": "Members that Okta lists.",
    "counts.users.created": "Users created in MI.",
    "counts.users.updated": "Users whose attributes were changed.",
    "counts.users.unchanged": "Users who were as they should be.",
    "counts.users.skipped": "Users left alone, for a reason that a finding gives.",
    "counts.users.conflicts": "Users who wait for a person.",
    "counts.users.failed": "Users with a failed change.",
    "counts.users.disabled": "Users disabled in MI.",
    "counts.groups.created": "1 if the MI group was created.",
    "counts.memberships.added": "Users who became members of the MI group.",
    "counts.memberships.removed": "Users who were taken out of it.",
    "changes[].kind": "What a change does: see below.",
    "changes[].user": "Username in MI; null for a group.",
    "changes[].group": "Name of the MI group.",
    "changes[].fields": "Each attribute that differs, with its old and its new value.",
    "changes[].status": "What became of it: see below.",
    "changes[].error": "Why it failed; else null.",
    "findings[].class": "`conflict` or `notice`.",
    "findings[].kind": "What it is: see below.",
    "findings[].user": "Whom it is about; null if nobody.",
    "findings[].message": "A sentence for people. It may change with every version.",
    "error": "Why the sync did not get through; else null.",
    "mode": "`drift` or `undo`; missing in an ordinary sync.",
    "unusual": "Why a person should look at the plan first, one sentence each; missing if nothing is.",
    "approval.answer": "What a person said of the plan: `approved`, `rejected`, `timed out`, or `asked` as long as "
    "nobody has answered. `approval` is missing if nobody was asked.",
    "approval.by": "Who; null if nobody did.",
    "approval.at": "When, in UTC.",
    "approval.digest": "Digest of the plan that was shown.",
}
#: Words whose meaning the code has no sentence for.
_WORDS: Mapping[StrEnum, str] = {
    State.DONE: "Everything is as it shall be, or would be. Notices may remain.",
    State.FAILED: "Something failed, or conflicts remain.",
    State.REFUSED: "A limit was broken, or a person did not want it; nothing was written.",
    Status.PLANNED: "Not tried.",
    Status.BEGUN: "Announced, and perhaps sent; what became of it is not known.",
    Status.DONE: "Done.",
    Status.ALREADY: "Somebody else had done it; a read has proved it.",
    Status.FAILED: "Not done, for the reason in `error`.",
    ChangeKind.CREATE_GROUP: "The MI group is created.",
    ChangeKind.UPDATE_USER: "Attributes of a user are changed.",
    ChangeKind.CREATE_USER: "A user is created, as a member of the group.",
    ChangeKind.ADD_MEMBER: "A user is put into the group.",
    ChangeKind.REMOVE_MEMBER: "A user is taken out of the group.",
    ChangeKind.DISABLE_USER: "A user is disabled.",
    ChangeKind.ENABLE_USER: "A user whom a sync has disabled is enabled, by `okta-mi undo` only.",
    FindingClass.CONFLICT: "Needs a person. Nothing is written for it, and the run ends as failed.",
    FindingClass.NOTICE: "Worth knowing: skipped, protected.",
}
#: Those who make findings: the place of the kind and of the message among their arguments.
_MAKERS: Mapping[str, tuple[int, int]] = {"Finding": (0, 1), "_conflict": (1, 2), "_notice": (0, 2)}
#: Kinds that are put together when they are made.
_SPELT_OUT = {"duplicate_source_...": ("duplicate_source_email", "duplicate_source_username")}


def keys_table() -> str:
    """Every key.

    Raises:
        ValueError: If a report has other keys than those that are explained.
    """
    found = list(_keys(_whole().to_json()))
    if set(found) != set(_KEYS):
        raise ValueError(f"the report has other keys: {set(found) ^ set(_KEYS)}")
    return table(("key", "meaning"), ((code(key), _KEYS[key]) for key in _KEYS))


def _keys(value: Any, path: str = "") -> Iterator[str]:
    """The paths of all leaves; the values of `fields` are whatever the change is about."""
    if isinstance(value, dict) and not path.endswith("fields"):
        for key, each in value.items():
            yield from _keys(each, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value and isinstance(value[0], dict) and path != "source.groups":
        yield from _keys(value[0], f"{path}[]")
    else:
        yield path


def _whole() -> Report:
    """A report in which everything stands that can."""
    user = TargetUser("7", "ana", "ana@example.com", "Ana", "Silva", "regular")
    group = TargetGroup("3", "Sales")
    change = Change(ChangeKind.CREATE_USER, group.name, "00u1", None, user)
    one, two = SourceGroup("00g1", "Sales"), SourceGroup("00g2", "Marketing")
    finding = Finding("status", "Somebody is skipped.", "bob")
    plan = Plan(
        "https://acme.okta.com", (one, two), "https://mi.example.org", group, None, (change,), (finding,),
        source_users=1, users_in_scope=1, unchanged=0, skipped=0, conflicts=0, unusual=("Much.",),
    )  # fmt: skip
    approval = Approval("approved", "ada", "2026-11-01T08:00:00Z", plan.digest)
    outcome = Outcome(change, Status.FAILED, "refused")
    report = Report.of_plan(plan, [outcome], dry_run=False, mode="drift", approval=approval)
    single = Report("", (one,), "", group, dry_run=False)
    return _Both(report, single)  # type: ignore[return-value]


class _Both:
    """The keys of a report about several groups, and of one about a single group: that has ids instead."""

    def __init__(self, several: Report, single: Report) -> None:
        self._reports = several, single

    def to_json(self) -> dict[str, Any]:
        several, single = (report.to_json() for report in self._reports)
        return {**several, "source": {**single["source"], **several["source"]}}


def words_tables() -> str:
    """The words that stand in a report."""
    kinds: list[tuple[str, type[StrEnum]]] = [
        ("state", State), ("status of a change", Status), ("kind of a change", ChangeKind),
        ("class of a finding", FindingClass),
    ]  # fmt: skip
    return "\n\n".join(
        table((title, "meaning"), ((code(word.value), _WORDS[word]) for word in words)) for title, words in kinds
    )


def findings_table() -> str:
    """Every kind of finding, with what it says."""
    found: dict[str, list[str]] = {}
    for said in calls():
        if said.call in _MAKERS:
            kind_at, message_at = _MAKERS[said.call]
            if len(said.arguments) <= message_at:
                continue
            kind, message = said.arguments[kind_at], said.arguments[message_at]
            if kind is None:
                continue
            for name in _SPELT_OUT.get(kind, (kind,)):
                found.setdefault(name, []).append(message or "")
    return table(("kind", "says"), ((code(kind), _messages(messages)) for kind, messages in sorted(found.items())))


def _messages(messages: list[str]) -> str:
    return "<br>".join(prose(each) for each in dict.fromkeys(filter(None, messages)))
