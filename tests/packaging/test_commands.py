"""The commands that people and CI start: `make ...` and .ci/run."""

from __future__ import annotations

import os
import subprocess

import pytest


def test_ci_runs_make_test_and_fails_with_it(repository, tmp_path):
    fake_make = tmp_path / "make"
    fake_make.write_text('#!/bin/sh\necho "make $@ in $PWD"\nexit 7\n', encoding="utf-8")
    fake_make.chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        [repository / ".ci" / "run"], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout == f"make test in {repository}\n"
    assert done.returncode != 0


@pytest.mark.parametrize("part", ["ruff check", "ruff format --check", "/mypy ", "/lint-imports", "-m pytest "])
def test_make_test_runs_linters_and_all_tests(run, repository, part):
    assert part in _recipe(run, repository, "test")


def test_make_test_runs_every_directory_of_tests(run, repository):
    lines = [line for line in _recipe(run, repository, "test").splitlines() if "-m pytest" in line]
    directories = [word for line in lines for word in line.split() if word.startswith("tests/")]
    with_tests = {path.relative_to(repository).parts[1] for path in (repository / "tests").rglob("test_*.py")}
    # What has no test in it that pytest finds, has a target of its own.
    assert sorted(directories) == sorted(f"tests/{name}" for name in with_tests)
    assert directories[0] == "tests/unit"


def test_no_package_index_is_written_down(repository):
    for name in (
        "Makefile",
        ".ci/run",
        "docker/Dockerfile",
        "docker-compose.yaml",
        "scripts/uv_like_pip.py",
        "scripts/engine_without_registry.sh",
    ):
        text = (repository / name).read_text(encoding="utf-8")
        assert "pypi.org" not in text
        assert "://pypi" not in text


def _recipe(run, repository, target):
    return run("make", "--dry-run", "--always-make", "--no-print-directory", target, cwd=repository)
