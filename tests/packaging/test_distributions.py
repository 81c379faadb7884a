"""The wheel and the sdist: what is in them, and that they install."""

from __future__ import annotations

import configparser
import re
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path, PurePosixPath

import pytest
from packaging.requirements import Requirement

import okta_mi_provider

PACKAGE = "okta_mi_provider"


@pytest.fixture(scope="module")
def wheel_files(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def dist_info(wheel_files):
    (name,) = {PurePosixPath(file).parts[0] for file in wheel_files if ".dist-info/" in file}
    return name


def test_the_wheel_holds_the_package_and_nothing_else(wheel_files, dist_info):
    assert {PurePosixPath(file).parts[0] for file in wheel_files} == {PACKAGE, dist_info}


def test_every_file_of_the_package_is_in_the_wheel(wheel_files, repository):
    paths = [path.relative_to(repository) for path in (repository / PACKAGE).rglob("*") if path.is_file()]
    caches = re.compile(r"__pycache__|\.\w+")
    files = {path.as_posix() for path in paths if not any(caches.fullmatch(part) for part in path.parts)}
    assert files == {file for file in wheel_files if file.startswith(f"{PACKAGE}/")}
    assert f"{PACKAGE}/py.typed" in files


def test_entry_points_are_those_of_pyproject(wheel_files, dist_info, pyproject):
    parser = configparser.ConfigParser(delimiters=("=",))
    parser.optionxform = str
    parser.read_string(wheel_files[f"{dist_info}/entry_points.txt"].decode())
    project = pyproject["project"]
    assert {section: dict(parser[section]) for section in parser.sections()} == {
        "console_scripts": project["scripts"],
        **project["entry-points"],
    }


def test_the_metadata_is_that_of_pyproject(wheel_files, dist_info, pyproject):
    metadata = Parser().parsestr(wheel_files[f"{dist_info}/METADATA"].decode())
    project = pyproject["project"]
    assert metadata["Name"] == "okta-mi-provider", "Airflow derives the module's name from it"
    assert metadata["Version"] == okta_mi_provider.__version__
    assert metadata["License-Expression"] == "Apache-2.0"
    assert {Requirement(each) for each in metadata.get_all("Requires-Dist")} == {
        Requirement(each) for each in project["dependencies"]
    }
    assert f"{dist_info}/licenses/LICENSE" in wheel_files


def test_the_sdist_can_be_built_and_tested(sdist):
    with tarfile.open(sdist) as archive:
        names = {str(PurePosixPath(*PurePosixPath(name).parts[1:])) for name in archive.getnames()}
    assert names >= {"pyproject.toml", "LICENSE", "README.md", "constraints.txt", "tests/packaging/conftest.py"}
    assert not [name for name in names if PurePosixPath(name).parts[0] in {".demo", ".venv", "dist"}]


def test_it_installs_into_an_empty_environment(uv, run, wheel, tmp_path):
    environment = tmp_path / "venv"
    uv("venv", "--quiet", "--python", sys.executable, environment)
    python = environment / "bin" / "python"
    uv("pip", "install", "--quiet", "--no-deps", "--python", python, wheel)
    # Without any dependency: Airflow loads the metadata of all providers in all its processes.
    script = (
        "import importlib.metadata, okta_mi_provider\n"
        "(found,) = importlib.metadata.entry_points(group='apache_airflow_provider')\n"
        "print(okta_mi_provider.__file__, okta_mi_provider.__version__, found.load()()['package-name'])\n"
    )
    file, version, name = run(python, "-c", script, cwd=tmp_path).split()
    assert Path(file).is_relative_to(environment)
    assert (version, name) == (okta_mi_provider.__version__, "okta-mi-provider")
    assert (environment / "bin" / "okta-mi").exists()
