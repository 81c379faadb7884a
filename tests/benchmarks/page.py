"""docs/performance.md: one section for each benchmark, which is written anew when the benchmark is run."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "performance.md"

_HEAD = """\
# Performance

This page is written by `make bench`; do not edit it. `make bench ONLY=diff` writes a single section, `BIG=1` adds a
million users, `OTHERS=1` other people's software beside ours, and `QUICK=1` measures with a tenth of the users and
writes nothing.

The servers are the package's simulators, asked over HTTP. They run in one process of their own on the same machine:
their CPU time is not in the figures, but they compete for the cores, and so does whatever else runs there; see the
load. CPU time (user and system) and peak memory are what the system has counted for the measured process alone, from
its start to its end, imports included. *Memory* is over that of an interpreter that has only imported `requests`.

The *bound* is the time that the servers need: the same requests, sent by a bare loop of `http.client` that reads
every answer and looks at none, Okta beside MI, writes as many at a time as ours. *Ratio* is our time, process start
included, over that.
"""
_SECTION = re.compile(r"<!-- begin (\w+) -->\n(.*?)<!-- end \1 -->\n", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Target:
    """A limit that the project has set itself, and what was measured."""

    what: str
    limit: str
    measured: str
    met: bool


@dataclass(frozen=True, slots=True)
class Findings:
    """What a benchmark has found.

    Attributes:
        title: Of its section.
        text: Markdown.
        targets: The project's own, for what was measured.
    """

    title: str
    text: str
    targets: Sequence[Target] = ()

    def markdown(self, load: float) -> str:
        """The section.

        Args:
            load: The load average of the machine, before.
        """
        parts = [f"## {self.title}", f"Measured on {_today()}: {_machine()}, load {load:.1f} before.", self.text]
        if self.targets:
            rows = ((each.what, each.limit, each.measured, "yes" if each.met else "**no**") for each in self.targets)
            parts.append(table(["target", "limit", "measured", "met"], rows))
        return "\n\n".join(parts) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table in Markdown; all columns but the first are aligned to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def write(name: str, section: str, order: Sequence[str]) -> None:
    """Puts a section into the page, in place of what it was.

    Args:
        name: Of the benchmark.
        section: Markdown.
        order: The names of all benchmarks, as they shall follow each other.
    """
    known = dict(_SECTION.findall(PAGE.read_text("utf-8"))) if PAGE.exists() else {}
    known[name] = section
    sections = (f"<!-- begin {each} -->\n{known[each]}<!-- end {each} -->\n" for each in order if each in known)
    PAGE.write_text("\n".join([_HEAD, *sections]), "utf-8")


def _today() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d}"


def _machine() -> str:
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, {python}"
