"""The next page in a `Link` header: found however it is written, and nothing else taken for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okta_mi_provider.clients.links import next_link

targets = st.text(st.characters(codec="latin-1", exclude_characters="<>", exclude_categories=("Cc",)), min_size=1)
words = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=8)
quoted_texts = st.text(st.characters(codec="ascii", exclude_categories=("Cc",)), max_size=12).map(
    lambda text: '"' + text.replace("\\", r"\\").replace('"', r"\"") + '"'
)
others = st.tuples(words.filter(lambda name: name != "rel"), st.none() | words | quoted_texts).map(
    lambda pair: pair[0] if pair[1] is None else f"{pair[0]}={pair[1]}"
)
relations = st.sampled_from(["next", "NEXT", '"next"', '"Next"', '"last next"'])
no_relations = st.sampled_from(["self", '"self"', '"prev first"', '"nextish"', ""])
blanks = st.sampled_from(["", " ", "  "])


@st.composite
def links(draw: st.DrawFn, relation: st.SearchStrategy[str], target: st.SearchStrategy[str] = targets) -> str:
    """One link, with its relation somewhere among other parameters."""
    before, after = draw(st.lists(others, max_size=3)), draw(st.lists(others, max_size=3))
    parameters = [*before, f"{draw(st.sampled_from(['rel', 'REL', 'Rel']))}={draw(relation)}", *after]
    return f"<{draw(target)}>" + "".join(f"{draw(blanks)};{draw(blanks)}{each}" for each in parameters)


@given(st.data(), targets, st.lists(links(no_relations), max_size=3), st.lists(links(no_relations), max_size=3))
def test_the_next_page_is_found_wherever_it_stands(
    data: st.DataObject, target: str, before: list[str], after: list[str]
) -> None:
    link = data.draw(links(relations, st.just(target)))
    assert next_link(", ".join([*before, link, *after])) == target


@given(st.lists(links(no_relations), max_size=4))
def test_without_a_next_page_there_is_none(every: list[str]) -> None:
    assert next_link(",".join(every)) is None


@given(st.text(max_size=80) | st.text('<>;,="\\ nextrl', max_size=40))
def test_anything_else_is_an_error_or_no_next_page(header: str) -> None:
    try:
        found = next_link(header)
    except ValueError:
        return
    assert found is None or f"<{found}>" in header


def test_two_next_pages_are_an_error() -> None:
    with pytest.raises(ValueError, match="not one next page"):
        next_link('</a>; rel="next", </b>; rel="next"')


@pytest.mark.parametrize("header", ["<" * 60_000, '</a>; x="' + "\\" * 60_000, "</a>" + " " * 60_000 + "x"])
def test_a_long_header_that_is_none_is_an_error(header: str) -> None:
    with pytest.raises(ValueError, match="link"):
        next_link(header)


def test_a_header_of_many_links_is_read() -> None:
    assert next_link("</a>;x;y," * 5_000 + "</b>; rel=next") == "/b"
