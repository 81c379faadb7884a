"""Writes entries of a groups file, as `groups_file` reads them. Names in it are other people's text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import yaml

from okta_mi_provider.groups_file import GroupsFileError, parse
from okta_mi_provider.sync.text import one_line
from okta_mi_provider.yaml_nodes import compose, pairs

#: No line is folded: it would be harder to read, and to search for.
_WIDTH = 100_000


@dataclass(frozen=True, slots=True)
class Item:
    """One entry that is to be written.

    Attributes:
        values: What it says, by its keys. With a `name` only, it is written as that name.
        comment: Stands in the line above it; "" for none.
    """

    values: Mapping[str, Any]
    comment: str = ""


def document(items: Sequence[Item], *, heading: Iterable[str] = (), defaults: Mapping[str, Any] | None = None) -> str:
    """A whole groups file.

    Args:
        items: Its entries, at least one.
        heading: Comments at its top, a line each.
        defaults: What holds for every entry.
    """
    lines = [f"# {one_line(each, 500)}".rstrip() for each in heading]
    lines += [""] if lines else []
    if defaults:
        lines += ["defaults:", *(f"  {key}: {scalar(value)}" for key, value in defaults.items()), ""]
    return "\n".join([*lines, "groups:", *entries(items)]) + "\n"


def entries(items: Iterable[Item], *, indent: int = 2) -> list[str]:
    """The lines of some entries.

    Args:
        items: The entries.
        indent: Blanks in front of each.
    """
    lines: list[str] = []
    for item in items:
        lines += [f"# {one_line(item.comment, 500)}"] if item.comment else []
        if set(item.values) == {"name"}:
            lines.append(f"- {scalar(item.values['name'])}")
        else:
            pairs = [f"{key}: {scalar(value)}" for key, value in item.values.items()]
            lines += [f"- {pairs[0]}", *(f"  {pair}" for pair in pairs[1:])]
    return [" " * indent + line for line in lines]


def scalar(value: Any) -> str:
    """A text, number, flag, null, or list of texts in YAML, on one line; what cannot be seen is escaped."""
    texts = [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]
    style = None if all(text.isprintable() for text in texts) else '"'
    text: str = yaml.safe_dump(
        value, default_flow_style=True, default_style=style, allow_unicode=style is None, width=_WIDTH
    )
    return text.removesuffix("\n").removesuffix("\n...")


class CannotAdd(ValueError):
    """A groups file to which nothing can be added without writing it anew."""


def with_entries(text: str, items: Sequence[Item]) -> str:
    """A groups file with more entries behind those that it has. Everything else in it stays as it is, comments too.

    Args:
        text: The groups file, which can be read.
        items: The entries, at least one.

    Raises:
        CannotAdd: If the entries are not written one below the other, or would not be read as they are meant.
    """
    root = compose(text)
    pair = pairs(root, [])["groups"] if isinstance(root, yaml.MappingNode) else None
    if pair is None or not isinstance(pair.value, yaml.SequenceNode) or pair.value.flow_style:
        raise CannotAdd("its groups are not written one below the other, each behind a dash; write them so first")
    lines = text.splitlines(keepends=True)
    at = _line_behind(pair.value)
    newline = "\r\n" if lines[0].endswith("\r\n") else "\n"
    if at >= len(lines) and not lines[-1].endswith("\n"):
        lines[-1] += newline
    lines[at:at] = [line + newline for line in entries(items, indent=pair.value.start_mark.column)]
    written = "".join(lines)
    _raise_if_different(text, written, len(items))
    return written


def _line_behind(node: yaml.Node) -> int:
    """The number, from 0, of the line behind the last one of a node. Where a block ends, YAML counts comments to it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _line_behind(last[1] if isinstance(last, tuple) else last)
    mark = node.end_mark
    return int(mark.line if mark.column == 0 else mark.line + 1)


def _raise_if_different(before: str, after: str, more: int) -> None:
    """Proves by reading that nothing but new entries has come to a file."""
    try:
        old, new = parse(before, ""), parse(after, "")
    except GroupsFileError as error:
        raise CannotAdd(f"it could not be read any more: {error.mistakes[0].message}") from None
    entries_after = {each.dag_id: replace(each, line=0) for each in new.entries}
    kept = all(entries_after.get(each.dag_id) == replace(each, line=0) for each in old.entries)
    if not kept or len(new.entries) != len(old.entries) + more or len(new.broken) != len(old.broken):
        raise CannotAdd(
            "other entries in it would change their meaning, or the new ones are not read as they are meant"
        )
