"""The pages with generated parts: what they should be, and what they are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from okta_mi_provider.groups_schema import json_schema
from scripts.reference.sections import SECTIONS

REPOSITORY = Path(__file__).resolve().parents[2]
_PART = re.compile(r"(?<=<!-- reference: )(?P<name>[\w ]+) -->\n.*?\n?(?=<!-- /reference -->)", re.DOTALL)
_SCHEMA = REPOSITORY / "okta_mi_provider" / "okta_groups.schema.json"


class PageError(ValueError):
    """A page that asks for what there is not, or a part that stands on no page."""


def documents() -> list[Path]:
    """Every Markdown file that a generated part may stand in."""
    return [*sorted(REPOSITORY.glob("*.md")), *sorted((REPOSITORY / "docs").rglob("*.md"))]


def generated() -> Iterator[tuple[Path, str]]:
    """Each file with a generated part, and the text that it should have.

    Raises:
        PageError: If a page names a part that does not exist, or a part stands on no page, or on several.
    """
    found: dict[str, Path] = {}
    for path in documents():
        text = path.read_text(encoding="utf-8")
        names = [match["name"] for match in _PART.finditer(text)]
        for name in names:
            if name not in SECTIONS:
                raise PageError(f"{path.name}: there is no part {name!r}; there are {', '.join(SECTIONS)}")
            if name in found:
                raise PageError(f"{path.name}: the part {name!r} stands in {found[name].name} already")
            found[name] = path
        if names:
            yield path, _PART.sub(lambda match: f"{match['name']} -->\n\n{SECTIONS[match['name']]()}\n\n", text)
    missing = sorted(set(SECTIONS) - set(found))
    if missing:
        raise PageError(f"No page has the parts {', '.join(missing)}")
    yield _SCHEMA, json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def out_of_date() -> dict[Path, str]:
    """The files that are not as they should be, with the text that they should have."""
    return {path: text for path, text in generated() if path.read_text(encoding="utf-8") != text}
