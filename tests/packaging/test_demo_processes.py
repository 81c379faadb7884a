"""The demo leaves no process behind, and says why a program did not start."""

from __future__ import annotations

import sys

import psutil
import pytest

from demo.processes import Program, StartError, clean_environment, end_programs, free_port, wait_until

GRANDCHILDREN = """
import subprocess, sys, time
sleep = [sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"]
children = [subprocess.Popen(sleep), subprocess.Popen(sleep, start_new_session=True)]
print(*(child.pid for child in children), flush=True)
time.sleep(600)
"""


@pytest.fixture
def program(tmp_path):
    """Makes a program of some lines of Python; all are ended after the test."""
    made = []

    def make(code):
        made.append(Program("example", [sys.executable, "-c", code], clean_environment({}), tmp_path / "example.log"))
        return made[-1]

    yield make
    end_programs(made, grace=0)


def test_everything_that_was_started_ends(program):
    example = program(GRANDCHILDREN)
    example.start()
    pids = wait_until(
        lambda: [int(pid) for pid in example.log.read_text(encoding="utf-8").split()],
        what="the children", timeout=30, programs=[example],
    )  # fmt: skip
    assert set(pids) < {process.pid for process in example.family()}
    end_programs([example], grace=0.5)
    assert example.family() == set()
    assert not [pid for pid in pids if _lives(pid)]


def test_ending_what_never_ran_is_no_error(program):
    end_programs([program("pass")])


def test_a_program_that_dies_is_reported_with_its_log(program):
    example = program("print('the reason'); raise SystemExit(3)")
    example.start()
    with pytest.raises(StartError, match=r"(?s)example ended with exit code 3.*the reason"):
        wait_until(lambda: None, what="nothing", timeout=30, programs=[example])


def test_a_wait_that_takes_too_long_says_for_what(program):
    example = program("import time; print('still loading', flush=True); time.sleep(600)")
    example.start()
    wait_until(lambda: example.log.stat().st_size, what="output", timeout=30)
    with pytest.raises(StartError, match=r"(?s)still waiting for an answer.*still loading"):
        wait_until(lambda: None, what="an answer", timeout=0, programs=[example])


def test_a_command_that_fails_is_reported(program):
    with pytest.raises(StartError, match=r"(?s)failed with exit code 4.*no such table"):
        program("print('no such table'); raise SystemExit(4)").run(timeout=30)


def test_settings_of_another_airflow_are_not_inherited(monkeypatch):
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("AIRFLOW_CONN_OKTA_DEFAULT", "okta://example.okta.com")
    monkeypatch.setenv("NO_PROXY", "example.com")
    environment = clean_environment({"AIRFLOW_HOME": "/home/demo"})
    assert [name for name in environment if name.startswith("AIRFLOW")] == ["AIRFLOW_HOME"]
    assert environment["NO_PROXY"] == "example.com,127.0.0.1,localhost"


def test_a_port_in_use_is_replaced_by_a_free_one():
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port(port) not in {0, port}


def _lives(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
