"""YAML with the place of everything in it, so that each mistake can name its line.

Only what a configuration needs: mappings, lists, texts, numbers, true, false and null. No tags, no merge keys, and
nothing is built from a node that was not asked for, so that aliases cannot blow a small file up.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import yaml

from okta_mi_provider.kinds import show
from okta_mi_provider.sync.text import one_line, quoted
from okta_mi_provider.yaml_slips import slip

_TAG = "tag:yaml.org,2002:"
_SCALARS = frozenset({"null", "bool", "int", "float", "str"})
#: Resolved by YAML 1.1 without being asked; here they are the texts they look like.
_TEXTS = frozenset({"timestamp", "value", "merge"})
#: Lists and mappings in each other; a groups file needs four.
_DEEPEST = 20
_LOADER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Mistake(NamedTuple):
    """Something wrong in a file. Line and column count from 1; line 0 means the file as a whole."""

    line: int
    column: int
    message: str

    def at(self, file: str) -> str:
        """The mistake with its place, as editors and terminals understand it."""
        return f"{file}:{self.line}:{self.column}: {self.message}" if self.line else f"{file}: {self.message}"


class Pair(NamedTuple):
    """A key of a mapping with what stands behind it."""

    key: yaml.Node
    value: yaml.Node


def compose(text: str) -> yaml.Node | Mistake | None:
    """The root of a document; None if it is empty; a mistake if it is not YAML."""
    try:
        # First as a stream: the composer in C is recursive and has no limit of its own.
        depth = 0
        for event in yaml.parse(text, Loader=_LOADER):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:
                return _at(event.start_mark, "nested too deeply")
        node: yaml.Node | None = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        message = slip(text, error) or " ".join(filter(None, [error.context, error.problem]))
        return _at(error.problem_mark or error.context_mark, f"not YAML: {message}")
    except yaml.reader.ReaderError as error:
        # What is not allowed is so everywhere; its position is counted in bytes by one loader, and not by the other.
        found = chr(error.character)
        before = text.partition(found)[0].split("\n")
        return Mistake(len(before), len(before[-1]) + 1, f"not YAML: the character {quoted(found)} is not allowed")
    except (yaml.YAMLError, ValueError) as error:
        return Mistake(0, 0, f"not YAML: {one_line(str(error))}")
    return node


def mistake(node: yaml.Node, message: str) -> Mistake:
    """A mistake at the place of a node."""
    return _at(node.start_mark, message)


def pairs(node: yaml.MappingNode, mistakes: list[Mistake]) -> dict[str, Pair]:
    """The pairs of a mapping by their keys. Of a key that is there twice, the first; the other is a mistake."""
    found: dict[str, Pair] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            mistakes.append(mistake(key, "a key must be a word"))
        elif key.tag == f"{_TAG}merge":
            mistakes.append(mistake(key, "merge keys (<<) are not supported; put what is common under defaults"))
        elif key.value in found:
            first = found[key.value].key.start_mark.line + 1
            mistakes.append(mistake(key, f"{one_line(key.value)}: is there already, on line {first}"))
        else:
            found[key.value] = Pair(key, value)
    return found


def plain(node: yaml.Node) -> Any:
    """A scalar, or a list of scalars, as a Python value.

    Raises:
        ValueError: If it is something else.
    """
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node)
    if isinstance(node, yaml.SequenceNode):
        if not all(isinstance(item, yaml.ScalarNode) for item in node.value):
            raise ValueError("a list may hold nothing but words and numbers here")
        return [_scalar(item) for item in node.value]
    raise ValueError("a mapping is not allowed here")


def as_written(node: yaml.Node, message: str) -> str:
    """What is wrong with the value of a node, with the value as it stands there: YAML reads `yes` as True."""
    for each in node.value if isinstance(node, yaml.SequenceNode) else [node]:
        if not isinstance(each, yaml.ScalarNode) or each.tag == f"{_TAG}str":
            continue
        try:
            shown = show(_scalar(each))
        except ValueError:
            # That is the mistake, and its message has the text.
            continue
        if message.startswith(f"{shown} "):
            rest = message.removeprefix(shown)
            return f"{one_line(each.value, 80)}{rest}" if each.value else f"empty;{rest.partition(';')[2]}"
    return message


def _at(mark: Any, message: str) -> Mistake:
    return Mistake(mark.line + 1, mark.column + 1, message) if mark else Mistake(0, 0, message)


def _scalar(node: yaml.ScalarNode) -> Any:
    tag = node.tag.removeprefix(_TAG)
    if tag in _TEXTS:
        return node.value
    if tag not in _SCALARS:
        raise ValueError(f"tags such as {one_line(node.tag)} are not allowed")
    try:
        return yaml.constructor.SafeConstructor().construct_object(node)
    except (ValueError, KeyError, yaml.YAMLError):
        raise ValueError(f"{show(node.value)} is not a number; if it is a text, put it in quotes") from None
