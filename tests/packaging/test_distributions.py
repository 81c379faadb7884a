"""The wheel and the sdist: what is in them, and that they install."""

from __future__ import annotations

import configparser
import re
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path, PurePosixPath

import pytest
from packaging.requirements import Requirement
from readme_renderer import markdown

import okta_mi_provider
from scripts.matrix import REPOSITORY, pythons_of

PACKAGE = "okta_mi_provider"


@pytest.fixture(scope="module")
def wheel_files(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def dist_info(wheel_files):
    (name,) = {PurePosixPath(file).parts[0] for file in wheel_files if ".dist-info/" in file}
    return name


@pytest.fixture(scope="module")
def sdist_names(sdist):
    with tarfile.open(sdist) as archive:
        return {str(PurePosixPath(*PurePosixPath(name).parts[1:])) for name in archive.getnames()}


def test_the_wheel_holds_the_package_and_nothing_else(wheel_files, dist_info):
    assert {PurePosixPath(file).parts[0] for file in wheel_files} == {PACKAGE, dist_info}


def test_every_file_of_the_package_is_in_the_wheel(wheel_files, repository):
    paths = [path.relative_to(repository) for path in (repository / PACKAGE).rglob("*") if path.is_file()]
    # The example DAGs would show up in everybody's Airflow.
    left_out = re.compile(r"__pycache__|example_dags|\.\w+")
    files = {path.as_posix() for path in paths if not any(left_out.fullmatch(part) for part in path.parts)}
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


def test_the_pythons_are_those_of_the_matrix(pyproject):
    promised = pythons_of((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    assert promised == ["3.11", "3.12", "3.13"]
    assert pyproject["project"]["requires-python"] == f">={promised[0]}"


def test_the_licence_is_the_whole_text_of_the_one_that_the_metadata_names(wheel_files, dist_info):
    text = wheel_files[f"{dist_info}/licenses/LICENSE"].decode()
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_no_link_on_the_page_of_pypi_leads_nowhere(wheel_files, dist_info, repository):
    message = Parser().parsestr(wheel_files[f"{dist_info}/METADATA"].decode())
    assert message["Description-Content-Type"] == "text/markdown"
    page = markdown.render(message.get_payload())
    assert page, "PyPI would show no description"
    links = re.findall(r'(?:href|src)="([^"]*)"', page)
    # Beside each heading the page itself puts one to that heading.
    here = {f"#{name}" for name in re.findall(r'id="([^"]*)"', page)}
    assert [link for link in links if link not in here and not re.match(r"https?://", link)] == []
    # Ours, at the tag of this version. What a link names must be there.
    ours = re.compile(rf"https://\S+/okta-mi-provider/(?:blob/)?v{re.escape(okta_mi_provider.__version__)}/([^#]+)")
    named = {found[1] for link in links if (found := ours.fullmatch(link.partition("#")[0]))}
    assert named >= {"docs/operations.md", "docs/pictures/dags.png", "README.md"}
    assert [name for name in named if not (repository / name).exists()] == []


def test_the_sdist_is_all_that_git_has(sdist_names, run, repository):
    if not (repository / ".git").exists():
        pytest.skip("not a Git checkout: this is the sdist itself")
    tracked = {name for name in run("git", "ls-files", cwd=repository).splitlines() if (repository / name).exists()}
    assert tracked - sdist_names == set()


def test_the_sdist_holds_nothing_that_a_work_tree_leaves_about(sdist_names):
    unwanted = re.compile(r"(.*/)?(__pycache__|\.\w+_cache|\.git|\.hypothesis|\.env|\w+\.egg-info|[^/]+\.pyc)(/.*)?")
    assert [name for name in sdist_names if unwanted.fullmatch(name)] == []
    tops = {name.partition("/")[0] for name in sdist_names}
    assert tops & {".venv", ".matrix", ".demo", ".cache", "dist", "build", "site"} == set()


def test_it_installs_into_an_empty_environment(run, installed, tmp_path):
    # Without any dependency: Airflow loads the metadata of all providers in all its processes.
    script = (
        "import importlib.metadata, okta_mi_provider\n"
        "(found,) = importlib.metadata.entry_points(group='apache_airflow_provider')\n"
        "print(okta_mi_provider.__file__, okta_mi_provider.__version__, found.load()()['package-name'])\n"
    )
    file, version, name = run(installed / "bin" / "python", "-c", script, cwd=tmp_path).split()
    assert Path(file).is_relative_to(installed)
    assert (version, name) == (okta_mi_provider.__version__, "okta-mi-provider")
    assert (installed / "bin" / "okta-mi").exists()


def test_type_checkers_of_others_see_our_types(installed, tmp_path):
    (tmp_path / "theirs.py").write_text(
        "from okta_mi_provider.settings import SyncSettings\n"
        "right: bool = SyncSettings(dry_run=True).dry_run\n"
        "wrong: int = SyncSettings(dry_run=True).auto_create\n"
        "SyncSettings(dryrun=True)\n",
        encoding="utf-8",
    )
    command = [
        *(sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--cache-dir", tmp_path / "cache"),
        *("--config-file", "", "--python-executable", installed / "bin" / "python", "theirs.py"),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    found = re.findall(r"^theirs\.py:(\d+): error: .*\[([\w-]+)\]$", done.stdout, re.MULTILINE)
    assert found == [("3", "assignment"), ("4", "call-arg")], done.stdout + done.stderr
