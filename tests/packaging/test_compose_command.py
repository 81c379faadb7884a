"""What the containers and `make compose-test` run: the healthcheck, the choice of a compose command, its judgement."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from demo.processes import StartError
from tests.compose import engine
from tests.compose.checks import all_are_healthy, missing_secrets, shares
from tests.compose.engine import CANDIDATES, Project, choose

HEALTH = {"metadatabase": {"status": "healthy"}, "triggerer": {"status": "unhealthy"}, "scheduler": {"status": None}}


@pytest.fixture
def server():
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/health" else 503)
            self.end_headers()
            self.wfile.write(json.dumps(HEALTH).encode())

        def log_message(self, *_):
            """Nothing to be said."""

    with HTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield f"127.0.0.1:{listening.server_port}"
        listening.shutdown()
        thread.join()


@pytest.fixture
def answers(repository):
    def ask(*arguments):
        command = [sys.executable, repository / "docker" / "answers.py", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        return done.returncode, done.stderr.strip()

    return ask


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["/health"], 0, ""),
        (["/health", "--part", "metadatabase"], 0, ""),
        (["/health", "--part", "triggerer"], 1, "triggerer is unhealthy"),
        (["/health", "--part", "scheduler"], 1, "scheduler is None"),
        (["/other"], 1, "/other: status 503"),
    ],
)
def test_the_healthcheck_says_what_is_wrong(server, answers, arguments, code, said):
    path, *options = arguments
    found, printed = answers(f"{server}{path}", *options)
    assert found == code
    assert printed.endswith(said)


def test_one_of_several_that_is_away_is_enough(server, answers):
    code, printed = answers(f"{server}/health", "127.0.0.1:1/health")
    assert code == 1
    assert printed.startswith("127.0.0.1:1/health: ConnectionRefusedError")


def test_the_first_compose_command_that_works_is_taken():
    assert choose(None, lambda command: command in CANDIDATES[1:3]) == CANDIDATES[1]
    assert choose("my compose", lambda command: command == "my compose") == "my compose"


@pytest.mark.parametrize(("wanted", "tried"), [(None, CANDIDATES), ("my compose", ["my compose"])])
def test_without_one_the_error_says_what_was_tried(wanted, tried):
    with pytest.raises(StartError, match="COMPOSE=") as raised:
        choose(wanted, lambda _: False)
    assert all(command in str(raised.value) for command in tried)


def test_a_command_that_is_not_there_does_not_work():
    assert not engine.works("okta-mi-no-such-command compose")
    assert not engine.works("false")
    assert engine.works("true")


@pytest.fixture
def compose(tmp_path):
    """A project whose compose command is a few lines of shell."""

    def make(script):
        command = tmp_path / "compose"
        command.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        command.chmod(0o755)
        return Project(str(command), "example", tmp_path / "settings.env")

    return make


def test_all_containers_that_stay_have_to_be_healthy(compose):
    lines = [f"{name}_1 Up (healthy)" for name in "abcdefgh"]
    assert all_are_healthy(compose("\n".join(f"echo '{line}'" for line in [*lines, "i_1 Up (healthy)"])))
    assert not all_are_healthy(compose("\n".join(f"echo '{line}'" for line in [*lines, "i_1 Up (health: starting)"])))
    assert not all_are_healthy(
        compose("\n".join(f"echo '{line}'" for line in [*lines, "airflow-init_1 Exit 0 (healthy)"]))
    )


def test_a_secret_that_nobody_misses_is_found(compose, tmp_path):
    settings = {"REDIS_PASSWORD": "x", "POSTGRES_PASSWORD": "y"}
    names = missing_secrets(compose("exit 0"), settings, tmp_path)
    assert set(settings) < set(names)
    names_one = compose("echo 'required variable REDIS_PASSWORD is missing a value' >&2; exit 1")
    assert missing_secrets(names_one, settings, tmp_path) == [name for name in names if name != "REDIS_PASSWORD"]


def test_a_failed_command_is_told_with_what_it_said(compose):
    with pytest.raises(StartError, match="exit code 3:\nno such service"):
        compose("echo no such service >&2; exit 3").ask("ps")


def test_each_worker_and_nobody_else_has_to_take_part():
    instances = [{"hostname": name} for name in ("a", "b", "a", "")]
    assert shares(instances, ["a", "b"]) == {"a": 2, "b": 1}
    for hosts in (["a", "b", "c"], ["a"]):
        with pytest.raises(StartError, match="these have run tasks"):
            shares(instances, hosts)
