"""The bill of materials: valid, complete, without a trace of the machine that wrote it, and the same each time."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import okta_mi_provider

#: Run beside CycloneDX's own library, which brings the schemas. Its own validation takes much longer.
VALIDATE = """
import json, sys
from pathlib import Path
import cyclonedx.schema._res as schemas, jsonschema_rs

def schema(url):
    return json.loads(Path(schemas.__file__).with_name(url.rpartition("/")[2]).read_text("utf-8"))

validator = jsonschema_rs.Draft7Validator(schema("bom-1.6.SNAPSHOT.schema.json"), retriever=schema)
for error in validator.iter_errors(json.loads(Path(sys.argv[1]).read_text("utf-8"))):
    print(error.instance_path, error.message)
"""


@pytest.fixture(scope="module")
def write(repository, wheel, run, tmp_path_factory):
    """Writes the bill of the wheel, each time in another place."""

    def write_sbom(**environment):
        place = tmp_path_factory.mktemp("sbom")
        shutil.copy(wheel, place)
        command = [sys.executable, repository / "scripts" / "sbom.py", "--no-validate", place / wheel.name]
        printed = run(*command, cwd=place, **environment)
        (found,) = place.glob("*.json")
        assert printed.strip() == str(found)
        return found

    return write_sbom


@pytest.fixture(scope="module")
def file(write):
    return write()


@pytest.fixture(scope="module")
def bill(file):
    return json.loads(file.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def components(bill):
    return {canonicalize_name(each["name"]): each for each in bill["components"]}


def test_it_meets_the_schema_of_cyclonedx(file, bill, uv, repository, tmp_path):
    tool = ("tool", "run", "--quiet", "--constraints", repository / "constraints.txt", "--with", "jsonschema-rs")
    validate = (*tool, "--from", "cyclonedx-bom", "python", "-c", VALIDATE)
    assert uv(*validate, file) == ""
    wrong = tmp_path / "wrong.json"
    bill["components"][0]["licenses"] = [{"license": {"id": "Mine"}}]
    wrong.write_text(json.dumps(bill), encoding="utf-8")
    assert uv(*validate, wrong) != "", "or the check checks nothing"


def test_it_is_about_this_wheel(bill):
    subject = bill["metadata"]["component"]
    version = okta_mi_provider.__version__
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert (subject["name"], subject["version"], subject["type"]) == ("okta-mi-provider", version, "library")
    assert subject["purl"] == f"pkg:pypi/okta-mi-provider@{version}"
    assert subject["licenses"][0]["license"]["id"] == "Apache-2.0"


def test_every_dependency_is_in_it_with_the_version_of_the_constraints(components, pyproject, repository):
    pins = {}
    for line in (repository / "constraints.txt").read_text(encoding="utf-8").splitlines():
        pin = Requirement(line)
        if pin.marker is None or pin.marker.evaluate():
            pins[canonicalize_name(pin.name)] = str(pin.specifier).removeprefix("==")
    wanted = {canonicalize_name(Requirement(each).name) for each in pyproject["project"]["dependencies"]}
    assert wanted <= set(components)
    assert {name: each["version"] for name, each in components.items()} == {name: pins[name] for name in components}


def test_nothing_but_what_the_wheel_brings_is_in_it(components):
    assert not {"pytest", "ruff", "mypy", "cyclonedx-bom", "playwright", "okta"} & set(components)


def test_what_depends_on_what_is_in_it(bill, pyproject):
    edges = {each["ref"]: each.get("dependsOn", []) for each in bill["dependencies"]}
    named = {canonicalize_name(ref.partition("==")[0]) for ref in edges["root-component"]}
    assert named == {canonicalize_name(Requirement(each).name) for each in pyproject["project"]["dependencies"]}


def test_each_has_its_licence_if_it_says_which(components):
    # Its metadata names none.
    assert {name for name, each in components.items() if not each.get("licenses")} <= {"protobuf"}


def test_links_are_what_packages_say_of_themselves(components):
    """Neither the place of the wheel on this machine, nor the server that a package came from."""
    comments = [link["comment"] for each in components.values() for link in each.get("externalReferences", [])]
    assert [comment for comment in comments if not re.match(r"from packaging metadata\b", comment)] == []


def test_it_is_the_same_each_time(file, write, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1234567890")
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    again = write()
    assert again.read_bytes() == file.read_bytes()
    text = again.read_text(encoding="utf-8")
    assert "serialNumber" not in text
    assert '"timestamp"' not in text
    assert str(again.parent) not in text
    assert "file:" not in text


def test_what_cannot_be_installed_ends_it(repository, tmp_path):
    broken = tmp_path / "okta_mi_provider-0.1.0-py3-none-any.whl"
    broken.write_bytes(b"not a wheel")
    command = [sys.executable, repository / "scripts" / "sbom.py", broken]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == [broken]
