"""From the vendor's own line in a crontab to a sync by Airflow, with nothing in between but what is printed."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography.fernet import Fernet

from okta_mi_provider.cli.main import main
from okta_mi_provider.simulators import credentials
from tests.airflow.runs import run_dag
from tests.integration.world import World, logins

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

pytestmark = pytest.mark.airflow


def python(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)


@pytest.fixture
def fernet_key(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One key for all processes: under test each would make its own."""
    from airflow.models.crypto import get_fernet

    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", Fernet.generate_key().decode())
    get_fernet.cache_clear()
    yield
    get_fernet.cache_clear()


def set_password(conn_id: str, password: str) -> None:
    """Puts a secret where the printed note says: as the form of the connection does."""
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        session.scalars(select(Connection).where(Connection.conn_id == conn_id)).one().set_password(password)


def forget_connections() -> None:
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    with create_session() as session:
        session.execute(delete(Connection).where(Connection.conn_id.in_(["okta_default", "metric_insights_default"])))


@pytest.mark.usefixtures("fernet_key")
def test_the_vendor_s_line_becomes_a_working_setup(
    world: World, dags: Callable[[str], DagBag], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    world.okta.group("my_new_group", "ana", "bruno")
    crontab, groups = tmp_path / "crontab", tmp_path / "okta_groups.yaml"
    vendor = (
        f"mi-okta-usersync provision --okta-host {world.okta.url} --okta-token {credentials.OKTA_API_TOKEN} "
        "--auto-create all --full-summary -v my_new_group"
    )
    crontab.write_text(f"MAILTO=ops@example.org\n15 * * * * root {vendor} >> /var/log/mi.log 2>&1\n", encoding="utf-8")
    for name in [name for name in os.environ if name.startswith("AIRFLOW_CONN_")]:
        monkeypatch.delenv(name)

    application = ["--mi-user", credentials.MI_USER, "--mi-application-id", credentials.MI_APPLICATION_ID]
    assert main(["import-cron", str(crontab), "-o", str(groups), "--mi-host", world.mi.url, *application]) == 0

    out = capsys.readouterr().out
    assert credentials.OKTA_API_TOKEN not in out + groups.read_text("utf-8")
    commands = [line for line in out.splitlines() if line.startswith("airflow connections add ")]
    assert len(commands) == 2
    for command in commands:
        words = shlex.split(command)
        done = python("-m", *words)
        assert done.returncode == 0, done.stdout + done.stderr
    request.addfinalizer(forget_connections)
    set_password("okta_default", credentials.OKTA_API_TOKEN)
    set_password("metric_insights_default", credentials.MI_APPLICATION_KEY)

    # As in a shell: Airflow's own database has the connections.
    done = python("-m", "okta_mi_provider.cli.main", "validate", str(groups), "--live")
    assert done.returncode == 0, done.stdout + done.stderr
    bag = dags(groups.read_text("utf-8"))
    assert not bag.import_errors
    (dag,) = bag.dags.values()
    assert (dag.dag_id, dag.schedule) == ("okta_mi__my_new_group", "15 * * * *")
    run = run_dag(dag)

    assert run.state == "success"
    assert world.mi.members("my_new_group") == logins("ana", "bruno")
    assert run.report["users"]["created"] == 2
