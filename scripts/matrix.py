"""Tests this package with every Airflow and Python that it claims to work with, one after the other.

Each pair is a cell: a new environment under `.matrix/`, with the versions of that Airflow's constraints file, in which
the tests run that depend on either of the two. The table at the end says how each cell went, and the exit code is 1 if
one of them failed. A Python that is not there is a failure as well: who wants fewer says so::

    make matrix
    make matrix PYTHONS="3.12 3.13"
    make matrix ONLY=3.2/3.13
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
_UV = (sys.executable, str(REPOSITORY / "scripts" / "uv_like_pip.py"))

#: Constraints of each Airflow. Our own: those that Airflow publishes are on a server that has to be reached, one for
#: each Python, and do not know what the tests need.
CONSTRAINTS = {"3.2": "constraints-airflow-3.2.txt", "3.3": "constraints.txt"}

#: What depends on Airflow or Python. The rest, on servers, processes and browsers, is the same in every cell.
TESTS = ("tests/unit", "tests/store", "tests/airflow", "tests/packaging/test_distributions.py")
#: As in the Makefile: a file of tests stays in one process.
IN_PARALLEL = ("--numprocesses=auto", "--maxprocesses=4", "--dist=loadfile")


class WrongChoice(Exception):
    """There is no such cell. The message says which there are."""


class NoPython(Exception):
    """No such Python on this machine, and none to be had."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One Airflow on one Python, both as `3.2`."""

    airflow: str
    python: str

    def __str__(self) -> str:
        return f"{self.airflow}/{self.python}"


@dataclass(frozen=True, slots=True)
class Result:
    """How the tests of a cell went.

    Attributes:
        trouble: Why they did not run to their end; empty if they did.
        failed: The tests that failed, by name.
        seconds: That the tests took.
    """

    passed: int = 0
    skipped: int = 0
    failed: Sequence[str] = field(default_factory=tuple)
    seconds: float = 0.0
    trouble: str = ""

    @property
    def good(self) -> bool:
        return bool(self.passed) and not self.failed and not self.trouble


def pythons_of(pyproject: str) -> list[str]:
    """The Pythons that the classifiers of a pyproject.toml promise."""
    classifiers = tomllib.loads(pyproject)["project"]["classifiers"]
    return [
        found[1] for each in classifiers if (found := re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", each))
    ]


def choose(pythons: Sequence[str], wanted: str, only: str) -> list[Cell]:
    """The cells to test.

    Args:
        pythons: All that are promised.
        wanted: Some of them, with blanks between; empty for all.
        only: A single cell, as `3.2/3.13`, or half of one, as `3.2/` or `/3.13`; empty for all.

    Raises:
        WrongChoice: If that leaves none, or names a version that there is not.
    """
    chosen = wanted.split() or list(pythons)
    airflow, _, python = only.partition("/")
    for value, known, what in (
        *((each, pythons, "PYTHONS") for each in chosen),
        *((each, list(CONSTRAINTS), "ONLY") for each in filter(None, [airflow])),
        *((each, chosen, "ONLY") for each in filter(None, [python])),
    ):
        if value not in known:
            raise WrongChoice(f"{what} names {value!r}; there are {', '.join(known)}")
    return [
        Cell(one, other) for one in CONSTRAINTS for other in chosen if airflow in {"", one} and python in {"", other}
    ]


def find_python(version: str, candidates: Iterable[Path]) -> str:
    """The first candidate that runs and is of this version; else the version itself, for uv to find or to download."""
    for candidate in candidates:
        command = [str(candidate), "-I", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - a Python
        except OSError:
            continue  # not for this machine
        if done.returncode == 0 and done.stdout.strip() == version:
            return str(candidate)
    return version


def candidates(version: str) -> Iterator[Path]:
    """Where a Python may be: this one, on the path, or with pyenv, whose commands are for what is selected only."""
    yield Path(sys.executable)
    for directory in os.get_exec_path():
        if (found := Path(directory) / f"python{version}").exists():
            yield found
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(pyenv.glob(f"versions/{version}.*/bin/python"), reverse=True)


def set_up(cell: Cell, place: Path) -> Path:
    """Makes the environment of a cell anew, and returns its Python.

    Raises:
        NoPython: If there is none of that version.
        subprocess.CalledProcessError: If something cannot be installed. Said on stderr.
    """
    shutil.rmtree(place, ignore_errors=True)
    found = find_python(cell.python, candidates(cell.python))
    # With pip, which the tests ask where packages come from.
    if subprocess.run([*_UV, "venv", "--quiet", "--seed", "--python", found, str(place)], check=False).returncode:  # noqa: S603
        raise NoPython(f"no Python {cell.python} on this machine; install it, or leave it out with PYTHONS")
    python = place / "bin" / "python"
    constraints = str(REPOSITORY / CONSTRAINTS[cell.airflow])
    install = ("pip", "install", "--quiet", "--compile-bytecode", "--python", str(python), "--constraint", constraints)
    subprocess.run([*_UV, *install, "--group", "dev", "--editable", "."], cwd=REPOSITORY, check=True)  # noqa: S603
    subprocess.run([*_UV, "pip", "check", "--quiet", "--python", str(python)], check=True)  # noqa: S603
    return python


def run_tests(python: Path, tests: Sequence[str], log: Path) -> Result:
    """Runs the tests with this Python, and writes what they print into a file."""
    outcome = log.with_suffix(".xml")
    outcome.unlink(missing_ok=True)
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AIRFLOW", "OKTA_", "MI_", "PYTEST", "PYTHON", "MAKE", "MFLAGS"))
    }
    environment["PATH"] = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
    # Cells must not see each other's caches.
    command = [str(python), "-m", "pytest", "-p", "no:cacheprovider", f"--junit-xml={outcome}", *tests]
    with log.open("w", encoding="utf-8") as output:
        done = subprocess.run(  # noqa: S603 - pytest alone
            command,
            cwd=REPOSITORY,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=False,
        )
    result = read_outcome(outcome)
    if done.returncode and not result.failed:
        return Result(trouble=f"pytest ended with {done.returncode}")
    return result


def read_outcome(file: Path) -> Result:
    """Reads what pytest has written about its tests."""
    if not file.exists():
        return Result(trouble="pytest has written no result")
    cases = list(ET.parse(file).iter("testcase"))  # noqa: S314 - pytest's own
    failed = [
        f"{case.get('classname')}::{case.get('name')}"
        for case in cases
        if case.find("failure") is not None or case.find("error") is not None
    ]
    skipped = sum(case.find("skipped") is not None for case in cases)
    seconds = sum(float(case.get("time", 0)) for case in cases)
    return Result(len(cases) - len(failed) - skipped, skipped, failed, seconds)


def judge(cell: Cell, tests: Sequence[str], directory: Path) -> Result:
    """Tests one cell, from nothing to its result. Whatever goes wrong is its failure, and the next one has its turn."""
    name = str(cell).replace("/", "-")
    log = directory / f"{name}.log"
    try:
        return run_tests(set_up(cell, directory / name), [*IN_PARALLEL, *tests], log)
    except NoPython as error:
        return Result(trouble=str(error))
    except subprocess.CalledProcessError:
        return Result(trouble="its packages cannot be installed together; see above")


def table(results: Iterable[tuple[Cell, Result]], version: Callable[[str], str]) -> str:
    """All results as a table of Markdown; `version` says which exactly an Airflow is."""
    lines = ["| Airflow | Python | result | passed | failed | skipped | seconds |", "|---|---|---|---|---|---|---|"]
    for cell, result in results:
        word = "passed" if result.good else result.trouble or "FAILED"
        counts = f"{result.passed} | {len(result.failed)} | {result.skipped} | {result.seconds:.0f}"
        lines.append(f"| {version(cell.airflow)} | {cell.python} | {word} | {counts} |")
    return "\n".join(lines)


def exact_version(airflow: str) -> str:
    """The version that the constraints of an Airflow pin."""
    text = (REPOSITORY / CONSTRAINTS[airflow]).read_text(encoding="utf-8")
    (found,) = re.findall(r"^apache-airflow==(\S+)", text, re.MULTILINE)
    return str(found)


def main(arguments: Sequence[str] | None = None, judge_cell: Callable[..., Result] = judge) -> int:
    """Tests the chosen cells and prints the table. Returns 1 if one has failed, 2 if there is no such cell."""
    parser = argparse.ArgumentParser(description="Tests this package with every Airflow and Python it works with.")
    parser.add_argument("--pythons", default="", help="some of the Pythons, with blanks between")
    parser.add_argument("--only", default="", help="one cell, as 3.2/3.13")
    parser.add_argument("--directory", type=Path, default=REPOSITORY / ".matrix", help="environments and logs")
    parser.add_argument("tests", nargs="*", default=TESTS, help="what to run instead of all that matters")
    chosen = parser.parse_args(arguments)
    try:
        cells = choose(
            pythons_of((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")), chosen.pythons, chosen.only
        )
    except WrongChoice as error:
        print(error, file=sys.stderr)
        return 2
    chosen.directory.mkdir(parents=True, exist_ok=True)
    results = []
    for cell in cells:
        print(f"Airflow {exact_version(cell.airflow)} on Python {cell.python} ...", file=sys.stderr, flush=True)
        results.append((cell, judge_cell(cell, chosen.tests, chosen.directory)))
    print(table(results, exact_version))
    for cell, result in results:
        for test in result.failed:
            print(f"{cell}: {test}")
    return 0 if all(result.good for _, result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
