"""Other people's text inside Markdown: nothing in it is markup, HTML or a link. Pure."""

from __future__ import annotations

import re

from okta_mi_provider.sync.text import one_line

#: Everything that CommonMark or its GitHub flavour could take for markup.
_MARKUP = re.compile(r"([\\`*_{}\[\]()#+\-.!|~>&:@])")
#: Where a viewer would see an address and make a link of it, whatever is escaped.
_ADDRESS = re.compile(r"(?<=\w)(?=://)|(?<=www)(?=\.)|(?=@)", re.IGNORECASE)
#: Joins two words and cannot be seen: no address goes on behind it.
_JOINER = "\u2060"


def escaped(text: str) -> str:
    """A sentence, with the names in it, as a part of a paragraph."""
    marked = _MARKUP.sub(r"\\\1", _ADDRESS.sub(_JOINER, text))
    return marked.replace("<", "&lt;").replace("\\>", "&gt;")


def code(text: str, limit: int = 200) -> str:
    """A name between backticks, as it is, cut at `limit` characters. No text at all is said in words."""
    shown = one_line(text, limit)
    if not shown:
        return "(empty)"
    longest = max((len(run) for run in re.findall(r"`+", shown)), default=0)
    fence = "`" * (longest + 1)
    # One blank at each end counts as the fence's, unless there is nothing else.
    pad = " " if shown.strip(" ") and (shown[0] in "` " or shown[-1] in "` ") else ""
    return f"{fence}{pad}{shown}{pad}{fence}"
