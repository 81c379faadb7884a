"""What people call in a DAG file: signatures and docstrings, read from the source without importing Airflow."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator

from scripts.reference.markdown import code, prose, table
from scripts.reference.sentences import PACKAGE

#: What is for other people's DAG files, by its module.
_PUBLIC = (
    ("okta_mi_provider.dag_factory", "build_dags"),
    ("okta_mi_provider.operators.provision", "ProvisionOperator"),
)
_SECTION = re.compile(r"^(Args|Returns|Raises):\n((?:    .*\n?|\n)+)", re.MULTILINE)
_HEADS = {"Args": ("argument", "meaning"), "Raises": ("error", "when")}


def operators() -> str:
    """A section for each."""
    return "\n\n".join(_section(module, name) for module, name in _PUBLIC)


def _section(module: str, name: str) -> str:
    path = PACKAGE.parent.joinpath(*module.split(".")).with_suffix(".py")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    (node,) = (each for each in tree.body if isinstance(each, ast.FunctionDef | ast.ClassDef) and each.name == name)
    doc = textwrap.dedent(ast.get_docstring(node) or "") + "\n"
    signature = f"from {module} import {name}\n\n{name}({_arguments(node)})"
    parts = [f"## {name}", f"```python\n{signature}\n```", prose(_SECTION.sub("", doc).strip())]
    for title, body in _SECTION.findall(doc):
        if title in _HEADS:
            parts.append(table(_HEADS[title], _entries(textwrap.dedent(body))))
        else:
            parts.append(f"Returns: {prose(textwrap.dedent(body).strip())}")
    if isinstance(node, ast.ClassDef) and (fields := _template_fields(node)):
        parts.append(f"Templated: {', '.join(map(code, fields))}.")
    return "\n\n".join(parts)


def _arguments(node: ast.FunctionDef | ast.ClassDef) -> str:
    if isinstance(node, ast.ClassDef):
        node = next(each for each in node.body if isinstance(each, ast.FunctionDef) and each.name == "__init__")
        node.args.args = node.args.args[1:]
    return ast.unparse(node.args)


def _entries(body: str) -> Iterator[tuple[str, str]]:
    for name, meaning in re.findall(r"^(\w+): (.*(?:\n    .*)*)", body, re.MULTILINE):
        yield code(name), prose(" ".join(meaning.split()))


def _template_fields(node: ast.ClassDef) -> list[str]:
    for each in node.body:
        if isinstance(each, ast.AnnAssign) and ast.unparse(each.target) == "template_fields" and each.value:
            return list(ast.literal_eval(each.value))
    return []
