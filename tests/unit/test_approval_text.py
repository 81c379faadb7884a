"""What a person reads who is asked: nothing in it is markup, and the most dangerous comes first."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.sync.approval_text import MOST_CHARACTERS, MOST_LINES, body, subject
from okta_mi_provider.sync.diff import diff
from okta_mi_provider.sync.markdown import code, escaped
from okta_mi_provider.sync.model import TargetGroup, TargetUser
from okta_mi_provider.sync.plan import Change, ChangeKind, Plan
from okta_mi_provider.sync.snapshot import Snapshot
from okta_mi_provider.sync.text import one_line
from tests.unit.worlds import any_settings, mi_user, okta_user, snapshot, worlds

#: GitHub's flavour, as Airflow's page speaks it. It makes links of addresses that nobody has marked as such.
_PAGE = MarkdownIt("gfm-like")
_HOSTILE = (
    "[x](javascript:alert(1))", "<img src=x onerror=alert(1)>", "`", "``", "*b*", "__b__", "# h", "- l", "1. l", "> q",
    "|", "---", "~~s~~", "http://evil.example/a", "HTTPS://evil.example", "www.evil.example", "a@evil.example",
    "![](x)", "&lt;b&gt;", "\\", "{{ 1/0 }}", "{% raw %}", "\n\n# h", "```\nx", "[^1]", "\u202e", " ", "<!--", "a\tb",
)  # fmt: skip
_NEW = "email `{}@example.com`, first name `{}`, last name `Doe`, type `{}`"

names = st.lists(st.sampled_from(_HOSTILE) | st.text(max_size=12), min_size=1, max_size=5).map("".join)


def plan_of(*changes: Change, group: str = "Sales", unusual: tuple[str, ...] = ()) -> Plan:
    plan = diff(snapshot([], [], group=None), SyncSettings())
    return replace(plan, target_group=TargetGroup("1", group), changes=changes, unusual=unusual)


def change(kind: ChangeKind, user: TargetUser, before: TargetUser | None = None, group: str = "Sales") -> Change:
    return Change(kind, group, "00u1", user if before is None and kind is not ChangeKind.CREATE_USER else before, user)


def tokens(markdown: str) -> list[Token]:
    flat: list[Token] = []
    for token in _PAGE.parse(markdown):
        flat += [token, *(token.children or [])]
    return flat


def kinds(markdown: str) -> set[str]:
    return {token.type.removesuffix("_open").removesuffix("_close") for token in tokens(markdown)}


@st.composite
def users(draw: st.DrawFn) -> TargetUser:
    return TargetUser(
        draw(st.text("0123456789", min_size=1)),
        draw(names),
        draw(names),
        draw(names),
        draw(names),
        draw(st.sampled_from(["regular", "administrator", "power_user"])),
    )


@st.composite
def hostile_plans(draw: st.DrawFn) -> Plan:
    kinds_of_users = [kind for kind in ChangeKind if kind is not ChangeKind.CREATE_GROUP]
    changes = draw(
        st.lists(
            st.builds(change, st.sampled_from(kinds_of_users), users(), st.none() | users(), st.just("Sales") | names),
            max_size=8,
        )
    )
    return plan_of(*changes, group=draw(names), unusual=tuple(draw(st.lists(names, max_size=3))))


@given(hostile_plans(), names)
def test_nothing_in_a_plan_or_in_what_was_chosen_for_it_is_markup(plan: Plan, chosen: str) -> None:
    text = body(plan, hours=24, chosen={"only_user": chosen})

    assert kinds(text) <= {
        "paragraph", "inline", "text", "text_special", "strong", "em", "bullet_list", "list_item", "heading",
        "code_inline",
    }  # fmt: skip
    # Whatever is strong or a heading is ours.
    spoken = [token for token in tokens(text) if token.type == "heading_open"]
    assert len(spoken) == len(re.findall(r"^#### ", text, re.MULTILINE)) <= 5
    assert "\x1b" not in text


@given(names.filter(bool))
def test_a_name_between_backticks_is_shown_as_it_is(name: str) -> None:
    (inline,) = [token for token in tokens(f"* remove {code(name)}, then") if token.type == "code_inline"]

    assert inline.content == one_line(name)


@given(names)
def test_an_escaped_sentence_is_shown_as_it_is_and_has_no_link(sentence: str) -> None:
    line = one_line(f"a {sentence} z")
    found = tokens(f"* {escaped(line)}")

    assert {token.type for token in found} <= {
        "bullet_list_open", "list_item_open", "paragraph_open", "inline", "text", "text_special", "paragraph_close",
        "list_item_close", "bullet_list_close",
    }  # fmt: skip
    shown = "".join(token.content for token in found if token.type in {"text", "text_special"})
    assert " ".join(shown.replace("\u2060", "").split()) == " ".join(line.replace("\u2060", "").split())


@given(hostile_plans())
def test_the_question_is_one_line_with_the_group_and_the_plan(plan: Plan) -> None:
    question = subject(plan)

    assert len(question.splitlines()) == 1
    assert f"'{one_line(plan.target_group.name)}'? (plan {plan.digest[:12]})" in question


@given(worlds(), any_settings())
def test_every_plan_can_be_asked_about(world: Snapshot, how: SyncSettings) -> None:
    plan = diff(world, how)

    assert plan.digest in body(plan, hours=1)
    assert subject(plan)


def test_the_question_has_the_numbers_of_each_kind() -> None:
    removed = [change(ChangeKind.REMOVE_MEMBER, mi_user(f"r{number}")) for number in range(42)]
    created = [change(ChangeKind.CREATE_USER, mi_user(f"c{number}")) for number in range(3)]
    plan = plan_of(*removed, *created, group="Finance")

    assert subject(plan) == f"Remove 42 users and create 3 users of 'Finance'? (plan {plan.digest[:12]})"


def test_one_user_is_one_user_and_a_group_alone_is_asked_about_too() -> None:
    one = change(ChangeKind.REMOVE_MEMBER, mi_user("ana"))
    more = [change(ChangeKind.CREATE_USER, mi_user(name)) for name in ("ben", "cy")]
    assert subject(plan_of(one, *more)).startswith("Remove 1 user and create 2 users of 'Sales'? (plan ")
    assert subject(plan_of(change(ChangeKind.DISABLE_USER, mi_user("ana")))).startswith("Disable 1 user of 'Sales'?")
    assert subject(plan_of(Change(ChangeKind.CREATE_GROUP, "Sales"))).startswith("Create MI group 'Sales'?")


def test_the_most_dangerous_comes_first() -> None:
    ana, root = mi_user("ana"), mi_user("root", type="administrator")
    plan = plan_of(
        change(ChangeKind.ADD_MEMBER, mi_user("added")),
        change(ChangeKind.UPDATE_USER, replace(ana, email="new@x"), ana),
        change(ChangeKind.CREATE_USER, mi_user("created")),
        change(ChangeKind.UPDATE_USER, replace(ana, type="power_user"), ana),
        change(ChangeKind.CREATE_USER, mi_user("boss", type="administrator")),
        change(ChangeKind.REMOVE_MEMBER, mi_user("gone")),
        change(ChangeKind.DISABLE_USER, replace(root, enabled=False), root),
        unusual=("1 user would be removed.",),
    )
    lines = [line for line in body(plan, hours=24).splitlines() if line.startswith(("#", "*"))]
    rule = lines.pop()

    assert rule.endswith("nobody answers within 24 hours, nothing is written.")
    assert lines == [
        "**This plan is unusual.**",
        "* 1 user would be removed\\.",
        "* From Okta: `Sales` of `https://acme.okta.com`, 0 users to sync",
        "* Into MI: `Sales` of `https://mi.example.org`",
        "#### Removed from the MI group, or disabled: 2",
        "* disable `root`, **an administrator**",
        "* remove `gone`",
        "#### New types, and administrators: 2",
        f"* create `boss`: {_NEW.format('boss', 'Boss', 'administrator')}, **an administrator**",
        "* change `ana`: type `regular` → `power_user`",
        "#### Created: 1",
        f"* create `created`: {_NEW.format('created', 'Created', 'regular')}",
        "#### New e-mail addresses: 1",
        "* change `ana`: email `ana@example.com` → `new@x`",
        "#### Everything else: 1",
        "* add `added`",
    ]


@settings(max_examples=25)
@given(st.integers(0, 400), st.integers(0, 200), st.sampled_from(["x", "`" * 80, "<" * 80, "数" * 200]))
def test_a_large_plan_is_cut_at_its_end_and_says_how_much_is_missing(removed: int, added: int, name: str) -> None:
    gone = change(ChangeKind.REMOVE_MEMBER, mi_user(name))
    more = change(ChangeKind.ADD_MEMBER, mi_user("added"))
    plan = plan_of(*[gone] * removed, *[more] * added, unusual=("<" * 5000,) * 5)
    text = body(plan, hours=24)

    assert len(text) <= MOST_CHARACTERS
    listed = [line for line in text.splitlines() if line.startswith(("* remove", "* add"))]
    assert len(listed) <= MOST_LINES
    missing = [
        int(number.replace(",", "")) for number in re.findall(r"^\* \.\.\. and ([\d,]+) more", text, re.MULTILINE)
    ]
    assert len(listed) + sum(missing) == removed + added
    if sum(line.startswith("* remove") for line in listed) < removed:
        assert not any(line.startswith("* add") for line in listed)


def test_names_are_cut() -> None:
    plan = plan_of(change(ChangeKind.REMOVE_MEMBER, mi_user("x" * 5000)), group="g" * 5000)

    assert len(subject(plan)) < 300
    assert len(body(plan, hours=24)) < 1500


def test_the_sides_are_named() -> None:
    plan = diff(snapshot([okta_user("ana")], []), SyncSettings(auto_create="all"))

    assert "* From Okta: `Sales` of `https://acme.okta.com`, 1 user to sync\n" in body(plan, hours=24)


def test_an_address_that_is_the_username_is_not_said_twice() -> None:
    plan = plan_of(change(ChangeKind.CREATE_USER, mi_user("a@x", email="a@x", first_name="")))

    assert "* create `a@x`: first name (empty), last name `Doe`, type `regular`\n" in body(plan, hours=24)
