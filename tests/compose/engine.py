"""Which compose command there is, and running it."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from demo.processes import StartError, clean_environment

REPOSITORY = Path(__file__).resolve().parents[2]
#: Tried in this order. Each is asked for its containers, which fails without an engine behind it.
CANDIDATES = ("docker compose", "podman compose", "docker-compose")
_PROBE_TIMEOUT_S = 60


def works(command: str) -> bool:
    """Whether a compose command is there and reaches its engine."""
    try:
        probe = subprocess.run(
            [*shlex.split(command), "--project-name", "okta-mi-probe", "--file", "-", "ps"],
            input=b"services: {probe: {image: probe}}",
            capture_output=True,
            timeout=_PROBE_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return probe.returncode == 0


def choose(wanted: str | None = None, is_usable: Callable[[str], bool] = works) -> str:
    """The compose command to use: the wanted one, else the first that works.

    Raises:
        StartError: there is none.
    """
    for command in [wanted] if wanted else CANDIDATES:
        if is_usable(command):
            return command
    tried = wanted or ", ".join(CANDIDATES)
    raise StartError(
        f"No compose command with an engine behind it (tried: {tried}). Install Docker or Podman, or name a command: "
        'make compose-test COMPOSE="...". Where no image registry can be reached, see docs/compose.md.'
    )


@dataclass(frozen=True, slots=True)
class Project:
    """docker-compose.yaml with its profile `demo`, as a compose project of its own beside whatever else runs.

    Attributes:
        command: the compose command.
        name: of the project; names its containers, networks and volumes.
        settings: the file that takes the place of .env.
    """

    command: str
    name: str
    settings: Path
    _environment: Mapping[str, str] = field(default_factory=lambda: clean_environment({}), init=False, repr=False)

    def run(self, *arguments: str) -> None:
        """Runs a subcommand, showing what it prints; raises `StartError` when it fails."""
        code = subprocess.run(self._line(arguments), env=self._environment, check=False).returncode
        if code:
            raise StartError(f"{self.command} {arguments[0]} failed with exit code {code}")

    def ask(self, *arguments: str) -> str:
        """Runs a subcommand and returns what it prints; raises `StartError`, with its errors, when it fails."""
        done = self.attempt(*arguments)
        if done.returncode:
            raise StartError(f"{self.command} {arguments[0]} failed with exit code {done.returncode}:\n{done.stderr}")
        return done.stdout

    def attempt(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs a subcommand and returns how it ended and what it printed."""
        return subprocess.run(
            self._line(arguments),
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def _line(self, arguments: Sequence[str]) -> list[str]:
        return [
            *shlex.split(self.command),
            "--project-name", self.name,
            "--env-file", os.fspath(self.settings),
            "--file", os.fspath(REPOSITORY / "docker-compose.yaml"),
            "--profile", "demo",
            *arguments,
        ]  # fmt: skip
