"""The constraints of each Airflow: one pin for each package we install, on every supported Python, and nothing else."""

from __future__ import annotations

import re

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts.matrix import CONSTRAINTS

PINNED = re.compile(r"[a-z0-9][a-z0-9.-]*==[^\s;@/]+( ; [^/@]+)?")


NEWEST = max(CONSTRAINTS)
#: The groups of dependencies that the files pin.
GROUPS = ("dev", "docs", "image", "sbom")


@pytest.fixture(scope="module", params=CONSTRAINTS)
def airflow(request):
    return request.param


@pytest.fixture(scope="module")
def lines(repository, airflow):
    return (repository / CONSTRAINTS[airflow]).read_text(encoding="utf-8").splitlines()


def test_it_holds_versions_only(lines):
    assert [line for line in lines if not PINNED.fullmatch(line)] == []


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_each_package_has_one_version_on_each_python(lines, python, pyproject):
    environment = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux"}
    pins = [Requirement(line) for line in lines]
    names = [pin.name for pin in pins if pin.marker is None or pin.marker.evaluate(environment)]
    assert len(names) == len(set(names))
    groups = pyproject["dependency-groups"]
    wanted = [*pyproject["project"]["dependencies"], *(each for name in GROUPS for each in groups[name])]
    assert {canonicalize_name(Requirement(each).name) for each in wanted} <= set(names)


def test_each_file_pins_an_airflow_of_its_line(lines, airflow):
    (pinned,) = (line.removeprefix("apache-airflow==") for line in lines if line.startswith("apache-airflow=="))
    assert pinned.startswith(f"{airflow}.")


def test_the_oldest_airflow_is_the_one_that_the_metadata_demands(pyproject):
    (demanded,) = (each for each in pyproject["project"]["dependencies"] if each.startswith("apache-airflow>"))
    assert demanded == f"apache-airflow>={min(CONSTRAINTS)}"


def test_airflow_is_the_version_of_makefile_and_kubernetes(repository):
    lines = (repository / CONSTRAINTS[NEWEST]).read_text(encoding="utf-8").splitlines()
    (airflow,) = (line.removeprefix("apache-airflow==") for line in lines if line.startswith("apache-airflow=="))
    assert f"AIRFLOW ?= {airflow}\n" in (repository / "Makefile").read_text(encoding="utf-8")
    kubernetes = (repository / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    assert f"FROM apache/airflow:{airflow}\n" in kubernetes
    assert f'airflowVersion: "{airflow}"\n' in kubernetes
