"""What a person reads who is asked to approve a plan. Every name in it is other people's text. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from okta_mi_provider.sync.markdown import code, escaped
from okta_mi_provider.sync.plan import REMOVALS, SHORT_DIGEST, Change, ChangeKind, Plan
from okta_mi_provider.sync.text import one_line, plural, quoted

#: Most changes that are listed, and most characters of the whole text.
MOST_LINES, MOST_CHARACTERS = 100, 16_000
#: Kept free for the headings and for what is said instead of changes that are not listed.
_RESERVE = 1_500
#: A name is cut at so many characters, a sentence at so many.
_LONGEST_NAME, _LONGEST_SENTENCE = 80, 500
#: What happens to users, as the question puts it; in the order in which it hurts.
_VERBS = {
    ChangeKind.REMOVE_MEMBER: "remove",
    ChangeKind.DISABLE_USER: "disable",
    ChangeKind.CREATE_USER: "create",
    ChangeKind.UPDATE_USER: "change",
    ChangeKind.ADD_MEMBER: "add",
    ChangeKind.ENABLE_USER: "enable",
}
#: What is listed first, by `_danger`.
_HEADINGS = (
    "Removed from the MI group, or disabled",
    "New types, and administrators",
    "Created",
    "New e-mail addresses",
    "Everything else",
)


def subject(plan: Plan) -> str:
    """The question in one line: the group, numbers, and which plan. Plain text."""
    parts = [f"{verb} {plural(number, 'user')}" for kind, verb in _VERBS.items() if (number := plan.count(kind))]
    group = quoted(plan.target_group.name)
    if parts:
        *most, last = parts
        listed = f"{', '.join(most)} and {last}" if most else last
        question = f"{listed} of {group}?"
    else:
        question = f"Create MI group {group}?"
    return f"{question[0].upper()}{question[1:]} (plan {plan.digest[:SHORT_DIGEST]})"


def body(plan: Plan, *, hours: int, chosen: Mapping[str, object] | None = None) -> str:
    """The plan as Markdown: why it is unusual, then the most dangerous changes, then others as long as there is room.

    Args:
        plan: What would be written.
        hours: How long an answer is waited for.
        chosen: What whoever triggered the run has chosen that the DAG does not say.
    """
    head = [*_choices(chosen or {}), *_reasons(plan), *_sides(plan)]
    rule = (
        f"**Approve** writes exactly this plan. If MI has changed until then, or nobody answers within "
        f"{plural(hours, 'hour')}, nothing is written."
    )
    tail = ["", f"Plan `{plan.digest}`", "", rule]
    room = MOST_CHARACTERS - _RESERVE - sum(len(line) + 1 for line in [*head, *tail])
    return "\n".join([*head, *_changes(plan, room), *tail]) + "\n"


def _choices(chosen: Mapping[str, object]) -> Iterator[str]:
    if chosen:
        yield "**This run was triggered with other settings than its DAG has.**"
        yield ""
        for name, value in chosen.items():
            yield f"* {escaped(name)}: {code(str(value), _LONGEST_NAME)}"
        yield ""


def _reasons(plan: Plan) -> Iterator[str]:
    if plan.unusual:
        yield "**This plan is unusual.**"
        yield ""
        for sentence in plan.unusual:
            yield f"* {escaped(one_line(sentence, _LONGEST_SENTENCE))}"
        yield ""


def _sides(plan: Plan) -> Iterator[str]:
    groups = [code(group.name or group.id, _LONGEST_NAME) for group in plan.source_groups[:10]]
    if more := len(plan.source_groups) - len(groups):
        groups.append(f"{more} more")
    yield f"* From Okta: {', '.join(groups)} of {code(plan.org)}, {plural(plan.users_in_scope, 'user')} to sync"
    yield f"* Into MI: {code(plan.target_group.name)} of {code(plan.host)}"
    if plan.conflicts:
        yield f"* {plural(plan.conflicts, 'conflict')}, which the log names; nothing is written for them"


def _changes(plan: Plan, room: int) -> Iterator[str]:
    lines_left = MOST_LINES
    for danger, heading in enumerate(_HEADINGS):
        changes = [change for change in plan.changes if _danger(change) == danger]
        if not changes:
            continue
        yield ""
        yield f"#### {heading}: {len(changes):,}"
        yield ""
        listed = 0
        for change in sorted(changes, key=lambda change: not change.of_administrator):
            line = f"* {_line(change, plan)}"
            if not lines_left or len(line) >= room:
                break
            lines_left, room, listed = lines_left - 1, room - len(line) - 1, listed + 1
            yield line
        if listed < len(changes):
            # Nothing that is less dangerous may be listed in its place.
            lines_left = 0
            yield f"* ... and {len(changes) - listed:,} more; with the summary `full` the log of task `diff` names them"


def _danger(change: Change) -> int:
    """Which heading a change stands under."""
    if change.kind in REMOVALS:
        return 0
    if change.of_administrator or (change.before and "type" in change.fields):
        return 1
    if change.kind is ChangeKind.CREATE_USER:
        return 2
    return 3 if change.kind is ChangeKind.UPDATE_USER and "email" in change.fields else 4


def _line(change: Change, plan: Plan) -> str:
    if change.kind is ChangeKind.CREATE_GROUP:
        return f"create the MI group {_name(change.group)}"
    text = f"{_VERBS[change.kind]} {_name(change.user or '')}"
    if change.kind in {ChangeKind.CREATE_USER, ChangeKind.UPDATE_USER}:
        text += f": {_fields(change)}"
    elif change.group != plan.target_group.name:
        text += f" (group {_name(change.group)})"
    return f"{text}, **an administrator**" if change.of_administrator else text


def _fields(change: Change) -> str:
    def both(pair: Sequence[str | None]) -> str:
        old, new = pair
        return _name(new or "") if old is None else f"{_name(old)} → {_name(new or '')}"

    # Mostly the address is the username, which was just said.
    told = {name: pair for name, pair in change.fields.items() if pair != [None, change.user]}
    return ", ".join(f"{name.replace('_', ' ')} {both(pair)}" for name, pair in told.items())


def _name(text: str) -> str:
    return code(text, _LONGEST_NAME)
