"""The sentences in the code: what a call says to people, with `...` for what is filled in when it runs.

Read from the syntax, without running anything: a sentence that no test provokes is here as well.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import okta_mi_provider

PACKAGE = Path(okta_mi_provider.__file__).parent
#: Stands for what is filled in.
GAP = "..."
#: What names stand for, wherever they are given something.
Known = Mapping[str, Sequence[ast.expr]]


@dataclass(frozen=True, slots=True)
class Said:
    """A call that takes words.

    Attributes:
        call: Name of the function or class.
        arguments: The text of each argument by place; None for one that is no text.
        named: The same by name.
        where: File and line.
    """

    call: str
    arguments: tuple[str | None, ...]
    named: dict[str, str | None]
    where: str


@cache
def _sources() -> tuple[Path, ...]:
    """The files of the package, without the simulators, who speak as Okta and MI do."""
    return tuple(path for path in sorted(PACKAGE.rglob("*.py")) if "simulators" not in path.parts)


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def calls() -> tuple[Said, ...]:
    """Every call in the package."""
    return tuple(said for path in _sources() for said in _calls(path))


def returned(package: str) -> Iterator[tuple[str, str]]:
    """Every text that functions of a sub-package return, and every constant in capitals, with where it is."""
    for path in sorted((PACKAGE / package).rglob("*.py")):
        tree = _tree(path)
        where = path.relative_to(PACKAGE.parent)
        known = {**_shared(), **_texts(tree)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Return) and node.value and (text := text_of(node.value, known)):
                yield text, f"{where}:{node.lineno}"
        for name, values in _texts(tree).items():
            if name.isupper() and (text := text_of(values[-1], known)):
                yield text, f"{where}:{values[-1].lineno}"


def _calls(path: Path) -> Iterator[Said]:
    tree = _tree(path)
    where = str(path.relative_to(PACKAGE.parent))
    found = _calls_in(tree, {**_shared(), **_texts(tree)}, where)
    yield from sorted(found, key=lambda said: int(said.where.rpartition(":")[2]))


def _calls_in(scope: ast.AST, known: Known, where: str) -> Iterator[Said]:
    """The calls of a module or function, with those of the functions in it, which know its names."""
    for node in _own(scope):
        if isinstance(node, ast.FunctionDef):
            hidden = {argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)}
            outer = {name: value for name, value in known.items() if name not in hidden}
            yield from _calls_in(node, {**outer, **_texts(node)}, where)
        elif isinstance(node, ast.Call) and (name := _name(node.func)):
            yield Said(
                name,
                tuple(text_of(each, known) for each in node.args),
                {each.arg: text_of(each.value, known) for each in node.keywords if each.arg},
                f"{where}:{node.lineno}",
            )


def _own(scope: ast.AST) -> Iterator[ast.AST]:
    """Everything in a scope; of functions in it only that they are there."""
    waiting = list(ast.iter_child_nodes(scope))
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef):
            waiting += ast.iter_child_nodes(node)


def _texts(scope: ast.AST) -> Known:
    """What the names of a scope stand for."""
    found: dict[str, list[ast.expr]] = {}
    for node in _own(scope):
        match node:
            case ast.Assign([ast.Name(name)], value) | ast.AnnAssign(ast.Name(name), _, ast.expr() as value):
                found.setdefault(name, []).append(value)
            case ast.NamedExpr(ast.Name(name), value):
                found.setdefault(name, []).append(value)
    return {name: sorted(values, key=lambda value: value.lineno) for name, values in found.items()}


@cache
def _shared() -> Known:
    """Texts that modules import from each other: constants in capitals."""
    found: dict[str, Sequence[ast.expr]] = {}
    for path in _sources():
        tree = _tree(path)
        found |= {name: values for name, values in _texts(tree).items() if name.isupper() and not name.startswith("_")}
    return found


def _name(node: ast.expr) -> str | None:
    match node:
        case ast.Name(name) | ast.Attribute(_, name):
            return name
        case _:
            return None


def text_of(node: ast.expr, known: Known, depth: int = 4) -> str | None:
    """The text of an expression with gaps; None if it is no text, or nothing but gaps."""
    text = _text(node, known, depth)
    if text is None:
        return None
    text = re.sub(r"(\.\.\. ?){2,}", f"{GAP} ", text).strip()
    return text if re.search(r"[A-Za-z]", text) else None


def _text(node: ast.expr, known: Known, depth: int) -> str | None:
    match node:
        case ast.Constant(str(text)):
            return text
        case ast.JoinedStr(values):
            return "".join(_text(each, known, depth) or GAP for each in values)
        case ast.FormattedValue(value):
            return _text(value, known, depth)
        case ast.BinOp(left, ast.Add(), right):
            texts = [_text(each, known, depth) for each in (left, right)]
            return None if texts == [None, None] else "".join(each or GAP for each in texts)
        case ast.Name(name) if depth:
            meant = _meant(name, node.lineno, known)
            return _text(meant, known, depth - 1) if meant else None
        case _:
            return None


def _meant(name: str, line: int, known: Known) -> ast.expr | None:
    """What a name stands for in a line: what it was given last before, as far as the order of lines tells."""
    given = known.get(name, ())
    return next((each for each in reversed(given) if each.lineno <= line), given[0] if len(given) == 1 else None)
