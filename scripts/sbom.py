"""Writes the bill of materials of a wheel: what it brings along, in the versions of constraints.txt, with licences.

The wheel is installed into an environment of its own, and CycloneDX's tool looks at that one, so the list holds what is
there and not what somebody believes to be there. The same wheel, constraints and Python give the same file: no serial
number, no time, no place of this machine::

    .venv/bin/python scripts/sbom.py dist/okta_mi_provider-0.1.0-py3-none-any.whl

writes `dist/okta_mi_provider-0.1.0.cdx.json` (CycloneDX 1.6).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
_UV = (sys.executable, REPOSITORY / "scripts" / "uv_like_pip.py")
_CONSTRAINTS = REPOSITORY / "constraints.txt"


def write_sbom(wheel: Path, *, validate: bool = True) -> Path:
    """Writes the bill of materials beside the wheel, and returns where.

    Args:
        wheel: Of this project.
        validate: Whether the tool checks what it writes, against the schema of CycloneDX; most of the time goes there.

    Raises:
        subprocess.CalledProcessError: If something cannot be installed, or the result is not valid. Said on stderr.
    """
    name, version = wheel.name.split("-")[:2]
    target = wheel.with_name(f"{name}-{version}.cdx.json")
    with tempfile.TemporaryDirectory() as directory:
        environment = Path(directory) / "venv"
        written = Path(directory) / "sbom.json"
        python = environment / "bin" / "python"
        _uv("venv", "--quiet", "--python", sys.executable, environment)
        _uv("pip", "install", "--quiet", "--python", python, "--constraint", _CONSTRAINTS, wheel)
        _uv(
            *("tool", "run", "--quiet", "--constraints", _CONSTRAINTS, "--from", "cyclonedx-bom"),
            *("cyclonedx-py", "environment", "--spec-version", "1.6", "--output-reproducible"),
            *("--validate" if validate else "--no-validate", "--pyproject", REPOSITORY / "pyproject.toml"),
            *("--mc-type", "library", "--output-file", written, python),
        )
        bill = json.loads(written.read_text(encoding="utf-8"))
    _say_what_of(bill, version)
    target.write_text(json.dumps(bill, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return target


def _say_what_of(bill: dict[str, Any], version: str) -> None:
    """The tool takes our version from pyproject.toml, which has none, and says nothing of the Python it looked at."""
    metadata = bill["metadata"]
    component = metadata["component"]
    component["version"] = version
    component["purl"] = f"pkg:pypi/{component['name']}@{version}"
    metadata["properties"] += [
        {"name": "okta-mi-provider:python", "value": f"{sys.version_info.major}.{sys.version_info.minor}"},
        {"name": "okta-mi-provider:platform", "value": f"{sys.platform}-{platform.machine()}"},
    ]


def _uv(*arguments: str | Path) -> None:
    # Else it would be the time of the list.
    environment = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    subprocess.run([*_UV, *arguments], check=True, env=environment)  # noqa: S603 - uv alone


def main() -> int:
    """Writes the bill of the wheel that the command line names."""
    parser = argparse.ArgumentParser(description="Writes the CycloneDX bill of materials of a wheel beside it.")
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--no-validate", dest="validate", action="store_false", help="trust the tool, and be quick")
    arguments = parser.parse_args()
    try:
        print(write_sbom(arguments.wheel, validate=arguments.validate))
    except subprocess.CalledProcessError as error:
        return int(error.returncode)
    return 0


if __name__ == "__main__":
    sys.exit(main())
