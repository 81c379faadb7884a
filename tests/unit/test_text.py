"""Other people's text, made safe to show."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from okta_mi_provider.sync.text import one_line, quoted, same


@given(st.text())
def test_a_line_stays_a_line_and_shows_what_cannot_be_seen(text: str) -> None:
    line = one_line(text)
    assert len(line.splitlines()) <= 1
    assert len(line) <= 200
    assert "\x1b" not in line
    assert "\u202e" not in line


def test_ordinary_names_are_left_alone() -> None:
    assert quoted("Żółć O'Brien 李") == "'Żółć O'Brien 李'"
    assert one_line("a\u00a0b") == "a\u00a0b"


@given(st.text(st.characters(exclude_categories=[])))
def test_equal_texts_become_one_object_and_stay_what_they_are(text: str) -> None:
    copy = "".join(list(text))
    assert same(text) == text
    assert same(copy) is same(text)
