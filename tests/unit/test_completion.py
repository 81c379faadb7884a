"""Completion in a real shell."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("okta-mi imp", {"import-cron"}),
        ("okta-mi provision --map", {"--map-attr-to-group"}),
        ("okta-mi provision --user-type ", {"regular", "administrator", "power_user"}),
        ("okta-mi provision --auto-create ", {"all", "groups"}),
        ("okta-mi discover 'MI - *' --format ", {"table", "json", "csv", "yaml"}),
        ("okta-mi runs --state re", {"refused"}),
        ("airflow okta-mi provision --map", {"--map-attr-to-group"}),
    ],
)
def test_bash(line: str, expected: set[str], tmp_path: Path) -> None:
    if not shutil.which("bash"):
        pytest.skip("no bash here")
    words = line.split(" ")
    program = words[0]
    in_array = " ".join(f'"{word}"' for word in words)
    script = f"""
        eval "$(register-python-argcomplete {program})"
        COMP_LINE="{line}" COMP_POINT={len(line)} COMP_TYPE=9 COMP_WORDS=({in_array}) COMP_CWORD={len(words) - 1}
        "$(complete -p {program} | grep -o '_python_argcomplete[^ ]*')" {program} "" ""
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "AIRFLOW_HOME": str(tmp_path)}
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=False)

    offered = {word.strip() for word in done.stdout.splitlines() if word.strip()}
    assert expected <= offered, done.stderr
    # The value of --auto-create may be left out: other options can follow as well. No file can.
    assert all(word.startswith("-") for word in offered - expected)
