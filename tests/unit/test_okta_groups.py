"""What Okta is asked for, for a pattern: never for less than matches."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from okta_mi_provider.clients.okta_groups import _search


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("MI - *", 'profile.name sw "MI - "'),
        ("MI?", 'profile.name sw "MI"'),
        ("MI - Readers", 'profile.name eq "MI - Readers"'),
        ("*Readers", 'profile.name co "Readers"'),
        ("*a*Readers?", 'profile.name co "Readers"'),
        ("[AB]I-*", 'profile.name co "I-"'),
        ("*", None),
        ("[ab]", None),
        ('West "A\\B"*', 'profile.name sw "West \\"A\\\\B\\""'),
        ("Größe*", 'profile.name sw "Größe"'),
    ],
)
def test_what_okta_is_asked_for(pattern: str, expected: str | None) -> None:
    assert _search(pattern) == expected


@given(st.text("abA*?[]!-^", min_size=1, max_size=6), st.text("abA[]!-^", max_size=5))
@example("[a]b", "ab")
@example("*[]a]b", "xab")
def test_everything_that_matches_is_asked_for(pattern: str, name: str) -> None:
    if not fnmatchcase(name, pattern):
        return
    search = _search(pattern)
    if search is None:
        return
    _, operator, literal = search.split(" ", 2)
    text = json.loads(literal).lower()
    found = {"eq": name.lower() == text, "sw": name.lower().startswith(text), "co": text in name.lower()}
    assert found[operator]
