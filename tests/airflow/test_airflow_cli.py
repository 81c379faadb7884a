"""`airflow okta-mi ...`: our commands in Airflow's own command line, with Airflow's connections."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from okta_mi_provider.cli.commands import COMMANDS, Command
from okta_mi_provider.cli.main import main, parse
from tests.integration.world import ENVIRONMENT, World, logins, read_document

pytestmark = [pytest.mark.airflow, pytest.mark.usefixtures("migrated")]

CONNECTIONS = ["--okta-conn-id", "okta_default", "--mi-conn-id", "metric_insights_default"]


def parse_as_airflow(*words: str) -> argparse.Namespace:
    from airflow.cli import cli_parser

    return cli_parser.get_parser().parse_args(["okta-mi", *words])


@pytest.fixture
def airflow(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[Any, str]]:
    """Runs `airflow okta-mi` with these words in this process; returns exit code and output."""

    def run(*words: str) -> tuple[Any, str]:
        args = parse_as_airflow(*words)
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            args.func(args)
        return ended.value.code, capsys.readouterr().out

    return run


def test_provision(world: World, airflow: Callable[..., tuple[Any, str]]) -> None:
    world.okta.group("Sales", "ana", "bo")

    code, out = airflow("provision", *CONNECTIONS, "--auto-create", "all", "Sales")

    assert code == 0
    assert world.mi.members("Sales") == logins("ana", "bo")
    assert "created" in out


def test_doctor(world: World, airflow: Callable[..., tuple[Any, str]]) -> None:
    world.okta.group("Sales", "ana")

    code, out = airflow("doctor", *CONNECTIONS, "--json", "Sales")

    assert code == 0
    assert {"apache-airflow", "org", "credentials", "username"} <= {row["subject"] for row in json.loads(out)}
    assert world.mi.writes() == []


def test_doctor_says_which_connection_is_wrong(
    world: World, airflow: Callable[..., tuple[Any, str]], connection: Callable[..., None]
) -> None:
    connection("okta_default", password="wrong-token")

    code, out = airflow("doctor", *CONNECTIONS)

    assert code == 1
    assert "WRONG  credentials" in out
    assert "okta_default" in out


def test_doctor_knows_what_is_odd_about_the_connections_and_which_switches_are_set(
    world: World, airflow: Callable[..., tuple[Any, str]], connection: Callable[..., None]
) -> None:
    world.okta.group("Sales", "ana")
    world.mi.add_user("ana")
    world.mi.knobs(user_lookup="query", member_list="all", paging_params=True)
    connection("okta_default", extra={"page_sise": 10})
    switches = {"user_lookup": "query", "member_list": "all", "list_paging": "offset", "default_group_id": "2"}
    connection("metric_insights_default", extra={"max_concurency": 2, **switches})

    code, out = airflow("doctor", *CONNECTIONS, "--json", "Sales")

    assert code == 0
    said = {row["subject"].partition(" = ")[0]: (row["verdict"], row["said"]) for row in json.loads(out)}
    notes = [row["said"] for row in json.loads(out) if row["subject"] == "connection"]
    assert [note.partition("did you mean ")[2] for note in notes] == ["'page_size'?", "'max_concurrency'?"]
    for name, value in switches.items():
        if name != "default_group_id":
            assert said[name][0] == "fine"
            assert said[name][1].endswith(f", as {value} needs.")
    assert said["default_group_id"][0] == "note"
    assert "there is a group 'Default Group', with the id '1'" in said["default_group_id"][1]


def test_the_commands_that_lead_from_the_script(
    world: World, airflow: Callable[..., tuple[Any, str]], tmp_path: Path
) -> None:
    world.okta.group("MI - Sales", "ana")
    crontab, groups = tmp_path / "crontab", tmp_path / "okta_groups.yaml"
    crontab.write_text("@daily mi-okta-usersync provision -H acme.okta.com -P x -a all Finance\n", encoding="utf-8")

    code, out = airflow("import-cron", str(crontab), "--output", str(groups))
    assert (code, out.count("airflow connections add")) == (0, 2)
    code, out = airflow("discover", "MI - *", "--okta-conn-id", "okta_default", "--output", str(groups))
    assert (code, "MI - Sales" in out) == (0, True)
    code, out = airflow("validate", str(groups), "--live", "--json")
    live = {row["subject"]: row["verdict"] for row in json.loads(out)["live"]}
    assert (code, live) == (1, {"connection": "fine", "Finance": "wrong", "MI - Sales": "wrong"})


@pytest.mark.parametrize(
    "line",
    [
        "provision -a G1 --okta-host X G2 --mi-host Y G3",
        "provision -va G -- -H",
        "provision -P",
        "plan G1 --json G2",
        "explain ana -g G -a groups",
        "history --since 7d ana",
        "undo 7 --yes",
        "doctor --match-by email G",
        "import-cron - --output -",
        "discover MI* -f csv",
        "validate --live",
    ],
)
def test_what_okta_mi_understands_airflow_understands_as_well(line: str) -> None:
    theirs = vars(parse_as_airflow(*line.split()))

    assert {name: theirs[name] for name in set(theirs) - {"func", "subcommand"}} == vars(parse(line.split()))


@pytest.mark.parametrize(
    "line",
    [
        "provision --auto-create=foo G",
        "provision -afoo G",
        "provision --auto-creat all G",
        "provision --auto G",
        "provision -t king G",
        "provision G --custom-user-attribute a,b",
        "runs --limit x",
        "history a b",
        "undo",
    ],
)
def test_what_is_wrong_airflow_says_in_the_same_words(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    command, *_ = words = line.split()
    with pytest.raises(SystemExit):
        parse(words)
    ours = capsys.readouterr().err.partition(f"okta-mi {command}: error: ")
    with pytest.raises(SystemExit) as ended:
        parse_as_airflow(*words)
    out, err = capsys.readouterr()

    assert (ended.value.code, out) == (2, "")
    assert err.partition(f"airflow okta-mi {command}: error: ")[1:] == (f"airflow {ours[1]}", ours[2])


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_as_airflow("--help")

    assert ended.value.code == 0
    assert {command.name for command in COMMANDS} <= set(capsys.readouterr().out.split())


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_help_lists_every_option(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_as_airflow(command.name, "--help")

    words = {word.strip("[],") for word in capsys.readouterr().out.split()}
    assert ended.value.code == 0
    assert {flag for argument in command.arguments() for flag in argument.flags if flag.startswith("-")} <= words


def test_a_report_to_stdout_is_all_that_airflow_writes_there(world: World, tmp_path: Path) -> None:
    """With a new store, whose migrations Alembic logs: Airflow would show them on stdout."""
    world.okta.group("Sales", "ana")
    airflow = Path(sys.executable).with_name("airflow")
    options = [*world.options, "--store", f"sqlite:///{tmp_path / 'new.db'}", "-v", "-a", "all", "--report", "-"]
    done = subprocess.run(
        [str(airflow), "okta-mi", "provision", *options, "Sales"],
        env={**os.environ, **ENVIRONMENT, "AIRFLOW__CORE__UNIT_TEST_MODE": "False"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert read_document(done.stdout)["state"] == "done"
    assert "alembic" in done.stderr
    assert "Sync of Okta group 'Sales'" in done.stderr


@pytest.mark.parametrize(
    ("database", "told"),
    [
        ("sqlite:///{folder}/empty.db", "database sqlite:///{folder}/empty.db. That has no tables yet: run airflow db"),
        ("sqlite:///{folder}/no/such.db", "That database cannot be read."),
        ("postgresql+psycopg2://af:s3cr3t@127.0.0.1:1/af", "127.0.0.1:1/af. That database cannot be read."),
        ("s3cr3t", "whose [database] sql_alchemy_conn is no SQLAlchemy URL."),
        (None, "/airflow.db.\n"),
    ],
)
def test_a_missing_connection_is_told_with_the_airflow_that_was_asked(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    database: str | None,
    told: str,
) -> None:
    if database:
        monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", database.format(folder=tmp_path))

    assert main(["plan", "--okta-conn-id", "nowhere", "--mi-conn-id", "metric_insights_default", "Sales"]) == 2

    said = capsys.readouterr().err
    assert "There is no Airflow connection 'nowhere'" in said
    assert f"Asked was the Airflow of AIRFLOW_HOME {os.environ['AIRFLOW_HOME']}" in said
    assert told.format(folder=tmp_path) in said
    assert "s3cr3t" not in said
