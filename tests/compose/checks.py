"""What must be true of the running containers, besides that the syncs are right."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from demo.processes import StartError
from tests.compose.engine import REPOSITORY, Project

_REQUIRED = re.compile(r"\$\{(\w+):\?")
_STATE = "import sys, urllib.request as r; sys.stdout.buffer.write(r.urlopen(sys.argv[1] + '/_sim/state').read())"


def missing_secrets(project: Project, settings: Mapping[str, str], folder: Path) -> list[str]:
    """Leaves out each required variable in turn; returns those whose absence is no error that names them."""
    required = dict.fromkeys(_REQUIRED.findall((REPOSITORY / "docker-compose.yaml").read_text(encoding="utf-8")))
    unnoticed = []
    for name in required:
        file = folder / "incomplete.env"
        write_settings(file, {key: value for key, value in settings.items() if key != name})
        answer = Project(project.command, project.name, file).attempt("config")
        if answer.returncode == 0 or name not in answer.stderr:
            unnoticed.append(name)
    return unnoticed


def write_settings(file: Path, settings: Mapping[str, str]) -> None:
    """Writes an .env file that nobody else can read."""
    file.touch(mode=0o600)
    file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()), encoding="utf-8")


def workers(project: Project) -> list[str]:
    """Host names of the worker containers, which are their short ids."""
    return [line[:12] for line in project.ask("ps", "--quiet", "airflow-worker").split()]


def all_are_healthy(project: Project) -> bool:
    """Whether every container that stays is healthy by its own check; all of them but `airflow-init` stay."""
    services = yaml.safe_load((REPOSITORY / "docker-compose.yaml").read_text(encoding="utf-8"))["services"]
    staying = sum(
        service.get("deploy", {}).get("replicas", 1) for name, service in services.items() if name != "airflow-init"
    )
    # No format of this list is common to all compose commands; these words are.
    lines = project.ask("ps").splitlines()
    return sum("(healthy)" in line for line in lines if "airflow-init" not in line) == staying


def simulator_state(project: Project, url: str) -> Any:
    """All that a simulator knows; it is asked from inside its container, for nobody else reaches it."""
    return json.loads(project.ask("exec", "-T", "simulators", "python", "-c", _STATE, url))


def shares(instances: Iterable[Mapping[str, Any]], hosts: Iterable[str]) -> Counter[str]:
    """How many of the task instances each host has run.

    Raises:
        StartError: one of the hosts has run none, or another one has run some.
    """
    count: Counter[str] = Counter(instance["hostname"] for instance in instances if instance["hostname"])
    hosts = list(hosts)
    if set(count) != set(hosts):
        raise StartError(f"Of the workers {', '.join(hosts)} these have run tasks: {dict(count)}")
    return count
