"""constraints.txt: one pin for each package we install, on every supported Python, and nothing else."""

from __future__ import annotations

import re

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PINNED = re.compile(r"[a-z0-9][a-z0-9.-]*==[^\s;@/]+( ; [^/@]+)?")


@pytest.fixture(scope="module")
def lines(repository):
    return (repository / "constraints.txt").read_text(encoding="utf-8").splitlines()


def test_it_holds_versions_only(lines):
    assert [line for line in lines if not PINNED.fullmatch(line)] == []


@pytest.mark.parametrize("python", ["3.11", "3.12"])
def test_each_package_has_one_version_on_each_python(lines, python, pyproject):
    environment = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux"}
    pins = [Requirement(line) for line in lines]
    names = [pin.name for pin in pins if pin.marker is None or pin.marker.evaluate(environment)]
    assert len(names) == len(set(names))
    groups = pyproject["dependency-groups"]
    wanted = [*pyproject["project"]["dependencies"], *groups["dev"], *groups["docs"], *groups["image"]]
    assert {canonicalize_name(Requirement(each).name) for each in wanted} <= set(names)


def test_airflow_is_the_version_of_makefile_and_kubernetes(lines, repository):
    (airflow,) = (line.removeprefix("apache-airflow==") for line in lines if line.startswith("apache-airflow=="))
    assert f"AIRFLOW ?= {airflow}\n" in (repository / "Makefile").read_text(encoding="utf-8")
    kubernetes = (repository / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    assert f"FROM apache/airflow:{airflow}\n" in kubernetes
    assert f'airflowVersion: "{airflow}"\n' in kubernetes
