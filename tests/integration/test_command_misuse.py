"""`okta-mi` in unfriendly surroundings: wrong words, nobody who listens, no room left. Never a traceback."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.integration.conftest import OKTA_MI
from tests.integration.world import ENVIRONMENT, Okta, World, login


def in_shell(line: str, world: World) -> subprocess.CompletedProcess[str]:
    """Runs a line of shell, in which $SYNC is the command with good connections."""
    words = f"{OKTA_MI} {{}} {' '.join(world.options)}"
    known = {"SYNC": words.format("provision"), "DOCTOR": words.format("doctor")}
    return subprocess.run(
        line, shell=True, capture_output=True, text=True, env={**os.environ, **ENVIRONMENT, **known}, check=False
    )


@pytest.mark.parametrize("command", ["provision", "doctor", "simulate"])
def test_help_is_shown(command: str) -> None:
    done = subprocess.run([str(OKTA_MI), command, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "usage: okta-mi" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--auto-creat all", "did you mean --auto-create?"),
        ("--nonsense", "unknown arguments: --nonsense"),
        ("--max-concurrency 99999999", "--max-concurrency must be at least 1 and at most 64"),
        ("--max-concurrency 0", "--max-concurrency must be at least 1 and at most 64"),
        (f"--max-removals {'9' * 5000}", "--max-removals: '999"),
        (f"--max-removals {'9' * 5000}%", "--max-removals: '999"),
        (f"--report {'a' * 300}", "no file can be there"),
    ],
)
def test_a_wrong_option_is_one_sentence(world: World, words: str, said: str) -> None:
    done = in_shell(f"$SYNC {words} Finance", world)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert world.requests_sent() == 0


@pytest.mark.parametrize("command", ["$SYNC Finance", "$DOCTOR", "$DOCTOR --json"])
def test_a_reader_who_leaves_early_is_no_failure(okta: Okta, world: World, command: str) -> None:
    okta.group("Finance", "ana")
    world.mi.add_group("Finance")
    done = in_shell(f"({command}; echo code $? >&2) | true", world)
    assert done.stderr == "code 0\n"


@pytest.mark.parametrize("command", ["$SYNC Finance", "$DOCTOR"])
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_summary_that_cannot_be_written_is_a_failure_in_one_sentence(okta: Okta, world: World, command: str) -> None:
    okta.group("Finance", "ana")
    world.mi.add_group("Finance")
    done = in_shell(f"{command} >/dev/full", world)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "cannot be written to stdout: No space left on device" in done.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_command_without_its_streams_does_its_work(okta: Okta, world: World, closed: str) -> None:
    okta.group("Finance", "ana")
    assert in_shell(f"$SYNC --auto-create all Finance {closed}", world).returncode == 0
    assert world.mi.members("Finance") == [login("ana")]


def in_shell_alone(line: str) -> subprocess.CompletedProcess[str]:
    """Runs a line of shell that needs neither server."""
    return subprocess.run(line, shell=True, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("history ana --since 999999d", "--since 999999d: not a time"),
        ("runs --since 999999w", "--since 999999w: not a time"),
        (f"history --run {'9' * 20}", f"There is no run {'9' * 20} in the store"),
        ("history --run 2147483648", "There is no run 2147483648 in the store"),
        (f"undo {'9' * 20}", f"There is no run {'9' * 20} in the store"),
        (f"runs --limit {'9' * 20}", "--limit must be at least 1 and at most 2147483647"),
    ],
)
def test_a_number_or_an_age_beyond_all_bounds_is_one_sentence(words: str, said: str, tmp_path: Path) -> None:
    done = in_shell_alone(f"{OKTA_MI} {words} --store sqlite:///{tmp_path}/store.db")
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
