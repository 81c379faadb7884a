"""`make matrix`: which cells it tests, with which Python, and what it says of them. The cells themselves are played."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from scripts import matrix
from scripts.matrix import (
    CONSTRAINTS,
    Cell,
    NoPython,
    Result,
    WrongChoice,
    choose,
    find_python,
    judge,
    main,
    read_outcome,
    run_tests,
)

PYTHONS = ["3.11", "3.12", "3.13"]
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def script(tmp_path):
    """Writes an executable that does as the text says."""

    def write(name: str, text: str) -> Path:
        file = tmp_path / name
        file.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        file.chmod(0o755)
        return file

    return write


def test_all_are_tested_unless_somebody_wants_fewer():
    assert len(choose(PYTHONS, "", "")) == 6
    assert {str(cell) for cell in choose(PYTHONS, "3.12 3.13", "")} == {"3.2/3.12", "3.2/3.13", "3.3/3.12", "3.3/3.13"}
    assert choose(PYTHONS, "", "3.2/3.13") == [Cell("3.2", "3.13")]
    assert [cell.python for cell in choose(PYTHONS, "", "3.3")] == PYTHONS
    assert [cell.airflow for cell in choose(PYTHONS, "", "/3.11")] == list(CONSTRAINTS)


@pytest.mark.parametrize(
    ("wanted", "only", "said"),
    [
        ("3.10", "", "PYTHONS names '3.10'; there are 3.11, 3.12, 3.13"),
        ("", "3.1/3.12", "ONLY names '3.1'; there are 3.2, 3.3"),
        ("", "3.2/3.9", "ONLY names '3.9'; there are 3.11, 3.12, 3.13"),
        ("3.11", "3.2/3.13", "ONLY names '3.13'; there are 3.11"),
    ],
)
def test_a_cell_that_is_not_there_is_an_error_and_never_nothing(wanted, only, said):
    with pytest.raises(WrongChoice) as error:
        choose(PYTHONS, wanted, only)
    assert str(error.value) == said


def test_a_wrong_choice_ends_it_with_a_sentence(capsys, tmp_path):
    assert main(["--only", "4.0", "--directory", str(tmp_path / "matrix")]) == 2
    assert capsys.readouterr().err == "ONLY names '4.0'; there are 3.2, 3.3\n"
    assert list(tmp_path.iterdir()) == []


def test_a_python_that_does_not_run_or_is_another_one_is_passed_over(script, tmp_path):
    shim = script("shim", "echo not selected >&2; exit 127")
    other = script("other", "echo 3.9")
    right = script("right", "echo 3.99")
    no_program = tmp_path / "text"
    no_program.write_text("", encoding="utf-8")

    assert find_python("3.99", [shim, no_program, other, right]) == str(right)
    assert find_python("3.99", [shim, other]) == "3.99", "for uv to find"


def test_the_python_that_runs_it_is_good_for_its_own_version():
    assert find_python(VERSION, matrix.candidates(VERSION)) == sys.executable


def test_a_python_that_is_missing_fails_its_cell(tmp_path, monkeypatch):
    def nowhere(cell, place):
        raise NoPython("no Python 3.99 on this machine")

    monkeypatch.setattr(matrix, "set_up", nowhere)
    result = judge(Cell("3.3", "3.99"), [], tmp_path)
    assert not result.good
    assert result.trouble == "no Python 3.99 on this machine"


def test_uv_is_asked_for_a_python_that_nobody_has(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    with pytest.raises(NoPython, match=r"no Python 3\.99 .*PYTHONS"):
        matrix.set_up(Cell("3.3", "3.99"), tmp_path / "cell")
    assert "3.99" in capfd.readouterr().err


def test_the_results_come_from_pytest_itself(tmp_path):
    tests = tmp_path / "test_three.py"
    tests.write_text(
        "import os, pytest\n"
        "def test_good(): assert 'AIRFLOW_HOME' not in os.environ\n"
        "def test_bad(): assert False\n"
        "@pytest.mark.skip\n"
        "def test_left_out(): pass\n",
        encoding="utf-8",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_HOME", "/elsewhere")
        result = run_tests(Path(sys.executable), [str(tests)], tmp_path / "cell.log")
    assert (result.passed, result.skipped, [name.rpartition("::")[2] for name in result.failed]) == (1, 1, ["test_bad"])
    assert not result.good
    assert "test_bad" in (tmp_path / "cell.log").read_text(encoding="utf-8")


def test_tests_that_do_not_run_are_no_success(tmp_path):
    result = run_tests(Path(sys.executable), ["no_such_file.py"], tmp_path / "cell.log")
    assert not result.good
    assert result.trouble == "pytest ended with 4"
    assert read_outcome(tmp_path / "none.xml") == Result(trouble="pytest has written no result")


def test_the_table_says_how_each_cell_went_and_the_exit_code_whether_all_did(capsys, tmp_path):
    played = {
        "3.2/3.12": Result(passed=7, skipped=1, seconds=61.2),
        "3.2/3.13": Result(passed=6, failed=["tests.unit.test_x::test_y"], seconds=9),
        "3.3/3.12": Result(passed=8, seconds=5),
        "3.3/3.13": Result(trouble="no Python 3.13"),
    }
    arguments = ["--pythons", "3.12 3.13", "--directory", str(tmp_path)]

    assert main(arguments, lambda cell, *_: played[str(cell)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[1:4] for line in lines if line.startswith("| 3")] == [
        ["3.12", "passed", "7"], ["3.13", "FAILED", "6"], ["3.12", "passed", "8"], ["3.13", "no Python 3.13", "0"],
    ]  # fmt: skip
    assert "3.2/3.13: tests.unit.test_x::test_y" in lines
    assert main([*arguments, "--only", "3.2/3.12"], lambda cell, *_: played[str(cell)]) == 0


def test_make_hands_over_what_was_chosen(run, repository):
    command = ("make", "--dry-run", "--no-print-directory", "matrix", "ONLY=3.2/3.13", "PYTHONS=3.12 3.13")
    recipe = run(*command, cwd=repository)
    assert "scripts/matrix.py --pythons '3.12 3.13' --only '3.2/3.13'" in recipe
