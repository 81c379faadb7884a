"""`okta-mi` as a process of its own: what a shell, a terminal and a signal see of it."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from okta_mi_provider.simulators import credentials
from tests.integration.conftest import OKTA_MI, Start
from tests.integration.world import ENVIRONMENT, World, login, logins, read_document

IMPORTS_NO_AIRFLOW = """
import sys
from okta_mi_provider.cli.main import main
try:
    code = main(sys.argv[1:])
except SystemExit as stop:
    code = stop.code
sys.exit(code or any(name.partition(".")[0] == "airflow" for name in sys.modules) and 99)
"""


def okta_mi(*words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **(ENVIRONMENT if env is None else env)}
    return subprocess.run([str(OKTA_MI), *words], capture_output=True, text=True, env=environment, check=False)


def test_the_vendor_s_example_between_the_simulators_of_the_package() -> None:
    command = [str(OKTA_MI), "simulate", "--users", "50", "--okta-port", "0", "--mi-port", "0", "--quiet"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as simulators:
        try:
            assert simulators.stdout is not None
            okta, mi = (simulators.stdout.readline().split()[-1] for _ in range(2))
            hosts = ["--okta-host", okta, "--mi-host", mi]
            secrets = ["--okta-token", credentials.OKTA_API_TOKEN]
            env = {"MI_API_TOKEN": credentials.MI_API_TOKEN}
            words = [*hosts, *secrets, "--auto-create", "all", "--full-summary", "-v", "my_new_group"]

            first = okta_mi("provision", *words, env=env)
            assert first.returncode == 0, first.stderr
            assert "created group 'my_new_group'" in first.stdout
            (group,) = [
                each for each in requests.get(f"{mi}/_sim/state", timeout=10).json()["groups"]
                if each["name"] == "my_new_group"
            ]  # fmt: skip
            assert group["members"] == ["ana.silva@acme.example", "bruno.costa@acme.example"]
            writes = requests.get(f"{mi}/_sim/stats", timeout=10).json()["writes"]
            assert writes == 3

            assert okta_mi("provision", *words, env=env).returncode == 0
            assert requests.get(f"{mi}/_sim/stats", timeout=10).json()["writes"] == writes
        finally:
            simulators.terminate()


def test_summary_on_stdout_diagnostics_on_stderr_report_in_the_file(start: Start, world: World, tmp_path: Path) -> None:
    world.okta.group("Finance", "ana")
    report = tmp_path / "report.json"
    process = start("-v", "-a", "all", "--report", str(report), "Finance")
    out, err = process.communicate()
    assert process.returncode == 0
    assert out.startswith("Sync of Okta group 'Finance'")
    assert login("ana") in err
    assert "group::" not in out + err, "nobody folds the lines of a terminal"
    assert read_document(report.read_text("utf-8"))["state"] == "done"
    assert report.stat().st_mode & 0o077 == 0, "names and addresses are for the owner"


def test_a_report_to_stdout_is_all_that_is_there(
    start: Start, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    world.okta.group("Finance", "ana")
    process = start("-v", "-a", "all", "--report", "-", "Finance")
    out, err = process.communicate()
    assert process.returncode == 0
    assert read_document(out)["state"] == "done"
    assert "Sync of Okta group 'Finance'" in err
    assert not (tmp_path / "-").exists()


@pytest.mark.parametrize(
    ("words", "code"),
    [(["Finance"], 0), (["-a", "all", "Nobody"], 1), (["-t", "boss", "Finance"], 2), (["--sync-user-limit", "1"], 3)],
)
def test_the_exit_code_reaches_the_shell(start: Start, world: World, words: list[str], code: int) -> None:
    world.okta.group("Finance", "ana", "bruno")
    process = start(*words, *([] if code in {0, 1} else ["Finance"]))
    process.communicate()
    assert process.returncode == code


@pytest.mark.parametrize("words", [["--help"], ["provision", "--help"], ["simulate", "--help"], ["--version"]])
def test_help_does_not_import_airflow(words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS_NO_AIRFLOW, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_a_sync_without_airflow_connections_does_not_import_airflow(world: World) -> None:
    world.okta.group("Finance", "ana")
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS_NO_AIRFLOW, "provision", *world.options, "-a", "all", "Finance"],
        env={**os.environ, **ENVIRONMENT},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert world.mi.members("Finance") == logins("ana")


# ---------------------------------------------------------------------- on a terminal


class Terminal:
    """The other end of a pseudo terminal."""

    def __init__(self) -> None:
        self._ours, self.theirs = pty.openpty()
        self.text = ""

    def close(self) -> None:
        os.close(self._ours)

    def read_until(self, word: str) -> None:
        while word not in self.text:
            self.text += os.read(self._ours, 4096).decode()

    def read_to_the_end(self) -> None:
        os.close(self.theirs)
        try:
            while part := os.read(self._ours, 4096):
                self.text += part.decode()
        except OSError:
            """Linux says so when the last process has closed its end."""

    def type(self, line: str) -> None:
        os.write(self._ours, f"{line}\n".encode())


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    made = Terminal()
    yield made
    made.close()


def on_terminal(terminal: Terminal, *words: str, env: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(OKTA_MI), "provision", *words],
        env={**os.environ, "TERM": "xterm", **env},
        stdin=terminal.theirs,
        stdout=subprocess.PIPE,
        stderr=terminal.theirs,
        text=True,
        start_new_session=True,
    )


def test_the_token_is_asked_for_on_the_terminal_and_not_echoed(world: World, terminal: Terminal) -> None:
    world.okta.group("Finance", "ana")
    env = {"MI_APPLICATION_KEY": credentials.MI_APPLICATION_KEY}
    with on_terminal(terminal, *world.options, "-a", "all", "Finance", "-P", env=env) as process:
        terminal.read_until("Okta API token: ")
        terminal.type(credentials.OKTA_API_TOKEN)
        process.communicate()
    terminal.read_to_the_end()
    assert process.returncode == 0, terminal.text
    assert credentials.OKTA_API_TOKEN not in terminal.text
    assert world.mi.members("Finance") == logins("ana")


def test_a_terminal_gets_a_progress_bar_and_stdout_does_not(world: World, terminal: Terminal) -> None:
    world.okta.group("Finance", "ana")
    with on_terminal(terminal, *world.options, "-a", "all", "Finance", env=ENVIRONMENT) as process:
        out, _ = process.communicate()
    terminal.read_to_the_end()
    assert process.returncode == 0
    assert "%" in terminal.text
    assert "\x1b" not in out


# ---------------------------------------------------------------------- signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_sync_between_two_writes_with_an_honest_report(
    slow_world: World, number: signal.Signals, tmp_path: Path
) -> None:
    world = slow_world
    world.okta.group("Finance")
    world.okta.crowd("Finance", 500)
    world.mi.fault("hang", method="POST", route="users", after=20, count=None, seconds=0.5)
    report = tmp_path / "report.json"
    words = ["provision", *world.options, "--report", str(report), "-a", "all", "Finance"]
    with subprocess.Popen(
        [str(OKTA_MI), *words], env={**os.environ, **ENVIRONMENT}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        pause = threading.Event()
        while world.mi.faults_fired() < 1:
            assert process.poll() is None
            pause.wait(0.02)
        process.send_signal(number)
        process.communicate()
    assert process.returncode == 1
    document = read_document(report.read_text("utf-8"))
    assert document["state"] == "failed"
    assert "Stopped before the end" in document["error"]
    done = [change["user"] for change in document["changes"] if change["status"] == "done" and change["user"]]
    assert sorted(done) == world.mi.members("Finance")
    assert 20 <= len(done) < 500
