"""Words of a shell, as a shell has them."""

from __future__ import annotations

import shlex
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from okta_mi_provider.cli.script_import.shell import Argument, ShellCall, calls
from okta_mi_provider.cli.script_import.words import HereDocument, Operator, Unclosed, Word, tokens

CALL = "mi-okta-usersync provision "


def arguments(text: str, **variables: str) -> list[str]:
    (call,) = calls(CALL + text, {name: Argument(value) for name, value in variables.items()})
    assert isinstance(call, ShellCall)
    assert not any(each.unknown for each in call.arguments)
    return [each.text for each in call.arguments]


@given(st.lists(st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"]))))
def test_quoted_words_come_back(words: list[str]) -> None:
    assert arguments(shlex.join(words)) == words


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="ab '\"\\\t#=~-", max_size=12))
def test_quotes_and_backslashes_are_read_as_by_a_shell(text: str) -> None:
    shell = subprocess.run(
        ["sh", "-c", f'V="x  y"; p() {{ printf "%s\\0" "$@"; }}; HOME=; p {CALL}"$V" {text}'],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    try:
        found = list(calls(f'{CALL}"$V" {text}', {"V": Argument("x  y")}))
    except Unclosed:
        raise AssertionError("told, not raised") from None
    if shell.returncode:
        assert not any(isinstance(each, ShellCall) for each in found)
        return
    call = found[-1]
    assert isinstance(call, ShellCall)
    if not any(each.unknown for each in call.arguments):
        assert [each.text for each in call.arguments] == shell.stdout.split("\0")[2:-1]


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="ab \t", max_size=8), st.text(alphabet="ab", max_size=2), st.text(alphabet="ab", max_size=2))
def test_the_value_of_a_variable_is_parted_as_by_a_shell(value: str, before: str, behind: str) -> None:
    text = f'{before}$V{"" if not behind else "x"} "$V" {before}"$V" ${{V}}'
    shell = subprocess.run(
        ["sh", "-c", f'V={shlex.quote(value)}; Vx=; p() {{ printf "%s\\0" "$@"; }}; p {CALL} {text}'],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert arguments(text, V=value, Vx="") == shell.stdout.split("\0")[2:-1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A >> log 2>&1", ["A"]),
        ("A 2>/dev/null B", ["A", "B"]),
        ("A &>log", ["A"]),
        ("'A 2' 2 >x", ["A 2", "2"]),
        ("A2>x", ["A2"]),
        ("A < in B", ["A", "B"]),
        ("A # B", ["A"]),
        ("A#B", ["A#B"]),
        ("A \\\n  B", ["A", "B"]),
        ("'A\nB'", ["A\nB"]),
        ('""', [""]),
        ("A | tee log", ["A"]),
        ("A & ", ["A"]),
        ("A; exit", ["A"]),
    ],
)
def test_what_belongs_to_the_shell_is_left_out(text: str, expected: list[str]) -> None:
    assert arguments(text) == expected


@pytest.mark.parametrize(
    "text",
    ["$(cat groups)", "`cat groups`", '"$(echo ")")"', "${X:-y}", "$X", '"$1"', '"$@"', "A*", "[ab]c", "{a,b}",
     "~/x", "$((1+1))", "$'x'"],
)  # fmt: skip
def test_what_only_a_shell_can_tell_is_unknown(text: str) -> None:
    (call,) = calls(f"{CALL}A {text} B", {})
    assert isinstance(call, ShellCall)
    first, *unknown, last = call.arguments
    assert (first, last) == (Argument("A"), Argument("B"))
    assert all(each.unknown for each in unknown)
    assert unknown


@pytest.mark.parametrize("text", ["'a", '"a', "$(a", "`a", "${a"])
def test_what_is_not_closed_has_a_line(text: str) -> None:
    with pytest.raises(Unclosed) as caught:
        list(tokens(f"x\n{text}\ny"))
    assert caught.value.line == 2


def test_lines_are_counted_through_everything() -> None:
    script = "a 'x\ny' \\\n b\ncat <<E <<-F\nin\nE\n\tin\n\tF\nc\n"
    kinds = {Operator: lambda each: each.text, HereDocument: lambda _: "doc", Word: lambda each: each.plain}
    found = [(each.line, text) for each in tokens(script) if (text := kinds[type(each)](each)) is not None]
    assert found == [
        (1, "a"), (3, "b"), (3, "\n"), (4, "cat"), (4, "\n"), (5, "doc"), (7, "doc"), (9, "c"), (9, "\n"),
    ]  # fmt: skip


@given(st.text(alphabet="ab$`'\"\\{}()<>|&;#\n =~*", max_size=40))
def test_any_text_is_read_to_its_end(text: str) -> None:
    for each in calls(f"{text}\n{CALL}X", {}):
        assert isinstance(each, tuple | ShellCall)
