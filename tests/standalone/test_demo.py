"""The demo, whole: simulators, a real Airflow with all its parts, three synced groups, and a clean end."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(600)
def test_the_demo_syncs_three_groups_and_leaves_no_process_behind() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "demo", "--stop"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    held = re.findall(r"holds (\d[\d,]*) of (\d[\d,]*) expected members", done.stdout)
    assert len(held) == 3
    assert all(actual == expected for actual, expected in held)
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert not [line for line in running.splitlines() if str(REPOSITORY / ".demo") in line]
