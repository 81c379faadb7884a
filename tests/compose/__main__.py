"""`make compose-test`: brings docker-compose.yaml up, syncs the demo groups twice over two workers, takes it down."""

from __future__ import annotations

import argparse
import functools
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import requests

from demo.airflow_api import AirflowApi, ApiError
from demo.processes import StartError, free_port, wait_until
from demo.simulators import compare_states
from demo.summary import GroupRun, explain_failure, table
from tests.compose.checks import all_are_healthy, missing_secrets, shares, simulator_state, workers, write_settings
from tests.compose.engine import REPOSITORY, Project, choose

GROUPS = ("my_new_group", "MI - Finance", "MI - All Staff")
START_TIMEOUT_S = 600.0
RUN_TIMEOUT_S = 900.0
_PARTS = ("scheduler", "dag_processor", "triggerer")

say = functools.partial(print, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 if everything was as it has to be."""
    parser = argparse.ArgumentParser(prog="compose-test", description=__doc__)
    parser.add_argument("--compose", metavar="COMMAND", help="the compose command (default: the first that works)")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with tempfile.TemporaryDirectory(prefix="okta-mi-compose-") as folder:
            return _test(choose(options.compose), Path(folder))
    except (ApiError, StartError, requests.RequestException) as error:
        say(f"\n{error}", file=sys.stderr)
    except KeyboardInterrupt:
        say("Stopped.", file=sys.stderr)
    return 1


def _test(command: str, folder: Path) -> int:
    say(f"Using: {command}")
    settings = _settings()
    file = folder / "settings.env"
    write_settings(file, settings)
    project = Project(command, f"okta-mi-test-{os.getpid()}", file)
    project.ask("config")
    if unnoticed := missing_secrets(project, settings, folder):
        raise StartError(f"The compose file does without these, or does not name them: {', '.join(unnoticed)}")
    say("A missing secret is an error that names it.")
    succeeded = False
    try:
        project.run("build", "airflow-init")
        project.run("up", "--detach")
        succeeded = _check(project, settings)
    finally:
        if not succeeded:
            say(project.attempt("ps").stdout)
            say(project.attempt("logs", "--tail", "40").stdout)
        project.run("down", "--volumes", "--remove-orphans")
    return 0 if succeeded else 1


def _settings() -> dict[str, str]:
    """Fresh secrets, the simulators' connections, and a port of our own."""
    printed = subprocess.run(
        [sys.executable, REPOSITORY / "scripts" / "new_env.py", "--demo"], check=True, capture_output=True, text=True
    ).stdout
    port = str(free_port())
    return dict(line.split("=", 1) for line in printed.splitlines()) | {
        "AIRFLOW_PORT": port,
        "OKTA_MI_IMAGE_NAME": "okta-mi-provider:compose-test",
    }


def _check(project: Project, settings: dict[str, str]) -> bool:
    api = AirflowApi(
        f"http://127.0.0.1:{settings['AIRFLOW_PORT']}", ("airflow", settings["AIRFLOW_ADMIN_PASSWORD"]), timeout=120
    )
    wait_until(api.is_up, what="an answer of Airflow's API server", timeout=START_TIMEOUT_S)
    api.login()
    wait_until(lambda: _is_healthy(api), what=f"health of {', '.join(_PARTS)}", timeout=START_TIMEOUT_S)
    hosts = workers(project)
    if len(hosts) != 2:
        raise StartError(f"Two workers are wanted, not {len(hosts)}: {', '.join(hosts)}")
    first, instances = _sync(api)
    second, more = _sync(api)
    states = [simulator_state(project, f"http://127.0.0.1:{port}") for port in (8081, 8082)]
    comparisons = [compare_states(group, *states) for group in GROUPS]
    for comparison in comparisons:
        say(comparison)
    count = shares(instances + more, hosts)
    say("\nTasks of each worker: " + ", ".join(f"{host} {count[host]}" for host in hosts))
    wait_until(lambda: all_are_healthy(project), what="health of all containers", timeout=START_TIMEOUT_S)
    say("All containers are healthy.")
    wrote = [run.group for run in second if run.report is None or _has_written(run.report)]
    if wrote:
        say(f"The second sync has written: {', '.join(wrote)}")
    return not wrote and all(run.succeeded for run in first + second) and all(each.is_exact for each in comparisons)


def _is_healthy(api: AirflowApi) -> bool:
    health = api.health()
    return all(health[part]["status"] == "healthy" for part in _PARTS)


def _sync(api: AirflowApi) -> tuple[list[GroupRun], list[dict[str, Any]]]:
    """Runs the DAGs of all groups; returns what came out, and all task instances."""
    begin = time.monotonic()
    started = []
    for group in GROUPS:
        dag_id = wait_until(
            functools.partial(_dag_of, api, group), what=f"the DAG of {group!r}", timeout=START_TIMEOUT_S
        )
        api.unpause(dag_id)
        started.append((dag_id, api.trigger(dag_id)))
    states = api.wait_for_runs(started, timeout=RUN_TIMEOUT_S, pause=3)
    runs = [
        GroupRun(group, *ids, states[ids], api.xcom(*ids, "report")) for group, ids in zip(GROUPS, started, strict=True)
    ]
    say(f"\nSynced in {time.monotonic() - begin:.0f} s:\n\n{table(runs)}\n")
    for run in runs:
        if not run.succeeded:
            say("\n".join(explain_failure(api, run)))
    return runs, [instance for ids in started for instance in api.task_instances(*ids)]


def _dag_of(api: AirflowApi, group: str) -> str | None:
    for error in api.import_errors():
        raise StartError(f"{error['filename']} cannot be loaded:\n{error['stack_trace']}")
    return next((str(dag["dag_id"]) for dag in api.dags() if dag["dag_display_name"] == group), None)


def _has_written(report: dict[str, Any]) -> bool:
    return bool(
        report["users"]["created"]
        or report["users"]["updated"]
        or report["memberships"]["added"]
        or report["groups"]["created"]
    )


if __name__ == "__main__":
    sys.exit(main())
