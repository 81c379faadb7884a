"""Both simulators on threads, once for the session and as new for each test, and the command in this process."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from okta_mi_provider.cli.main import main
from okta_mi_provider.store import Store
from okta_mi_provider.sync.model import SourceGroup
from okta_mi_provider.sync.pauses import Pauses
from tests.integration.running import running
from tests.integration.world import ENVIRONMENT, MetricInsights, Okta, Run, World, read_document

Provision = Callable[..., Run]
Start = Callable[..., subprocess.Popen[str]]
Ask = Callable[..., Run]
#: Does something right before the given write of users is sent.
AtWrite = Callable[[int, Callable[[], None]], None]

MANAGED = ("-a", "all", "--prune", "managed", "--max-removals", "100%")
OKTA_MI = Path(sys.executable).with_name("okta-mi")


@pytest.fixture(scope="session")
def servers() -> Iterator[World]:
    with running() as world:
        yield world


@pytest.fixture
def world(servers: World) -> Iterator[World]:
    servers.okta.reset()
    servers.mi.reset()
    yield servers
    # Whatever happens, nobody empties a group.
    assert servers.mi.system.state.forbidden_calls == []


@pytest.fixture(scope="session")
def slow_servers() -> Iterator[World]:
    with running() as world:
        yield world


@pytest.fixture
def slow_world(slow_servers: World) -> World:
    """Servers for requests that hang, so that those of `world` have nothing in flight from another test."""
    slow_servers.okta.reset()
    slow_servers.mi.reset()
    return slow_servers


@pytest.fixture
def okta(world: World) -> Okta:
    return world.okta


@pytest.fixture
def mi(world: World) -> MetricInsights:
    return world.mi


@pytest.fixture(autouse=True)
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the code under test wanted to sleep, in seconds. It never does."""
    wanted: list[float] = []
    monkeypatch.setattr(Pauses, "sleep", lambda _, seconds: wanted.append(seconds))
    return wanted


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that has its tables and nothing in them: making those takes longer than most tests."""
    path = tmp_path_factory.mktemp("store") / "empty.db"
    store = Store(f"sqlite:///{path}")
    with store.reading():
        pass
    store.close()
    return path


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, empty_store: Path) -> None:
    """No secrets, proxies, Airflow or history of the machine; locks and a store of this test only."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith(("OKTA_", "MI_", "AIRFLOW")):
            monkeypatch.delenv(name)
    locks = tmp_path / "locks"
    locks.mkdir()
    monkeypatch.setenv("TMPDIR", str(locks))
    monkeypatch.setattr(tempfile, "tempdir", str(locks))
    store = shutil.copy(empty_store, tmp_path / "store.db")
    monkeypatch.setenv("AIRFLOW__OKTA_MI__STORE", f"sqlite:///{store}")


@pytest.fixture
def okta_mi(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., Run]:
    """Runs `okta-mi` with exactly these words and variables, in this process."""

    def run(*words: str, env: dict[str, str] | None = None, stdin: str = "") -> Run:
        report = tmp_path / "report.json"
        report.unlink(missing_ok=True)
        capsys.readouterr()
        with monkeypatch.context() as patch:
            for name, value in (env or {}).items():
                patch.setenv(name, value)
            patch.setattr(sys, "stdin", io.StringIO(stdin))
            try:
                code = main(words)
            except SystemExit as stop:
                code = stop.code if isinstance(stop.code, int) else 1
        out, err = capsys.readouterr()
        return Run(code, out, err, read_document(report.read_text("utf-8")) if report.exists() else None)

    return run


@pytest.fixture
def ask(okta_mi: Callable[..., Run], world: World) -> Ask:
    """Runs a command; with the servers and good credentials, where it talks to them."""

    def run(command: str, *words: str) -> Run:
        options = {"history": [], "runs": [], "undo": world.options[world.options.index("--mi-host") :]}
        return okta_mi(command, *options.get(command, world.options), *words, env=ENVIRONMENT)

    return run


@pytest.fixture
def provision(okta_mi: Callable[..., Run], world: World, tmp_path: Path) -> Provision:
    """Runs `okta-mi provision` between the two servers with good credentials, and reads its report."""

    def run(*words: str, env: dict[str, str] | None = None, stdin: str = "") -> Run:
        options = [*world.options, "--report", str(tmp_path / "report.json")]
        return okta_mi("provision", *options, *words, env=ENVIRONMENT if env is None else env, stdin=stdin)

    return run


@pytest.fixture
def start(world: World) -> Iterator[Start]:
    """Starts `okta-mi provision` as a process of its own; what still runs at the end of the test is killed."""
    started: list[subprocess.Popen[str]] = []

    def run(*words: str, stdin: int = subprocess.DEVNULL, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
        command = [str(OKTA_MI), "provision", *world.options, *words]
        process = subprocess.Popen(
            command,
            env={**os.environ, **(ENVIRONMENT if env is None else env)},
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def finance(okta: Okta) -> SourceGroup:
    """The group Finance of Okta, with two users."""
    return SourceGroup(okta.group("Finance", "ana", "bruno"), "Finance")


@pytest.fixture
def fifty(okta: Okta) -> SourceGroup:
    """A group of Okta with fifty users, which comes in five pages of ten."""
    group = SourceGroup(okta.group("Fifty"), "Fifty")
    okta.crowd("Fifty", 50)
    return group


@pytest.fixture
def at_write(monkeypatch: pytest.MonkeyPatch) -> AtWrite:
    """Does something right before the given write of users is sent."""

    def install(number: int, act: Callable[[], None]) -> None:
        send = requests.Session.send
        writes: list[str] = []

        def spy(session: requests.Session, request: requests.PreparedRequest, **more: Any) -> requests.Response:
            if request.method == "POST" and "/api/user/" in (request.url or ""):
                writes.append(request.url or "")
                if len(writes) == number:
                    act()
            return send(session, request, **more)

        monkeypatch.setattr(requests.Session, "send", spy)

    return install
