"""The `Link` header, read strictly: a link that was overlooked would be the end of a list that has more.

Source: RFC 8288, sections 3 and 3.3.
"""

from __future__ import annotations

import re

_TARGET = re.compile(r"[\s,]*<([^<>]*)>")
_PARAMETER = re.compile(r'\s*;\s*(?:([^\s=;,"<>]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"<>]*)))?)?')
_END = re.compile(r"\s*(?:,|$)")


def next_link(header: str) -> str | None:
    """Where the next page is; None if this is the last one.

    Raises:
        ValueError: If the header cannot be understood, or names several next pages.
    """
    targets = relations(header).get("next", set())
    if len(targets) > 1 or "" in targets:
        raise ValueError("there is not one next page")
    return next(iter(targets), None)


def relations(header: str) -> dict[str, set[str]]:
    """Where each relation leads, such as `self` and `next`, in small letters.

    Raises:
        ValueError: If the header cannot be understood.
    """
    targets: dict[str, set[str]] = {}
    at = 0
    while header[at:].strip(" \t,"):
        found = _TARGET.match(header, at)
        if found is None:
            raise ValueError("there is no link where one should be")
        target, names = found[1], None
        while parameter := _PARAMETER.match(header, found.end()):
            found = parameter
            name, inside_quotes, bare = parameter.groups()
            # The first one counts.
            if names is None and (name or "").casefold() == "rel":
                names = (inside_quotes or bare or "").casefold().split()
        end = _END.match(header, found.end())
        if end is None:
            raise ValueError("a link does not end where it should")
        at = end.end()
        for relation in names or ():
            targets.setdefault(relation, set()).add(target)
    return targets
