"""Where the command keeps its history, and what it says when it cannot."""

from __future__ import annotations

import logging
import os
import pwd
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from okta_mi_provider.store import History, Store
from okta_mi_provider.sync.model import SourceGroup
from okta_mi_provider.sync.outcome import Status
from okta_mi_provider.sync.report import State
from tests.integration.conftest import Provision, Start
from tests.integration.world import MetricInsights, Run, World, login


def history(path: Path) -> History:
    return History(Store(f"sqlite:///{path}"))


def test_a_run_is_in_the_history_with_whoever_ran_it(
    provision: Provision, finance: SourceGroup, mi: MetricInsights, tmp_path: Path
) -> None:
    provision("-a", "all", "Finance")

    past = history(tmp_path / "store.db")
    (run,) = past.runs()
    assert (run.dag_id, run.state, run.complete) == ("cli:Finance", State.DONE, True)
    assert run.triggered_by == pwd.getpwuid(os.getuid()).pw_name
    assert run.source_groups == (finance,)
    (ana,) = past.changes_of_user(login("ana").upper())
    assert (ana.status, ana.joined, ana.user_id) == (Status.DONE, True, str(mi.user("ana")["id"]))


def test_each_group_is_a_run_of_its_own(provision: Provision, world: World, tmp_path: Path) -> None:
    world.okta.group("Finance", "ana")
    world.okta.group("Sales", "bo")
    provision("-a", "all", "Finance", "Sales", "Nobody")

    found = {run.dag_id: run.state for run in history(tmp_path / "store.db").runs()}
    assert found == {"cli:Finance": State.DONE, "cli:Sales": State.DONE, "cli:Nobody": State.FAILED}


@pytest.mark.usefixtures("finance")
@pytest.mark.parametrize(("words", "told"), [([], False), (["-v"], True)])
def test_the_tables_are_made_without_a_word_unless_it_is_asked_for(
    words: list[str], told: bool, provision: Provision, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    # As Airflow has it, which shows what anybody logs.
    with caplog.at_level(logging.INFO):
        provision("-a", "all", "Finance", "--store", f"sqlite:///{tmp_path / 'new.db'}", *words)

    assert any(record.name.startswith("alembic") for record in caplog.records) == told


@pytest.mark.usefixtures("finance")
def test_the_option_goes_before_the_environment(provision: Provision, tmp_path: Path) -> None:
    provision("-a", "all", "Finance", "--store", f"sqlite:///{tmp_path / 'mine.db'}")

    assert len(history(tmp_path / "mine.db").runs()) == 1
    assert history(tmp_path / "store.db").runs() == []


@pytest.mark.usefixtures("finance")
@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("sqlite:///{path}/none/store.db", "cannot be used"),
        ("history.db", "--store history.db: not a SQLAlchemy URL"),
        ("mysql://me:very-secret@host/db", "neither SQLite nor PostgreSQL"),
        ("postgresql://me:very-secret@127.0.0.1:1/db", "does not answer"),
        ("sqlite:///{path}/newer.db", "newer version of okta-mi-provider"),
    ],
)
def test_a_store_that_cannot_be_opened_is_bad_usage_and_nothing_is_sent(
    provision: Provision, world: World, tmp_path: Path, url: str, message: str
) -> None:
    Store(f"sqlite:///{tmp_path / 'newer.db'}").close()
    with sqlite3.connect(tmp_path / "newer.db") as connection:
        connection.execute("UPDATE okta_mi_alembic_version SET version_num = '0999'")

    run = provision("-a", "all", "Finance", "--store", url.format(path=tmp_path))

    assert run.code == 2
    assert message in run.err
    # What was given, and not a setting that nobody has touched.
    assert ("--store" in run.err, "[okta_mi] store" in run.err) == (True, False)
    assert "very-secret" not in run.err
    assert len(run.err.splitlines()) == 1
    assert world.requests_sent() == 0


@pytest.mark.usefixtures("finance")
def test_a_wrong_number_of_days_is_bad_usage_and_nothing_is_sent(
    provision: Provision, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__OKTA_MI__HISTORY_DAYS", "for ever")

    run = provision("-a", "all", "Finance")

    assert (run.code, world.requests_sent()) == (2, 0)
    assert "[okta_mi] history_days is 'for ever'; allowed: a whole number from 1" in run.err


@pytest.mark.usefixtures("finance")
def test_what_is_too_old_is_forgotten(
    provision: Provision, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, okta_mi: Callable[..., Run]
) -> None:
    provision("-a", "all", "Finance")
    with sqlite3.connect(tmp_path / "store.db") as connection:
        connection.execute("UPDATE okta_mi_runs SET complete = 0, started_at = '2020-01-01 00:00:00.000000'")
    monkeypatch.setenv("AIRFLOW__OKTA_MI__HISTORY_DAYS", "10")

    provision("-a", "all", "Finance")

    assert [run.id for run in history(tmp_path / "store.db").runs()] == [2]


@pytest.mark.usefixtures("finance")
def test_without_a_word_it_is_in_the_home_of_airflow_and_airflow_is_left_alone(
    start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Airflow would write a configuration file where there is none."""
    home = tmp_path / "of_nobody_yet" / "airflow"
    monkeypatch.delenv("AIRFLOW__OKTA_MI__STORE")
    monkeypatch.setenv("AIRFLOW_HOME", str(home))

    out, err = start("-a", "all", "Finance").communicate()

    assert "created" in out, err
    assert {path.name for path in home.iterdir()} == {"okta_mi.db"}
    assert (home / "okta_mi.db").stat().st_mode & 0o777 == 0o600
    assert home.stat().st_mode & 0o777 == 0o700


@pytest.mark.usefixtures("finance")
def test_a_home_that_cannot_be_made_is_bad_usage(
    provision: Provision, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("AIRFLOW__OKTA_MI__STORE")
    (tmp_path / "file").touch()
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "file" / "airflow"))

    run = provision("-a", "all", "Finance")

    assert run.code == 2
    assert "Give --store" in run.err


@pytest.mark.usefixtures("finance")
def test_airflow_s_configuration_file_is_asked(start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AIRFLOW__OKTA_MI__STORE")
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    (tmp_path / "airflow.cfg").write_text(f"[okta_mi]\nstore = sqlite:///{tmp_path / 'configured.db'}\n")

    process = start("-a", "all", "Finance")
    out, err = process.communicate()

    assert process.returncode == 0, err
    assert out.startswith("Sync of Okta group 'Finance'"), "nothing of Airflow's is on stdout"
    assert len(history(tmp_path / "configured.db").runs()) == 1


@pytest.mark.usefixtures("finance")
def test_a_configuration_file_that_cannot_be_read_is_bad_usage(
    provision: Provision, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AIRFLOW_CONFIG", str(tmp_path / "airflow.cfg"))
    (tmp_path / "airflow.cfg").write_text("store = sqlite:///x.db\n")

    run = provision("-a", "all", "Finance")

    assert run.code == 2
    assert "airflow.cfg cannot be read" in run.err


@pytest.mark.usefixtures("finance")
def test_a_store_that_fails_in_the_middle_stops_the_writes_and_is_told(
    provision: Provision, mi: MetricInsights, monkeypatch: pytest.MonkeyPatch
) -> None:
    from okta_mi_provider.store.errors import StoreUnavailable

    def busy(*_: object, **__: object) -> None:
        raise StoreUnavailable("The store is busy.")

    monkeypatch.setattr("okta_mi_provider.store.changes.begin", busy)
    run = provision("-a", "all", "Finance")

    assert run.code == 1
    assert run.report["error"] == "The store is busy."
    assert mi.writes() == []


@pytest.mark.usefixtures("finance")
def test_who_is_removed_by_a_later_run_is_known_from_the_store(
    provision: Provision, world: World, tmp_path: Path
) -> None:
    world.mi.add_group("Finance")
    world.mi.add_user("hand", "Finance")
    provision("-a", "all", "--prune", "managed", "Finance")
    world.okta.leave("Finance", "bruno")

    run = provision("-a", "all", "--prune", "managed", "Finance")

    assert run.code == 0, run.err
    assert world.mi.members("Finance") == [login("ana"), login("hand")]
    assert run.report["counts"]["memberships"]["removed"] == 1
