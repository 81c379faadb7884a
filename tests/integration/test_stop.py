"""Whoever stops a sync ends every wait, and begins no write. The waits of these tests are real, and very long."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from okta_mi_provider.cli.lock import one_at_a_time
from tests.integration.conftest import OKTA_MI
from tests.integration.world import ENVIRONMENT, World, read_document

#: How long what is stopped would wait, in seconds; less than a request may wait.
LONG_S = 110

Stopped = Callable[..., tuple[int, str, Any]]


@pytest.fixture
def world(slow_world: World) -> World:
    return slow_world


@pytest.fixture
def stopped(world: World, tmp_path: Path) -> Iterator[Stopped]:
    """Starts the command, stops it when it has said that it waits, and gives its exit code, stderr and report."""
    report = tmp_path / "report.json"
    started: list[subprocess.Popen[str]] = []

    def run(number: signal.Signals, *words: str) -> tuple[int, str, Any]:
        process = subprocess.Popen(
            [str(OKTA_MI), "provision", *world.options, "--report", str(report), *words],
            env={**os.environ, **ENVIRONMENT},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stderr
        said = ""
        for line in process.stderr:
            said += line
            if "Waiting" in line:
                break
        process.send_signal(number)
        said += process.stderr.read()
        return process.wait(), said, read_document(report.read_text("utf-8"))

    yield run
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_wait_for_okta_s_rate_limit_is_ended_and_nothing_is_written(
    world: World, stopped: Stopped, number: signal.Signals
) -> None:
    world.okta.group("Finance", "ana")
    world.okta.fault("429", route="list_members", seconds=LONG_S, count=None)
    code, said, report = stopped(number, "-a", "all", "Finance")

    assert code == 1
    assert world.mi.writes() == []
    assert world.okta.faults_fired() == 1, "not asked again"
    assert report["state"] == "failed"
    assert report["error"].startswith("Okta group 'Finance': Told to stop. Okta answered 429 to GET ")
    assert "Stopping after the requests that are under way" in said


def test_a_dry_run_that_keeps_its_share_of_the_rate_limit_ends_in_its_first_pause(
    world: World, stopped: Stopped
) -> None:
    world.okta.group("Finance", "ana")
    world.okta.group("Sales", "bruno")
    world.okta.knobs(rate_limit=True, rate_limits={"groups": 2}, rate_window_s=86_400)
    code, said, reports = stopped(signal.SIGTERM, "--dry-run", "-a", "all", "Finance", "Sales")

    assert code == 1
    assert world.okta.stats()["requests"] <= 2
    assert [report["state"] for report in reports] == ["failed", "failed"]
    assert all("Told to stop" in report["error"] for report in reports)
    assert said.count("Waiting") == 1


def test_writes_that_metric_insights_puts_off_are_not_sent_again(world: World, stopped: Stopped) -> None:
    world.okta.group("Finance")
    world.okta.crowd("Finance", 100)
    world.mi.fault("429", route="users", method="POST", after=10, seconds=LONG_S, count=None)
    code, _, report = stopped(signal.SIGTERM, "-a", "all", "Finance")

    assert code == 1
    states = [change["status"] for change in report["changes"]]
    # Those in flight have failed, nobody else was tried.
    assert 1 <= states.count("failed") <= 4
    assert states.count("planned") + states.count("done") + states.count("failed") == 101
    assert f"Stopped before the end; {states.count('planned')} changes not tried" in report["error"]
    done = [change["user"] for change in report["changes"] if change["status"] == "done" and change["user"]]
    assert sorted(done) == world.mi.members("Finance")
    assert world.mi.faults_fired() == states.count("failed")


def test_groups_whose_turn_has_not_come_are_not_begun(world: World, stopped: Stopped) -> None:
    world.okta.group("Finance", "ana")
    world.okta.group("Sales", "bruno")
    world.mi.fault("429", route="users", method="POST", seconds=LONG_S, count=None)
    code, _, (first, second) = stopped(signal.SIGTERM, "-a", "all", "Finance", "Sales")

    assert code == 1
    assert first["state"] == second["state"] == "failed"
    assert "Told to stop" in first["changes"][1]["error"]
    assert second["error"].startswith("Stopped before anything of this group was written")
    assert "Sales" not in world.mi.groups()


def test_a_request_under_way_is_waited_for(world: World, tmp_path: Path) -> None:
    """The group that is being created when the signal comes is created, and nobody is put into it."""
    world.okta.group("Finance", "ana")
    world.mi.fault("hang", method="POST", route="groups", seconds=3)
    report = tmp_path / "report.json"
    with subprocess.Popen(
        [str(OKTA_MI), "provision", *world.options, "--report", str(report), "-a", "all", "Finance"],
        env={**os.environ, **ENVIRONMENT},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        moment = threading.Event()
        while not world.mi.faults_fired():
            assert process.poll() is None
            moment.wait(0.02)
        process.send_signal(signal.SIGTERM)
    document = read_document(report.read_text("utf-8"))

    assert process.returncode == 1
    assert [change["status"] for change in document["changes"]] == ["done", "planned"]
    assert world.mi.writes() == ["POST /api/user_group"]


def test_whoever_stops_waiting_for_another_sync_sees_no_traceback(world: World) -> None:
    with one_at_a_time(world.mi.url, ["Finance"]):
        process = subprocess.Popen(
            [str(OKTA_MI), "provision", *world.options, "Finance"],
            env={**os.environ, **ENVIRONMENT},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stderr
            assert "waiting for it to end" in process.stderr.readline()
            process.send_signal(signal.SIGINT)
            assert process.stderr.read() == "Interrupted.\n"
            # A shell that sees it die of the signal ends its loop as well.
            assert process.wait() == -signal.SIGINT
        finally:
            process.kill()
            process.communicate()
