"""The command that runs both simulators: what it prints, how it ends."""

from __future__ import annotations

import argparse
import re
import signal
import subprocess
import sys

import pytest
import requests

from okta_mi_provider.simulators import credentials
from okta_mi_provider.simulators.command import add_arguments, run, welcome
from okta_mi_provider.simulators.server import bind

PROGRAM = """
import argparse, sys
from okta_mi_provider.simulators.command import add_arguments, run
parser = argparse.ArgumentParser()
add_arguments(parser)
args = parser.parse_args()
assert not {"fastapi", "uvicorn", "starlette", "pydantic"} & set(sys.modules)
sys.exit(run(args))
"""


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(arguments)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_both_until_a_signal(number: signal.Signals) -> None:
    arguments = ["--okta-port", "0", "--mi-port", "0", "--users", "5", "--latency-ms", "1", "--quiet"]
    command = [sys.executable, "-c", PROGRAM, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]
        urls = [re.search(r"http://127\.0\.0\.1:\d+", line) for line in lines]
        try:
            assert urls[0]
            assert urls[1]
            answer = requests.get(f"{urls[0][0]}/_sim/state", timeout=10)
            assert len(answer.json()["users"]) == 5
            assert requests.get(f"{urls[1][0]}/_sim/knobs", timeout=10).json()["latency_ms"] == 1
        finally:
            process.send_signal(number)
            output, errors = process.communicate(timeout=10)
    assert (process.returncode, output, errors) == (0, "", "")


def test_what_it_prints_can_be_pasted() -> None:
    text = welcome("http://127.0.0.1:8081", "http://127.0.0.1:8082")
    assert f"export OKTA_API_TOKEN={credentials.OKTA_API_TOKEN}\n" in text
    assert f"export MI_APPLICATION_KEY={credentials.MI_APPLICATION_KEY}\n" in text
    assert (
        "okta-mi provision --okta-host http://127.0.0.1:8081 --mi-host http://127.0.0.1:8082 "
        "--mi-user svc_okta_sync --mi-application-id okta-mi-sync --auto-create all my_new_group\n"
    ) in text


@pytest.mark.parametrize("option", ["--okta-port", "--mi-port"])
def test_a_port_in_use_is_one_clear_line(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    other = {"--okta-port": "--mi-port", "--mi-port": "--okta-port"}[option]
    with bind() as taken:
        port = taken.getsockname()[1]
        assert run(parsed(option, str(port), other, "0", "--users", "5")) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert re.fullmatch(
        rf"okta-mi simulate: cannot listen on 127\.0\.0\.1:{port} \(.*in use\); choose .*{option}.*\n", printed.err
    )


def test_another_address_of_this_machine() -> None:
    command = [sys.executable, "-c", PROGRAM, "--host", "127.0.0.2", "--okta-port", "0", "--mi-port", "0", "--quiet"]
    with subprocess.Popen([*command, "--users", "5"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            for _ in range(2):
                (url,) = re.findall(r"http://127\.0\.0\.2:\d+", process.stdout.readline())
                assert requests.get(f"{url}/_sim/stats", timeout=10).ok
        finally:
            process.send_signal(signal.SIGTERM)


def test_an_address_of_another_machine_is_one_clear_line(capsys: pytest.CaptureFixture[str]) -> None:
    # TEST-NET-1 of RFC 5737 belongs to nobody.
    assert run(parsed("--host", "192.0.2.1", "--okta-port", "0", "--mi-port", "0", "--users", "5")) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert re.fullmatch(r"okta-mi simulate: cannot listen on 192\.0\.2\.1 \(.*\); choose .*--host\n", printed.err)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--host", "localhost"],
        ["--host", "::1"],
        ["--users", "1"],
        ["--users", "x"],
        ["--okta-port", "70000"],
        ["--mi-port", "-1"],
        ["--latency-ms", "-5"],
    ],
)
def test_bad_options(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        parsed(*arguments)
    assert stop.value.code == 2
